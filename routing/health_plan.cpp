// See health_plan.hpp.
#include "routing/health_plan.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

/// Everything that a check depends on. Each text but the last says where it ends, so that none can
/// pretend to be two.
std::string key_of(const endpoint& target, std::string_view path) {
  std::string key{target.address()};
  key += target.tls() ? 's' : 'p';
  // Another instance at the same address begins healthy.
  for (const auto text :
       {target.protocol(), target.server_cert_domain_san(), target.app(), target.instance_id()})
    key.append(std::to_string(text.size())).append(1, ' ').append(text);
  key += path;
  return key;
}

} // namespace

nanoseconds health_plan::check::interval() const {
  nanoseconds shortest = nanoseconds::max();
  for (const auto& [who, interval] : wanted_by)
    shortest = std::min(shortest, interval);
  return shortest;
}

/// A tenth more or less, so that what began together does not stay together.
nanoseconds health_plan::varied(nanoseconds interval) {
  return interval * (900 + static_cast<std::int64_t>(random_.below(201))) / 1000;
}

void health_plan::set_rules(health_check_rules rules, time_point now) {
  rules_ = rules;
  for (const auto& [who, r] : routes_)
    for (const auto& [id, address] : r.checks)
      checks_.at(id).wanted_by[who] = interval_of(r.wish, rules_);
  for (auto& [id, c] : checks_)
    if (!c.running && c.due > now + c.interval())
      schedule(id, c, now + varied(c.interval()));
}

void health_plan::put(std::size_t shard, const checked_route& wanted, time_point now) {
  const route_key who{wanted.host, wanted.path};
  auto before = std::move(routes_[who].checks);
  auto& r = routes_[who];
  r = {shard, wanted.version, wanted.wish, {}};
  if (wanted.wish) {
    const auto interval = interval_of(wanted.wish, rules_);
    for (const auto& member : wanted.members) {
      bool made = false;
      const auto found = check_of(member.target, wanted.wish.path, made);
      if (!found) {
        ++refused_;
        continue;
      }
      const auto id = *found;
      auto& c = checks_.at(id);
      c.wanted_by[who] = interval;
      r.checks.emplace(id, member.target->address());
      before.erase(id);
      // The first one at any time within an interval: a thousand endpoints may come at once.
      const auto part = static_cast<std::int64_t>(made ? random_.below(1000) : 1000);
      const auto latest = interval * part / 1000;
      if (made || (!c.running && c.due > now + latest))
        schedule(id, c, now + latest);
      if (member.unhealthy == c.verdict.healthy())
        judge(who, r, member.target->address(), c.verdict.healthy());
    }
  }
  for (const auto& [id, address] : before)
    leave(who, id);
  if (r.checks.empty())
    routes_.erase(who);
}

void health_plan::drop(std::size_t shard) {
  for (auto at = routes_.begin(); at != routes_.end();) {
    const auto& [who, r] = *at;
    if (r.shard == shard)
      for (const auto& [id, address] : r.checks)
        leave(who, id);
    at = r.shard == shard ? routes_.erase(at) : std::next(at);
  }
}

std::optional<std::uint64_t> health_plan::check_of(const endpoint_ptr& target,
                                                   const std::string& path, bool& made) {
  auto key = key_of(*target, path);
  if (checks_.size() >= rules_.checks_max && !by_key_.contains(key))
    return std::nullopt;
  const auto [at, fresh] = by_key_.try_emplace(key, next_id_);
  made = fresh;
  if (fresh) {
    auto& c = checks_[next_id_++];
    c.key = std::move(key);
    c.target = target;
    c.path = path;
  }
  return at->second;
}

void health_plan::schedule(std::uint64_t id, check& c, time_point when) {
  waiting_.erase({c.due, id});
  c.due = when;
  waiting_.emplace(when, id);
}

void health_plan::leave(const route_key& who, std::uint64_t id) {
  const auto at = checks_.find(id);
  auto& c = at->second;
  c.wanted_by.erase(who);
  if (!c.wanted_by.empty())
    return;
  waiting_.erase({c.due, id});
  unhealthy_ -= c.verdict.healthy() ? 0 : 1;
  by_key_.erase(c.key);
  checks_.erase(at);
  dropped_.push_back(id);
}

std::optional<health_plan::order> health_plan::next(time_point now) {
  if (running_ >= rules_.running_max || waiting_.empty() || waiting_.begin()->first > now)
    return std::nullopt;
  const auto id = waiting_.begin()->second;
  waiting_.erase(waiting_.begin());
  auto& c = checks_.at(id);
  c.running = true;
  c.began = now;
  ++running_;
  return order{id, c.target, c.wanted_by.begin()->first.first, c.path};
}

time_point health_plan::due() const {
  return running_ >= rules_.running_max || waiting_.empty() ? time_point::max()
                                                            : waiting_.begin()->first;
}

health_plan::result health_plan::ended(std::uint64_t id, std::optional<bool> success,
                                       time_point now) {
  --running_;
  const auto at = checks_.find(id);
  if (at == checks_.end())
    return {};
  auto& c = at->second;
  c.running = false;
  schedule(id, c, std::max(now, c.began + varied(c.interval())));
  const bool changed = success && c.verdict.heard(*success, rules_);
  const bool healthy = c.verdict.healthy();
  if (changed) {
    unhealthy_ += healthy ? std::size_t(-1) : 1;
    for (const auto& [who, interval] : c.wanted_by)
      judge(who, routes_.at(who), c.target->address(), healthy);
  }
  return {changed, healthy};
}

void health_plan::judge(const route_key& who, const route& r, std::string_view address,
                        bool healthy) {
  judgements_.emplace_back(
    r.shard, judgement{who.first, who.second, std::string{address}, r.version, healthy});
}

} // namespace shunt::routing
