// The dice of this room: small, quick and seeded, so that a run can be repeated. Not for secrets.
#pragma once

#include <cstdint>

namespace shunt::routing {

/// SplitMix64; usable with the distributions of <random>.
class rng {
public:
  using result_type = std::uint64_t;

  explicit rng(std::uint64_t seed) : state_{seed} {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }

  result_type operator()() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to `bound` - 1; `bound` is at least 1 and below 2^32.
  std::uint64_t below(std::uint64_t bound) { return ((*this)() >> 32) * bound >> 32; }

private:
  std::uint64_t state_;
};

} // namespace shunt::routing
