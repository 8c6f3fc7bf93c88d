#include "net/payload_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace shunt::net {

routing::message_hash hash_payload(std::string_view payload, std::uint64_t seed) noexcept {
  const auto hash = XXH3_128bits_withSeed(payload.data(), payload.size(), seed);
  return {hash.low64, hash.high64};
}

} // namespace shunt::net
