#include "net/registry_glance.hpp"

namespace shunt::net {

std::string_view glance_at_uris(std::string_view payload) {
  constexpr std::string_view key = "\"uris\"";
  const auto at = payload.find(key);
  if (at == std::string_view::npos || payload.find(key, at + key.size()) != std::string_view::npos)
    return {};
  const auto open = payload.find_first_not_of(": \t\r\n", at + key.size());
  if (open == std::string_view::npos || payload[open] != '[')
    return {};
  const auto close = payload.find(']', open);
  if (close == std::string_view::npos)
    return {};
  const auto list = payload.substr(open + 1, close - open - 1);
  return list.find('\\') == std::string_view::npos ? list : std::string_view{};
}

} // namespace shunt::net
