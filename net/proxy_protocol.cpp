// Version 1 is a line, taken apart at its spaces; version 2 is a fixed head, addresses and TLVs, of
// which only the checksum means something here.
#include "net/proxy_protocol.hpp"

#include "net/address_prefixes.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace shunt::net {

namespace {

using namespace std::string_view_literals;
using asio::ip::tcp;

constexpr auto line_signature = "PROXY "sv;
constexpr auto binary_signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t binary_head_bytes = 16;
constexpr std::size_t checksum_bytes = 4;
constexpr unsigned char checksum_type = 0x03; // PP2_TYPE_CRC32C

proxy_parse refuse(proxy_error error) noexcept {
  proxy_parse refused;
  refused.outcome = proxy_outcome::malformed;
  refused.error = error;
  return refused;
}

proxy_parse accept(int version, proxy_subject subject, std::size_t bytes) noexcept {
  proxy_parse accepted;
  accepted.outcome = proxy_outcome::complete;
  accepted.header.version = version;
  accepted.header.subject = subject;
  accepted.header.bytes = bytes;
  return accepted;
}

// -- Version 1.

/// Cuts `rest` at its first space, which must be there unless the word is the last one.
bool next_word(std::string_view& rest, bool last, std::string_view& out) noexcept {
  const auto space = rest.find(' ');
  if ((space == rest.npos) != last)
    return false;
  out = rest.substr(0, space);
  rest.remove_prefix(last ? rest.size() : space + 1);
  return true;
}

/// `rest` is `source destination source-port destination-port`.
proxy_error read_endpoints(std::string_view rest, bool v6, proxy_header& out) noexcept {
  std::array<std::string_view, 4> words;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (!next_word(rest, i + 1 == words.size(), words[i]))
      return proxy_error::malformed_line;
  const auto read = v6 ? read_v6 : read_v4;
  asio::ip::address source, destination;
  if (!read(words[0], source) || !read(words[1], destination))
    return proxy_error::malformed_address;
  unsigned source_port = 0, destination_port = 0;
  if (!read_number(words[2], 65535, source_port) || !read_number(words[3], 65535, destination_port))
    return proxy_error::malformed_port;
  out.source = tcp::endpoint{source, static_cast<unsigned short>(source_port)};
  out.destination = tcp::endpoint{destination, static_cast<unsigned short>(destination_port)};
  return proxy_error::none;
}

/// `line` has its signature and no CRLF any more.
proxy_parse read_line(std::string_view line) noexcept {
  const auto bytes = line.size() + 2;
  auto rest = line.substr(line_signature.size());
  // What follows UNKNOWN is to be ignored (2.1).
  if (rest == "UNKNOWN"sv || rest.starts_with("UNKNOWN "sv))
    return accept(1, proxy_subject::unknown, bytes);
  const bool v6 = rest.starts_with("TCP6 "sv);
  if (!v6 && !rest.starts_with("TCP4 "sv))
    return refuse(proxy_error::unknown_protocol);
  auto accepted = accept(1, proxy_subject::client, bytes);
  const auto error = read_endpoints(rest.substr(5), v6, accepted.header);
  return error == proxy_error::none ? accepted : refuse(error);
}

proxy_parse find_line(std::string_view bytes) noexcept {
  const auto line = bytes.substr(0, proxy_line_bytes_max);
  const auto end = line.find_first_of("\r\n"sv);
  if (end == line.npos || end + 1 == proxy_line_bytes_max) {
    if (line.size() == proxy_line_bytes_max)
      return refuse(proxy_error::line_too_long);
    return {};
  }
  if (line[end] == '\n')
    return refuse(proxy_error::malformed_line_end);
  if (end + 1 == line.size())
    return {};
  return line[end + 1] == '\n' ? read_line(line.substr(0, end))
                               : refuse(proxy_error::malformed_line_end);
}

// -- Version 2.

constexpr std::array<std::uint32_t, 256> make_checksum_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0u); // Castagnoli, reflected.
    table[byte] = value;
  }
  return table;
}

constexpr auto checksum_table = make_checksum_table();

/// Of `bytes` with zeros in place of the checksum at `hole` (2.2.3).
std::uint32_t checksum(std::string_view bytes, std::size_t hole) noexcept {
  std::uint32_t value = ~0u;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool inside = i >= hole && i < hole + checksum_bytes;
    const auto byte = inside ? 0u : static_cast<unsigned char>(bytes[i]);
    value = (value >> 8) ^ checksum_table[(value ^ byte) & 0xff];
  }
  return ~value;
}

/// A number in network order.
std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) noexcept {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i)
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

/// Looks at the TLVs from `at` to the end of the header.
proxy_error check_extensions(std::string_view header, std::size_t at) noexcept {
  std::size_t hole = 0; // Where the checksum is; 0 = none.
  while (at < header.size()) {
    if (header.size() - at < 3)
      return proxy_error::malformed_extension;
    const auto type = static_cast<unsigned char>(header[at]);
    const std::size_t size = number_at(header, at + 1, 2);
    at += 3;
    if (header.size() - at < size)
      return proxy_error::malformed_extension;
    if (type == checksum_type) {
      if (size != checksum_bytes || hole != 0)
        return proxy_error::malformed_extension;
      hole = at;
    }
    at += size;
  }
  if (hole != 0 && number_at(header, hole, checksum_bytes) != checksum(header, hole))
    return proxy_error::wrong_checksum;
  return proxy_error::none;
}

template <class Address>
void read_binary_endpoints(std::string_view header, proxy_header& out) noexcept {
  typename Address::bytes_type source, destination;
  constexpr std::size_t size = sizeof(source);
  std::memcpy(source.data(), header.data() + binary_head_bytes, size);
  std::memcpy(destination.data(), header.data() + binary_head_bytes + size, size);
  const auto port_at = [&](std::size_t at) {
    return static_cast<unsigned short>(number_at(header, binary_head_bytes + 2 * size + at, 2));
  };
  out.source = tcp::endpoint{Address{source}, port_at(0)};
  out.destination = tcp::endpoint{Address{destination}, port_at(2)};
}

/// The whole header of a PROXY command.
proxy_parse read_proxied(std::string_view header) noexcept {
  struct {
    std::size_t bytes;
    void (*read)(std::string_view, proxy_header&) noexcept;
  } addresses{};
  switch (static_cast<unsigned char>(header[13])) {
    // Unspecified: how long the addresses are is unspecified too, so nothing behind can be read.
    case 0x00: return accept(2, proxy_subject::unknown, header.size());
    case 0x11: addresses = {12, read_binary_endpoints<asio::ip::address_v4>}; break;
    case 0x21: addresses = {36, read_binary_endpoints<asio::ip::address_v6>}; break;
    // Valid, but no stream over IP can have come from there: as if unspecified (2.2).
    case 0x12: addresses = {12, nullptr}; break;
    case 0x22: addresses = {36, nullptr}; break;
    case 0x31:
    case 0x32: addresses = {216, nullptr}; break;
    default: return refuse(proxy_error::unknown_family);
  }
  if (header.size() - binary_head_bytes < addresses.bytes)
    return refuse(proxy_error::address_too_short);
  const auto error = check_extensions(header, binary_head_bytes + addresses.bytes);
  if (error != proxy_error::none)
    return refuse(error);
  const bool known = addresses.read != nullptr;
  auto accepted = accept(2, known ? proxy_subject::client : proxy_subject::unknown, header.size());
  if (known)
    addresses.read(header, accepted.header);
  return accepted;
}

/// `bytes` have the signature.
proxy_parse read_binary(std::string_view bytes) noexcept {
  if (bytes.size() < binary_head_bytes)
    return {};
  const auto command = static_cast<unsigned char>(bytes[12]);
  if (command >> 4 != 2)
    return refuse(proxy_error::unknown_version);
  if ((command & 0xf) > 1)
    return refuse(proxy_error::unknown_command);
  const std::size_t size = binary_head_bytes + number_at(bytes, 14, 2);
  if (size > proxy_header_bytes_max)
    return refuse(proxy_error::header_too_large);
  if (bytes.size() < size)
    return {};
  if ((command & 0xf) == 0) // LOCAL: the rest is to be discarded, whatever it says (2.2).
    return accept(2, proxy_subject::local, size);
  return read_proxied(bytes.substr(0, size));
}

} // namespace

bool has_proxy_signature(std::string_view bytes) noexcept {
  return bytes.starts_with(line_signature) || bytes.starts_with(binary_signature);
}

proxy_parse parse_proxy_header(std::string_view bytes) noexcept {
  if (bytes.starts_with(line_signature))
    return find_line(bytes);
  if (bytes.starts_with(binary_signature))
    return read_binary(bytes);
  proxy_parse result;
  if (!line_signature.starts_with(bytes) && !binary_signature.starts_with(bytes))
    result.outcome = proxy_outcome::absent;
  return result;
}

std::string_view describe(proxy_error error) noexcept {
  using enum proxy_error;
  switch (error) {
    case none: break;
    case malformed_line: return "malformed line";
    case line_too_long: return "line too long";
    case malformed_line_end: return "CR or LF alone";
    case unknown_protocol: return "unknown protocol";
    case malformed_address: return "malformed address";
    case malformed_port: return "malformed port";
    case unknown_version: return "unknown version";
    case unknown_command: return "unknown command";
    case unknown_family: return "unknown address family or transport";
    case header_too_large: return "header too large";
    case address_too_short: return "addresses cut short";
    case malformed_extension: return "malformed extension";
    case wrong_checksum: return "wrong checksum";
  }
  return "no error";
}

} // namespace shunt::net
