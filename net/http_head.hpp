// Heads of HTTP/1 messages (RFC 9112), parsed strictly: whatever two implementations could frame or
// route differently is refused, here, before anything else sees it. A parsed head consists of views
// into the bytes it was parsed from, which must stay where they are while the head is used; fields
// keep their order and spelling. Heads and scratches are reused, so that nothing is allocated in
// the long run. No I/O, no clock, any thread.
#pragma once

#include "net/head_outline.hpp"
#include "net/host_authority.hpp"
#include "net/http_fields.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

/// What follows a head on the wire.
enum class body_framing : std::uint8_t {
  none,        ///< Nothing: the next message.
  length,      ///< `content_length` bytes, at least one.
  chunked,     ///< Chunks and trailers: chunked_decoder.
  until_close, ///< Everything until the peer closes. Responses only.
};

/// What requests and responses have in common.
struct message_head {
  int version_minor = 1;     ///< 0 or 1.
  std::vector<field> fields; ///< All of them, hop-by-hop ones included.
  body_framing framing = body_framing::none;
  bool has_content_length = false;   ///< A Content-Length was there, perhaps 0.
  std::uint64_t content_length = 0;  ///< As declared; for HEAD and 304, of what is not sent.
  bool keep_alive = false;           ///< The peer lets the connection be used again.
  bool upgrade = false;              ///< `Connection: upgrade` and an Upgrade; HTTP/1.1 only.
  std::string_view upgrade_protocol; ///< The first Upgrade, when `upgrade`.
  std::size_t head_bytes = 0;        ///< To consume; the body begins after them.
};

struct request_head : message_head {
  std::string_view method;
  std::string_view target; ///< As received.
  target_form form = target_form::origin;
  std::string_view path_and_query; ///< The target without scheme and authority; may be empty then.
  /// The Host as received, a valid authority. Empty when the client sent an empty one, or in
  /// HTTP/1.0 none. In HTTP/1.0 without Host, the authority of an absolute-form target.
  std::string_view host;
  bool expect_continue = false; ///< Waits for a 100 before it sends its body; HTTP/1.1 only.
};

struct response_head : message_head {
  int status = 0;          ///< 100 to 999.
  std::string_view reason; ///< May be empty.
};

struct head_limits {
  /// From the first byte of the head (a skipped empty line included) to the end of its last line.
  /// Never more than `head_bytes_cap`, whatever it says.
  std::size_t head_bytes_max = 1024 * 1024 + 4096;
  std::size_t fields_max = 0; ///< 0 = no limit but `fields_cap`.
};
inline constexpr std::size_t head_bytes_cap = 16 * 1024 * 1024;
inline constexpr std::size_t fields_cap = 2'000;
/// Elements of all Connection fields of a head together. Each is compared with each field.
inline constexpr std::size_t connection_options_max = 32;

/// Why a head was refused: always the sender's fault. The connection cannot be used any more.
enum class parse_error : std::uint8_t {
  none = 0,
  malformed_start_line,          ///< Not `method SP target SP HTTP/d.d`; not a status line.
  malformed_target,              ///< Bytes or a form that no request target may have.
  connect_method,                ///< CONNECT: the router is no forward proxy.
  unsupported_version,           ///< Not HTTP/1.x; also the HTTP/2 preface.
  unsupported_minor_version,     ///< HTTP/1.2 and later.
  bare_cr,                       ///< A CR without LF.
  bare_lf,                       ///< An LF without CR.
  obsolete_folding,              ///< A field line that begins with a space or tab.
  malformed_field_name,          ///< Empty, no colon, space before the colon, no token.
  malformed_field_value,         ///< A control byte; a Connection that is no (short) list of tokens.
  missing_host,                  ///< HTTP/1.1 without Host.
  repeated_host,                 ///< More than one Host.
  malformed_host,                ///< No authority.
  conflicting_host,              ///< An absolute-form target names another host than Host.
  malformed_content_length,      ///< No plain number, or more than one.
  conflicting_framing,           ///< Both Content-Length and Transfer-Encoding.
  malformed_transfer_encoding,   ///< Ambiguous, repeated, or in HTTP/1.0.
  unsupported_transfer_encoding, ///< A well-formed coding other than chunked.
  unsupported_expectation,       ///< An Expect other than 100-continue.
  unsupported_protocol,          ///< An extended CONNECT of HTTP/2 to what is no WebSocket.
  head_too_large,                ///< More than `head_bytes_max`.
  too_many_fields,               ///< More than `fields_max`.
};

/// The three kinds of refusal, for who counts or logs them.
enum class parse_error_kind : std::uint8_t { malformed, too_large, too_many };
parse_error_kind kind_of(parse_error error) noexcept;

/// A few words for logs.
std::string_view describe(parse_error error) noexcept;

/// How a refused request is answered, as gorouter does; then the connection is closed.
struct rejection {
  int status;
  std::string_view body; ///< May be empty.
  std::string_view head; ///< Start line and fields, without the empty line. Lives forever.
};
rejection rejection_of(parse_error error) noexcept;

/// Appends the whole response; `request_id` (empty = none) is how it is found in the log. It has a body unless it
/// answers a HEAD.
void append_rejection(std::string& out, parse_error error, std::string_view request_id,
                      bool head_request = false);

enum class parse_outcome : std::uint8_t {
  complete,  ///< The head is there; consume `head_bytes`.
  need_more, ///< Call again when there are more bytes; the head is unspecified until then.
  error,     ///< Never becomes a head, whatever follows.
};
struct parse_status {
  parse_outcome outcome = parse_outcome::need_more;
  parse_error error = parse_error::none;

  bool complete() const noexcept { return outcome == parse_outcome::complete; }
  bool need_more() const noexcept { return outcome == parse_outcome::need_more; }
  bool failed() const noexcept { return outcome == parse_outcome::error; }
};

/// Remembers how far an unfinished head has been searched, so that a head that arrives in many
/// pieces is read once. Holds offsets only: the bytes may move between calls, but must grow at
/// their end alone. Ready for the next head after `complete` and `error`; `reset` abandons one.
class head_scratch {
public:
  void reset() noexcept { *this = {}; }

private:
  friend class head_scanner;
  std::size_t begin_ = 0;        ///< Where the start line begins.
  std::size_t line_begin_ = 0;   ///< Where the current line begins.
  std::size_t scanned_ = 0;      ///< Everything before has been checked.
  std::size_t fields_begin_ = 0; ///< Where the start line has ended; 0 until then.
};

/// Parses the request head at the beginning of `bytes`. One empty line before it is skipped
/// (RFC 9112, section 2.2).
parse_status parse_request(std::string_view bytes, request_head& out, const head_limits& limits,
                           head_scratch& scratch);

/// Copies into `text` what the views of `head` point at, and makes them point there.
void move_views(request_head& head, std::string& text);

/// Parses the response head at the beginning of `bytes`, the answer to a HEAD request if
/// `request_was_head`. A 1xx other than 101 is followed by another head.
parse_status parse_response(std::string_view bytes, bool request_was_head, response_head& out,
                            const head_limits& limits, head_scratch& scratch);

/// The head that `text` begins with, of which `outline` is known (or why there is none): what its parts say is judged as above,
/// by the same code, but nobody looks for where they are. Their bytes are such as a head may have, or
/// nobody would have written them. A request is one of HTTP/1.1; the reason of a response is left out.
parse_status read_request(std::string_view text, const head_outline& outline, request_head& out,
                          const head_limits& limits);
parse_status read_response(std::string_view text, const head_outline& outline,
                           bool request_was_head, response_head& out, const head_limits& limits);

/// Parses field lines up to and including an empty line: a trailer section. Fields that may not be
/// trailers are left out. `bytes_used` says how long it was when complete.
parse_status parse_trailers(std::string_view bytes, std::vector<field>& out,
                            std::size_t& bytes_used, const head_limits& limits,
                            head_scratch& scratch);

} // namespace shunt::net
