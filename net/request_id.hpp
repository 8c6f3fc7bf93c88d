// Request ids: random UUIDs (RFC 9562, version 4) as text. They tell requests apart and are no
// secret, so a fast generator seeded by the system does. One generator a loop.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>

namespace shunt::net {

class request_ids {
public:
  using text = std::array<char, 36>;

  request_ids() : state_{seed(), seed(), seed(), seed()} {}

  /// The next id, lower-case hexadecimal with dashes.
  text next() noexcept;
  /// 64 random bits.
  std::uint64_t random() noexcept;

private:
  static std::uint64_t seed();
  std::array<std::uint64_t, 4> state_;
};

inline std::string_view view(const request_ids::text& id) noexcept {
  return {id.data(), id.size()};
}

} // namespace shunt::net
