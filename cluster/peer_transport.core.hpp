// The inside of a peer_transport: lives on its loop's thread, but for what is said to be for any.
#pragma once

#include "cluster/peer_transport.hpp"
#include "cluster/peer_wire.hpp"
#include "net/listener.hpp"

#include <array>
#include <deque>
#include <future>
#include <unordered_map>
#include <vector>

namespace shunt::cluster {

/// What a coroutine waits for until somebody else says so.
struct gate {
  std::coroutine_handle<> waiting;
  bool is_open = false;

  bool await_ready() const noexcept { return is_open; }
  void await_suspend(std::coroutine_handle<> who) noexcept { waiting = who; }
  void await_resume() const noexcept {}
};

class transport_core {
public:
  transport_core(transport_options options, std::shared_ptr<transport_listener> listener,
                 std::shared_ptr<cluster_metrics> metrics);
  ~transport_core() { stop(); }

  void stop();

  // -- Any thread.

  std::uint64_t dial(std::string address, std::size_t turn);
  void accept(const link_ptr& link, std::shared_ptr<link_listener> listener);
  void refuse(const link_ptr& link, refusal_code code, std::string reason);
  bool send(const link_ptr& link, send_queue queue, std::string frame);
  void close(const link_ptr& link, std::string reason);
  void use_tls(std::shared_ptr<const peer_tls> tls);

private:
  /// A link from the first connection on until it is closed.
  struct link {
    link(transport_core& core, link_ptr known_as, std::string where)
      : handle{std::move(known_as)}, address{std::move(where)}, owner{core},
        limit{core.loop_.deadlines(),
              [](void* self) {
                auto& late = *static_cast<link*>(self);
                late.owner.close_link(late.handle->number(), "the handshake took too long");
              },
              this} {}

    const link_ptr handle;
    const std::string address;
    transport_core& owner;
    net::deadline limit; ///< Of the handshake.
    bool dialled = false;
    std::size_t turn = 0;  ///< Which address of a name is tried first.
    bool greeted = false;  ///< The listener was asked.
    bool accepted = false; ///< And said yes.
    bool open = false;
    bool closed = false;
    std::optional<refusal_frame> refusal; ///< It said no.
    gate answered;
    std::uint64_t token = 0;
    routing::node_hello node;
    std::uint32_t version = 0;
    std::shared_ptr<link_listener> listener;
    std::array<net::wire_ptr, 2> wires;
    std::array<bool, 2> writing{};
    std::array<std::deque<std::string>, 3> queues;
  };
  using link_owner = std::shared_ptr<link>;

  /// Counts a connection of somebody unknown, and keeps it at hand.
  class stranger {
  public:
    stranger(transport_core& core, net::wire& wire) : core_{core}, wire_{wire} { core_.strangers_.push_back(this); }
    stranger(const stranger&) = delete;
    stranger& operator=(const stranger&) = delete;
    ~stranger() { known(); }
    void known() { std::erase(core_.strangers_, this); }
    /// Another wants its place.
    void displace() {
      displaced_ = true;
      known();
      wire_.abort(net::asio::error::operation_aborted);
    }
    bool displaced() const { return displaced_; }
    void close() { wire_.close(); }

  private:
    transport_core& core_;
    net::wire& wire_;
    bool displaced_ = false;
  };

  link_owner find(const link_ptr& handle) const;
  link_owner make_link(std::uint64_t number, std::string address);
  template <class OnFailure>
  void run(net::task<void> work, OnFailure on_failure);
  void close_link(std::uint64_t number, std::string reason);
  void close_all();
  void note_end();

  // -- Greeting (peer_transport.greeting.cpp).

  void take(int descriptor);
  net::task<void> greet(net::wire_ptr wire, std::string address);
  net::task<void> greet_main(net::wire_ptr wire, std::string address, hello_frame hello);
  net::task<void> greet_slices(net::wire_ptr wire, std::string address, hello_frame hello);
  net::task<void> turn_away(net::wire_ptr wire, refusal_code code, std::string reason);
  net::task<void> connect(link_owner to);
  net::task<std::string> connect_main(link_owner to, host_and_port target);
  net::task<std::string> connect_slices(link_owner to);
  net::task<wire_result<welcome_frame>> ask(link_owner to, net::wire_ptr wire, link_lane lane);
  std::string objection(net::wire& wire, const std::string& node) const;
  void watch_first(const link_owner& waiting);
  void look_at_first(link& waiting);
  link_owner expected(const hello_frame& hello) const;
  void tell_of(const link_owner& greeted);
  refusal_frame refusal(refusal_code code, std::string reason) const;
  wire_options options_of_wire() const;

  // -- Open links (peer_transport.traffic.cpp).

  void open(const link_owner& ready);
  void enqueue(const link_ptr& handle, send_queue queue, std::string frame);
  void write_soon(const link_owner& to, link_lane lane);
  net::task<void> write_frames(link_owner to, link_lane lane);
  net::task<void> read_frames(link_owner from, link_lane lane);
  void forget_queued(link_handle& handle, link_lane lane, std::size_t bytes);

  transport_options options_;
  std::shared_ptr<transport_listener> listener_;
  std::shared_ptr<cluster_metrics> shared_metrics_;
  cluster_metrics& metrics_;
  net::buffer_budget budget_;
  net::event_loop loop_;
  std::unique_ptr<net::listener> acceptor_;
  std::unordered_map<std::uint64_t, link_owner> links_;
  std::vector<stranger*> strangers_; ///< As they came.
  std::atomic<std::uint64_t> numbers_{0};
  std::size_t running_ = 0; ///< Coroutines.
  bool stopping_ = false;
  bool over_ = false;    ///< And all coroutines have ended.
  bool stopped_ = false; ///< Of whoever owns it.
  std::promise<void> all_ended_;
};

inline link_lane lane_of(send_queue queue) {
  return queue == send_queue::slices ? link_lane::slices : link_lane::main;
}

/// Runs `work` and lets go of it at its end; `on_failure` hears of an exception (no memory).
template <class OnFailure>
void transport_core::run(net::task<void> work, OnFailure on_failure) {
  ++running_;
  net::start(std::move(work), [this, on_failure](const std::exception_ptr& failure) {
    if (failure)
      on_failure();
    --running_;
    note_end();
  });
}

} // namespace shunt::cluster
