// Durations as Go writes them, because operators' files hold them so: `30s`, `1m30s`, `1.5s`,
// `"0"`. Pure functions on text.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::config {

/// Reads decimal numbers with units (ns us µs ms s m h), optionally signed, or a plain 0. Empty
/// when `text` is anything else or does not fit 64 bits of nanoseconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Whatever the locale says.
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Writes `value` as Go prints it: `-5s`, `1m30s`, `1.5s`, `250ms`, `0s`.
std::string to_text(std::chrono::nanoseconds value);

} // namespace shunt::config
