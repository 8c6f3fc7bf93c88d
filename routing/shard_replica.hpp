// One shard on one node: its slice of the table, and what it and its copies on other nodes owe each other. A
// state machine: it is told what happens, and collects what it has to say to peers. An actor gives it a
// mailbox and a clock; a simulation runs thousands.
//
// It *holds* the shard (hears registrations itself and keeps all of the slice) or *borrows* it (keeps the
// hosts that loops asked for, leased from a holder). A node without peers holds everything.
//
// In sync means: what is not here does not exist. A holder falls out of sync when it may have missed something
// and returns when its digest equals that of a holder in sync, or when everybody had time to register again. A
// borrower is in sync as long as the holder that it leases from is, and is heard.
#pragma once

#include "routing/existence_filter.hpp"
#include "routing/keyed_hash.hpp"
#include "routing/peer.hpp"
#include "routing/replica_message.hpp"
#include "routing/slice.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace shunt::routing {

struct replica_rules {
  bool clustered = false; ///< If not, nothing of peers, digests and tombstones runs.
  bool in_sync = true;    ///< At the start.
  nanoseconds register_interval{0}; ///< In which everybody registers again, once asked.
  /// Of a cluster: in which is heard what changed while NATS was away, by a copy that had heard all before. No longer
  /// than `register_interval` counts.
  nanoseconds return_interval = nanoseconds::max();
  /// Of a node that is alone; in a cluster nothing is ever pruned without NATS.
  bool suspend_pruning_without_nats = false;
  history_rules history{};
  nanoseconds digest_interval = std::chrono::seconds{1};
  std::uint64_t hash_key = 0; ///< See keyed_hash.hpp. The one that it began with counts.
};

/// Counted by the replica, read by whoever owns it.
struct replica_counters {
  std::uint64_t repaired_hosts = 0;  ///< Told by another holder because digests differed.
  std::uint64_t repairs = 0;         ///< Rounds in which they differed.
  std::uint64_t transferred_hosts = 0;
  std::uint64_t granted_hosts = 0;   ///< To borrowers.
};

class shard_replica {
public:
  static constexpr std::size_t pulled_together = 256; ///< Hosts of one repair; the rest has its turn a round later.

  shard_replica(table_rules rules, replica_rules how, time_point now);
  shard_replica(const shard_replica&) = delete;
  shard_replica& operator=(const shard_replica&) = delete;

  /// From now on. Of `how`, what says how it began stays as it was.
  void set_rules(table_rules rules, const replica_rules& how);

  slice& table() { return slice_; }
  const slice& table() const { return slice_; }
  /// Whether registrations of this shard are to be applied here.
  bool holds() const { return holds_; }
  bool in_sync() const { return knows_all() && !(holds_ ? behind_ : word_awaited_.has_value()); }
  /// Whether this node's copy is in sync as a holder's; what peers are told.
  bool holds_in_sync() const { return holds_ && certain_; }
  /// Whether a loop that asks learns all that can be known now, here or anywhere: in sync, or, in a process that began
  /// without NATS and was never in sync, a copy of all that a holder in sync has.
  bool has_caught_up() const { return knows_all() || (holds_ && !was_certain_ && transferred_ && !hears_all()); }
  /// Whether `tick` may make it so, since everybody had time to register.
  bool is_certain_at(time_point now) const { return certain_at_ && now >= *certain_at_; }
  const replica_counters& counters() const { return counters_; }
  /// A holder to ask about a shard that is borrowed here.
  std::optional<peer_id> lender() const { return upstream_; }
  /// When the oldest push was sent that some borrower has not said to have applied, as far as is known: one push of
  /// each borrower is watched at a time. Nothing: all have.
  std::optional<time_point> push_awaited_since() const;

  // -- What happens.

  /// `connected`: there is a connection to NATS, everybody was asked over it to register. `dropped`: messages
  /// were lost, and more may be.
  void nats(bool connected, bool dropped, time_point now);
  void routing_api(bool followed, time_point now);
  /// What is known may be out of date, from now on until everybody was heard.
  void doubt(time_point now);
  /// This process has stood still so many times, however shortly, and `caught_up` with what NATS said meanwhile, or not
  /// yet. What a borrower knows counts again when its holder has said something afterwards.
  void note_standstills(std::uint64_t times, bool caught_up);
  void see(shard_view view, time_point now);
  /// The link to it closed: what was under way is lost.
  void peer_gone(peer_id peer, time_point now);
  /// `late`: it was composed so long ago, and its ages are of then (message_transit.hpp). What seemed to be younger than
  /// it is would undo what ended meanwhile.
  void receive(peer_id from, const replica_message& what, time_point now, nanoseconds late = nanoseconds{0});
  /// What was known here when the process ended last. It serves at once; what a holder in sync does not know goes
  /// when its copy has been taken over, the rest if nobody hears it.
  void restore(const std::vector<told_host>& hosts, time_point now);
  /// To be called by `due()`.
  void tick(time_point now);
  std::optional<time_point> due() const;

  // -- Leases of this node's loops.

  /// A loop leases `host`. True: the table knows as much as can be known now, grant it. False: a peer was asked,
  /// and `take_answered` will name the host.
  bool want(std::string_view host, time_point now);
  /// No loop leases it any more.
  void release(std::string_view host, time_point now);
  std::vector<std::string> take_answered() { return std::exchange(answered_, {}); }

  // -- Changes.

  /// Whether what this node knows of the endpoint is as `asked`, so that its loops are, too, once they have applied
  /// all changes up to now.
  bool is_as(const change_asked& asked) const;
  /// Whether this node is to answer who asks for a confirmation.
  bool answers() const { return holds_ && view_.first; }
  /// Another node took a piece of it a moment ago, and will want the next one.
  bool is_being_taken(time_point now) const { return given_at_ && now - *given_at_ < std::chrono::seconds{1}; }
  bool has_changes() const {
    return slice_.has_changes() || in_sync() != sync_told_ || has_news_for_borrowers();
  }
  /// What loops are to be told besides `in_sync()`; borrowers are told by the way.
  std::vector<host_change> take_changes(time_point now);
  /// Registrations were applied to the table.
  void applied(time_point now);

  // -- Ageing.

  /// An attempt of this node failed on a TLS endpoint in a way that removes it where a node is alone. Here it may be well
  /// for the other nodes: it goes, on all, when no holder hears it for one threshold.
  void endpoint_failed(const endpoint_key& which);
  /// Asked at the beginning of each cycle.
  bool may_prune(time_point now);
  /// One step of a cycle that began at `began`; true at its end. In a cluster what is over is asked about, and
  /// pruned when the answers come, into `take_pruned`.
  bool prune_step(time_point began, std::size_t budget, time_point now, prune_result& result);
  prune_result take_pruned() { return std::exchange(pruned_, {}); }

  // -- What follows.

  struct outgoing {
    peer_id to = this_node;
    replica_message what;
  };
  std::vector<outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  /// True once when this node has come to hold a shard of which nobody has a copy: all are to be asked to register.
  /// Not at once: a node that stood still sees nobody at first, and that all speak would be the next thing to stop it.
  bool take_wish_for_registrations() { return std::exchange(wishes_registrations_, false); }

private:
  static constexpr std::size_t asked_max = 10'000; ///< Hosts whose answers are on their way.

  /// A node that leases from this one.
  struct borrower {
    std::uint64_t lease = 0;
    std::uint64_t sequence = 0;
    std::uint64_t applied = 0;
    std::uint64_t pushed = 0; ///< The last one that it is to acknowledge.
    time_point pushed_at{};
    std::uint64_t watched = 0; ///< One of these.
    time_point watched_since{};
    keyed_set hosts;

    explicit borrower(std::uint64_t hash_key) : hosts{0, keyed_hash{hash_key}} {}
    void push_sent(time_point now);
    void push_applied(std::uint64_t up_to);
    bool is_awaited() const { return watched > applied; }
  };
  struct pull {
    peer_id from = this_node;
    std::uint64_t cursor = 0; ///< Of a walk by hashes: all copies go on by it alike.
    bool from_in_sync = true; ///< So far.
    std::uint64_t doubts = 0;  ///< Of this replica, when it began.
    time_point began{};
    time_point asked{};        ///< For the piece that is awaited.
  };
  struct told_digest {
    std::uint64_t sum = 0;
    bool in_sync = false; ///< By its own word.
    time_point at{};
    bool judged = true;
    int differed = 0; ///< Rounds in a row, without those after a repair in vain.
    bool taught = false; ///< By the repair that is under way.
    bool repaired_in_vain = false; ///< Nothing was missing here: the other one goes by other settings, or has to learn.

    void note_repair(bool teaches, bool ends) {
      taught = taught || teaches;
      if (ends)
        repaired_in_vain = !std::exchange(taught, false);
    }
  };
  /// A host that was pulled for a loop, or hosts that differed.
  struct pulling {
    peer_id from = this_node;
    std::optional<std::string> host{};
  };
  struct ages_round {
    std::uint64_t number = 0;
    std::vector<endpoint_key> of;
    std::vector<bool> fresh; ///< By somebody's word.
    std::set<peer_id> awaited;
    time_point began{};
  };

  void send(peer_id to, replica_message what) { outgoing_.push_back({to, std::move(what)}); }
  const shard_view::holder* holder(peer_id peer) const;
  const shard_view::holder* holder_in_sync() const;
  std::optional<peer_id> knows_better(std::optional<peer_id> before) const;
  bool ask_for(const std::string& host, std::optional<peer_id> before);
  void notice_pause(time_point now);
  void note_absence(time_point since, time_point now);
  void await_word();
  bool knows_all() const;
  bool hears_nats() const { return nats_connected_ && !nats_drops_; }
  bool hears_all() const { return hears_nats() && api_followed_; }
  void begin_doubt(time_point now);
  void be_certain(time_point now);
  void be_certain_in_time(time_point now);
  bool returns() const;
  /// What others had when this copy came to be is here: they told it, or it heard all.
  bool has_all() const { return transferred_ || misses_outage_alone_; }
  void wish_in_time(time_point now);
  void watch(std::string_view host);
  void unwatch(std::string_view host);

  // Roles.
  void begin_to_hold(time_point now);
  void begin_to_borrow(time_point now);
  bool may_step_down() const;

  // Of a holder, for borrowers.
  void lend(peer_id to, const lease_start& asked, time_point now);
  void grant(peer_id to, std::vector<told_host> hosts, bool complete);
  bool may_lend(const borrower& b, const std::string& host) const;
  void lend_more(peer_id to, const std::string& host, time_point now);
  void lend_less(peer_id to, const std::string& host);
  void stop_lending(peer_id to);
  void tell_borrowers(const std::vector<host_change>& changes, time_point now);
  bool has_news_for_borrowers() const;
  void note_appeared(const std::vector<std::uint64_t>& hosts);
  void make_filter();

  // Of a borrower.
  void choose_upstream(time_point now);
  void lease_from(peer_id holder);
  void lose_upstream(time_point now);
  void make_sure(time_point now);
  bool is_of_lease(peer_id from, std::uint64_t lease) const;
  template <class Push>
  bool follows(peer_id from, const Push& m);
  void take(const lease_granted& m, peer_id from, time_point now);
  void take(const lease_changed& m, peer_id from, time_point now);
  void take(const known_hosts& m, peer_id from);
  void lease(const std::string& host);
  void deny(const std::string& host);
  void lease_after_all(const std::string& host);
  void forget_other_wildcards(time_point now);
  void learn(const told_host& told, bool for_certain, time_point now);
  void offer(peer_id to, time_point now);
  void answer(const std::string& host);
  void ask_another(const std::string& host, time_point now);
  void answer_what_nobody_will(time_point now);
  void expect_nothing_of(peer_id peer, time_point now);

  // Transfer, digests, ages.
  void seek_transfer(time_point now);
  void lose_source();
  void take(const transfer_piece& m, peer_id from, time_point now);
  void merge(const std::vector<told_host>& hosts, peer_id from, time_point now);
  void confirm_restored(const told_host& told);
  void send_digests();
  bool may_ask_for_proof() const { return proof_wanted_ && has_all(); }
  void ask_for_proof();
  void note_digest(time_point now);
  bool had(std::uint64_t sum) const;
  void take(const slice_digest& m, peer_id from, time_point now);
  void judge(told_digest& told, peer_id from, time_point now);
  void compare(peer_id from, const bucket_digests& m);
  void compare(peer_id from, const host_digests& m, time_point now);
  void tell_pulled(peer_id to, const slice_pull& m, time_point now);
  void take(const slice_told& m, peer_id from, time_point now);
  void ask_ages(std::vector<endpoint_key> of, time_point now);
  void tell_ages(peer_id to, const ages_asked& m, time_point now);
  void take(const ages_told& m, peer_id from, time_point now);
  void await_ages_of_holders();
  void prune_all(const std::vector<endpoint_key>& which, time_point now);

  slice slice_;
  replica_rules how_;
  bool holds_ = true;
  shard_view view_;
  std::vector<outgoing> outgoing_;
  replica_counters counters_;

  // In sync or not.
  bool certain_ = true; ///< As a holder.
  bool was_certain_ = false;
  bool returning_ = false; ///< It waits for certainty as one that `returns`.
  bool misses_outage_alone_ = false; ///< It was certain, and nothing but that NATS was away has made it doubt since.
  bool sync_told_ = true;
  bool granted_otherwise_ = false; ///< A grant has said something else meanwhile, of being in sync.
  std::uint64_t doubts_ = 0;
  time_point proven_from_{}; ///< A copy in sync that is equal to this one as it is then, or later.
  bool proof_wanted_ = false; ///< And not asked for since.
  std::optional<time_point> certain_at_; ///< When everybody had time to register.
  bool nats_connected_ = true;
  bool nats_drops_ = false;
  bool api_followed_ = true;
  time_point nats_until_{}; ///< All of it was heard, before it was away or messages were lost.
  time_point nats_since_{}; ///< What was said since then was heard.
  time_point ran_at_{};      ///< As a holder.
  std::uint64_t standstills_ = 0;
  bool behind_ = false; ///< Of NATS, since the last of them.
  nanoseconds late_{0}; ///< The message that is being received.
  bool refresh_before_pruning_ = false;
  std::optional<time_point> wish_at_; ///< If nobody has a copy by then.
  bool wishes_registrations_ = false;

  // Leases.
  keyed_map<std::uint32_t> watchers_; ///< Borrowers and, together, loops.
  keyed_set wanted_;   ///< By loops.
  keyed_set asked_;    ///< Of a peer, and not answered.
  std::vector<std::string> answered_;
  std::map<peer_id, borrower> borrowers_;
  std::optional<existence_filter> lent_filter_;
  std::uint64_t vanished_before_ = 0; ///< `lent_filter_` was made.
  std::size_t in_lent_filter_ = 0;
  std::optional<peer_id> upstream_;
  bool upstream_complete_ = false;
  bool upstream_in_sync_ = false;
  std::optional<std::uint64_t> word_awaited_; ///< Of `upstream_`, in a round of ages: all that it said before is read then.
  std::uint64_t lease_ = 0; ///< The number of the last one.
  std::uint64_t upstream_sequence_ = 0;
  std::optional<existence_filter> filter_;
  keyed_set borrowed_;
  std::set<std::string> granted_wildcards_; ///< Since the lease began.
  bool kept_in_doubt_ = false; ///< What it did not name, because it was not in sync.
  std::vector<told_host> granted_parts_; ///< Of a grant whose last part has not come yet.
  std::size_t granted_parts_count_ = 0;
  std::multimap<std::uint64_t, std::string> denied_; ///< By the filter, by `host_hash`.
  keyed_set doubted_hosts_; ///< Were denied, and may be there now; they are being asked for.

  // Copies.
  std::optional<pull> pull_;
  std::optional<pull> left_off_; ///< A transfer that ended in the middle, with its source.
  bool transferred_ = true; ///< What others had when this node came to hold the shard is here.
  std::optional<time_point> given_at_; ///< A piece of it, the last time.
  time_point digests_due_{};
  std::map<peer_id, told_digest> digests_;
  std::deque<std::pair<time_point, std::uint64_t>> own_digests_; ///< Of the last seconds.
  std::unordered_set<std::uint64_t> restored_; ///< By `digest_of_key`: that no other holder has told of.
  std::deque<pulling> pulling_; ///< Whose answers are on their way.
  std::size_t compared_ = 0; ///< Buckets, by hosts.
  std::optional<ages_round> ages_;
  std::uint64_t ages_number_ = 0;
  std::size_t ages_asked_ = 0; ///< Ever.
  prune_result pruned_;
};

} // namespace shunt::routing
