// Tables whose texts clients choose, be it only by asking for hosts that are not there. Without a key that cannot be
// guessed anybody could choose thousands that meet in one place of the table.
#pragma once

#include "routing/text_hash.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace shunt::routing {

struct keyed_hash {
  using is_transparent = void;
  std::uint64_t key = 0;

  std::size_t operator()(std::string_view text) const noexcept { return text_hash(text, key); }
};

/// Constructed by `(0, keyed_hash{key})`. The index of a slice goes by `host_hash` instead, which
/// costs more to choose hosts by.
template <class Value>
using keyed_map = std::unordered_map<std::string, Value, keyed_hash, std::equal_to<>>;
using keyed_set = std::unordered_set<std::string, keyed_hash, std::equal_to<>>;

} // namespace shunt::routing
