// How copies of a slice are kept equal: a new holder takes over all of it, holders compare digests and repair
// what differs, and nobody prunes what another one hears.
#include "routing/shard_replica.hpp"

#include <algorithm>
#include <span>

namespace shunt::routing {

namespace {

constexpr std::size_t compared_together = 16'384; ///< Hosts, about, in one message; the other buckets have their turn later.
constexpr std::size_t asked_together = 2'000; ///< Endpoints whose ages are asked for,
constexpr std::size_t asked_bytes_max = 512 * 1024; ///< and of what names them: a message may be twice as long.
constexpr int differing_rounds_max = 3;       ///< Then this copy is in doubt.

/// How many of these are asked for together.
std::size_t fitting(const std::vector<endpoint_key>& of) {
  std::size_t count = 0, bytes = 0;
  while (count < std::min(of.size(), asked_together) && bytes < asked_bytes_max) {
    const auto& each = of[count++];
    bytes += each.host.size() + each.path.size() + each.address.size();
  }
  return count;
}

} // namespace

// -- Transfer

void shard_replica::seek_transfer(time_point now) {
  const auto* source = holder_in_sync();
  if (!how_.clustered || !holds_ || has_all() || pull_ || source == nullptr)
    return;
  if (left_off_) // Whoever fell silent is asked again only if there is nobody else.
    for (const auto& each : view_.others)
      if (each.in_sync && each.peer != left_off_->from) {
        source = &each;
        break;
      }
  pull_ = pull{.from = source->peer, .doubts = doubts_, .began = now, .asked = now};
  if (const auto before = std::exchange(left_off_, std::nullopt);
      before && before->doubts == doubts_ && before->from_in_sync) {
    pull_->cursor = before->cursor;
    pull_->began = before->began;
  }
  send(source->peer, transfer_pull{pull_->cursor});
}

/// Another one goes on where it was; without NATS, where too much may have changed meanwhile, from the beginning.
void shard_replica::lose_source() {
  left_off_ = std::exchange(pull_, std::nullopt);
  if (left_off_ && !hears_all())
    left_off_->cursor = 0;
}

void shard_replica::restore(const std::vector<told_host>& hosts, time_point now) {
  if (!how_.clustered || !holds_ || transferred_) // Peers have told all of it already.
    return;
  for (const auto& host : hosts) {
    for (const auto& path : host.paths)
      for (const auto& each : path.members)
        if (const auto address = each.target->address(); !slice_.endpoint_at(host.host, path.path, address))
          restored_.insert(slice_history::digest_of_key(host.host, path.path, address));
    slice_.merge(host, now);
  }
  note_digest(now);
}

void shard_replica::confirm_restored(const told_host& told) {
  if (restored_.empty())
    return;
  for (const auto& path : told.paths)
    for (const auto& each : path.members)
      restored_.erase(slice_history::digest_of_key(told.host, path.path, each.target->address()));
}

/// A copy that would have heard them takes no endpoints whose age is over: whoever tells of them, perhaps after a long
/// absence, has them pruned instead. Any other takes them, since it may not prune them either.
void shard_replica::merge(const std::vector<told_host>& hosts, peer_id from, time_point now) {
  endpoints_pruned over;
  const bool hears = certain_ && may_prune(now);
  for (const auto& host : hosts) {
    slice_.merge(host, now - late_, hears, over.which);
    confirm_restored(host);
  }
  if (!over.which.empty())
    send(from, std::move(over));
}

void shard_replica::take(const transfer_piece& m, peer_id from, time_point now) {
  if (!pull_ || pull_->from != from || m.cursor != pull_->cursor)
    return;
  merge(m.hosts, from, now);
  counters_.transferred_hosts += m.hosts.size();
  pull_->from_in_sync = pull_->from_in_sync && m.in_sync && m.held;
  pull_->cursor = m.next;
  if (m.next != slice::tell_end) {
    pull_->asked = now;
    send(from, transfer_pull{m.next});
    return;
  }
  const auto ended = *std::exchange(pull_, std::nullopt);
  if (!ended.from_in_sync)
    return; // Again, from whoever is in sync then.
  transferred_ = true;
  if (const auto unknown = std::exchange(restored_, {}); !unknown.empty())
    slice_.drop_provisional(unknown, now);
  // What this node had not begun to hear when it was said, its source may have read later than it told of that host: if
  // all of it was told so soon, a digest has to prove it.
  if (ended.began >= proven_from_ && hears_all())
    be_certain(now);
}

// -- Digests

void shard_replica::send_digests() {
  const auto sum = slice_.history()->digest();
  for (const auto& each : view_.others)
    send(each.peer, slice_digest{sum, certain_});
}

/// Once for each doubt, of one holder in sync, and not before its answer counts. Otherwise its next digest would do.
void shard_replica::ask_for_proof() {
  proof_wanted_ = false;
  const auto* sure = holder_in_sync();
  if (certain_ || sure == nullptr || !hears_all())
    return;
  const auto& sums = slice_.history()->bucket_digests();
  send(sure->peer, bucket_digests{{sums.begin(), sums.end()}});
}

void shard_replica::note_digest(time_point now) {
  if (slice_.history() == nullptr)
    return;
  const auto sum = slice_.history()->digest();
  if (own_digests_.empty() || own_digests_.back().second != sum)
    own_digests_.emplace_back(now, sum);
  // The last one that is older than that was still true then.
  while (own_digests_.size() > 1 && own_digests_[1].first + how_.digest_interval < now)
    own_digests_.pop_front();
}

/// Lately: two copies never change at the same instant.
bool shard_replica::had(std::uint64_t sum) const {
  return std::any_of(own_digests_.begin(), own_digests_.end(),
                     [sum](const auto& each) { return each.second == sum; });
}

void shard_replica::take(const slice_digest& m, peer_id from, time_point now) {
  if (!holds_)
    return;
  note_digest(now);
  auto& told = digests_[from];
  told.sum = m.sum;
  told.in_sync = m.in_sync;
  told.at = now - late_;
  told.judged = false;
  if (!certain_ || had(m.sum))
    judge(told, from, now);
}

void shard_replica::judge(told_digest& told, peer_id from, time_point now) {
  told.judged = true;
  const auto* teller = holder(from); // Or nobody that counts, but who holds it until others can, and has to learn.
  // Heartbeats, by which it is known what it is, come later than what it says now.
  const bool is_in_sync = teller != nullptr && teller->in_sync && told.in_sync;
  if (had(told.sum)) {
    told.differed = 0;
    told.repaired_in_vain = false;
    const bool proves = is_in_sync && hears_all() && told.at >= proven_from_
                        && slice_.history()->digest() == told.sum;
    // Routes without endpoints are not in digests: who has just come to hold takes over all of it first.
    if (!certain_ && proves && has_all())
      be_certain(now);
    return;
  }
  told.differed += !std::exchange(told.repaired_in_vain, false);
  // One that is not in sync asks by itself, unless it is about to take over all of it. One that does not count is told no
  // digests by which it could.
  const bool asks = teller != nullptr && !is_in_sync;
  if (pull_ || (certain_ && (told.differed < 2 || asks)))
    return;
  ++counters_.repairs;
  const auto& sums = slice_.history()->bucket_digests();
  send(from, bucket_digests{{sums.begin(), sums.end()}});
  if (certain_ && is_in_sync && told.differed >= differing_rounds_max) {
    told.differed = 0;
    doubt(now);
  }
}

void shard_replica::compare(peer_id from, const bucket_digests& m) {
  if (!holds_ || m.sums.size() != slice_history::bucket_count)
    return;
  host_digests answer;
  const auto& ours = slice_.history()->bucket_digests();
  for (std::size_t left = m.sums.size(); left > 0 && answer.hosts.size() < compared_together; --left) {
    const auto i = compared_++ % m.sums.size();
    if (m.sums[i] == ours[i])
      continue;
    answer.buckets.push_back(static_cast<std::uint16_t>(i));
    auto hosts = slice_.host_digests(i);
    answer.hosts.insert(answer.hosts.end(), hosts.begin(), hosts.end());
  }
  if (!answer.buckets.empty())
    send(from, std::move(answer));
  else if (certain_ && !behind_) // That is as good as a digest that comes by itself, and sooner.
    send(from, slice_digest{slice_.history()->digest()});
}

void shard_replica::compare(peer_id from, const host_digests& m, time_point now) {
  if (!holds_ || m.buckets.size() > slice_history::bucket_count)
    return;
  std::map<std::uint64_t, std::uint64_t> theirs, ours;
  for (const auto& each : m.hosts)
    theirs.emplace(each.host, each.sum);
  for (const auto bucket : m.buckets)
    if (bucket < slice_history::bucket_count)
      for (const auto& each : slice_.host_digests(bucket))
        ours.emplace(each.host, each.sum);
  std::set<std::uint64_t> differ;
  const auto note = [&](const auto& some, const auto& others) {
    for (const auto& [host, sum] : some)
      if (const auto at = others.find(host); at == others.end() || at->second != sum)
        if (differ.size() < pulled_together)
          differ.insert(host);
  };
  note(theirs, ours);
  note(ours, theirs);
  if (differ.empty())
    return;
  slice_pull wanted{{differ.begin(), differ.end()}};
  send(from, slice_told{slice_.tell_hosts(wanted.hosts, now), false});
  pulling_.push_back({from});
  send(from, std::move(wanted));
}

/// Of no more than anybody asks for who keeps to the rules: a few bytes could name the whole table, and what is told
/// together is made together, whatever the pace.
void shard_replica::tell_pulled(peer_id to, const slice_pull& m, time_point now) {
  if (!holds_) {
    send(to, slice_told{});
    return;
  }
  const std::span named{m.hosts};
  send(to, slice_told{slice_.tell_hosts(named.first(std::min(named.size(), pulled_together)), now), true});
}

void shard_replica::take(const slice_told& m, peer_id from, time_point now) {
  if (holds_) {
    const auto before = slice_.history()->digest();
    merge(m.hosts, from, now);
    counters_.repaired_hosts += m.hosts.size();
    if (const auto told = digests_.find(from); told != digests_.end())
      told->second.note_repair(slice_.history()->digest() != before, m.last);
  }
  if (!m.last)
    return;
  const auto at = std::find_if(pulling_.begin(), pulling_.end(),
                               [from](const auto& each) { return each.from == from; });
  if (at == pulling_.end())
    return;
  const auto host = std::move(at->host);
  pulling_.erase(at);
  if (!host)
    return;
  const bool is_open = asked_.contains(*host) && !certain_ && !slice_.has_routes(*host);
  if (!is_open || !ask_for(*host, from))
    answer(*host);
}

// -- Ageing

bool shard_replica::may_prune(time_point now) {
  notice_pause(now);
  if (how_.clustered)
    return holds_ && hears_all() && now - nats_since_ >= slice_.rules().stale_threshold;
  if (!nats_connected_ && how_.suspend_pruning_without_nats)
    return false;
  if (std::exchange(refresh_before_pruning_, false) && how_.suspend_pruning_without_nats)
    slice_.refresh_all(now);
  return true;
}

bool shard_replica::prune_step(time_point began, std::size_t budget, time_point now,
                               prune_result& result) {
  const bool done = slice_.prune_step(began, budget, result);
  if (auto doubtful = slice_.take_doubtful(); !doubtful.empty())
    ask_ages(std::move(doubtful), now);
  return done;
}

void shard_replica::ask_ages(std::vector<endpoint_key> of, time_point now) {
  if (ages_)
    return; // Their turn comes again.
  // What others keep is told again and again: all have their turn.
  std::rotate(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(ages_asked_ % of.size()), of.end());
  of.resize(fitting(of));
  ages_asked_ += of.size();
  if (view_.others.empty()) {
    if (!view_.incomplete) // Who is away may hear what this node, perhaps without noticing, does not.
      prune_all(of, now);
    return;
  }
  std::vector<bool> fresh(of.size());
  ages_.emplace(ages_round{++ages_number_, std::move(of), std::move(fresh), {}, now});
  ages_asked question{ages_->number, ages_->of};
  for (const auto& each : ages_->of)
    question.failed.push_back(slice_.has_failed(each));
  while (!question.failed.empty() && !question.failed.back())
    question.failed.pop_back();
  for (const auto& each : view_.others) {
    ages_->awaited.insert(each.peer);
    send(each.peer, question);
  }
}

/// A holder says so when it asks for ages, and not before: if a question is lost, it asks again.
void shard_replica::endpoint_failed(const endpoint_key& which) {
  slice_.spare_no_more(which);
  if (!holds_ && upstream_)
    send(*upstream_, ages_asked{.of = {which}, .failed = {true}});
}

void shard_replica::tell_ages(peer_id to, const ages_asked& m, time_point now) {
  ages_told answer{.round = m.round};
  if (holds_)
    for (std::size_t i = 0; i < std::min(m.of.size(), m.failed.size()); ++i)
      if (m.failed[i])
        slice_.spare_no_more(m.of[i]);
  if (holds_)
    for (const auto& each : m.of)
      answer.ages.push_back(slice_.age_to_tell(each, now));
  send(to, std::move(answer));
}

void shard_replica::take(const ages_told& m, peer_id from, time_point now) {
  if (upstream_ == from && word_awaited_ == m.round)
    word_awaited_.reset();
  if (!ages_ || m.round != ages_->number || !ages_->awaited.contains(from))
    return;
  if (m.ages.size() < ages_->of.size()) { // It has no copy, or no more. That is not to say that it heard nothing.
    ages_.reset(); // The next round asks whoever has one then.
    return;
  }
  for (std::size_t i = 0; i < std::min(m.ages.size(), ages_->of.size()); ++i)
    if (m.ages[i] == nanoseconds{0}) // Not when it was heard: two copies would keep each other from ever letting it go.
      ages_->fresh[i] = true;
    else if (m.ages[i] != ages_told::never)
      slice_.hear(ages_->of[i], now - late_ - std::min(m.ages[i], oldest));
  ages_->awaited.erase(from);
  if (!ages_->awaited.empty())
    return;
  const auto ended = *std::exchange(ages_, std::nullopt);
  std::vector<endpoint_key> over;
  for (std::size_t i = 0; i < ended.of.size(); ++i)
    if (!ended.fresh[i])
      over.push_back(ended.of[i]);
  prune_all(over, now);
}

/// Without all answers nobody knows; what is over is told again.
void shard_replica::await_ages_of_holders() {
  if (ages_
      && std::any_of(ages_->awaited.begin(), ages_->awaited.end(), [this](auto each) { return holder(each) == nullptr; }))
    ages_.reset();
}

void shard_replica::prune_all(const std::vector<endpoint_key>& which, time_point now) {
  if (!hears_all())
    return;
  endpoints_pruned gone;
  for (const auto& each : which) {
    slice_.prune_endpoint(each, now, pruned_);
    if (slice_.age_of(each, now) == ages_told::never)
      gone.which.push_back(each);
  }
  if (gone.which.empty())
    return;
  for (const auto& each : view_.others)
    send(each.peer, gone);
}

} // namespace shunt::routing
