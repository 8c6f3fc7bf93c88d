// A wire without a socket: its bytes go through one stream of a connection that carries many.
#include "net/wire.hpp"

#include "net/tls_engine.hpp"

#include <algorithm>
#include <cstring>

namespace shunt::net {

wire::wire(event_loop& loop, std::unique_ptr<stream_port> stream)
  : wire{loop, tcp_socket{loop.get_executor()}} {
  stream_ = std::move(stream);
}

// -- Receiving.

/// Without a buffer as long as there is nothing to be put into it.
void wire::listen_stream() {
  if (block_.size() > 0 && !make_room())
    return;
  reading_ = phase::reading;
  if (!stream_->inbound().empty() || stream_->input_ended()) // Later: nobody expects it yet.
    loop_.post([self = wire_ptr{this}] { self->take_stream_input(); });
}

void wire::stream_readable() {
  const wire_ptr self{this};
  if (reading_ == phase::dozing) {
    reading_ = phase::none;
    listen();
  } else {
    take_stream_input();
  }
}

void wire::take_stream_input() {
  if (reading_ != phase::reading)
    return;
  if (!ended_) {
    const bool head = heads_apart_ && stream_->has_head();
    const auto copied = head ? 0 : copy_stream_input();
    const bool over = !head && copied == 0 && stream_->input_ended();
    const bool news = head || copied > 0 || over || (awaits_trailers_ && input_complete());
    if (!news)
      return; // Goes on waiting.
    if (over)
      ended_ = asio::error::eof;
  }
  reading_ = phase::none;
  tell();
}

/// Returns how many bytes there were, and room for them.
std::size_t wire::copy_stream_input() {
  std::size_t copied = 0;
  for (auto next = stream_->inbound(); !next.empty(); next = stream_->inbound()) {
    if (block_.size() == 0)
      make_room();
    const auto count = std::min(next.size(), block_.size() - end_);
    if (count == 0)
      break;
    std::memcpy(block_.data() + end_, next.data(), count);
    stream_->consume(count);
    end_ += count;
    copied += count;
  }
  return copied;
}

bool wire::take_head(std::string& text, head_outline& outline) {
  const bool here = stream_ && !ended_ && begin_ == end_;
  if (!here || !stream_->take_head(text, outline))
    return false;
  if (reading_ == phase::none && !stream_->inbound().empty() && make_room())
    copy_stream_input();
  return true;
}

task<error_code> wire::receive_trailers() {
  const wire_ptr self{this};
  awaits_trailers_ = true;
  error_code failed;
  while (!failed && !input_complete())
    failed = co_await receive();
  awaits_trailers_ = false;
  co_return input_complete() ? error_code{} : failed;
}

void wire::stream_over() {
  const wire_ptr self{this};
  stream_over_ = true;
  stream_writable(); // In vain.
  take_stream_input();
}

void wire::stream_failed(error_code why) {
  const wire_ptr self{this};
  if (!ended_ || ended_ == asio::error::eof)
    ended_ = why;
  finish_stream_operations();
}

void wire::finish_stream_operations() {
  if (auto* sender = std::exchange(stream_sender_, nullptr)) {
    sender->code = ended_;
    end_stream_send(*sender);
  }
  reading_ = phase::none;
  tell(); // Also a watcher, while nobody reads.
}

// -- Sending.

bool wire::try_send_stream(std::span<iovec>& parts, error_code& code,
                           const head_outline* outline) noexcept {
  take_off(parts, stream_->write(parts, outline));
  if (!parts.empty() && stream_over_)
    code = asio::error::connection_reset;
  return parts.empty() || code;
}

void wire::stream_writable() {
  if (stream_sender_ == nullptr)
    return;
  const wire_ptr self{this};
  auto& sender = *stream_sender_;
  if (!try_send(sender.parts, sender.code)) {
    unacknowledged_ = unacknowledged_bytes();
    if (stall_limit_.count() > 0)
      stall_deadline_.expires_after(stall_limit_);
    return;
  }
  stream_sender_ = nullptr;
  end_stream_send(sender);
}

void wire::end_stream_send(send_awaiter& sender) {
  stall_deadline_.disarm();
  sending_ = false;
  sender.sender.resume();
}

// -- The end.

/// As with a socket, whoever waits is told later.
void wire::abort_stream() noexcept {
  loop_.post([self = wire_ptr{this}] { self->finish_stream_operations(); });
}

void wire::close_stream() noexcept {
  const bool in_order = (!ended_ || ended_ == asio::error::eof) && !resets_on_close_;
  if (!ended_)
    ended_ = asio::error::operation_aborted;
  stream_->close(in_order);
  if (stream_sender_ != nullptr || receiver_ || (reading_ != phase::none && watcher_ != nullptr))
    abort_stream();
  else // As at the end of nearly every request: nobody waits.
    reading_ = phase::none;
}

} // namespace shunt::net
