#include "net/request_id.hpp"

#include <bit>
#include <cstring>

namespace shunt::net {

namespace {

/// The two hexadecimal digits of each byte.
constexpr auto digits_of_bytes = [] {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> result{};
  for (std::size_t byte = 0; byte < result.size(); ++byte)
    result[byte] = {digits[byte >> 4], digits[byte & 0xf]};
  return result;
}();

/// The digits of the last `Bytes` bytes, the highest first.
template <std::size_t Bytes>
char* put_hex(char* to, std::uint64_t bits) noexcept {
  for (std::size_t i = Bytes; i-- > 0; to += 2)
    std::memcpy(to, digits_of_bytes[bits >> (8 * i) & 0xff].data(), 2);
  return to;
}

} // namespace

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
  const auto high = (random() & ~std::uint64_t{0xf000}) | 0x4000;
  const auto low = (random() & ~(std::uint64_t{0xc} << 60)) | std::uint64_t{0x8} << 60;
  text id;
  char* at = put_hex<4>(id.data(), high >> 32);
  *at++ = '-';
  at = put_hex<2>(at, high >> 16);
  *at++ = '-';
  at = put_hex<2>(at, high);
  *at++ = '-';
  at = put_hex<2>(at, low >> 48);
  *at++ = '-';
  put_hex<6>(at, low);
  return id;
}

} // namespace shunt::net
