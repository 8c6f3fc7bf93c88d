#include "net/http2_link.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

namespace shunt::net {

namespace {

/// Collected at a time: enough for the large frames of some streams.
constexpr std::size_t flush_bytes = 64 * 1024;
/// Streams of one client that begin to be served before others on the loop get their turn.
constexpr unsigned streams_per_turn = 16;
/// For the peer to answer our goodbye, and to take it.
constexpr auto goodbye_patience = std::chrono::seconds{5};

error_code broken_off(const http2_ending& ending) {
  // Told apart because such a request may go elsewhere, whatever it is.
  return ending.unprocessed ? asio::error::connection_refused : asio::error::connection_reset;
}

/// Whether the peer's host has acknowledged nothing for `silence` although the kernel asked it again and again: it is
/// gone, or the way to it. One that lives acknowledges, be it to say that it takes no more, however busy its processes
/// are.
bool lost_peer(wire& carrier, std::chrono::nanoseconds silence) {
  tcp_info told{};
  socklen_t size = sizeof told;
  if (::getsockopt(carrier.socket().native_handle(), IPPROTO_TCP, TCP_INFO, &told, &size) != 0)
    return false;
  constexpr unsigned enough = 2; // The first may have been sent just now, after hours of quiet.
  const bool asked = told.tcpi_retransmits >= enough || told.tcpi_probes >= enough;
  return asked && std::chrono::milliseconds{told.tcpi_last_ack_recv} >= silence;
}

} // namespace

/// What a stream's wire holds of the link.
class http2_link::port : public stream_port {
public:
  port(http2_link_ptr link, http2_stream_id id) : link_{std::move(link)}, id_{id} {}
  port(const port&) = delete;
  port& operator=(const port&) = delete;
  ~port() override { close(false); }
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* memory, std::size_t bytes) { release_frame(memory, bytes); }

  std::string_view inbound() override {
    return link_ ? link_->session_.inbound(id_) : std::string_view{};
  }
  void consume(std::size_t count) override {
    link_->session_.consume(id_, count);
    if (link_->session_.wants_send()) // The peer may be waiting for a larger window.
      link_->flush_soon();
  }
  bool has_head() override { return link_ && link_->session_.has_head(id_); }
  bool take_head(std::string& text, head_outline& outline) override {
    return link_ && link_->session_.take_head(id_, text, outline);
  }
  bool input_complete() override { return link_ && link_->session_.input_complete(id_); }
  std::string_view trailers_apart() override {
    return link_ ? link_->session_.trailers_apart(id_) : std::string_view{};
  }
  void end_apart() override {
    if (link_)
      link_->session_.end_apart(id_);
  }
  bool input_ended() override { return !link_ || link_->session_.input_ended(id_); }
  std::size_t write(std::span<const iovec> parts, const head_outline* outline) override {
    if (!link_)
      return 0;
    const auto taken = link_->session_.write(id_, parts, outline);
    link_->flush_soon();
    return taken;
  }
  std::size_t unsent_bytes() override { return link_ ? link_->session_.unsent_bytes(id_) : 0; }
  void end() override {
    if (!link_)
      return;
    link_->session_.end(id_);
    link_->flush_soon();
  }
  void close(bool in_order) noexcept override {
    const auto link = std::exchange(link_, nullptr);
    if (!link)
      return;
    if (in_order)
      link->session_.end(id_);
    else
      link->session_.reset(id_, link->session_.break_code());
    link->forget(id_);
  }

private:
  http2_link_ptr link_; ///< Null once closed.
  http2_stream_id id_;
};

http2_link::http2_link(wire_ptr carrier, http2_role role, const http2_limits& limits,
                       std::uint64_t seed, stream_handler on_stream)
  : carrier_{std::move(carrier)},
    session_{role, limits, seed},
    on_stream_{std::move(on_stream)},
    idle_{carrier_->loop().deadlines(),
          [](void* self) { static_cast<http2_link*>(self)->on_idle(); }, this},
    head_{carrier_->loop().deadlines(),
          [](void* self) { static_cast<http2_link*>(self)->abort(asio::error::timed_out); }, this},
    stall_{carrier_->loop().deadlines(),
           [](void* self) { static_cast<http2_link*>(self)->on_stall(); }, this},
    vigil_{carrier_->loop().deadlines(),
           [](void* self) { static_cast<http2_link*>(self)->on_vigil(); }, this} {
}

http2_link::~http2_link() {
  carrier_->loop().buffers().budget().give_back(charged_bytes_);
}

task<void> http2_link::run(patience limits) {
  const http2_link_ptr self{this};
  carrier_->watch_rest([](void* link) { static_cast<http2_link*>(link)->session_.rest(); }, this);
  limits_ = limits;
  if (limits.first.count() > 0 && !leaving_)
    idle_.expires_after(limits.first);
  start_flush(); // Our settings.
  co_await move_bytes();
  over_ = true;
  carrier_->watch_rest(nullptr, nullptr);
  head_.disarm();
  stall_.disarm();
  vigil_.disarm();
  session_.abandon(http2_code::cancel);
  dispatch();
  idle_.expires_after(goodbye_patience); // For what is left to be sent.
  start_flush();
  if (flushing_)
    co_await flushed_;
  idle_.disarm();
  carrier_->close();
}

task<void> http2_link::move_bytes() {
  for (;;) {
    if (const auto received = carrier_->bytes(); !received.empty()) {
      const bool goes_on = session_.receive(received, std::chrono::steady_clock::now());
      carrier_->consume(received.size());
      dispatch();
      mind_idleness();
      mind_head();
      start_flush();
      if (!goes_on || session_.finished())
        co_return;
    }
    if (session_.finished())
      co_return;
    // Also while the peer takes nothing: it may be waiting for us to do the same. What it can make us
    // keep is bounded by windows and limits, and the wait by the carrier's.
    const auto failed = co_await carrier_->receive_idle(std::chrono::nanoseconds{0});
    if (failed && (carrier_->ended() || session_.finished()))
      co_return;
  }
}

// -- Sending.

void http2_link::flush_soon() {
  if (blocked_) // What is written meanwhile stays.
    charge();
  if (flushing_ || std::exchange(flush_posted_, true))
    return;
  carrier_->loop().post([self = http2_link_ptr{this}] {
    self->flush_posted_ = false;
    self->start_flush();
  });
}

void http2_link::start_flush() {
  if (std::exchange(flushing_, true))
    return;
  flushed_ = {};
  net::start(flush(), [self = http2_link_ptr{this}](const std::exception_ptr& thrown) {
    self->flushing_ = self->blocked_ = false;
    if (thrown)
      self->carrier_->abort(asio::error::no_memory);
    self->charge();
    self->mind_idleness(); // The last response may have gone out just now.
    self->mind_stalls();
    if (self->session_.finished())
      self->carrier_->interrupt(); // Whoever waits for bytes waits in vain.
    self->flushed_.open();
  });
  if (flushing_) {
    blocked_ = true;
    charge();
  }
}

/// What stays behind when all has gone out that the peer takes is held against the memory of the process, as
/// the buffers of wires are; of what goes on at once nothing is. Where none is left new requests are refused.
void http2_link::charge() noexcept {
  constexpr auto step = buffer_store::block_bytes;
  const auto held = session_.held_bytes() + (blocked_ ? flush_bytes : 0);
  const auto due = (held + step - 1) / step * step;
  if (due == 0 && charged_bytes_ == 0 && !session_.sparing_memory())
    return;
  auto& budget = carrier_->loop().buffers().budget();
  if (due > charged_bytes_)
    budget.take(due - charged_bytes_);
  else if (due < charged_bytes_)
    budget.give_back(charged_bytes_ - due);
  charged_bytes_ = due;
  session_.spare_memory(budget.exhausted());
}

task<void> http2_link::flush() {
  auto out = carrier_->loop().take_text();
  for (;;) {
    out.clear();
    session_.collect(out, flush_bytes);
    dispatch();
    if (out.empty())
      break;
    const auto failed = co_await carrier_->send(out);
    if (failed) {
      carrier_->abort(failed);
      break;
    }
  }
  carrier_->loop().give_back_text(std::move(out));
}

// -- Streams.

void http2_link::dispatch() {
  if (dispatch_posted_ && !over_)
    return;
  unsigned opened = 0;
  while (const auto news = session_.next_news()) {
    wire_ptr of;
    if (news->opened) {
      of = make_wire(news->id);
      if (news->ended) // Taken back at once: nobody need hear of it, least of all a backend.
        continue;
      on_stream_(of);
      ++opened;
    } else if (news->id < wires_.size()) {
      of = wire_ptr{wires_[news->id]};
    }
    if (of && wires_[news->id] == of.get())
      tell(*of, *news);
    if (opened == streams_per_turn) {
      dispatch_posted_ = true;
      carrier_->loop().post([self = http2_link_ptr{this}] {
        self->dispatch_posted_ = false;
        self->dispatch();
      });
      return;
    }
  }
}

void http2_link::tell(wire& of, const http2_news& news) {
  const auto closed_meanwhile = [this, &of, &news] { return wires_[news.id] != &of; };
  if (news.readable)
    of.stream_readable();
  if (news.writable && !closed_meanwhile())
    of.stream_writable();
  if (!news.ended || closed_meanwhile())
    return;
  const auto& ending = session_.ending(news.id);
  if (ending.code == http2_code::no_error && ending.input_complete)
    of.stream_over();
  else
    of.stream_failed(broken_off(ending));
}

wire_ptr http2_link::make_wire(http2_stream_id id) {
  wire_ptr made{new wire{carrier_->loop(), std::make_unique<port>(http2_link_ptr{this}, id)}};
  if (wires_.size() <= id)
    wires_.resize(id + 1);
  wires_[id] = made.get();
  return made;
}

wire_ptr http2_link::open() {
  idle_.disarm();
  mind_peer();
  return make_wire(session_.open());
}

void http2_link::forget(http2_stream_id id) noexcept {
  wires_[id] = nullptr;
  session_.release(id);
  mind_idleness();
  flush_soon();
}

// -- Idleness.

void http2_link::mind_idleness() {
  if (leaving_ || over_)
    return;
  if (!session_.is_idle())
    idle_.disarm();
  else if (!idle_.armed() && limits_.idle.count() > 0)
    idle_.expires_after(limits_.idle);
}

/// Not moved by what arrives: half a head is no reason to wait longer for the other half.
void http2_link::mind_head() {
  if (!session_.head_under_way())
    head_.disarm();
  else if (!head_.armed() && limits_.first.count() > 0)
    head_.expires_after(limits_.first);
}

void http2_link::shut_down() {
  if (std::exchange(leaving_, true))
    return;
  session_.shutdown();
  idle_.expires_after(goodbye_patience);
  flush_soon();
}

void http2_link::on_idle() {
  if (over_ || (leaving_ && session_.is_idle())) { // It had its time.
    carrier_->abort(asio::error::timed_out);
    return;
  }
  if (!leaving_) {
    shut_down();
    return;
  }
  session_.stop_accepting(); // It does not answer.
  flush_soon();
  idle_.expires_after(goodbye_patience);
}

// -- What nobody waits for any more.

/// A response that was written to its end goes out by itself, as far as the peer takes it; one that was read to its
/// end is over when the peer says so.
void http2_link::mind_stalls() {
  if (over_ || session_.lingering_streams() == 0)
    stall_.disarm();
  else if (!stall_.armed() && limits_.stall.count() > 0)
    stall_.expires_after(limits_.stall);
}

void http2_link::on_stall() {
  session_.reset_stalled();
  mind_stalls();
  flush_soon();
}

// -- A peer that is gone.

/// The kernel sends no keep-alive probes while bytes wait to be acknowledged, and gives those up after a quarter of an
/// hour; until then one request after the other would be sent into the void. TCP_USER_TIMEOUT would also end
/// connections to hosts that live but have no room for more bytes, and a PING those to processes that are busy; and
/// servers of gRPC send away whoever pings them more than a few times while they say nothing.
void http2_link::mind_peer() {
  constexpr int looks = 4; // So much later than it might be, at most, a lost one is found.
  if (!vigil_.armed() && !over_ && limits_.lost.count() > 0)
    vigil_.expires_after(limits_.lost / looks);
}

void http2_link::on_vigil() {
  if (session_.is_idle()) // The next stream begins anew.
    return;
  if (!lost_peer(*carrier_, limits_.lost))
    return mind_peer();
  carrier_->reset_on_close(); // Nothing need be kept for it any longer.
  abort(asio::error::timed_out);
}

} // namespace shunt::net
