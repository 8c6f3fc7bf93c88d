// How a wire speaks TLS: the engine between its buffer and the socket, the handshake, the goodbye.
#include "net/wire.tls.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace shunt::net {

namespace {

/// More than one message leaves unsent: of what a peer makes us say (new keys) while it takes nothing.
constexpr std::size_t unsent_bytes_max = 256 * 1024;

error_code tls_error() {
  return boost::system::errc::make_error_code(boost::system::errc::protocol_error);
}

} // namespace

const tls_engine* wire::tls() const noexcept {
  return tls_ ? tls_->engine.get() : nullptr;
}

task<error_code> wire::secure(std::unique_ptr<tls_engine> engine, std::chrono::nanoseconds limit) {
  const auto self = wire_ptr{this};
  tls_ = std::make_unique<tls_state>(tls_state{.engine = std::move(engine)});
  if (!bytes().empty()) { // They belong to the handshake.
    tls_->ciphertext = std::exchange(block_, {});
    tls_->engine->feed({tls_->ciphertext.data() + begin_, end_ - begin_});
    begin_ = end_ = 0;
  }
  receive_within(limit);
  tls_->engine->begin(tls_->encrypted);
  for (;;) {
    const auto unsent = co_await send(std::span<iovec>{});
    if (unsent)
      co_return unsent;
    if (tls_->engine->established())
      break;
    const auto failed = co_await receive();
    if (failed)
      co_return failed;
  }
  receive_within(std::chrono::nanoseconds{0});
  co_return error_code{};
}

void wire::answer_in_plain(std::string_view text) noexcept {
  loop_.buffers().give_back(std::move(tls_->ciphertext));
  tls_.reset();
  if (ended_ == tls_error())
    ended_ = {}; // The connection itself is fine.
  if (!text.empty())
    send_anyway(text);
}

// -- Receiving.

asio::mutable_buffer wire::ciphertext_room() {
  auto& read = tls_->ciphertext;
  const auto wanted =
    std::clamp(wanted_bytes_, buffer_store::block_bytes, buffer_store::stream_bytes);
  if (read.size() != wanted) {
    loop_.buffers().give_back(std::move(read));
    read = loop_.buffers().take(wanted);
  }
  return {read.data(), read.size()};
}

/// Whether somebody must be told: of bytes, of the end (`failed`), of the handshake.
bool wire::on_ciphertext(error_code& failed, std::size_t count) {
  auto& engine = *tls_->engine;
  if (ended_ && ended_ != asio::error::eof)
    return true;
  if (count > 0)
    engine.feed({tls_->ciphertext.data(), count});
  if (failed && !engine.has_input()) {
    if (failed == asio::error::eof && engine.inside_record())
      failed = asio::error::connection_reset; // The message may look complete, and is not.
    return true;
  }
  const bool shaking_hands = !engine.established();
  const bool waiting = !tls_->unsent().empty();
  const auto read = engine.read({block_.data() + end_, block_.size() - end_}, tls_->encrypted);
  end_ += read.bytes;
  error_code unsent;
  if (!waiting && !try_send_encrypted(unsent) && !shaking_hands)
    send_encrypted_later();
  if (read.what == tls_engine::outcome::closed)
    failed = asio::error::eof;
  else if (read.what == tls_engine::outcome::failed)
    failed = tls_error();
  else if (unsent)
    failed = unsent;
  else if (tls_->unsent().size() > unsent_bytes_max)
    failed = tls_error(); // It makes us answer, and reads none of it.
  const bool progress = shaking_hands && (engine.established() || !tls_->unsent().empty());
  return failed || read.bytes > 0 || progress;
}

// -- Sending.

bool wire::try_send_tls(std::span<iovec>& parts, error_code& code) noexcept {
  for (;;) {
    if (!try_send_encrypted(code))
      return false;
    if (code || parts.empty())
      return true;
    tls_->encrypted = loop_.take_text();
    if (!tls_->engine->write(parts, tls_->encrypted)) {
      code = tls_error();
      return true;
    }
  }
}

bool wire::try_send_encrypted(error_code& code) noexcept {
  auto& all = tls_->encrypted;
  while (tls_->sent < all.size()) {
    const auto rest = tls_->unsent();
    const auto sent =
      ::send(socket_.native_handle(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      tls_->sent += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      code = {errno, boost::system::system_category()};
      return true;
    }
  }
  tls_->sent = 0;
  all.clear();
  if (all.capacity() > std::string{}.capacity()) // An idle connection needs no memory for it.
    loop_.give_back_text(std::exchange(all, {}));
  return true;
}

/// For what the engine says by itself, such as the answer to a change of keys.
void wire::send_encrypted_later() {
  if (std::exchange(tls_->flushing, true))
    return;
  socket_.async_wait(tcp_socket::wait_write, [self = wire_ptr{this}](error_code failed) {
    auto& tls = *self->tls_;
    tls.flushing = false;
    if (failed || self->sending_) // Who sends now sends this first.
      return;
    if (error_code ignored; !self->try_send_encrypted(ignored))
      self->send_encrypted_later();
    else if (tls.shut_after)
      self->socket_.shutdown(tcp_socket::shutdown_send, ignored);
  });
}

/// Not after a failure: the end would look intended.
void wire::say_goodbye() noexcept {
  const bool in_order = !ended_ || ended_ == asio::error::eof;
  if (!tls_ || !in_order || std::exchange(tls_->said_goodbye, true))
    return;
  tls_->engine->say_goodbye(tls_->encrypted);
  error_code ignored;
  try_send_encrypted(ignored);
}

} // namespace shunt::net
