// An HTTP/2 connection on a loop: moves the bytes between a wire and an `http2_session`, and gives
// each stream a wire of its own, on which HTTP/1.1 is spoken. Whoever serves or asks over such a
// wire need not know that there is HTTP/2 below. Reference-counted without atomics; its loop's
// thread.
#pragma once

#include "net/http2_session.hpp"
#include "net/latch.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"

#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <functional>
#include <vector>

namespace shunt::net {

class http2_link;
using http2_link_ptr = boost::intrusive_ptr<http2_link>;

class http2_link : public boost::intrusive_ref_counter<http2_link, boost::thread_unsafe_counter> {
public:
  /// Called with the wire of each stream that the peer opened.
  using stream_handler = std::function<void(wire_ptr)>;

  http2_link(wire_ptr carrier, http2_role role, const http2_limits& limits, std::uint64_t seed,
             stream_handler on_stream = {});
  http2_link(const http2_link&) = delete;
  http2_link& operator=(const http2_link&) = delete;
  ~http2_link();

  /// How long it waits before it says goodbye, or resets a stream; 0 = for ever.
  struct patience {
    std::chrono::nanoseconds first{0}; ///< For the first stream, and for each head to be complete.
    std::chrono::nanoseconds idle{0};  ///< Without any stream.
    std::chrono::nanoseconds stall{0}; ///< While a peer takes nothing of a response that is complete, or says not that its own is.
    std::chrono::nanoseconds lost{0};  ///< With streams that we opened, while the peer's host does not acknowledge a byte.
  };

  /// For `stall`, of backends: an app may still be at work when it has sent all of its response.
  static constexpr std::chrono::seconds unended_patience{10};

  /// Moves bytes until the connection is over; then it is closed, and all streams have ended.
  task<void> run(patience limits);

  /// Takes no further streams: those that are open go on, then the connection ends. A client is told at once, a
  /// backend when its last stream has ended.
  void shut_down();
  /// Ends everything at once.
  void abort(error_code reason) noexcept { carrier_->abort(reason); }

  bool is_over() const noexcept { return over_; }
  std::size_t open_streams() const noexcept { return session_.open_streams(); }
  const wire_ptr& carrier() const noexcept { return carrier_; }

  // -- Towards a backend.

  /// Whether a request can go out by this connection now.
  bool can_open() const { return !over_ && !leaving_ && session_.can_open(); }
  bool allows_websocket() const { return session_.peer_allows_websocket(); }
  /// A wire for one request and its response.
  wire_ptr open();

private:
  class port;
  friend class port;

  task<void> move_bytes();
  task<void> flush();
  void start_flush();
  void flush_soon();
  void charge() noexcept;
  void dispatch();
  void tell(wire& of, const http2_news& news);
  wire_ptr make_wire(http2_stream_id id);
  void forget(http2_stream_id id) noexcept;
  void mind_idleness();
  void on_idle();
  void mind_head();
  void mind_stalls();
  void on_stall();
  void mind_peer();
  void on_vigil();

  wire_ptr carrier_;
  http2_session session_;
  stream_handler on_stream_;
  std::vector<wire*> wires_; ///< By stream; null where there is none.
  patience limits_;
  deadline idle_;
  deadline head_;
  deadline stall_;
  deadline vigil_; ///< When to look whether the peer is still there.
  latch flushed_; ///< Awaited at the end, for what is still to be sent.
  std::size_t charged_bytes_ = 0; ///< To the budget of all buffers.
  bool flushing_ = false;
  bool blocked_ = false; ///< The flush had to wait for the peer.
  bool flush_posted_ = false;
  bool leaving_ = false; ///< It said goodbye.
  bool over_ = false;
  bool dispatch_posted_ = false; ///< Others on the loop have their turn first.
};

} // namespace shunt::net
