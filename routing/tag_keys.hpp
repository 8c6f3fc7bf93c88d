// The keys of tags, numbered for the whole process: a few dozen words that a million endpoints
// would otherwise carry in full. Bounded, because whoever registers chooses them; keys that come
// after it is full are stored in the endpoints. Thread-safe; looking up takes no lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shunt::routing {

inline constexpr std::uint16_t tag_keys_max = 2048;
inline constexpr std::size_t tag_key_bytes_max = 64;
inline constexpr std::uint16_t no_tag_key = 0xffff;

/// The number of `key`, given now if it has none; `no_tag_key` if it cannot have one. What this
/// says of a key never changes, so that equal tags are always packed alike.
std::uint16_t intern_tag_key(std::string_view key);
/// The number of `key`, or `no_tag_key`.
std::uint16_t find_tag_key(std::string_view key);
std::string_view tag_key(std::uint16_t number);

} // namespace shunt::routing
