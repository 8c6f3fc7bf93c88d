#include "cluster/peer_link.hpp"

#include "actors/heap_room.hpp"
#include "cluster/replica_codec.hpp"
#include "cluster/told_codec.hpp"
#include "routing/message_transit.hpp"

#include <caf/all.hpp>

namespace shunt {

namespace {

using namespace cluster;
using routing::replica_message;

/// Of collected messages: then they go out although more may follow at once. With another piece of a slice a frame still
/// has room in the buffer that a connection reads into, or it would take one of its own.
constexpr std::size_t full_frame_bytes = 32 * 1024;

/// Pieces of slices are.
constexpr std::size_t large_frame_bytes = 4 * 1024;

struct link_state {
  static constexpr const char* name = "peer-link";
  std::vector<route_shard_actor> shards;
  std::vector<message_packer> waiting; ///< By lane.
  bool flushing = false; ///< A `flush_frames` is under way.
  bool over = false;
  routing::message_transit transit;
  std::size_t to_hear = 0; ///< Shards that have not said yet that they know of the end.
};

using link_self = peer_link_actor::stateful_pointer<link_state>;

/// Pieces of slices do not hold up anything else. Each kind always takes the same way, so that its order stays. Leases,
/// filters, pushes and ages share theirs: a filter that came after what has appeared since would deny it, and an answer
/// about ages says that all pushes before it have been read.
link_lane lane_of(const replica_message& message) {
  const bool piece = std::holds_alternative<routing::slice_told>(message)
                     || std::holds_alternative<routing::transfer_piece>(message);
  return piece ? link_lane::slices : link_lane::main;
}

/// What a frame says to the node, which counts as not consumed until it is heeded.
struct arrived_event {
  link_event event;
  std::shared_ptr<const void> credit;
};

/// The messages of one frame, which share its memory, and with it count as not consumed.
struct arrived_messages {
  messages_frame frame;
  std::shared_ptr<const void> credit;
};

class peer_link {
public:
  peer_link(link_self self, peer_link_options options) : self_{self}, options_{std::move(options)} {
    state().shards = std::move(options_.shards);
    state().waiting.assign(2, message_packer{options_.version});
  }

  // -- To the peer.

  void send(const to_peer& m) const {
    if (state().over)
      return;
    if (!collect(m, *m.what, piece_bytes_max))
      for (const auto& part : in_parts(*m.what))
        if (!collect(m, part))
          end("a message of kind " + std::to_string(kind_of(part)) + " is larger than a frame");
  }

  void flush() const {
    state().flushing = false;
    send_collected(link_lane::main);
    send_collected(link_lane::slices);
  }

  // -- From the peer.

  void read(const arrived_frame& arrived) const {
    if (state().over)
      return;
    if (arrived.payload.size() >= large_frame_bytes)
      make_heap_room();
    auto decoded = decode(arrived.payload, state().shards.size());
    if (!decoded.frame) {
      options_.metrics->frames_refused.add();
      end("a frame that cannot be read: " + decoded.error);
      return;
    }
    std::visit([&](auto& frame) { take(frame, arrived); }, *decoded.frame);
  }

  void replace(const shard_replaced& m) const { state().shards[m.shard] = m.successor; }

  /// Nothing arrives any more.
  void conclude() const {
    state().over = true;
    state().to_hear = state().shards.size();
    for (const auto& shard : state().shards)
      self_->request(shard, caf::infinite, peer_gone{options_.peer})
        .then([it = *this] { it.heard_the_end(); }, [it = *this](const caf::error&) { it.heard_the_end(); });
    if (state().shards.empty())
      part();
  }

private:
  link_state& state() const { return self_->state; }
  link_name name() const { return {options_.link->number(), options_.peer}; }

  void end(std::string reason) const { options_.transport->close(options_.link, std::move(reason)); }

  void tell_node(link_event event, std::shared_ptr<const void> credit = {}) const {
    const auto all = std::make_shared<const arrived_event>(std::move(event), std::move(credit));
    self_->send(options_.node, link_news{std::shared_ptr<const link_event>{all, &all->event}});
  }

  void heard_the_end() const {
    if (--state().to_hear == 0)
      part();
  }
  void part() const {
    tell_node({link_ended{name()}});
    self_->quit();
  }

  /// What already waits in the mailbox joins the same frame. False: it is longer than that.
  bool collect(const to_peer& whole, const replica_message& message, std::size_t bytes_max = frame_bytes_max) const {
    const auto lane = lane_of(message);
    auto& packer = state().waiting[static_cast<std::size_t>(lane)];
    auto bytes_before = packer.bytes();
    if (!packer.add(whole.shard, message, whole.composed, bytes_max)) {
      send_collected(lane);
      bytes_before = packer.bytes();
      if (!packer.add(whole.shard, message, whole.composed, bytes_max))
        return false;
    }
    options_.metrics->messages_out[kind_of(message)].add();
    options_.metrics->message_bytes_out[kind_of(message)].add(packer.bytes() - bytes_before);
    if (packer.bytes() >= full_frame_bytes)
      send_collected(lane);
    else if (!std::exchange(state().flushing, true))
      self_->send(self_, flush_frames{});
    return true;
  }

  void send_collected(link_lane lane) const {
    auto& packer = state().waiting[static_cast<std::size_t>(lane)];
    if (!packer.empty())
      options_.transport->send(options_.link,
                               lane == link_lane::main ? send_queue::changes : send_queue::slices,
                               packer.take());
  }

  void take(messages_frame& frame, const arrived_frame& arrived) const {
    options_.metrics->unknown_skipped.add(frame.skipped);
    std::optional<routing::time_point> composed;
    if (frame.composed_ms)
      composed = state().transit.composed_at(*frame.composed_ms, self_->clock().now());
    const auto all =
      std::make_shared<const arrived_messages>(arrived_messages{std::move(frame), arrived.credit});
    for (const auto& [shard, what] : all->frame.messages) {
      options_.metrics->messages_in[kind_of(what)].add();
      self_->send(state().shards[shard],
                  from_peer{options_.peer, shard, std::shared_ptr<const replica_message>{all, &what}, composed});
    }
  }

  void take(routing::node_heartbeat& beat, const arrived_frame& arrived) const {
    options_.metrics->heartbeats_in.add();
    tell_node({beat_heard{name(), std::move(beat)}}, arrived.credit);
  }
  void take(routing::node_news& news, const arrived_frame& arrived) const {
    tell_node({news_heard{name(), std::move(news)}}, arrived.credit);
  }
  void take(table_counts& counts, const arrived_frame& arrived) const {
    tell_node({counts_heard{name(), counts}}, arrived.credit);
  }
  void take(unknown_frame&, const arrived_frame&) const { options_.metrics->unknown_skipped.add(); }

  template <class Greeting>
  void take(Greeting&, const arrived_frame&) const {
    options_.metrics->frames_refused.add();
    end("a greeting in the middle of a link");
  }

  link_self self_;
  peer_link_options options_;
};

peer_link_actor::behavior_type link_behavior(link_self self, peer_link_options options) {
  const peer_link it{self, std::move(options)};
  return {
    [it](const to_peer& m) { it.send(m); },
    [it](const shard_replaced& m) { it.replace(m); },
    [it](const frame_arrived& m) { it.read(*m.frame); },
    [it](link_over) { it.conclude(); },
    [it](flush_frames) { it.flush(); },
  };
}

class link_outlet final : public link_listener {
public:
  link_outlet(peer_link_actor actor, cluster_node_actor node, link_name link)
    : actor_{std::move(actor)}, node_{std::move(node)}, link_{link} {}

  void on_open() override { tell_node({link_opened{link_}}); }
  /// That actor may have much to read, and waits for its turn among all shards: nobody is to be taken for dead for that.
  void on_frame(arrived_frame frame) override {
    if (is_heartbeat(frame.payload) && !seen_->exchange(true))
      tell_node({beat_seen{link_, seen_}});
    caf::anon_send(actor_, frame_arrived{std::make_shared<const arrived_frame>(std::move(frame))});
  }
  void on_closed(std::string reason) override {
    tell_node({link_closed{link_, std::move(reason)}});
    caf::anon_send(actor_, link_over{});
  }

private:
  void tell_node(link_event event) {
    caf::anon_send(node_, link_news{std::make_shared<const link_event>(std::move(event))});
  }

  peer_link_actor actor_;
  cluster_node_actor node_;
  link_name link_;
  std::shared_ptr<std::atomic<bool>> seen_ = std::make_shared<std::atomic<bool>>(false);
};

class transport_outlet final : public transport_listener {
public:
  explicit transport_outlet(cluster_node_actor node) : node_{std::move(node)} {}
  void on_greeting(greeting heard) override { tell({std::move(heard)}); }
  void on_dial_failed(dial_failure failure) override { tell({std::move(failure)}); }
  void on_stranger(std::string address, std::string reason) override {
    tell({stranger_left{std::move(address), std::move(reason)}});
  }

private:
  void tell(link_event event) {
    caf::anon_send(node_, link_news{std::make_shared<const link_event>(std::move(event))});
  }

  cluster_node_actor node_;
};

} // namespace

peer_link_actor spawn_peer_link(caf::actor_system& system, peer_link_options options) {
  return system.spawn(link_behavior, std::move(options));
}

std::shared_ptr<link_listener> listener_for(peer_link_actor actor, cluster_node_actor node, link_name link) {
  return std::make_shared<link_outlet>(std::move(actor), std::move(node), link);
}

std::shared_ptr<transport_listener> transport_listener_for(cluster_node_actor node) {
  return std::make_shared<transport_outlet>(std::move(node));
}

} // namespace shunt
