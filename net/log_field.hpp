// One member of a log line's `data`: a name and a value that knows how to become JSON. Fields only
// borrow what they show, so building a list of them allocates nothing.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace shunt::net {

/// Text that is JSON already, for example a nested object. Line breaks in it become spaces.
struct raw_json {
  std::string_view text;
};

class log_field {
public:
  using value_type = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool,
                                  raw_json, std::span<const std::string>>;

  log_field(std::string_view name, std::string_view value) noexcept : name_(name), value_(value) {}
  log_field(std::string_view name, const char* value) noexcept
    : name_(name), value_(std::string_view(value)) {}
  log_field(std::string_view name, const std::string& value) noexcept
    : name_(name), value_(std::string_view(value)) {}
  log_field(std::string_view name, raw_json value) noexcept : name_(name), value_(value) {}
  log_field(std::string_view name, std::span<const std::string> value) noexcept
    : name_(name), value_(value) {}
  log_field(std::string_view name, const std::vector<std::string>& value) noexcept
    : name_(name), value_(std::span<const std::string>(value)) {}
  log_field(std::string_view name, std::same_as<bool> auto value) noexcept
    : name_(name), value_(value) {}
  log_field(std::string_view name, std::floating_point auto value) noexcept
    : name_(name), value_(static_cast<double>(value)) {}
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) log_field(std::string_view name, Number value)
  noexcept : name_(name), value_(widen(value)) {}

  std::string_view name() const noexcept { return name_; }
  const value_type& value() const noexcept { return value_; }

private:
  template <std::integral Number>
  static auto widen(Number value) noexcept {
    if constexpr (std::is_signed_v<Number>)
      return static_cast<std::int64_t>(value);
    else
      return static_cast<std::uint64_t>(value);
  }

  std::string_view name_;
  value_type value_;
};

using log_fields = std::initializer_list<log_field>;

/// Appends `text` as a JSON string, quotes included. Valid UTF-8 whatever the input: a byte that is
/// not part of a valid sequence becomes \ufffd.
void append_json_string(std::string& out, std::string_view text);

/// Appends `value` as JSON. A double that JSON cannot express becomes null.
void append_json_value(std::string& out, const log_field::value_type& value);

} // namespace shunt::net
