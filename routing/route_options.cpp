#include "routing/route_options.hpp"

#include <algorithm>
#include <cstring>

namespace shunt::routing {

namespace {

/// Without padding, which would have any value.
struct packed_numbers {
  std::int64_t retry_after; ///< Seconds; -1 = the node's.
  std::int64_t hold;        ///< Milliseconds.
  std::uint16_t empty_status;
  std::uint16_t fallback;
  std::uint32_t open_without_service;
};
static_assert(sizeof(packed_numbers) == 24);

} // namespace

std::string pack(const route_options& options) {
  const packed_numbers numbers{options.retry_after ? options.retry_after->count() : -1,
                               options.hold.count(), options.empty_status,
                               static_cast<std::uint16_t>(options.fallback),
                               static_cast<std::uint32_t>(options.open_without_service)};
  std::string packed(sizeof numbers, '\0');
  std::memcpy(packed.data(), &numbers, sizeof numbers);
  packed.append(options.empty_content_type).push_back('\0'); // Which no field value holds.
  return packed.append(options.empty_body);
}

route_options unpack_route_options(std::string_view packed) {
  packed_numbers numbers{};
  if (packed.size() < sizeof numbers)
    return {};
  std::memcpy(&numbers, packed.data(), sizeof numbers);
  route_options options;
  options.empty_status = numbers.empty_status;
  if (numbers.retry_after >= 0)
    options.retry_after = std::chrono::seconds{numbers.retry_after};
  options.hold = std::chrono::milliseconds{numbers.hold};
  options.fallback = numbers.fallback != 0;
  options.open_without_service = numbers.open_without_service != 0;
  packed.remove_prefix(sizeof numbers);
  options.empty_content_type = packed.substr(0, packed.find('\0'));
  options.empty_body = packed.substr(std::min(options.empty_content_type.size() + 1, packed.size()));
  return options;
}

} // namespace shunt::routing
