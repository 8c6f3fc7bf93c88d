#include "net/wire.hpp"

#include "net/open_sockets.hpp"
#include "net/wire.tls.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace shunt::net {

void* operation_memory::allocate(std::size_t bytes) {
  if (in_use_ || bytes > size)
    return ::operator new(bytes);
  in_use_ = true;
  return inline_.data();
}

void operation_memory::release(void* memory) noexcept {
  if (memory == inline_.data())
    in_use_ = false;
  else
    ::operator delete(memory);
}

namespace {

/// Makes an operation's memory come from its wire.
template <class T>
struct wire_allocator {
  using value_type = T;
  operation_memory* memory;

  explicit wire_allocator(operation_memory* from) noexcept : memory{from} {}
  template <class U>
  wire_allocator(const wire_allocator<U>& other) noexcept : memory{other.memory} {}
  T* allocate(std::size_t count) { return static_cast<T*>(memory->allocate(count * sizeof(T))); }
  void deallocate(T* freed, std::size_t) noexcept { memory->release(freed); }
  template <class U>
  bool operator==(const wire_allocator<U>& other) const noexcept {
    return memory == other.memory;
  }
};

constexpr auto doze_after = std::chrono::seconds{1}; ///< Idle for longer, a wire needs no buffer.
constexpr std::size_t least_room = 1024; ///< Reading into less would mean more reads than needed.

void note_opened(const tcp_socket& socket) noexcept {
  if (socket.is_open())
    open_sockets.opened();
}

void note_closing(const tcp_socket& socket) noexcept {
  if (socket.is_open())
    open_sockets.closed();
}

} // namespace

struct wire::read_handler {
  using allocator_type = wire_allocator<char>;
  wire_ptr self;

  allocator_type get_allocator() const noexcept { return allocator_type{&self->read_memory_}; }
  void operator()(error_code failed, std::size_t count) const { self->on_read(failed, count); }
  void operator()(error_code) const { self->wake(); }
};

struct wire::send_handler {
  wire_ptr self;
  send_awaiter* awaiter;

  void operator()(error_code failed, std::size_t count = 0) const {
    auto& parts = awaiter->parts;
    take_off(parts, count);
    if (failed)
      awaiter->code = self->ended_ && failed == asio::error::operation_aborted ? self->ended_ : failed;
    if (!failed && !self->try_send(parts, awaiter->code)) {
      self->continue_send(*awaiter);
      return;
    }
    self->stall_deadline_.disarm();
    self->sending_ = false;
    awaiter->sender.resume();
  }
};

struct wire::connect_handler {
  wire_ptr self;
  connect_awaiter* awaiter;

  void operator()(error_code failed) const {
    self->receive_deadline_.disarm();
    awaiter->code = failed && self->ended_ ? self->ended_ : failed;
    awaiter->awaiting.resume();
  }
};

wire::wire(event_loop& loop, tcp_socket socket)
  : loop_{loop}, socket_{std::move(socket)},
    receive_deadline_{loop.deadlines(), [](void* w) { static_cast<wire*>(w)->on_receive_deadline(); },
                      this},
    stall_deadline_{loop.deadlines(),
                    [](void* w) { static_cast<wire*>(w)->on_stall_deadline(); }, this} {
  note_opened(socket_);
}

wire::~wire() {
  note_closing(socket_);
  if (tls_)
    loop_.buffers().give_back(std::move(tls_->ciphertext));
  loop_.buffers().give_back(std::move(block_));
  loop_.buffers().give_back(std::move(pinned_block_));
}

// -- Receiving.

void wire::listen() {
  if (reading_ != phase::none || ended_)
    return;
  if (stream_) {
    listen_stream();
    return;
  }
  if (!make_room())
    return;
  reading_ = phase::reading;
  if (tls_ && tls_->engine->has_input()) { // Later: whoever asks for bytes expects none yet.
    loop_.post([self = wire_ptr{this}] { self->on_read({}, 0); });
    return;
  }
  const auto room =
    tls_ ? ciphertext_room() : asio::mutable_buffer{block_.data() + end_, block_.size() - end_};
  socket_.async_read_some(room, read_handler{wire_ptr{this}});
}

bool wire::make_room() {
  if (block_.size() == 0) {
    block_ = loop_.buffers().take(wanted_bytes_);
    begin_ = end_ = 0;
    return true;
  }
  const bool head_elsewhere = !pinned_ || pinned_block_.size() > 0;
  if (head_elsewhere && begin_ == end_) {
    begin_ = end_ = 0;
    if (block_.size() != wanted_bytes_) { // A stream began, or is over.
      loop_.buffers().give_back(std::move(block_));
      block_ = loop_.buffers().take(wanted_bytes_);
      return true;
    }
  }
  const bool too_small = head_elsewhere && block_.size() < wanted_bytes_;
  if (block_.size() - end_ >= least_room && !too_small)
    return true;
  if (head_elsewhere && !too_small && begin_ > 0) {
    std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return block_.size() > end_;
  }
  const auto unconsumed = end_ - begin_;
  if (head_elsewhere && block_.size() >= wanted_bytes_)
    return block_.size() > end_;
  move_to(loop_.buffers().take(std::max(wanted_bytes_, unconsumed + least_room)));
  return true;
}

void wire::move_to(block bigger) noexcept {
  std::memcpy(bigger.data(), block_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (pinned_ && pinned_block_.size() == 0)
    pinned_block_ = std::move(block_);
  else
    loop_.buffers().give_back(std::move(block_));
  block_ = std::move(bigger);
}

void wire::unpin() noexcept {
  pinned_ = false;
  loop_.buffers().give_back(std::move(pinned_block_));
  pinned_block_ = {};
}

void wire::on_read(error_code failed, std::size_t count) {
  reading_ = phase::none;
  if (!tls_)
    end_ += count;
  else if (!on_ciphertext(failed, count)) { // Nothing that anybody waits for.
    if (std::exchange(doze_next_, false))
      start_doze();
    else
      listen();
    return;
  }
  if (std::exchange(doze_next_, false) && failed == asio::error::operation_aborted && !ended_) {
    start_doze();
    return;
  }
  if (failed && !ended_)
    ended_ = failed;
  tell();
}

void wire::tell() noexcept {
  if (receiver_) {
    std::exchange(receiver_, nullptr).resume();
  } else if (watcher_ != nullptr) {
    watcher_(watcher_context_);
  }
}

void wire::rest(std::chrono::nanoseconds idle) {
  const auto now = std::chrono::steady_clock::now();
  idle_ = true;
  idle_until_ = idle.count() > 0 ? now + idle : steady_time::max();
  receive_deadline_.expires_at(std::min(idle_until_, now + doze_after));
  listen();
}

void wire::start_doze() {
  if (begin_ == end_ && (!pinned_ || pinned_block_.size() > 0)) {
    loop_.buffers().give_back(std::move(block_));
    block_ = {};
    begin_ = end_ = 0;
  }
  if (tls_ && !tls_->engine->has_input()) {
    loop_.buffers().give_back(std::move(tls_->ciphertext));
    tls_->engine->rest();
  }
  if (rest_watcher_ != nullptr)
    rest_watcher_(rest_context_);
  reading_ = phase::dozing;
  if (!stream_) // Who carries it tells.
    socket_.async_wait(tcp_socket::wait_read, read_handler{wire_ptr{this}});
}

void wire::wake() {
  reading_ = phase::none;
  if (ended_)
    tell();
  else
    listen(); // Reads the bytes, or the end, at once.
}

void wire::on_receive_deadline() {
  const auto now = std::chrono::steady_clock::now();
  if (idle_ && now < idle_until_) {
    if (sending_) { // Cancelling the read would cancel the send too.
      receive_deadline_.expires_after(doze_after);
      return;
    }
    receive_deadline_.expires_at(idle_until_);
    if (reading_ == phase::reading && stream_) {
      start_doze();
    } else if (reading_ == phase::reading) {
      doze_next_ = true;
      error_code ignored;
      socket_.cancel(ignored);
    }
    return;
  }
  if (idle_) // No message is cut off.
    say_goodbye();
  abort(asio::error::timed_out);
}

// -- Sending.

bool wire::try_send(std::span<iovec>& parts, error_code& code,
                    const head_outline* outline) noexcept {
  if (ended_ && ended_ != asio::error::eof) {
    code = ended_;
    return true;
  }
  if (stream_)
    return try_send_stream(parts, code, outline);
  if (tls_)
    return try_send_tls(parts, code);
  while (!parts.empty()) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = std::min<std::size_t>(parts.size(), 64);
    constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    auto sent = parts.size() == 1 // As nearly always, and cheaper.
                  ? ::send(socket_.native_handle(), parts[0].iov_base, parts[0].iov_len, flags)
                  : ::sendmsg(socket_.native_handle(), &message, flags);
    if (sent < 0) {
      if (errno == EINTR)
        continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK)
        return false;
      code = {errno, boost::system::system_category()};
      return true;
    }
    take_off(parts, static_cast<std::size_t>(sent));
  }
  return true;
}

void wire::continue_send(send_awaiter& awaiter) {
  sending_ = true;
  if (stall_limit_.count() > 0) {
    unacknowledged_ = unacknowledged_bytes();
    stall_deadline_.expires_after(stall_limit_);
  }
  if (stream_) {
    stream_sender_ = &awaiter;
    return;
  }
  if (tls_) { // Not the bytes themselves: more may join them meanwhile.
    socket_.async_wait(tcp_socket::wait_write, send_handler{wire_ptr{this}, &awaiter});
    return;
  }
  const auto& next = awaiter.parts.front();
  socket_.async_write_some(asio::const_buffer{next.iov_base, next.iov_len},
                           send_handler{wire_ptr{this}, &awaiter});
}

int wire::unacknowledged_bytes() noexcept {
  if (stream_)
    return static_cast<int>(stream_->unsent_bytes());
  int bytes = 0;
  return ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/// The kernel reports room only once a third of its buffer is free. For megabytes of buffer a slow
/// peer needs longer than the limit, and takes bytes all the while: that is no stall.
void wire::on_stall_deadline() {
  const auto before = std::exchange(unacknowledged_, unacknowledged_bytes());
  if (unacknowledged_ < before) {
    stall_deadline_.expires_after(stall_limit_);
  } else { // What it did not take would stay in the kernel for as long as it lives.
    reset_on_close();
    abort(asio::error::timed_out);
  }
}

// -- Both.

void wire::connect_awaiter::await_suspend(std::coroutine_handle<> handle) {
  awaiting = handle;
  self.receive_deadline_.expires_after(limit);
  self.socket_.async_connect(peer, connect_handler{wire_ptr{&self}, this});
}

void wire::abort(error_code reason) noexcept {
  if (!ended_ || ended_ == asio::error::eof)
    ended_ = reason;
  error_code ignored;
  if (stream_)
    abort_stream();
  else
    socket_.cancel(ignored);
  if (!stream_ && reading_ == phase::none && watcher_ != nullptr) // Else whoever reads tells it.
    loop_.post([self = wire_ptr{this}] { self->tell(); });
}

void wire::close() noexcept {
  receive_deadline_.disarm();
  stall_deadline_.disarm();
  watcher_ = nullptr;
  if (stream_) {
    close_stream();
    return;
  }
  say_goodbye();
  if (!ended_)
    ended_ = asio::error::operation_aborted;
  note_closing(socket_);
  error_code ignored;
  socket_.close(ignored);
}

void wire::shutdown_send() noexcept {
  if (stream_) {
    stream_->end();
    return;
  }
  say_goodbye();
  if (tls_ && !tls_->unsent().empty()) {
    tls_->shut_after = true;
    send_encrypted_later();
    return;
  }
  error_code ignored;
  socket_.shutdown(tcp_socket::shutdown_send, ignored);
}

void wire::reset_on_close() noexcept {
  resets_on_close_ = true;
  error_code ignored;
  socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
}

void wire::send_anyway(std::string_view text) noexcept {
  iovec part{const_cast<char*>(text.data()), text.size()};
  std::span<iovec> parts{&part, 1};
  if (error_code ignored; stream_)
    try_send_stream(parts, ignored);
  else if (tls_)
    try_send_tls(parts, ignored);
  else
    ::send(socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

} // namespace shunt::net
