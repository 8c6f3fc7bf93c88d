// How values look in the documentation.
#include "config/field.hpp"

#include "config/cat.hpp"

#include <charconv>

namespace shunt::config {

namespace {

std::string joined(const auto& values, auto&& text_of) {
  std::string result;
  for (const auto& value : values)
    result += (result.empty() ? "" : ", ") + text_of(value);
  return cat("[", result, "]");
}

/// The shortest text that reads back as the same number.
std::string shortest(double value) {
  char buffer[400]; // Without an exponent the largest double has 309 digits.
  const auto end =
    std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  return {buffer, end};
}

} // namespace

std::string value_text(bool value) {
  return value ? "true" : "false";
}

std::string value_text(const std::optional<bool>& value) {
  return value ? value_text(*value) : "";
}

std::string value_text(nanoseconds value) {
  // Files say 900s where Go prints 15m0s.
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(value);
  return seconds == value && value < 1h ? std::to_string(seconds.count()) + 's' : to_text(value);
}

std::string value_text(const std::string& value) {
  return value;
}

std::string value_text(const std::vector<std::string>& values) {
  return joined(values, [](const std::string& value) { return value; });
}

std::string value_text(const std::vector<double>& values) {
  return joined(values, shortest);
}

std::string value_text(const std::vector<nats_host>& hosts) {
  return joined(hosts,
                [](const nats_host& h) { return h.hostname + ':' + std::to_string(h.port); });
}

} // namespace shunt::config
