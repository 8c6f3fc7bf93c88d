// The cipher suite names that gorouter's file may hold: OpenSSL's old names and IANA's.
#pragma once

#include <span>
#include <string_view>

namespace shunt::config {

/// All of them. Case matters.
std::span<const std::string_view> known_cipher_suites();

} // namespace shunt::config
