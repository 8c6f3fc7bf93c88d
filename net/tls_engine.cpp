#include "net/tls_engine.hpp"

#include "net/tls_memory.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include <openssl/err.h>

namespace shunt::net {

namespace {

constexpr std::size_t record_bytes_max = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t write_bytes_max = 4 * record_bytes_max;
/// Of what the peer makes us say (alerts, new keys) while we have nothing to say ourselves.
constexpr std::size_t unasked_bytes_max = 64 * 1024;

} // namespace

void take_off(std::span<iovec>& parts, std::size_t count) noexcept {
  while (!parts.empty() && count >= parts.front().iov_len) {
    count -= std::exchange(parts.front().iov_len, 0);
    parts = parts.subspan(1);
  }
  if (count > 0) {
    parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + count;
    parts.front().iov_len -= count;
  }
}

// -- OpenSSL's way to the bytes.

/// Lends the session somewhere to write to for the time of a call.
class tls_engine::output {
public:
  output(tls_engine& engine, std::string& out) : engine_{engine} {
    engine_.out_ = &out;
    ERR_clear_error(); // Whatever lies there would be taken for the reason of a failure.
  }
  output(const output&) = delete;
  output& operator=(const output&) = delete;
  ~output() { engine_.out_ = nullptr; }

private:
  tls_engine& engine_;
};

int tls_engine::bio_write(BIO* bio, const char* bytes, std::size_t count, std::size_t* written) {
  auto& self = *static_cast<tls_engine*>(BIO_get_data(bio));
  if (self.out_ == nullptr) // Freed in the middle of a handshake, say.
    return 0;
  self.out_->append(bytes, count);
  *written = count;
  return 1;
}

int tls_engine::bio_read(BIO* bio, char* room, std::size_t size, std::size_t* count) {
  auto& self = *static_cast<tls_engine*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.in_.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *count = std::min(size, self.in_.size());
  std::memcpy(room, self.in_.data(), *count);
  self.in_.remove_prefix(*count);
  if (self.opening_bytes_ < self.opening_.size())
    self.opening_bytes_ += static_cast<std::uint8_t>(
      std::string_view{room, *count}.copy(self.opening_.data() + self.opening_bytes_,
                                          self.opening_.size() - self.opening_bytes_));
  return 1;
}

long tls_engine::bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* tls_engine::bio_method() {
  static BIO_METHOD* const method = [] {
    auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "engine");
    BIO_meth_set_write_ex(made, &tls_engine::bio_write);
    BIO_meth_set_read_ex(made, &tls_engine::bio_read);
    BIO_meth_set_ctrl(made, &tls_engine::bio_control);
    return made;
  }();
  return method;
}

tls_engine::tls_engine(ssl_ptr session) : session_{std::move(session)} {
  auto* bio = BIO_new(bio_method());
  if (bio == nullptr)
    throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(session_.get(), bio, bio);
}

// -- The steps.

void tls_engine::begin(std::string& out) {
  if (SSL_is_server(session()) == 1)
    return;
  const output lent{*this, out};
  judge(SSL_do_handshake(session()));
}

void tls_engine::feed(std::string_view ciphertext) noexcept {
  in_ = ciphertext;
  starved_ = in_.empty();
}

tls_engine::read_result tls_engine::read(std::span<char> room, std::string& out) {
  if (failure_)
    return {outcome::failed, 0};
  const output lent{*this, out};
  const auto said_before = out.size();
  read_result read;
  bool used_up = false;
  for (;;) {
    std::size_t count = 0;
    const int result =
      SSL_read_ex(session(), room.data() + read.bytes, room.size() - read.bytes, &count);
    read.bytes += count;
    read.what = result == 1 ? outcome::bytes : judge(result);
    if (out.size() - said_before > unasked_bytes_max && read.what != outcome::failed) {
      failure_ = {routing::failure_class::other, "tls: the peer asks for too much"};
      read.what = outcome::failed;
    }
    // To be told that there is no more costs as much as a small record.
    used_up = in_.empty() && SSL_has_pending(session()) == 0;
    if (result != 1 || read.bytes == room.size() || failure_ || used_up)
      break;
  }
  established_ = established_ || SSL_is_init_finished(session()) == 1;
  // How it ended otherwise, the next call finds out again.
  starved_ = read.what == outcome::want_input || (read.what == outcome::bytes && used_up);
  if (read.bytes > 0)
    read.what = outcome::bytes;
  return read;
}

bool tls_engine::write(std::span<iovec>& parts, std::string& out) {
  if (failure_)
    return false;
  const output lent{*this, out};
  std::array<char, record_bytes_max> gathered;
  for (std::size_t taken = 0; !parts.empty() && taken < write_bytes_max;) {
    std::string_view next{static_cast<char*>(parts.front().iov_base), parts.front().iov_len};
    if (parts.size() > 1 && next.size() < gathered.size()) {
      std::size_t filled = 0; // Small pieces share a record.
      for (const auto& part : parts) {
        const auto fits = std::min(part.iov_len, gathered.size() - filled);
        std::memcpy(gathered.data() + filled, part.iov_base, fits);
        filled += fits;
        if (filled == gathered.size())
          break;
      }
      next = {gathered.data(), filled};
    }
    const auto sent = next.empty() ? 0 : encrypt(next.substr(0, record_bytes_max));
    if (failure_)
      return false;
    taken += sent;
    take_off(parts, sent);
  }
  return true;
}

std::size_t tls_engine::encrypt(std::string_view plaintext) {
  std::size_t sent = 0;
  const int result = SSL_write_ex(session(), plaintext.data(), plaintext.size(), &sent);
  if (result != 1 && judge(result) != outcome::failed)
    failure_ = {routing::failure_class::other, "tls: cannot send now"};
  return sent;
}

void tls_engine::say_goodbye(std::string& out) {
  if (failure_ || !established_)
    return;
  const output lent{*this, out};
  SSL_shutdown(session());
  ERR_clear_error();
}

void tls_engine::rest() noexcept {
  if (established_ && !has_input())
    asleep_.pack(block_of(session()));
}

/// Where a record of TLS says what kind it is, a request has its method, or the beginning of it. OpenSSL would tell of
/// GET, HEAD, POST and PUT.
bool tls_engine::opened_with_method() const noexcept {
  const std::string_view opening{opening_.data(), opening_bytes_};
  const auto method = opening.substr(0, opening.find(' '));
  return !method.empty() && std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

tls_engine::outcome tls_engine::judge(int result) {
  const int error = SSL_get_error(session(), result);
  switch (error) {
    case SSL_ERROR_WANT_READ: return outcome::want_input;
    case SSL_ERROR_ZERO_RETURN: return outcome::closed;
    default: break;
  }
  if (result == 1)
    return outcome::want_input; // A handshake that went as far as it could.
  heard_plain_http_ = opened_with_method();
  failure_ = tls_failure_of(session(), error,
                            established_ ? tls_phase::established : tls_phase::handshake,
                            std::time(nullptr));
  return outcome::failed;
}

} // namespace shunt::net
