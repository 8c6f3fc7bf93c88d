// One side of one TLS connection as a machine of bytes: what was received goes in, what is to be
// sent comes out, and nothing moves by itself. It never waits and never touches a socket, so a wire
// makes as few system calls with TLS as without. Belongs to one thread at a time.
#pragma once

#include "net/packed_block.hpp"
#include "net/tls_failure.hpp"
#include "net/tls_handles.hpp"

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shunt::net {

/// Takes the first `count` bytes off `parts`; a part that is gone has length 0.
void take_off(std::span<iovec>& parts, std::size_t count) noexcept;

class tls_engine {
public:
  /// What a step came to.
  enum class outcome : std::uint8_t {
    bytes,      ///< Some were read. Perhaps there are more.
    want_input, ///< Nothing goes on before more is received.
    closed,     ///< The peer said that it sends no more.
    failed,     ///< See `failure`. Nothing works any more.
  };
  struct read_result {
    outcome what = outcome::want_input;
    std::size_t bytes = 0;
  };

  /// Takes over a session of `front_tls` or `backend_tls`.
  explicit tls_engine(ssl_ptr session);
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;
  ~tls_engine() { asleep_.unpack(); }

  // Each call below appends what the peer must be sent, if anything, to `out`.

  /// Begins the handshake where that is for this side to do. The rest of it happens in `read`.
  void begin(std::string& out);
  /// Hands over what was received. It stays the caller's, and where it is, while `has_input`.
  void feed(std::string_view ciphertext) noexcept;
  /// Whether `read` gets on without being fed.
  bool has_input() const noexcept { return !starved_; }
  /// Decrypts what it was fed into `room`, as much as fits.
  read_result read(std::span<char> room, std::string& out);
  /// Encrypts the beginning of `parts`, at most 64 KiB, and takes it off them. Only when established.
  /// False when the session failed.
  bool write(std::span<iovec>& parts, std::string& out);
  /// Says that nothing more will be sent (close_notify).
  void say_goodbye(std::string& out);

  /// Nothing will happen for a while. Whatever is asked of it next ends that.
  void rest() noexcept;
  bool resting() const noexcept { return asleep_.holds(); }

  bool established() const noexcept { return established_; }
  /// Whether the connection, were it to end now, would end in the middle of a record.
  bool inside_record() const noexcept { return SSL_has_pending(session()) == 1; }
  const std::optional<tls_failure>& failure() const noexcept { return failure_; }
  /// Whether it failed because the client spoke HTTP to us without TLS.
  bool heard_plain_http() const noexcept { return heard_plain_http_; }
  SSL* session() const noexcept {
    asleep_.unpack();
    return session_.get();
  }

private:
  class output;
  static int bio_write(BIO* bio, const char* bytes, std::size_t count, std::size_t* written);
  static int bio_read(BIO* bio, char* room, std::size_t size, std::size_t* count);
  static long bio_control(BIO* bio, int command, long number, void* pointer);
  static BIO_METHOD* bio_method();

  outcome judge(int result);
  bool opened_with_method() const noexcept;
  std::size_t encrypt(std::string_view plaintext);

  ssl_ptr session_; ///< For `session` alone to look at.
  mutable packed_block asleep_;
  std::string_view in_;
  std::string* out_ = nullptr; ///< During a call.
  bool starved_ = true;
  bool established_ = false;
  bool heard_plain_http_ = false;
  std::uint8_t opening_bytes_ = 0;
  std::array<char, SSL3_RT_HEADER_LENGTH> opening_; ///< The first that the peer sent.
  std::optional<tls_failure> failure_;
};

} // namespace shunt::net
