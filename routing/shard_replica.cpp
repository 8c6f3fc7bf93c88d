// Roles and doubt: what a replica holds, and whether "not here" means "nowhere". What the loops of this node ask for is in
// shard_replica.wanted.cpp, what it lends in shard_replica.lending.cpp, what it borrows in shard_replica.borrowing.cpp,
// how copies are kept equal in shard_replica.copies.cpp.
#include "routing/shard_replica.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

constexpr std::size_t transferred_together = 64; ///< Hosts in a piece, about.
/// Of messages. Their ages are not told more exactly, nor is more of it needed: `way` in slice_merge.cpp.
constexpr auto usual_way = std::chrono::milliseconds{100};
constexpr int wish_after = 2; ///< Intervals of digests.
constexpr int pause_intervals = 3; ///< Of digests, in which a holder that runs has run.

template <class... Handlers>
struct overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
overloaded(Handlers...) -> overloaded<Handlers...>;

} // namespace

shard_replica::shard_replica(table_rules rules, replica_rules how, time_point now)
  : slice_{std::move(rules)}, how_{how}, certain_{how.in_sync}, sync_told_{how.in_sync},
    proven_from_{now}, nats_until_{now}, nats_since_{now}, ran_at_{now}, watchers_{0, keyed_hash{how.hash_key}},
    wanted_{0, watchers_.hash_function()}, asked_{0, watchers_.hash_function()}, borrowed_{0, watchers_.hash_function()},
    doubted_hosts_{0, watchers_.hash_function()} {
  if (!how_.clustered)
    return;
  slice_.keep_history(how_.history);
  transferred_ = false;
  view_.first = false; // Until it is said who the others are.
  digests_due_ = now + how_.digest_interval;
  if (!certain_)
    doubt(now);
}

void shard_replica::set_rules(table_rules rules, const replica_rules& how) {
  slice_.set_rules(std::move(rules));
  how_.register_interval = how.register_interval;
  how_.return_interval = how.return_interval;
  how_.suspend_pruning_without_nats = how.suspend_pruning_without_nats;
  how_.history = how.history;
  if (auto* history = slice_.history())
    history->set_rules(how.history);
}

bool shard_replica::knows_all() const {
  if (holds_)
    return certain_;
  const auto* lender = upstream_ ? holder(*upstream_) : nullptr;
  return lender != nullptr && !lender->behind && upstream_complete_ && upstream_in_sync_ && filter_
         && doubted_hosts_.empty();
}

const shard_view::holder* shard_replica::holder(peer_id peer) const {
  const auto at = std::find_if(view_.others.begin(), view_.others.end(),
                               [peer](const auto& each) { return each.peer == peer; });
  return at == view_.others.end() ? nullptr : &*at;
}

const shard_view::holder* shard_replica::holder_in_sync() const {
  const auto at = std::find_if(view_.others.begin(), view_.others.end(),
                               [](const auto& each) { return each.in_sync; });
  return at == view_.others.end() ? nullptr : &*at;
}

// -- Doubt

void shard_replica::nats(bool connected, bool dropped, time_point now) {
  const bool heard_all = hears_nats();
  misses_outage_alone_ = !dropped && (misses_outage_alone_ || (certain_ && was_certain_));
  nats_drops_ = dropped;
  if (!dropped) {
    if (connected && !heard_all)
      nats_since_ = now;
    nats_connected_ = connected;
  }
  if (!nats_connected_)
    refresh_before_pruning_ = true;
  begin_doubt(now);
  if (heard_all && !hears_nats())
    nats_until_ = now;
  else if (!heard_all && hears_nats())
    note_absence(nats_until_, now);
}

void shard_replica::routing_api(bool followed, time_point now) {
  api_followed_ = followed;
  doubt(now);
}

void shard_replica::doubt(time_point now) {
  misses_outage_alone_ = false;
  begin_doubt(now);
}

void shard_replica::begin_doubt(time_point now) {
  certain_ = false;
  ++doubts_;
  proven_from_ = now + how_.digest_interval / 2; // What was said before this copy heard all, peers have read by then.
  proof_wanted_ = true;
  be_certain_in_time(now);
}

/// After an absence that outlasts tombstones, nobody may know any more what ended meanwhile. What is here counts as if a
/// snapshot had had it: others take none of it that they would have heard, and it goes when no holder hears it. Half of
/// that time, since a node may notice late that it hears nothing.
void shard_replica::note_absence(time_point since, time_point now) {
  if (how_.clustered && holds_ && now - since >= how_.history.tombstone_life / 2)
    slice_.doubt_all();
}

/// Nobody is heard for certain while NATS is away or loses messages, or the Routing API is away. Who begins has to hear
/// everybody. Who had heard everybody, and pruned nothing since, lacks only what changed while NATS was away.
void shard_replica::be_certain_in_time(time_point now) {
  certain_at_.reset();
  if (!hears_all())
    return;
  returning_ = returns();
  certain_at_ = now + (returning_ ? std::min(how_.return_interval, how_.register_interval) : how_.register_interval);
}

/// NATS was away from all who hold it: what changed is said when those who say it are back themselves, or when they are
/// asked, as they are for every connection. Otherwise others know better, who may be away just now.
bool shard_replica::returns() const {
  return how_.clustered && misses_outage_alone_ && !view_.incomplete && holder_in_sync() == nullptr;
}

void shard_replica::be_certain(time_point now) {
  certain_ = was_certain_ = true;
  misses_outage_alone_ = false;
  certain_at_.reset();
  restored_.clear(); // Nobody could be asked, or somebody told all: what is here stays.
  if (upstream_) {
    send(*upstream_, lease_end{});
    lose_upstream(now);
  }
}

void shard_replica::wish_in_time(time_point now) {
  if (!wish_at_ || now < *wish_at_)
    return;
  const bool lacks_source = holder_in_sync() == nullptr;
  if (!lacks_source && !transferred_)
    return; // Which may die, too, before all of it is here.
  wish_at_.reset();
  if (certain_ || !lacks_source)
    return;
  wishes_registrations_ = true;
  doubt(now); // From now on everybody has time.
}

// -- Roles

void shard_replica::see(shard_view view, time_point now) {
  view_ = std::move(view);
  if (view_.held && !holds_)
    begin_to_hold(now);
  else if (!view_.held && holds_ && may_step_down())
    begin_to_borrow(now);
  if (!holds_)
    choose_upstream(now);
  if (pull_ && holder(pull_->from) == nullptr)
    lose_source();
  std::set<peer_id> silent; // Whom loops wait for, though not for ever.
  for (const auto& each : pulling_)
    if (each.host && holder(each.from) == nullptr)
      silent.insert(each.from);
  for (const auto each : silent)
    expect_nothing_of(each, now);
  seek_transfer(now);
  await_ages_of_holders();
}

/// Not before those who are placed have all that this one has.
bool shard_replica::may_step_down() const {
  const auto ready = [](const auto& each) { return each.placed && each.in_sync; };
  const auto pending = [](const auto& each) { return each.placed && !each.in_sync; };
  const auto& others = view_.others;
  return std::any_of(others.begin(), others.end(), ready)
         && (!certain_ || std::none_of(others.begin(), others.end(), pending));
}

/// What was borrowed so far stays, provisionally, and goes on being fresh until this copy is in sync.
void shard_replica::begin_to_hold(time_point now) {
  holds_ = true;
  transferred_ = false;
  slice_.keep_history(how_.history);
  filter_.reset();
  denied_.clear();
  doubted_hosts_.clear();
  digests_.clear();
  digests_due_ = now;
  nats_since_ = ran_at_ = now; // What was said of this shard before went unheard.
  doubt(now);
  wish_at_ = now + wish_after * how_.digest_interval;
  if (!upstream_)
    answer_what_nobody_will(now);
}

void shard_replica::begin_to_borrow(time_point now) {
  holds_ = false;
  for (auto at = borrowers_.begin(); at != borrowers_.end(); at = borrowers_.begin()) {
    send(at->first, lease_end{});
    stop_lending(at->first);
  }
  pull_.reset();
  ages_.reset();
  wish_at_.reset();
  certain_at_.reset();
  lent_filter_.reset();
  if (upstream_) { // From a time before it held: it knows nothing of what loops have asked for since.
    send(*upstream_, lease_end{});
    lose_upstream(now);
  }
  slice_.drop_history();
  slice_.abandon_unwatched(now);
  borrowed_ = wanted_;
  std::erase_if(asked_, [this](const auto& host) { return !wanted_.contains(host); });
}

void shard_replica::peer_gone(peer_id peer, time_point now) {
  if (std::erase_if(view_.others, [peer](const auto& each) { return each.peer == peer; }) > 0)
    view_.incomplete = true; // For all that is known until the next view.
  stop_lending(peer);
  digests_.erase(peer);
  if (upstream_ == peer)
    lose_upstream(now);
  expect_nothing_of(peer, now);
  await_ages_of_holders();
  if (!holds_)
    choose_upstream(now);
  seek_transfer(now);
}

/// Neither pieces nor answers.
void shard_replica::expect_nothing_of(peer_id peer, time_point now) {
  if (pull_ && pull_->from == peer)
    lose_source();
  for (auto& each : std::exchange(pulling_, {}))
    if (each.from != peer)
      pulling_.push_back(std::move(each));
    else if (each.host)
      ask_another(*each.host, now);
}

void shard_replica::applied(time_point now) {
  note_digest(now);
  if (borrowers_.empty() && slice_.history() != nullptr)
    slice_.history()->take_appeared(); // There is nobody to tell.
}

void shard_replica::receive(peer_id from, const replica_message& what, time_point now, nanoseconds late) {
  late_ = late > usual_way ? late : nanoseconds{0};
  std::visit(
    overloaded{
      [&](const lease_start& m) { lend(from, m, now); },
      [&](const lease_end&) {
        stop_lending(from);
        if (upstream_ == from) // It is no holder any more; who is, the next view says.
          lose_upstream(now);
        expect_nothing_of(from, now);
      },
      [&](const lease_more& m) { lend_more(from, m.host, now); },
      [&](const lease_less& m) { lend_less(from, m.host); },
      [&](const lease_granted& m) { take(m, from, now); },
      [&](const lease_changed& m) { take(m, from, now); },
      [&](const lease_applied& m) {
        if (const auto at = borrowers_.find(from); at != borrowers_.end())
          at->second.push_applied(m.sequence);
      },
      [&](const known_hosts& m) { take(m, from); },
      [&](const slice_digest& m) { take(m, from, now); },
      [&](const bucket_digests& m) { compare(from, m); },
      [&](const host_digests& m) { compare(from, m, now); },
      [&](const slice_pull& m) { tell_pulled(from, m, now); },
      [&](const slice_told& m) { take(m, from, now); },
      [&](const transfer_pull& m) {
        transfer_piece piece{.cursor = m.cursor, .next = slice::tell_end, .held = holds_};
        if (holds_) {
          piece.next = slice_.tell_piece(m.cursor, transferred_together, now, piece.hosts);
          if (const auto* taker = holder(from); taker != nullptr && !taker->in_sync)
            given_at_ = now; // Others only list it.
        }
        piece.in_sync = holds_in_sync() && !behind_; // Or whoever takes it would deny what waits to be read here.
        send(from, std::move(piece));
      },
      [&](const transfer_piece& m) { take(m, from, now); },
      [&](const ages_asked& m) { tell_ages(from, m, now); },
      [&](const ages_told& m) { take(m, from, now); },
      [](const change_asked&) {}, // These two are between the actors.
      [](const change_told&) {},
      [&](const endpoints_pruned& m) {
        if (holds_)
          for (const auto& each : m.which)
            slice_.prune_endpoint(each, now, pruned_);
      },
    },
    what);
  late_ = {};
  note_digest(now);
}

/// Of the whole process, stopped or starved: what was said meanwhile is still to be read, or was never delivered.
void shard_replica::notice_pause(time_point now) {
  if (how_.clustered && holds_ && now - ran_at_ > pause_intervals * how_.digest_interval) {
    nats_since_ = now;
    doubt(now);
    if (!hears_nats()) // It may be that first the connection was found broken, and then how late it is.
      nats_until_ = std::min(nats_until_, ran_at_);
    note_absence(ran_at_, now);
  }
  ran_at_ = now;
}

/// Also of less than `notice_pause` minds: nothing was lost, but "not here" is not an answer before all of it is read.
void shard_replica::note_standstills(std::uint64_t times, bool caught_up) {
  behind_ = how_.clustered && !caught_up;
  if (std::exchange(standstills_, times) != times && upstream_)
    await_word();
}

/// The answer comes behind all that the holder said before. (Of no endpoint is the age wanted.)
void shard_replica::await_word() {
  word_awaited_ = ++ages_number_;
  send(*upstream_, ages_asked{*word_awaited_, {}});
}

void shard_replica::tick(time_point now) {
  notice_pause(now);
  wish_in_time(now);
  if (is_certain_at(now)) {
    certain_at_.reset();
    const bool returns_no_more = returning_ && !returns();
    if (!returns_no_more && (holder_in_sync() == nullptr || has_all()))
      be_certain(now);
    else
      be_certain_in_time(now);
  }
  if (!how_.clustered)
    return;
  if (!view_.held && holds_ && may_step_down())
    begin_to_borrow(now);
  if (!holds_) {
    digests_due_ = now + how_.digest_interval;
    choose_upstream(now);
    return;
  }
  slice_.history()->expire(now);
  note_digest(now);
  for (auto& [peer, told] : digests_)
    if (!told.judged && now - told.at >= how_.digest_interval / 4)
      judge(told, peer, now);
  if (pull_ && now - pull_->asked > 5 * how_.digest_interval)
    lose_source(); // Whoever was asked does not answer.
  if (borrowers_.empty())
    slice_.history()->take_appeared();
  if (may_ask_for_proof() && now >= proven_from_)
    ask_for_proof();
  if (now >= digests_due_) {
    digests_due_ = now + how_.digest_interval;
    if (!behind_) // Equal ones would prove that all is known.
      send_digests();
    seek_transfer(now);
  }
  if (ages_ && now - ages_->began > 5 * how_.digest_interval)
    ages_.reset(); // Somebody does not answer; what is over is told again.
}

std::optional<time_point> shard_replica::due() const {
  if (!how_.clustered)
    return certain_at_;
  if (!holds_ && upstream_)
    return std::nullopt;
  auto next = digests_due_;
  if (certain_at_)
    next = std::min(next, *certain_at_);
  if (holds_ && may_ask_for_proof())
    next = std::min(next, proven_from_);
  for (const auto& [peer, told] : digests_)
    if (!told.judged)
      next = std::min(next, told.at + how_.digest_interval / 4);
  return next;
}

} // namespace shunt::routing
