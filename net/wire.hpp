// A TCP connection on a loop, with TLS or without: what it received and nobody consumed yet, one read
// that is under way whenever somebody might want to know of bytes or of the end, writes that try
// before they wait, and a deadline for each direction. Reference-counted without atomics: operations
// under way keep it alive, so an owner may let go at any time. Belongs to its loop's thread.
//
// A read is under way even while nobody awaits it. That is how the end of a client is noticed while
// its backend works, how a pooled connection's death is noticed before it is used, and why the
// bytes of the next request or response cost no extra system call.
#pragma once

#include "net/event_loop.hpp"
#include "net/stream_port.hpp"
#include "net/task.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <sys/uio.h>

#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace shunt::net {

class head_outline;
class tls_engine;

using boost::system::error_code;
using tcp = asio::ip::tcp;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;

/// Memory inside an object for the one asynchronous operation of a kind that it has under way.
class operation_memory {
public:
  void* allocate(std::size_t bytes);
  void release(void* memory) noexcept;

private:
  static constexpr std::size_t size = 192;
  alignas(std::max_align_t) std::array<std::byte, size> inline_;
  bool in_use_ = false;
};

class wire {
public:
  /// Called when the connection ended, or received bytes, while nobody awaited either.
  using watcher = void (*)(void* context);

  wire(event_loop& loop, tcp_socket socket);
  /// One without a socket. Without TLS and `connect`; whatever carries the stream has those.
  wire(event_loop& loop, std::unique_ptr<stream_port> stream);
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  // A stream's lives as long as a request.
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* memory, std::size_t bytes) { release_frame(memory, bytes); }

  // -- Receiving.

  /// What arrived and was not consumed. Stays in place while pinned, even when consumed.
  std::string_view bytes() const noexcept { return {block_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t count) noexcept { begin_ += count; }
  /// Starts a read unless one is under way, the connection ended, or there is no room.
  void listen();
  /// Suspends until more bytes than now are there, or the connection ended (the code tells how).
  /// Fails with `no_buffer_space`, and goes on, while the buffer is full of unconsumed bytes.
  auto receive() noexcept;
  /// The same, while idle: after a second without bytes the buffer is given back; after `idle`
  /// (0 = never) the connection ends with `timed_out`.
  auto receive_idle(std::chrono::nanoseconds idle) noexcept;
  /// Leaves the connection unused for at most `idle`; its watcher hears of its end.
  void rest(std::chrono::nanoseconds idle);
  /// Takes it back into use after `rest`.
  void resume_use() noexcept {
    idle_ = false;
    receive_deadline_.disarm();
  }
  /// Makes `bytes` the least size of the buffer, from the next read on.
  void want_buffer(std::size_t bytes) noexcept { wanted_bytes_ = bytes; }
  std::size_t buffer_bytes() const noexcept { return block_.size(); }
  /// Keeps the bytes of a message head where they are until `unpin`.
  void pin() noexcept { pinned_ = true; }
  void unpin() noexcept;
  /// Why no more bytes will come; none while they may.
  error_code ended() const noexcept { return ended_; }
  /// Calls `call(context)` to tell of the end, or of bytes, that nobody awaits. Null ends it.
  void watch(watcher call, void* context) noexcept {
    watcher_ = call;
    watcher_context_ = context;
  }
  /// Calls `call(context)` whenever the wire, idle for a second, gave its buffers back: others may have something
  /// to give back as well. Null ends it.
  void watch_rest(watcher call, void* context) noexcept {
    rest_watcher_ = call;
    rest_context_ = context;
  }
  /// The connection ends with `timed_out` unless this is called again before; 0 = no limit.
  void receive_within(std::chrono::nanoseconds limit) { receive_deadline_.expires_after(limit); }
  void receive_until(steady_time when) { receive_deadline_.expires_at(when); }

  // -- Heads. A stream knows them as such; where it does, nobody need parse them.

  /// Takes the head that waits, with the outline of its text; what follows it and is there already is
  /// in `bytes` then. False when there is none to be taken, or ever will be, as without a stream:
  /// it is, or will be, in `bytes`. The memory of the arguments is kept for other heads.
  bool take_head(std::string& text, head_outline& outline);
  /// From here on a stream's heads are not put into `bytes` as long as they can be taken; `receive`
  /// tells of them as well.
  void keep_heads_apart() noexcept { heads_apart_ = true; }

  // -- Trailers behind a body whose length was told. HTTP/1.1 has no place for them (RFC 9110, section
  // 6.5.1), so they pass from stream to stream alone, beside the bytes.

  bool is_stream() const noexcept { return stream_ != nullptr; }
  /// The body that arrives has some, or it is not known yet.
  bool may_have_trailers() { return is_stream() && !(input_complete() && trailers().empty()); }
  /// Suspends until the message is complete, or its sender broke off. All bytes of the body are consumed.
  task<error_code> receive_trailers();
  /// Field lines.
  std::string_view trailers() { return stream_->trailers_apart(); }
  /// A last chunk, with trailers, will be sent behind the body; until then the message is not at its end.
  void end_apart() { stream_->end_apart(); }

  // -- Sending.

  /// Sends all of `parts`, suspending only when the peer takes no more. If it fails, the lengths of
  /// what was sent are 0. `outline` = of a head that is the whole of the first part; null = of none.
  auto send(std::span<iovec> parts, const head_outline* outline = nullptr) noexcept;
  auto send(std::string_view text) noexcept;
  /// How long the peer may take no byte at all while something waits to be sent; 0 = no limit.
  void stall_limit(std::chrono::nanoseconds limit) noexcept { stall_limit_ = limit; }
  /// Tries to send `text` even though a deadline ended the connection; whether it arrives or not.
  void send_anyway(std::string_view text) noexcept;

  // -- TLS.

  /// Speaks TLS from here on. What was received and not consumed belongs to the handshake, which must
  /// be over within `limit` (0 = no limit).
  task<error_code> secure(std::unique_ptr<tls_engine> engine, std::chrono::nanoseconds limit);
  /// After a failed handshake: sends an answer to a client that spoke no TLS, without TLS.
  void answer_in_plain(std::string_view text) noexcept;
  /// Null without TLS.
  const tls_engine* tls() const noexcept;

  // -- For whoever carries the stream of a wire without a socket.

  /// More bytes are there, or their end.
  void stream_readable();
  /// There is room for more.
  void stream_writable();
  /// The stream ended in order: what arrived can still be read.
  void stream_over();
  /// It was broken off.
  void stream_failed(error_code why);

  // -- Both.

  /// Connects the socket. Fails with `timed_out` after `limit`.
  auto connect(const tcp::endpoint& peer, std::chrono::nanoseconds limit) noexcept;
  /// Makes whoever awaits bytes stop waiting (`operation_aborted`); the connection goes on.
  void interrupt() noexcept {
    if (receiver_) {
      interrupted_ = true;
      std::exchange(receiver_, nullptr).resume();
    }
  }
  /// Ends everything under way with `reason`. Nothing works afterwards but `close`.
  void abort(error_code reason) noexcept;
  void close() noexcept;
  /// Tells the peer that nothing more will be sent.
  void shutdown_send() noexcept;
  /// Closing will reset the connection: for a message whose end would look complete.
  void reset_on_close() noexcept;
  tcp_socket& socket() noexcept { return socket_; }
  event_loop& loop() noexcept { return loop_; }

private:
  friend void intrusive_ptr_add_ref(wire* self) noexcept { ++self->references_; }
  friend void intrusive_ptr_release(wire* self) noexcept {
    if (--self->references_ == 0)
      delete self;
  }
  ~wire();

  struct read_handler;
  struct send_handler;
  struct connect_handler;
  struct receive_awaiter;
  struct send_awaiter;
  struct connect_awaiter;
  struct tls_state;

  enum class phase : unsigned char { none, reading, dozing };

  bool make_room();
  void move_to(block bigger) noexcept;
  void start_doze();
  void wake();
  void on_read(error_code failed, std::size_t count);
  asio::mutable_buffer ciphertext_room();
  bool on_ciphertext(error_code& failed, std::size_t count);
  void on_receive_deadline();
  void on_stall_deadline();
  int unacknowledged_bytes() noexcept;
  void tell() noexcept;
  /// Sends without waiting. True when all is sent or sending failed (`code`).
  bool try_send(std::span<iovec>& parts, error_code& code,
                const head_outline* outline = nullptr) noexcept;
  bool try_send_tls(std::span<iovec>& parts, error_code& code) noexcept;
  /// Sends what waits in encrypted form. False when the peer takes no more for now.
  bool try_send_encrypted(error_code& code) noexcept;
  void send_encrypted_later();
  void say_goodbye() noexcept;
  void continue_send(send_awaiter& awaiter);

  bool input_complete() { return stream_->input_complete(); }
  void listen_stream();
  void take_stream_input();
  std::size_t copy_stream_input();
  bool try_send_stream(std::span<iovec>& parts, error_code& code,
                       const head_outline* outline = nullptr) noexcept;
  void end_stream_send(send_awaiter& sender);
  void finish_stream_operations();
  void abort_stream() noexcept;
  void close_stream() noexcept;

  unsigned references_ = 0;
  phase reading_ = phase::none;
  bool pinned_ = false;
  bool idle_ = false;      ///< The awaiting receiver agreed to a doze.
  bool interrupted_ = false;
  bool sending_ = false;   ///< A send waits for the peer.
  bool stream_over_ = false;
  bool heads_apart_ = false;
  bool awaits_trailers_ = false; ///< Somebody waits for the end of a message, of which there are no more bytes.
  bool resets_on_close_ = false; ///< A stream's; a socket has an option for it.
  bool doze_next_ = false; ///< The read under way was cancelled to give its buffer back.
  event_loop& loop_;
  tcp_socket socket_;
  std::unique_ptr<tls_state> tls_;
  std::unique_ptr<stream_port> stream_;
  send_awaiter* stream_sender_ = nullptr; ///< Waits for room in the stream.
  block block_;
  block pinned_block_; ///< Where the pinned head stayed when the rest had to move on.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_bytes_ = buffer_store::block_bytes;
  error_code ended_;
  std::coroutine_handle<> receiver_;
  watcher watcher_ = nullptr;
  void* watcher_context_ = nullptr;
  watcher rest_watcher_ = nullptr;
  void* rest_context_ = nullptr;
  deadline receive_deadline_;
  steady_time idle_until_{};
  deadline stall_deadline_;
  std::chrono::nanoseconds stall_limit_{0};
  int unacknowledged_ = 0; ///< When the stall deadline was armed.
  operation_memory read_memory_;
};

using wire_ptr = boost::intrusive_ptr<wire>;

// -- Awaiters. They live in the frame of the coroutine that awaits them.

struct wire::receive_awaiter {
  wire& self;
  bool full = false;

  bool await_ready() const noexcept { return static_cast<bool>(self.ended_); }
  bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
    self.receiver_ = awaiting;
    self.listen();
    full = self.reading_ == phase::none; // The caller asks for more than it may have.
    if (full)
      self.receiver_ = nullptr;
    return !full;
  }
  error_code await_resume() const noexcept {
    if (self.idle_)
      self.resume_use();
    if (std::exchange(self.interrupted_, false))
      return asio::error::operation_aborted;
    if (full)
      return asio::error::no_buffer_space;
    return self.ended_;
  }
};

struct wire::send_awaiter {
  wire& self;
  std::span<iovec> parts;
  iovec single;
  const head_outline* outline = nullptr;
  error_code code{};
  std::coroutine_handle<> sender{};

  bool await_ready() noexcept {
    if (parts.data() == nullptr)
      parts = {&single, 1};
    return self.try_send(parts, code, outline);
  }
  void await_suspend(std::coroutine_handle<> awaiting) {
    sender = awaiting;
    self.continue_send(*this);
  }
  error_code await_resume() const noexcept { return code; }
};

struct wire::connect_awaiter {
  wire& self;
  tcp::endpoint peer;
  std::chrono::nanoseconds limit;
  error_code code;
  std::coroutine_handle<> awaiting;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle);
  error_code await_resume() const noexcept { return code; }
};

inline auto wire::receive() noexcept {
  return receive_awaiter{*this};
}

inline auto wire::receive_idle(std::chrono::nanoseconds idle) noexcept {
  rest(idle);
  return receive_awaiter{*this};
}

inline auto wire::send(std::span<iovec> parts, const head_outline* outline) noexcept {
  return send_awaiter{*this, parts, {}, outline};
}

inline auto wire::send(std::string_view text) noexcept {
  return send_awaiter{*this, {}, {const_cast<char*>(text.data()), text.size()}};
}

inline auto wire::connect(const tcp::endpoint& peer, std::chrono::nanoseconds limit) noexcept {
  return connect_awaiter{*this, peer, limit, {}, {}};
}

} // namespace shunt::net
