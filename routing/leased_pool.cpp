// See leased_pool.hpp.
#include "routing/leased_pool.hpp"

#include "routing/health_check.hpp"
#include "routing/text_hash.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

std::uint32_t hash_instance(std::string_view id) {
  return index_hash(text_hash(id, 0x8ebc6af09c88c6e3));
}

} // namespace

std::string leased_pool::context_path() const {
  const std::string_view spelt = traits_.spelling;
  const auto slash = spelt.find('/');
  std::string out{"/"};
  if (spelt.empty())
    out += path_;
  else if (slash != spelt.npos)
    out += spelt.substr(slash + 1);
  return out;
}

leased_endpoint* leased_pool::at(std::size_t slot) const {
  const member* m = members_.at(slot);
  return m == nullptr ? nullptr : m->target.get();
}

leased_endpoint* leased_pool::find_address(std::string_view address) const {
  const member* m = members_.find(address, endpoint::hash_address(address));
  return m == nullptr ? nullptr : m->target.get();
}

leased_endpoint* leased_pool::find_instance(std::string_view instance_id) const {
  if (instance_id.empty())
    return nullptr;
  leased_endpoint* last = nullptr;
  if (instances_.empty()) {
    for_each([&](leased_endpoint& e) {
      if (e.about().instance_id() == instance_id)
        last = &e;
    });
    return last;
  }
  // Two addresses of one instance are rare; then all of that hash are looked at for the last.
  std::size_t last_slot = 0;
  instances_.find(hash_instance(instance_id), [&](leased_endpoint* e) {
    const auto& about = e->about();
    if (about.instance_id() == instance_id) {
      const auto slot = members_.slot_of(members_.find(about.address(), about.address_hash()));
      if (last == nullptr || slot > last_slot) {
        last = e;
        last_slot = slot;
      }
    }
    return false;
  });
  return last;
}

bool leased_pool::request_ended(leased_endpoint& e, bool success, time_point now,
                                const outlier_settings& settings) {
  if (!e.health.ended(success, now, settings))
    return false;
  std::size_t ejected = 0;
  for_each([&](const leased_endpoint& each) { ejected += each.health.is_ejected(now); });
  if (!may_eject(ejected, size(), settings))
    return false;
  e.health.eject(now, settings);
  return true;
}

const maglev& leased_pool::hash_table() {
  if (hash_table_ == nullptr) {
    std::vector<maglev::member> named(slot_count());
    for (std::size_t i = 0; i < named.size(); ++i)
      if (const auto* e = at(i); e != nullptr)
        named[i] = {e->about().instance_id(), e->about().address()};
    hash_table_ = std::make_unique<maglev>(named);
  }
  return *hash_table_;
}

void leased_pool::reset(const path_grant& grant) {
  hash_table_ = nullptr;
  // Objects are taken over by address, so that marks and transports survive a lease being renewed.
  auto old = std::move(members_);
  members_.clear();
  instances_.clear();
  cursor = grant.endpoints.empty() ? not_started : cursor;
  set_traits(grant.traits);
  for (const auto& granted : grant.endpoints) {
    const member* known = old.find(granted.target->address(), granted.target->address_hash());
    if (known != nullptr)
      members_.append(*known);
    put(granted.target);
    auto* target = find_address(granted.target->address());
    if (target == nullptr)
      continue;
    if (target->failed_until == unhealthy_until) // The holder's verdict, which may be another now.
      target->failed_until = {};
    target->failed_until = std::max(target->failed_until, granted.failed_until);
  }
}

void leased_pool::apply(const path_change& change) {
  if (change.traits)
    set_traits(*change.traits);
  if (change.now != path_change::state::live) {
    hash_table_ = nullptr;
    members_.clear();
    instances_.clear();
    cursor = not_started;
    return;
  }
  for (const auto& e : change.endpoints) {
    switch (e.what) {
      case endpoint_change::kind::put: put(e.target); break;
      case endpoint_change::kind::remove: remove(*e.target); break;
      case endpoint_change::kind::mark:
        if (auto* target = find_address(e.target->address()))
          target->failed_until = e.failed_until;
        break;
    }
  }
}

void leased_pool::set_traits(const route_traits& traits) {
  const bool same_policies = traits.policies == traits_.policies;
  traits_ = traits;
  if (!same_policies)
    policy_ = traits_.policies.empty() ? nullptr : std::make_unique<route_policy>(traits_.policies);
}

void leased_pool::put(const endpoint_ptr& about) {
  member* known = members_.find(about->address(), about->address_hash());
  if (known != nullptr && known->target->about() == *about)
    return index_instance(known->target.get());
  const auto* old = known == nullptr ? nullptr : known->target.get();
  leased_endpoint_ptr fresh{new leased_endpoint{
    about, old == nullptr ? endpoint_stats::intern(about->address()) : old->shared_stats()}};
  if (known == nullptr || known->target->about().instance_id() != about->instance_id())
    hash_table_ = nullptr;
  if (known == nullptr) {
    members_.append(member{fresh});
  } else {
    fresh->failed_until = old->failed_until;
    fresh->health = old->health;
    // The transport was made for a name and a kind of connection; others need their own.
    if (old->about().tls() == about->tls() && old->about().protocol() == about->protocol()
        && old->about().server_cert_domain_san() == about->server_cert_domain_san())
      fresh->transport = old->transport;
    unindex_instance(known->target.get());
    known->target = fresh;
  }
  index_instance(fresh.get());
}

void leased_pool::remove(const endpoint& about) {
  member* known = members_.find(about.address(), about.address_hash());
  if (known == nullptr)
    return;
  hash_table_ = nullptr;
  unindex_instance(known->target.get());
  std::size_t follow = cursor == not_started ? 0 : cursor;
  members_.remove(known, follow);
  if (cursor != not_started)
    cursor = follow;
}

void leased_pool::index_instance(leased_endpoint* target) {
  const auto insert = [this](leased_endpoint* e) {
    const auto hash = hash_instance(e->about().instance_id());
    const auto same = [e](leased_endpoint* other) { return other == e; };
    if (!e->about().instance_id().empty() && instances_.find(hash, same) == nullptr)
      instances_.insert(hash, e);
  };
  if (target->about().instance_id().empty())
    return;
  if (!instances_.empty())
    insert(target);
  else if (members_.size() > instances_searched_most)
    for_each([&](leased_endpoint& e) { insert(&e); });
}

void leased_pool::unindex_instance(leased_endpoint* target) {
  instances_.erase(hash_instance(target->about().instance_id()),
                   [target](leased_endpoint* other) { return other == target; });
}

} // namespace shunt::routing
