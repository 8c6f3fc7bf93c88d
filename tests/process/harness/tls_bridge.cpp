#include "tests/process/harness/tls_bridge.hpp"

#include "net/tls_names.hpp"
#include "tests/process/harness/ports.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

namespace shunt::test {
namespace {

constexpr std::size_t piece_bytes = 16'384;

/// For this thread only: OpenSSL writes to sockets whose peer may be gone. The children of the test
/// shall not inherit that.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

std::string reason_of(int error) {
  const auto code = ERR_peek_error();
  ERR_clear_error();
  if (error == SSL_ERROR_SSL && code != 0) {
    const char* text = ERR_reason_error_string(code);
    return text != nullptr ? text : "unknown TLS error";
  }
  return "connection ended";
}

bool is_truncation(unsigned long code) {
  return ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

tls_handshake facts_of(const SSL* session) {
  tls_handshake facts;
  facts.established = true;
  facts.version = SSL_get_version(session);
  facts.suite = SSL_get_cipher_name(session);
  const unsigned char* protocol = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(session, &protocol, &bytes);
  facts.alpn.assign(reinterpret_cast<const char*>(protocol), bytes);
  if (const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name); name != nullptr)
    facts.asked_for = name;
  if (const auto* peer = SSL_get0_peer_certificate(session); peer != nullptr)
    facts.peer_name = net::common_name(peer);
  facts.resumed = SSL_session_reused(session) == 1;
  return facts;
}

} // namespace

tls_bridge::tls_bridge(net::ssl_ptr session, stream_socket encrypted,
                       std::function<stream_socket()> plain)
  : session_{std::move(session)}, encrypted_{std::move(encrypted)} {
  const int descriptor = encrypted_.descriptor();
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  SSL_set_fd(session_.get(), descriptor);
  SSL_set_mode(session_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  thread_ = std::thread{[this, plain = std::move(plain)] { run(plain); }};
}

tls_bridge::~tls_bridge() {
  stop();
  thread_.join();
}

void tls_bridge::stop() {
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  encrypted_.shut_down();
  if (plain_.open())
    plain_.shut_down();
}

void tls_bridge::run(const std::function<stream_socket()>& plain) {
  block_sigpipe();
  shake();
  if (!handshake_.established) { // Nobody else writes it.
    encrypted_.shut_down();
    return;
  }
  try {
    auto made = plain();
    const std::lock_guard lock{mutex_};
    plain_ = std::move(made);
    if (stopping_)
      return;
  } catch (const socket_error&) {
    broken_ = true; // Whoever was behind this is gone.
  }
  carry();
  const std::lock_guard lock{mutex_};
  if (broken_) {
    plain_.reset();
    encrypted_.reset();
  } else {
    plain_.shut_down();
    encrypted_.shut_down();
  }
}

void tls_bridge::shake() {
  tls_handshake result;
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(session_.get());
    if (done == 1) {
      result = facts_of(session_.get());
      break;
    }
    const int error = SSL_get_error(session_.get(), done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      pollfd waiting{encrypted_.descriptor(),
                     static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
      poll(&waiting, 1, -1);
      continue;
    }
    result.failure = reason_of(error);
    break;
  }
  const std::lock_guard lock{mutex_};
  handshake_ = std::move(result);
  shaken_ = true;
  changed_.notify_all();
}

void tls_bridge::carry() {
  while (!broken_) {
    // Each of these gets on as far as it can; only when none did is there something to wait for.
    const bool moved = from_peer() | to_plain() | from_plain() | to_peer();
    if (told_plain_ && told_peer_)
      return;
    if (!moved && !broken_)
      wait();
  }
}

bool tls_bridge::from_peer() {
  if (!incoming_.empty() || end_ != tls_end::none)
    return false;
  std::array<char, piece_bytes> room{};
  ERR_clear_error();
  const int count = SSL_read(session_.get(), room.data(), static_cast<int>(room.size()));
  if (count > 0) {
    incoming_.assign(room.data(), static_cast<std::size_t>(count));
    return true;
  }
  switch (const int error = SSL_get_error(session_.get(), count); error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return false;
    case SSL_ERROR_ZERO_RETURN: peer_ended(tls_end::goodbye); return true;
    case SSL_ERROR_SSL:
      broken_ = true;
      if (is_truncation(ERR_peek_error()))
        peer_ended(tls_end::cut);
      else
        peer_ended(tls_end::failed, reason_of(error));
      return true;
    default:
      broken_ = true;
      peer_ended(tls_end::cut);
      return true;
  }
}

void tls_bridge::peer_ended(tls_end how, std::string why) {
  const std::lock_guard lock{mutex_};
  end_ = how;
  failure_ = std::move(why);
  keep_session();
  changed_.notify_all();
}

/// A copy: OpenSSL takes the session of a connection that ended without a goodbye for spoilt.
void tls_bridge::keep_session() {
  if (const auto* current = SSL_get0_session(session_.get()); current != nullptr)
    kept_.reset(SSL_SESSION_dup(const_cast<SSL_SESSION*>(current)));
}

bool tls_bridge::to_plain() {
  if (incoming_.empty()) {
    if (end_ == tls_end::none || told_plain_)
      return false;
    plain_.half_close();
    return told_plain_ = true;
  }
  {
    const std::lock_guard lock{mutex_}; // Before the bytes: whoever reads them may ask for it.
    keep_session();
  }
  const auto count =
    send(plain_.descriptor(), incoming_.data(), incoming_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count > 0)
    incoming_.erase(0, static_cast<std::size_t>(count));
  else if (errno != EAGAIN)
    broken_ = true;
  return count > 0;
}

bool tls_bridge::from_plain() {
  if (!outgoing_.empty() || plain_ended_)
    return false;
  std::array<char, piece_bytes> room{};
  const auto count = recv(plain_.descriptor(), room.data(), room.size(), MSG_DONTWAIT);
  if (count < 0) {
    broken_ = errno != EAGAIN;
    return false;
  }
  outgoing_.assign(room.data(), static_cast<std::size_t>(count));
  plain_ended_ = count == 0;
  return true;
}

bool tls_bridge::to_peer() {
  ERR_clear_error();
  if (outgoing_.empty()) {
    if (!plain_ended_ || told_peer_)
      return false;
    SSL_shutdown(session_.get());
    encrypted_.half_close();
    return told_peer_ = true;
  }
  const int count = SSL_write(session_.get(), outgoing_.data(), static_cast<int>(outgoing_.size()));
  if (count > 0) {
    outgoing_.erase(0, static_cast<std::size_t>(count));
    return true;
  }
  const int error = SSL_get_error(session_.get(), count);
  broken_ = broken_ || (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE);
  return false;
}

void tls_bridge::wait() const {
  std::array<pollfd, 2> waiting{pollfd{encrypted_.descriptor(), 0, 0},
                                pollfd{plain_.descriptor(), 0, 0}};
  if (incoming_.empty() && end_ == tls_end::none)
    waiting[0].events |= POLLIN;
  if (!outgoing_.empty())
    waiting[0].events |= POLLOUT;
  if (!incoming_.empty())
    waiting[1].events |= POLLOUT;
  if (outgoing_.empty() && !plain_ended_)
    waiting[1].events |= POLLIN;
  for (auto& each : waiting)
    if (each.events == 0)
      each.fd = -1; // An end that is known already would wake this up for ever.
  poll(waiting.data(), waiting.size(), -1);
}

tls_handshake tls_bridge::handshake() const {
  std::unique_lock lock{mutex_};
  if (!changed_.wait_until(lock, step_deadline(), [this] { return shaken_; }))
    throw socket_error{socket_error::kind::timed_out, "the TLS handshake did not end in time"};
  return handshake_;
}

bool tls_bridge::shaken() const {
  const std::lock_guard lock{mutex_};
  return shaken_;
}

tls_end tls_bridge::wait_for_end(milliseconds time) const {
  std::unique_lock lock{mutex_};
  changed_.wait_until(lock, step_deadline(time), [this] { return end_ != tls_end::none; });
  return end_;
}

std::string tls_bridge::failure() const {
  const std::lock_guard lock{mutex_};
  return failure_;
}

net::ssl_session_ptr tls_bridge::session() const {
  const std::lock_guard lock{mutex_};
  if (kept_ == nullptr)
    return nullptr;
  SSL_SESSION_up_ref(kept_.get());
  return net::ssl_session_ptr{kept_.get()};
}

std::pair<stream_socket, stream_socket> connected_sockets() {
  auto listener = bound_socket();
  if (listen(listener.descriptor(), 1) != 0)
    throw std::runtime_error{"listen"};
  auto one = stream_socket::connected_to(listener.local_port());
  stream_socket other{accept4(listener.descriptor(), nullptr, nullptr, SOCK_CLOEXEC)};
  return {std::move(one), std::move(other)};
}

} // namespace shunt::test
