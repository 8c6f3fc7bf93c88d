// The PROXY protocol, versions 1 and 2, from the receiver's side: what a load balancer in front
// says about the connection it accepted, before the first byte of TLS or HTTP (HAProxy's
// proxy-protocol.txt; section numbers below are of it). Strict: a header that two readers could
// take differently, or whose checksum is wrong, is refused. Pure functions over the bytes; nothing
// allocates, but for the list of senders while it is made. Which connections are asked for a
// header, and for how long, is the caller's business.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

namespace asio = boost::asio;

/// Longest header of version 1, its CRLF included (2.1).
inline constexpr std::size_t proxy_line_bytes_max = 107;
/// Longest header of version 2 that is accepted. The format allows 65551 bytes, addresses take 52
/// and the rest are extensions, of which a client certificate is the longest.
inline constexpr std::size_t proxy_header_bytes_max = 8192;

enum class proxy_outcome : std::uint8_t {
  need_more, ///< Could become a header; call again when there are more bytes.
  absent,    ///< No header begins like this: an ordinary connection.
  complete,  ///< The header is there; consume `header.bytes`.
  malformed, ///< Began like a header and is none. The connection is closed, without an answer.
};

/// Why a header was refused: always the sender's fault.
enum class proxy_error : std::uint8_t {
  none = 0,
  malformed_line,      ///< Version 1: not single spaces between the parts, or parts too many.
  line_too_long,       ///< Version 1: no CRLF within `proxy_line_bytes_max`.
  malformed_line_end,  ///< Version 1: a CR or LF alone.
  unknown_protocol,    ///< Version 1: not TCP4, TCP6 or UNKNOWN.
  malformed_address,   ///< Version 1: not an address of the family.
  malformed_port,      ///< Version 1: not 0 to 65535, or a leading zero.
  unknown_version,     ///< The binary signature, but another version than 2.
  unknown_command,     ///< Version 2: not LOCAL or PROXY.
  unknown_family,      ///< Version 2: a family or transport that is not assigned.
  header_too_large,    ///< Version 2: more than `proxy_header_bytes_max`.
  address_too_short,   ///< Version 2: the addresses do not fit into the announced length.
  malformed_extension, ///< Version 2: a TLV that does not end where the header does.
  wrong_checksum,      ///< Version 2: the CRC-32C in the header is not the header's.
};

/// A few words for logs.
std::string_view describe(proxy_error error) noexcept;

/// Whose addresses hold.
enum class proxy_subject : std::uint8_t {
  client,  ///< `source` and `destination` are those of the connection that is passed on.
  local,   ///< The sender's own connection, such as a health check: the socket's addresses hold.
  unknown, ///< Passed on, but not over TCP/IP as far as the sender knows: the socket's hold.
};

struct proxy_header {
  std::size_t bytes = 0; ///< To consume; TLS or HTTP begins after them.
  int version = 1;       ///< 1 or 2.
  proxy_subject subject = proxy_subject::unknown;
  asio::ip::tcp::endpoint source; ///< The client. This and the next for `client` only.
  asio::ip::tcp::endpoint destination;
};

struct proxy_parse {
  proxy_outcome outcome = proxy_outcome::need_more;
  proxy_error error = proxy_error::none; ///< For `malformed`.
  proxy_header header;                   ///< For `complete`.
};

/// Looks for a header at the beginning of `bytes`, all that has arrived so far. Remembers nothing:
/// an unfinished header costs a look at `proxy_line_bytes_max` bytes at most. More bytes never
/// change any verdict but `need_more`.
proxy_parse parse_proxy_header(std::string_view bytes) noexcept;

/// Whether `bytes` begin with a whole signature of either version. When the patience with
/// `need_more` is at its end: with a signature the sender has stalled, without one it is an
/// ordinary connection whose first bytes happen to look alike ("P" of a POST).
bool has_proxy_signature(std::string_view bytes) noexcept;

} // namespace shunt::net
