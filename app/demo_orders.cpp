#include "app/demo_orders.hpp"

#include "config/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace shunt::app {

namespace {

using namespace std::chrono_literals;

constexpr auto delay_max = 60s;
constexpr std::size_t rewrites_max = 64;

bool is_token(std::string_view name) {
  const std::string_view others = "!#$%&'*+-.^_`|~"; // RFC 9110, section 5.6.2.
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || others.find(c) != others.npos;
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= ' ' && c != '\x7f') || c == '\t'; });
}

bool same(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
  });
}

/// Fields that say where a message ends or what becomes of the connection are not for rewriting.
bool is_framing(std::string_view name) {
  constexpr std::array<std::string_view, 7> names{"connection", "content-length", "keep-alive", "trailer",
                                                  "transfer-encoding", "upgrade", "te"};
  return std::any_of(names.begin(), names.end(), [&](auto each) { return same(name, each); });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t";
  const auto begin = std::min(text.find_first_not_of(blank), text.size());
  return text.substr(begin, text.find_last_not_of(blank) + 1 - begin);
}

std::optional<unsigned> parse_status(std::string_view text) {
  unsigned status = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, status);
  if (read.ec != std::errc{} || read.ptr != end || status < 400 || status > 599)
    return std::nullopt;
  return status;
}

} // namespace

std::string demo_orders::take(std::string_view name, std::string_view value) {
  if (name == "reject") {
    const auto status = value == "no" ? 0 : parse_status(value);
    reject = status.value_or(reject);
    return status ? "" : "not a status from 400 to 599, or no";
  }
  if (name == "delay") {
    const auto time = config::parse_duration(value);
    if (!time || *time < 0s || *time > delay_max)
      return "not a duration from 0s to 1m, as 250ms or 2s";
    delay = std::chrono::duration_cast<std::chrono::milliseconds>(*time);
    return {};
  }
  if (name == "rewrite") {
    const auto colon = value.find(':');
    const auto field = value.substr(0, colon);
    if (colon == value.npos || !is_token(field) || is_framing(field) || !is_value(value))
      return "not NAME: VALUE, or a field that frames the message";
    if (rewrites.size() >= rewrites_max)
      return "too many of them";
    rewrites.emplace_back(field, trimmed(value.substr(colon + 1)));
    return {};
  }
  if (name == "die") {
    die = value == "yes";
    return value == "yes" || value == "no" ? "" : "neither yes nor no";
  }
  return "no such order; there are reject, delay, rewrite and die";
}

std::optional<demo_target> demo_target::parse(std::string_view text) {
  constexpr std::string_view plain = "http://";
  const bool tls = !text.starts_with(plain);
  std::string secure; // What both schemes have in common is judged as https.
  if (!tls)
    secure.append("https://").append(text.substr(plain.size()));
  auto url = routing::route_service_url::parse(tls ? text : secure);
  if (!url)
    return std::nullopt;
  const auto after_host = url->authority.rfind(']') + 1; // 0 without brackets.
  if (!tls && url->authority.find(':', after_host) == std::string::npos)
    url->port = 80;
  return demo_target{tls, *std::move(url)};
}

std::optional<demo_target> parse_host_port(std::string_view text) {
  auto target = demo_target::parse(std::string{"http://"}.append(text));
  if (!target || target->url.authority != text)
    return std::nullopt;
  const auto port = std::string{":"}.append(std::to_string(target->url.port));
  return text.ends_with(port) ? target : std::nullopt;
}

} // namespace shunt::app
