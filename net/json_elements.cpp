// Inside an object only three things matter: strings, what escapes their end, and brackets.
#include "net/json_elements.hpp"

#include <utility>

namespace shunt::net {

namespace {

constexpr std::string_view null_text = "null";

bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

} // namespace

std::optional<std::string_view> json_elements::next(std::string_view& bytes) {
  if (std::exchange(handed_out_, false))
    kept_.clear();
  while (!bytes.empty() && state_ != state::failed) {
    if (state_ == state::inside) {
      if (const auto element = inside(bytes))
        return element;
    } else {
      bytes.remove_prefix(outside(bytes));
    }
  }
  bytes = {};
  return std::nullopt;
}

/// Reads up to the next object; returns how much that was.
std::size_t json_elements::outside(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (is_json_space(bytes[at]) && state_ != state::null)
      continue;
    state_ = step(bytes[at]);
    if (state_ == state::inside || state_ == state::failed)
      return at; // The bracket belongs to the object.
  }
  return bytes.size();
}

json_elements::state json_elements::step(char c) {
  const bool object_may_come = state_ == state::first || state_ == state::after_comma;
  if (state_ == state::before && c == '[')
    return state::first;
  if (object_may_come && c == '{')
    return state::inside;
  if (state_ == state::between && c == ',')
    return state::after_comma;
  if ((state_ == state::first || state_ == state::between) && c == ']')
    return state::behind;
  if ((state_ == state::before || state_ == state::null) && c == null_text[null_bytes_])
    return ++null_bytes_ == null_text.size() ? state::behind : state::null;
  fail(state_ == state::behind ? "more text behind the array" : "expected an array of objects");
  return state_;
}

std::optional<std::string_view> json_elements::inside(std::string_view& bytes) {
  std::size_t at = 0;
  for (bool ended = false; at < bytes.size() && !ended; ++at) {
    const char c = bytes[at];
    if (std::exchange(escaped_, false))
      continue;
    if (in_string_) {
      escaped_ = c == '\\';
      in_string_ = c != '"';
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      ended = --depth_ == 0;
    }
    if (ended)
      state_ = state::between;
  }
  const auto piece = bytes.substr(0, at);
  bytes.remove_prefix(at);
  if (piece.size() > element_bytes_max_ - kept_.size()) {
    fail("an object in it is too large");
    return std::nullopt;
  }
  if (state_ == state::between && kept_.empty())
    return piece;
  kept_ += piece;
  handed_out_ = state_ == state::between;
  return handed_out_ ? std::optional<std::string_view>{kept_} : std::nullopt;
}

void json_elements::fail(std::string_view why) {
  state_ = state::failed;
  error_ = why;
}

} // namespace shunt::net
