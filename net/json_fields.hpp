// What the readers of messages ask of JSON fields, whatever the message. For sources only: whoever
// includes it sees the JSON library.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <string_view>

namespace shunt::net::json {

/// Field names match in any case, as with Go's encoding/json. `name` is lower case.
inline bool is_named(std::string_view key, std::string_view name) {
  return std::equal(key.begin(), key.end(), name.begin(), name.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
  });
}

inline bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

inline bool has_control(std::string_view text) {
  return std::ranges::any_of(text, is_control);
}

/// For a reason: "an array".
inline std::string_view type_name(simdjson::dom::element value) {
  using enum simdjson::dom::element_type;
  switch (value.type()) {
    case ARRAY: return "an array";
    case OBJECT: return "an object";
    case STRING: return "a string";
    case BOOL: return "a boolean";
    case NULL_VALUE: return "null";
    case DOUBLE: return "a fraction";
    default: return "a number";
  }
}

} // namespace shunt::net::json
