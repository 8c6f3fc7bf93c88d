// HTTP/1 messages as tests see them: every byte of the head, parsed without any tolerance.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::test {

/// The other side sent something that is not HTTP/1, or frames a message in two ways.
struct protocol_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct http_field {
  std::string name;
  std::string value;
  bool operator==(const http_field&) const = default;
};

enum class http_framing : std::uint8_t { none, length, chunked, until_close };

struct http_message {
  std::string raw_head; ///< Start line to empty line, exactly.
  std::string version;  ///< "HTTP/1.1"
  std::vector<http_field> fields;
  http_framing framing = http_framing::none;
  std::uint64_t length = 0; ///< For http_framing::length.
  std::string body;
  std::vector<http_field> trailers;

  /// The values of a field, whatever its spelling, in order.
  std::vector<std::string> all(std::string_view name) const;
  /// The only value of a field; empty if there is none. Throws if there are several.
  std::string one(std::string_view name) const;
  bool has(std::string_view name) const { return !all(name).empty(); }
  /// Whether a comma list, such as Connection, holds `token`.
  bool lists(std::string_view name, std::string_view token) const;
};

struct http_request : http_message {
  std::string method;
  std::string target;
};

struct http_response : http_message {
  int status = 0;
  std::string reason;
};

bool same_text(std::string_view left, std::string_view right); ///< Ignoring case.

/// Parse a head, empty line included, and work out its framing. Throw protocol_error.
http_request parse_request_head(std::string head);
http_response parse_response_head(std::string head, std::string_view request_method);

/// Parses field lines, each ended by CRLF.
std::vector<http_field> parse_fields(std::string_view lines);

} // namespace shunt::test
