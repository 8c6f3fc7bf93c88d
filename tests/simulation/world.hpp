// A simulated cluster: real membership, placement and shard replicas on every node; links, NATS, apps and time
// are made up. One run follows one history, and ends with the first promise that was broken.
//
// What is promised (the names are those of failures):
//   view      Within 5 s of the last fault all nodes that live and do not leave know the same members, alive, ...
//   holders   ... and place every shard alike.
//   dead      By then nobody who lives is suspect or dead to anybody.
//   moved     A shard is placed beyond its first R nodes only if fewer than two of them are alive, and nodes that were
//             away for less than `rebalance_after` count among these; so no restart moves one.
//   absent    No node in sync says that a host does not exist which a holder in sync has known for `known_for`, or, while
//             nothing is broken, for `pushed_in`, and `nats_late_max` longer where somebody reads NATS late; but for one that
//             does not notice yet that NATS is silent.
//   lost      No endpoint leaves a holder that was heard in time by any holder.
//   back      What a borrower has of a host follows what its lender had: later, or less of it, but never in another order.
//   digest    Within 5 s of the last fault the holders of a shard have equal digests, unless they have unlike stale
//             thresholds: then one that was away while others pruned keeps for longer what they did.
//   newest    By then every holder has of every app what it said last, and so has every borrower of what it leases.
//   gone      By then an endpoint whose unregister some holder applied, and nobody registered since, is gone from all; if it
//             had been registered so shortly before that the two may tie, then when all is pruned. What stood still knows no
//             better than that it was before that.
//   sync      15 s after the last fault everybody is in sync, ...
//   lease     ... has exactly what its lender has of what it leases,
//   answer    ... and nobody has waited for one for more than `answered_in`.
//   over      40 s after it, when all is pruned that went, with a word or without, no holder that has others to ask
//             has any of that, but for what has TLS and is there as some holder heard it itself, and where somebody took the
//             place of a holder so late that it may not prune yet,
//   unlike    ... and the holders of a shard have equal digests.
//
// What follows from an event on a node is looked at when it has happened: which of its endpoints changed, and what it would
// answer now. What time alone changes is looked at four times a second.
#pragma once

#include "history.hpp"
#include "network.hpp"
#include "schedule.hpp"

#include "routing/listed_routes.hpp"
#include "routing/membership.hpp"
#include "routing/message_transit.hpp"
#include "routing/shard_replica.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace shunt::simulation {

using namespace std::chrono_literals;
using routing::time_point;

struct outcome {
  std::string failure; ///< Its name; empty: all promises were kept.
  std::string detail;
  nanoseconds at{0};
  std::uint64_t events = 0, messages = 0, asked = 0, moved = 0;
  nanoseconds agreed_after{0}; ///< After the last fault.

  bool failed() const { return !failure.empty(); }
};

class world {
public:
  explicit world(const history& h);
  outcome run();

private:
  struct shard_message {
    std::size_t shard;
    routing::replica_message what;
    std::uint64_t composed_ms = 0; ///< By its sender's clock.
  };
  struct goodbye {};
  using packet = std::variant<routing::node_heartbeat, routing::node_news, shard_message, goodbye>;
  using packet_ptr = std::shared_ptr<const packet>;

  /// One end of a link.
  struct link_end {
    std::uint64_t epoch = 0; ///< 0: there is none.
    nanoseconds heard{0};
    std::uint64_t life = 0; ///< Of the node at the other one.
    routing::peer_id number = 0;
    routing::message_transit transit{};
  };
  /// What one node's copy of one endpoint was when last looked at.
  struct sighting {
    std::size_t version = 0; ///< Counted from 1; 0: it has none.
    std::vector<std::size_t> versions{}; ///< All that it had since the node started.
    nanoseconds unregistered{-1}; ///< When this node applied that; negative: not since it holds the shard.
    // Of a borrower: up to which of its lender's it has come.
    std::size_t lender = 0;
    std::uint64_t life = 0; ///< Of the lender; 0: there was none.
    std::size_t came_to = 0;
  };
  struct question {
    bool answered = false;
    nanoseconds since{0};
  };
  struct node {
    std::string name;
    std::uint64_t life = 0; ///< Counts starts; 0: it never ran.
    bool up = false;
    int pauses = 0;
    bool leaving = false;
    bool has_nats = true; ///< Its subscription stands.
    bool nats_is_silent = false; ///< And nobody has noticed so far.
    nanoseconds skew{0}, started{0}, stopped{0};
    std::int64_t drift_ppm = 0;   ///< Of its clock.
    nanoseconds wall_skew{0};     ///< Of the clock by which stamps are judged.
    std::size_t to_lose = 0, to_double = 0; ///< Of the next messages.
    bool knows_of_loss = false;
    nanoseconds nats_late{0}, nats_read{0}; ///< By how much it reads late, and up to when it has something to read.
    bool follows_api = false;     ///< The stream of changes is open.
    bool knows_of_api = true;     ///< What its shards believe of that.
    std::unique_ptr<routing::listed_routes> listed;
    std::optional<routing::membership> members;
    std::vector<std::unique_ptr<routing::shard_replica>> replicas;
    std::vector<link_end> links;
    std::vector<std::size_t> by_number; ///< Which node a peer id means.
    std::deque<std::function<void()>> waiting; ///< For it to run again.
    nanoseconds paused_since{0};
    std::optional<time_point> waited_since; ///< While it hears what waited, by its clock.
    std::vector<std::size_t> gone_while_waiting; ///< Routes.
    std::vector<std::vector<routing::told_host>> kept; ///< Per shard, in its snapshot.
    std::vector<std::vector<routing::told_host>> unread; ///< Of that, since it started.
    nanoseconds kept_at{0};
    std::vector<nanoseconds> holds_since, in_sync_since; ///< Per shard; negative: it does not.
    std::vector<bool> was_in_sync; ///< Per shard, as a holder or a borrower.
    std::vector<nanoseconds> known_since;                ///< Per host.
    std::vector<sighting> sightings;                     ///< Per route.
    std::map<std::size_t, question> asked; ///< By host.
    std::vector<routing::shard_view> views;
    nanoseconds pruned{0};
    bool runs() const { return up && pauses == 0; }
  };
  struct route {
    std::string host; ///< Of two routes each; a tenth are wildcards.
    std::size_t shard = 0;
    std::vector<routing::endpoint_ptr> versions; ///< Of what it says of itself; the last one counts.
    const routing::endpoint_ptr& target() const { return versions.back(); }
    std::size_t version_of(const routing::endpoint* e) const;
    bool registered = true;
    nanoseconds since{0}; ///< Registered or not.
    nanoseconds heard{-1h}; ///< By any holder.
    nanoseconds published{-1h}; ///< Its latest registration.
    bool by_word = false; ///< Unregistered by a message.
    bool by_api = false;  ///< Told by the Routing API, and not over NATS.
    bool is_asked = false; ///< To register, and has not answered yet.
    bool has_tls = false; ///< It does not go by age where it was heard.
    std::size_t lives = 1; ///< How often it was created there.
  };

  // Nodes.
  void start(std::size_t i);
  void stop(std::size_t i, bool silent);
  void turn(std::size_t i);   ///< What a node does ten times a second.
  void settle(std::size_t i); ///< What follows from what it was told.
  void tell_news(std::size_t i);
  time_point local(std::size_t i) const { return local_at(i, time_.now()); }
  time_point local_at(std::size_t i, nanoseconds when) const {
    return time_point{1000s + when + nodes_[i].skew + when / 1'000'000 * nodes_[i].drift_ppm};
  }
  void when_running(std::size_t i, std::function<void()> what);
  void pause(std::size_t i, nanoseconds lasts);
  bool has_snapshots() const { return history_.seed % 2 == 0; }
  /// Half of its nodes keep for twice as long what they do not hear.
  bool has_unlike_thresholds() const { return history_.seed % 4 >= 2; }
  void keep(std::size_t i);
  void restore(std::size_t i, std::size_t shard, std::size_t most);

  // Links.
  void dial(std::size_t a);
  void establish(std::size_t a, std::size_t b);
  void greet(std::size_t a, std::size_t b);
  void send(std::size_t a, std::size_t b, packet_ptr what);
  void arrive(std::size_t a, std::size_t b, std::uint64_t epoch, const packet_ptr& what);
  void close(std::size_t a, std::size_t b);
  void lose(std::size_t a, std::size_t b);

  // NATS, the Routing API, and apps.
  routing::endpoint_ptr make_version(std::size_t route) const;
  void publish(std::size_t route, bool unregister);
  void publish_to(std::size_t i, std::size_t route, bool unregister);
  void publish_by_api(std::size_t route, bool unregister);
  void hear(std::size_t i, std::size_t route, const routing::endpoint_ptr& what, bool unregister);
  void emit(std::size_t route);
  void ask_apps();
  void update_nats(std::size_t i);
  void silence_nats(std::size_t i, nanoseconds unnoticed);
  void tell_of_nats(std::size_t i, bool hears);
  bool loses(std::size_t i);
  void tell_of_loss(std::size_t i, bool dropped);
  void list_again(std::size_t i);
  void take_list(std::size_t i, const std::vector<std::pair<std::size_t, routing::endpoint_ptr>>& all);
  void set_api(std::size_t i, bool followed);
  void change_route(const fault& f);

  // Faults.
  void begin(const fault& f);
  void for_split(std::uint64_t mask, const std::function<void(std::size_t, std::size_t)>& each);

  // Promises.
  void look();
  void judge_expectations();
  void ask_some(std::size_t i);
  void judge_answer(std::size_t i, std::size_t host);
  void judge_answers(std::size_t i, std::size_t shard);
  std::size_t host_number(const std::string& host) const;
  std::string_view address_of(std::size_t r) const { return routes_[r].target()->address(); }
  void observe_route(std::size_t i, std::size_t r);
  void judge_loss(std::size_t i, std::size_t r);
  void observe_host(std::size_t i, const std::string& host);
  void observe(std::size_t i, std::size_t shard);
  void observe_lease(std::size_t i, std::size_t r);
  void note_roles(std::size_t i, std::size_t shard);
  void note_known(std::size_t i, std::size_t host);
  void check_places(std::size_t i);
  std::string disagreement();
  std::string differing_digests();
  bool is_held_anew(std::size_t shard) const;
  std::string overdue_copy();
  bool is_spared_anywhere(std::size_t route) const;
  std::string outdated_copy();
  std::string differing_lease();
  void check_gone(nanoseconds apart); ///< The registration and what ended it, at least.
  void check_sync();
  void fail(const char* name, std::string detail);
  std::vector<std::size_t> live() const;
  std::string zone_of(std::size_t i) const {
    return history_.zones == 0 ? "" : std::string{"z"}.append(std::to_string(i % history_.zones));
  }
  static std::size_t number_of(const std::string& name) { return std::stoul(name.substr(name.rfind('-') + 1)); }

  history history_;
  routing::rng dice_;
  schedule time_;
  network network_;
  std::vector<node> nodes_;
  std::vector<route> routes_;
  std::vector<std::string> hosts_;
  std::map<std::string, std::size_t> host_numbers_;
  std::vector<std::vector<std::size_t>> routes_of_; ///< Shards.
  std::uint64_t epochs_ = 0;
  int nats_down_ = 0;
  std::vector<int> nats_cut_, nats_drops_, api_cut_;
  nanoseconds late_until_{0};  ///< Somebody reads NATS late.
  nanoseconds missed_at_{-1h}; ///< When somebody missed something without knowing.
  nanoseconds troubled_until_{5s}; ///< Nodes and their links, by faults and by what these leave behind.
  nanoseconds last_fault_;
  /// Of something that is to be so at some time in a while, since it may just be changing when one looks.
  struct expectation {
    bool met = false;
    std::string objection = "never looked";
  };
  expectation agreed_, equal_, newest_; ///< Since the last fault, or since they were judged.
  expectation leases_, pruned_;
  bool judged_ = false;
  std::vector<std::vector<std::uint16_t>> ranks_;
  std::size_t looks_ = 0;
  outcome outcome_;
};

outcome run(const history& h);
/// A history as short as was found in which the same promise is broken.
history shrink(const history& h, const outcome& found);

} // namespace shunt::simulation
