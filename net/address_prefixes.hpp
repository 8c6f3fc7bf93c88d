// Sets of IP addresses, as operators write them down. Also how addresses and small numbers are read
// strictly.
#pragma once

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

namespace asio = boost::asio;

/// A plain decimal number without leading zeros, up to `max`.
bool read_number(std::string_view text, unsigned max, unsigned& out) noexcept;
bool read_v4(std::string_view text, asio::ip::address& out) noexcept;
bool read_v6(std::string_view text, asio::ip::address& out) noexcept;

class address_prefixes {
public:
  static constexpr std::size_t prefixes_max = 1024;

  /// Takes addresses and prefixes: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`. Refused, with a text in `error` that names the entry: what is no address, a length
  /// that does not fit, bits set behind the length (most likely a slip), too many.
  static std::optional<address_prefixes> parse(std::span<const std::string> prefixes,
                                            std::string& error);

  bool empty() const noexcept { return prefixes_.empty(); }
  /// Whether `address` lies in one of them. An IPv4-mapped IPv6 address is the IPv4 address,
  /// here and in the list; shorter IPv6 prefixes such as `::/0` hold no IPv4 address.
  bool contains(const asio::ip::address& address) const noexcept;

private:
  struct prefix {
    asio::ip::address_v6::bytes_type bytes{}; ///< Of an IPv4 address the first four.
    unsigned bits = 0;
    bool v4 = false;
  };

  static const char* read(std::string_view entry, prefix& out) noexcept;

  std::vector<prefix> prefixes_;
};

} // namespace shunt::net
