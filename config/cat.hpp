// Joining text for messages. GCC 12 takes `"text" + std::string{}` for an overlapping copy and
// warns of it when optimising; appending does the same without the noise.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shunt::config {

template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string result;
  (result.append(std::string_view{parts}), ...);
  return result;
}

/// `PATH[I]`
inline std::string element(std::string_view path, std::size_t i) {
  return cat(path, "[", std::to_string(i), "]");
}

} // namespace shunt::config
