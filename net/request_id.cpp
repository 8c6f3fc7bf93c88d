#include "net/request_id.hpp"

#include <bit>

namespace shunt::net {

std::uint64_t request_ids::seed() {
  thread_local std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::uint64_t request_ids::random() noexcept { // xoshiro256**, by Blackman and Vigna.
  const auto result = std::rotl(state_[1] * 5, 7) * 9;
  const auto shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

request_ids::text request_ids::next() noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  const std::array<std::uint64_t, 2> bits{
    (random() & ~std::uint64_t{0xf000}) | 0x4000,
    (random() & ~(std::uint64_t{0xc} << 60)) | std::uint64_t{0x8} << 60};
  text id;
  std::size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20)
      id[at++] = '-';
    id[at++] = digits[(bits[nibble / 16] >> (60 - nibble % 16 * 4)) & 0xf];
  }
  return id;
}

} // namespace shunt::net
