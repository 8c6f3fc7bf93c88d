// The list itself.
#include "config/inert.hpp"

#include <algorithm>
#include <array>

namespace shunt::config {

namespace {

struct inert_key {
  std::string_view path;
  std::string_view reason;
};

constexpr std::array<inert_key, 0> keys{}; // At present all keys work.

} // namespace

std::string_view inert_reason(std::string_view path) {
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [&](const inert_key& key) { return path == key.path; });
  return found == keys.end() ? std::string_view{} : found->reason;
}

std::vector<std::string_view> inert_keys() {
  std::vector<std::string_view> paths;
  for (const auto& key : keys)
    paths.push_back(key.path);
  return paths;
}

} // namespace shunt::config
