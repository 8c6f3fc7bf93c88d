#include "net/address_prefixes.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace shunt::net {

bool read_number(std::string_view text, unsigned max, unsigned& out) noexcept {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0'))
    return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9')
      return false;
    out = out * 10 + static_cast<unsigned>(c - '0');
  }
  return out <= max;
}

namespace {

/// inet_pton knows the grammar, and neither leading zeros in IPv4 nor zones in IPv6. It stops at a
/// NUL, which must not hide what comes behind.
bool read_bytes(int family, std::string_view text, void* out) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != text.npos)
    return false;
  text.copy(terminated.data(), text.size());
  return inet_pton(family, terminated.data(), out) == 1;
}

} // namespace

bool read_v4(std::string_view text, asio::ip::address& out) noexcept {
  asio::ip::address_v4::bytes_type bytes;
  if (!read_bytes(AF_INET, text, bytes.data()))
    return false;
  out = asio::ip::address_v4{bytes};
  return true;
}

bool read_v6(std::string_view text, asio::ip::address& out) noexcept {
  asio::ip::address_v6::bytes_type bytes;
  if (!read_bytes(AF_INET6, text, bytes.data()))
    return false;
  out = asio::ip::address_v6{bytes};
  return true;
}

namespace {

bool has_bits_after(std::span<const unsigned char> bytes, unsigned bits) noexcept {
  for (std::size_t i = bits / 8; i < bytes.size(); ++i) {
    const unsigned mask = i == bits / 8 ? 0xffu >> bits % 8 : 0xffu;
    if ((bytes[i] & mask) != 0)
      return true;
  }
  return false;
}

/// The 4 or 16 bytes of an address at the front of 16.
asio::ip::address_v6::bytes_type wide(const asio::ip::address& address) noexcept {
  if (address.is_v6())
    return address.to_v6().to_bytes();
  asio::ip::address_v6::bytes_type bytes{};
  const auto narrow = address.to_v4().to_bytes();
  std::copy(narrow.begin(), narrow.end(), bytes.begin());
  return bytes;
}

asio::ip::address unmapped(const asio::ip::address& address) noexcept {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped())
    return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

} // namespace

/// What is wrong with `entry`, or null.
const char* address_prefixes::read(std::string_view entry, prefix& out) noexcept {
  const auto slash = entry.find('/');
  const auto text = entry.substr(0, slash);
  asio::ip::address address;
  if (!read_v4(text, address) && !read_v6(text, address))
    return "not an IP address or prefix";
  const unsigned bits_max = address.is_v4() ? 32 : 128;
  out.bits = bits_max;
  if (slash != entry.npos && !read_number(entry.substr(slash + 1), bits_max, out.bits))
    return address.is_v4() ? "the length of an IPv4 prefix is 0 to 32"
                           : "the length of an IPv6 prefix is 0 to 128";
  if (has_bits_after(wide(address), out.bits))
    return "bits are set behind the length of the prefix";
  if (out.bits >= 96 && unmapped(address).is_v4() && address.is_v6()) {
    address = unmapped(address);
    out.bits -= 96;
  }
  out.v4 = address.is_v4();
  out.bytes = wide(address);
  return nullptr;
}

std::optional<address_prefixes> address_prefixes::parse(std::span<const std::string> prefixes,
                                                  std::string& error) {
  if (prefixes.size() > prefixes_max) {
    error = "more than " + std::to_string(prefixes_max) + " prefixes";
    return {};
  }
  address_prefixes made;
  made.prefixes_.reserve(prefixes.size());
  for (const auto& entry : prefixes) {
    prefix read_prefix;
    if (const auto* reason = read(entry, read_prefix)) {
      error.clear();
      error += '\'';
      error.append(entry, 0, 64).append("': ").append(reason);
      return {};
    }
    made.prefixes_.push_back(read_prefix);
  }
  return made;
}

bool address_prefixes::contains(const asio::ip::address& address) const noexcept {
  const auto plain = unmapped(address);
  const auto bytes = wide(plain);
  return std::any_of(prefixes_.begin(), prefixes_.end(), [&](const prefix& p) {
    const auto whole = p.bits / 8;
    const unsigned mask = 0xff00u >> p.bits % 8 & 0xffu;
    return p.v4 == plain.is_v4()
           && std::equal(bytes.begin(), bytes.begin() + whole, p.bytes.begin())
           && (mask == 0 || ((bytes[whole] ^ p.bytes[whole]) & mask) == 0);
  });
}

} // namespace shunt::net
