#include "cluster/change_confirmer.hpp"

#include "actors/policy.hpp"
#include "cluster/change_round.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace shunt {

namespace {

using routing::this_node;

/// A node answers a little before the time is over, so that its word counts.
constexpr auto answers_before = std::chrono::milliseconds{250};

struct open_change {
  std::string reply;
  std::vector<routing::change_asked> what;
  cluster::change_round round;
  routing::time_point until{};
  bool again = false; ///< It is the second round.
};

struct confirmer_state {
  static constexpr const char* name = "change-confirmer";
  std::vector<route_shard_actor> shards;
  shard_outlet_actor cluster; ///< Null: this node is alone.
  std::vector<peers_changed::peer> peers;
  std::map<std::uint64_t, open_change> open;
  std::uint64_t last = 0;
  std::optional<routing::time_point> due; ///< When `changes_due` comes that counts; others may come later.
};
using confirmer_self = change_confirmer_actor::stateful_pointer<confirmer_state>;

class confirmer {
public:
  confirmer(confirmer_self self, change_confirmer_options options, publish_function publish,
            confirmation_counters* counters)
    : self_{self}, options_{std::move(options)}, publish_{std::move(publish)}, counters_{counters} {}

  void meet(const confirmer_contacts& contacts) const {
    state().shards = contacts.shards;
    state().cluster = contacts.cluster;
  }

  void begin(const confirm_change& wished) const {
    auto& s = state();
    if (s.open.size() >= options_.open_max || s.shards.empty() || wished.what.empty()) {
      counters_->refused.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    const auto number = ++s.last;
    auto& change = s.open
                     .emplace(number, open_change{wished.reply, wished.what,
                                                  cluster::change_round{wished.what.size()},
                                                  now() + options_.timeout - wished.waited})
                     .first->second;
    for (auto& each : change.what)
      each.change = number;
    change.round.expect(this_node, options_.node, true);
    ask(change, this_node);
    for (const auto& peer : s.peers)
      expect(change, peer);
    look_again_at(change.until);
  }

  void hear(const change_answered& m) const {
    const auto at = state().open.find(m.answer.change);
    if (at == state().open.end())
      return;
    at->second.round.hear(m.by, m.answer);
    if (at->second.round.is_over())
      go_on(at);
  }

  void see(const peers_changed& m) const {
    auto& s = state();
    const auto before = std::exchange(s.peers, m.peers);
    for (auto at = s.open.begin(); at != s.open.end();) {
      auto& change = at->second;
      for (const auto& old : before)
        if (std::none_of(s.peers.begin(), s.peers.end(),
                         [&](const auto& each) { return each.id == old.id; }))
          change.round.expect_no_more(old.id);
      for (const auto& peer : s.peers)
        if (!change.round.expects(peer.id) || (peer.alive && !change.round.reaches(peer.id)))
          expect(change, peer);
        else
          change.round.sees_alike(peer.id, peer.agrees);
      const auto looked_at = at++;
      if (change.round.is_over())
        go_on(looked_at);
    }
  }

  void replace(const shard_replaced& m) const { state().shards[m.shard] = m.successor; }

  /// Who waits already waits as long as was said.
  void follow(const policy& rules) { options_.timeout = rules.settings.cluster.confirm_timeout; }

  void look() const {
    auto& s = state();
    if (s.due && *s.due > now())
      return;
    s.due.reset();
    for (auto at = s.open.begin(); at != s.open.end();)
      if (const auto looked_at = at++; looked_at->second.until <= now())
        end(looked_at);
      else
        look_again_at(looked_at->second.until);
  }

private:
  using changes = std::map<std::uint64_t, open_change>;

  confirmer_state& state() const { return self_->state; }
  routing::time_point now() const { return self_->clock().now(); }

  void expect(open_change& change, const peers_changed::peer& peer) const {
    change.round.expect(peer.id, peer.name, peer.alive);
    change.round.sees_alike(peer.id, peer.agrees);
    if (peer.alive)
      ask(change, peer.id);
  }

  void ask(const open_change& change, routing::peer_id node) const {
    auto& s = state();
    for (auto question : change.what) {
      question.within = std::max(change.until - now() - answers_before, std::chrono::nanoseconds{0});
      const auto shard = routing::shard_of(question.which.host, s.shards.size());
      if (node == this_node)
        self_->send(s.shards[shard], ask_change{std::move(question)});
      else if (s.cluster)
        self_->send(s.cluster, to_peer{node, shard,
                                       std::make_shared<const routing::replica_message>(
                                         std::move(question))});
    }
  }

  /// A node that knew nothing of the host may have leased it, before it answered or after, from one that had not
  /// applied the change then. By now all have, so what they say a second time holds.
  void go_on(changes::iterator at) const {
    auto& change = at->second;
    if (!state().cluster || change.again || !change.round.is_confirmed()) {
      end(at);
      return;
    }
    change.again = true;
    change.round.begin_again();
    ask(change, this_node);
    for (const auto& peer : state().peers) // Who is suspect now is asked as soon as it is alive again.
      expect(change, peer);
  }

  void end(changes::iterator at) const {
    const auto& change = at->second;
    auto& counter = change.round.is_confirmed() ? counters_->confirmed : counters_->pending;
    counter.fetch_add(1, std::memory_order_relaxed);
    auto id = options_.id;
    publish_(change.reply, change.round.answer(id.append("-").append(std::to_string(at->first))));
    state().open.erase(at);
  }

  /// All have the same patience, but some have waited elsewhere.
  void look_again_at(routing::time_point when) const {
    auto& due = state().due;
    if (due && *due <= when)
      return;
    due = when;
    self_->delayed_send(self_, std::max(when - now(), std::chrono::nanoseconds{0}), changes_due{});
  }

  confirmer_self self_;
  change_confirmer_options options_;
  publish_function publish_;
  confirmation_counters* counters_;
};

change_confirmer_actor::behavior_type confirmer_behavior(confirmer_self self, change_confirmer_options options,
                                             publish_function publish,
                                             confirmation_counters* counters) {
  const auto it = std::make_shared<confirmer>(self, std::move(options), std::move(publish), counters);
  return {
    [it](const confirmer_contacts& m) { it->meet(m); },
    [it](const confirm_change& m) { it->begin(m); },
    [it](const change_answered& m) { it->hear(m); },
    [it](const peers_changed& m) { it->see(m); },
    [it](const shard_replaced& m) { it->replace(m); },
    [it](const use_policy& m) { it->follow(*m.rules); },
    [it](changes_due) { it->look(); },
  };
}

} // namespace

change_confirmer_actor spawn_change_confirmer(caf::actor_system& system,
                                              change_confirmer_options options,
                                              publish_function publish,
                                              confirmation_counters& counters) {
  if (options.own_thread)
    return system.spawn<caf::detached>(confirmer_behavior, std::move(options), std::move(publish), &counters);
  return system.spawn(confirmer_behavior, std::move(options), std::move(publish), &counters);
}

} // namespace shunt
