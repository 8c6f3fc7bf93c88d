// See instance_address.hpp.
#include "routing/instance_address.hpp"

#include "routing/ascii.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace shunt::routing {

namespace {

struct guid_and_index {
  std::string_view guid;
  std::string_view index; ///< Empty = none.
};

/// 8-4-4-4-12 lower-case hexadecimal digits.
bool is_guid(std::string_view text) {
  constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), shape.begin(), shape.end(), [](char c, char wanted) {
    return wanted == '-' ? c == '-' : is_digit(c) || (c >= 'a' && c <= 'f');
  });
}

/// The index is text: it is compared as it stands, leading zeros and all, so it has no largest
/// value.
std::optional<guid_and_index> parse(std::string_view text) {
  constexpr std::size_t guid_chars = 36;
  const auto guid = text.substr(0, guid_chars);
  if (!is_guid(guid))
    return {};
  if (text.size() == guid_chars)
    return guid_and_index{guid, {}};
  const auto index = text.substr(guid_chars + 1);
  if (text[guid_chars] != ':' || index.empty()
      || !std::all_of(index.begin(), index.end(), is_digit))
    return {};
  return guid_and_index{guid, index};
}

/// The pieces before and after the first colon, up to the second. Unlike `parse`, for headers that
/// nobody has checked.
guid_and_index split(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos)
    return {text, {}};
  const auto rest = text.substr(colon + 1);
  return {text.substr(0, colon), rest.substr(0, rest.find(':'))};
}

} // namespace

instance_address parse_instance_address(const instance_headers& headers) noexcept {
  using enum instance_demand;
  if (!headers.app.empty()) {
    const auto found = parse(headers.app);
    if (!found || found->index.empty())
      return {.demand = bad_app};
    return {certain, {.app = found->guid, .process = {}, .index = found->index}};
  }
  if (!headers.process.empty()) {
    const auto found = parse(headers.process);
    if (!found)
      return {.demand = bad_process};
    return {certain, {.app = {}, .process = found->guid, .index = found->index}};
  }
  return {};
}

std::string unknown_instance_message(const instance_headers& headers, std::string_view host) {
  const bool process = !headers.process.empty();
  const auto [guid, index] = split(process ? headers.process : headers.app);
  std::string text = "Requested instance ";
  if (!index.empty())
    text.append("('").append(index).append("') ");
  text.append(process ? "with process guid ('" : "with guid ('").append(guid);
  text.append("') does not exist for route ('").append(host).append("')");
  return text;
}

} // namespace shunt::routing
