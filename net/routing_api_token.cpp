#include "net/routing_api_token.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace shunt::net {

namespace dom = simdjson::dom;

namespace {

constexpr std::chrono::seconds life_max = std::chrono::hours{24 * 365};

/// What a bearer token is made of (RFC 6750, section 2.1), and nothing that would end a header
/// field.
bool is_token_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::chrono::seconds life_of(dom::object answer) {
  double seconds = 0;
  if (answer["expires_in"].get_double().get(seconds) != simdjson::SUCCESS)
    return std::chrono::seconds{0};
  seconds = std::clamp(seconds, 0.0, static_cast<double>(life_max.count()));
  return std::chrono::seconds{static_cast<std::int64_t>(seconds)};
}

} // namespace

token_reading read_token(std::string_view json) {
  dom::parser parser;
  dom::object answer;
  if (parser.parse(json.data(), json.size()).get_object().get(answer) != simdjson::SUCCESS)
    return {.token = std::nullopt, .reason = "the answer is no JSON object"};
  std::string_view text;
  if (answer["access_token"].get_string().get(text) != simdjson::SUCCESS || !is_token_text(text))
    return {.token = std::nullopt, .reason = "the answer holds no usable access_token"};
  return {.token = routing_api_token{std::string{text}, life_of(answer)}, .reason = {}};
}

void token_cache::keep(routing_api_token token, time_point now) {
  use_until_ = now + token.expires_in - expiry_buffer_;
  token_ = std::move(token);
}

const std::string* token_cache::find(time_point now) const {
  return token_ && now < use_until_ ? &token_->text : nullptr;
}

} // namespace shunt::net
