// The hash of in-memory indexes: quick for short texts and keyed, because hosts and paths come from
// clients, who must not be able to choose texts that collide. With fixed seeds also what digests of
// slices and checksums of snapshots are made of, so its values must stay as they are, on machines of one
// byte order; where a host belongs is said by `host_hash`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace shunt::routing {

/// Both halves of the 128-bit product, folded: the mixing step of wyhash and its kin.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t text_hash(std::string_view text, std::uint64_t seed) {
  constexpr std::uint64_t k0 = 0xa0761d6478bd642f, k1 = 0xe7037ed1a0b428db;
  const auto word = [](const char* from, std::size_t bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, bytes);
    return value;
  };
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t h = seed ^ k0;
  for (; left > 16; at += 16, left -= 16)
    h = fold(word(at, 8) ^ k1, word(at + 8, 8) ^ h);
  std::uint64_t a = 0, b = 0;
  if (left >= 8) {
    a = word(at, 8);
    b = word(at + left - 8, 8);
  } else if (left >= 4) {
    a = word(at, 4);
    b = word(at + left - 4, 4);
  } else {
    for (std::size_t i = 0; i < left; ++i)
      a = a << 8 | static_cast<unsigned char>(at[i]);
  }
  return fold(fold(a ^ k1, b ^ h), k0 ^ text.size());
}

/// The half that indexes take.
inline std::uint32_t index_hash(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

} // namespace shunt::routing
