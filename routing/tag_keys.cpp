// See tag_keys.hpp. An open-addressing table twice as large as it may fill, written under a mutex
// and read without: a slot goes from 0 to its number once, after the key is in place.
#include "routing/tag_keys.hpp"

#include "routing/text_hash.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <string>

namespace shunt::routing {

namespace {

struct table {
  std::array<std::string, tag_keys_max> keys;
  std::array<std::atomic<std::uint16_t>, 2 * tag_keys_max> slots{}; ///< Number + 1; 0: unused.
  std::uint16_t count = 0;
  std::mutex mutex;
};

table& the_table() {
  static auto* t = new table; // Never destroyed: endpoints may outlive static objects.
  return *t;
}

/// The slot of `key`, or the unused one where it belongs.
std::size_t locate(const table& t, std::string_view key) {
  constexpr std::uint64_t seed = 0x9e3779b97f4a7c15;
  std::size_t at = text_hash(key, seed) % t.slots.size();
  for (;; at = (at + 1) % t.slots.size()) {
    const auto number = t.slots[at].load(std::memory_order_acquire);
    if (number == 0 || t.keys[number - 1u] == key)
      return at;
  }
}

} // namespace

std::uint16_t find_tag_key(std::string_view key) {
  const table& t = the_table();
  const auto number = t.slots[locate(t, key)].load(std::memory_order_acquire);
  return number == 0 ? no_tag_key : static_cast<std::uint16_t>(number - 1);
}

std::uint16_t intern_tag_key(std::string_view key) {
  if (const auto known = find_tag_key(key); known != no_tag_key || key.size() > tag_key_bytes_max)
    return known;
  table& t = the_table();
  const std::lock_guard lock{t.mutex};
  const auto at = locate(t, key);
  if (t.slots[at].load(std::memory_order_relaxed) != 0)
    return static_cast<std::uint16_t>(t.slots[at].load(std::memory_order_relaxed) - 1);
  if (t.count == tag_keys_max)
    return no_tag_key;
  t.keys[t.count] = key;
  t.slots[at].store(++t.count, std::memory_order_release);
  return static_cast<std::uint16_t>(t.count - 1);
}

std::string_view tag_key(std::uint16_t number) {
  return the_table().keys[number];
}

} // namespace shunt::routing
