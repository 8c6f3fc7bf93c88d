#include "net/route_options_reader.hpp"

#include "config/duration.hpp"
#include "net/json_fields.hpp"
#include "net/log_field.hpp"

#include <array>
#include <cmath>
#include <optional>

namespace shunt::net {

namespace {

namespace dom = simdjson::dom;
using routing::route_options;
using std::chrono::nanoseconds;

/// Far longer than any client waits, and far from any overflow.
constexpr std::chrono::seconds retry_after_max = std::chrono::hours{24 * 365};

constexpr std::size_t content_type_bytes_max = 256;

/// What reads an option returns what is wrong with it, or nothing.
using complaint = std::string;

struct option {
  std::string_view name;
  complaint (*read)(route_options&, dom::element);
};

complaint expected(std::string_view what, dom::element found) {
  return std::string{"expected "}.append(what).append(", found ").append(json::type_name(found));
}

complaint read_empty_status(route_options& into, dom::element value) {
  std::int64_t status = 0;
  if (value.get_int64().get(status) != simdjson::SUCCESS)
    return expected("an integer from 400 to 599", value);
  if (status < 400 || status > 599)
    return "expected an integer from 400 to 599, found one out of range";
  into.empty_status = static_cast<std::uint16_t>(status);
  return {};
}

/// Lines and tabs are text; what else is below a space has no place in an answer to a browser.
complaint read_empty_body(route_options& into, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return expected("a string", value);
  if (text.size() > routing::empty_body_bytes_max)
    return "more than 16384 bytes";
  if (std::ranges::any_of(
        text, [](char c) { return json::is_control(c) && c != '\n' && c != '\r' && c != '\t'; }))
    return "control characters in it";
  into.empty_body = text;
  return {};
}

/// It becomes a field value.
complaint read_empty_content_type(route_options& into, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return expected("a string", value);
  if (text.size() > content_type_bytes_max)
    return "more than 256 bytes";
  if (json::has_control(text))
    return "control characters in it";
  into.empty_content_type = text;
  return {};
}

/// A number of seconds, or a text such as "30s"; from 0 to `most`.
complaint read_duration(dom::element value, nanoseconds most, nanoseconds& into) {
  std::optional<nanoseconds> found;
  if (value.is_string()) {
    found = config::parse_duration(value.get_string().value_unsafe());
    if (!found)
      return "a text that is no duration such as \"30s\"";
  } else {
    double seconds = 0;
    if (value.get_double().get(seconds) != simdjson::SUCCESS)
      return expected("seconds or a duration such as \"30s\"", value);
    constexpr double countable = 4e9; // Beyond it a number of nanoseconds might not fit.
    if (std::abs(seconds) > countable)
      seconds = std::copysign(countable, seconds);
    found = nanoseconds{std::llround(seconds * 1e9)};
  }
  if (found->count() < 0)
    return "negative";
  if (*found > most)
    return std::string{"longer than "}.append(config::to_text(most));
  into = *found;
  return {};
}

complaint read_retry_after(route_options& into, dom::element value) {
  nanoseconds wait{};
  auto wrong = read_duration(value, retry_after_max, wait);
  if (wrong.empty()) // Retry-After has whole seconds (RFC 9110, section 10.2.3).
    into.retry_after = std::chrono::ceil<std::chrono::seconds>(wait);
  return wrong;
}

complaint read_hold(route_options& into, dom::element value) {
  nanoseconds wait{};
  auto wrong = read_duration(value, routing::hold_max, wait);
  if (wrong.empty())
    into.hold = std::chrono::ceil<std::chrono::milliseconds>(wait);
  return wrong;
}

complaint read_fallback(route_options& into, dom::element value) {
  return value.get_bool().get(into.fallback) == simdjson::SUCCESS ? complaint{}
                                                                  : expected("a boolean", value);
}

complaint read_service_failure(route_options& into, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return expected("\"closed\" or \"open\"", value);
  if (text != "closed" && text != "open")
    return "expected \"closed\" or \"open\", found another text";
  into.open_without_service = text == "open";
  return {};
}

constexpr std::array options{
  option{"empty_status", read_empty_status}, option{"empty_body", read_empty_body},
  option{"empty_content_type", read_empty_content_type},
  option{"retry_after", read_retry_after},   option{"hold", read_hold},
  option{"fallback", read_fallback},         option{"route_service_failure", read_service_failure},
};

void append_member(std::string& json, std::string_view name, const log_field::value_type& value) {
  append_json_string(json, name);
  json += ':';
  append_json_value(json, value);
  json += ',';
}

} // namespace

option_outcome read_route_option(std::string_view name, const dom::element& value,
                                 route_options& into, std::string& reason) {
  const auto known = std::ranges::find_if(
    options, [&](const option& each) { return json::is_named(name, each.name); });
  if (known == options.end())
    return option_outcome::other;
  if (value.is_null())
    return option_outcome::read;
  const auto wrong = known->read(into, value);
  if (wrong.empty())
    return option_outcome::read;
  reason.append(known->name).append(": ").append(wrong);
  return option_outcome::refused;
}

void append_route_options(std::string& json, const route_options& options) {
  if (options.empty_status != 0)
    append_member(json, "empty_status", std::int64_t{options.empty_status});
  if (!options.empty_body.empty())
    append_member(json, "empty_body", std::string_view{options.empty_body});
  if (options.retry_after)
    append_member(json, "retry_after", std::int64_t{options.retry_after->count()});
  if (options.hold.count() != 0)
    append_member(json, "hold",
                  std::string_view{std::to_string(options.hold.count()).append("ms")});
  if (!options.empty_content_type.empty())
    append_member(json, "empty_content_type", std::string_view{options.empty_content_type});
  if (options.fallback)
    append_member(json, "fallback", true);
  if (options.open_without_service)
    append_member(json, "route_service_failure", std::string_view{"open"});
}

} // namespace shunt::net
