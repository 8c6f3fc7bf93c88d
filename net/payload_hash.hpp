// Recognises a message by its bytes: XXH3, 128 bits, seeded.
#pragma once

#include "routing/known_messages.hpp"

#include <cstdint>
#include <string_view>

namespace shunt::net {

/// The hash of `payload`. The seed differs from process to process and is not to be guessed.
routing::message_hash hash_payload(std::string_view payload, std::uint64_t seed) noexcept;

} // namespace shunt::net
