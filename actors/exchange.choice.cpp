// Which endpoint the next attempt of a request goes to: the one that it asks for by header, the one
// that its session sticks to, or whichever is next; and how its client is made to stick.
#include "actors/exchange.hpp"

#include <algorithm>

namespace shunt {

void exchange::read_affinity() {
  wanted_ = routing::parse_instance_address(
    {.app = net::value_of(head.fields, net::field_id::x_cf_app_instance),
     .process = net::value_of(head.fields, net::field_id::x_cf_process_instance)});
  sticky_ = net::stickiness_of(head, rules_->stickiness);
}

std::size_t exchange::candidates(const routing::leased_pool& pool) const {
  if (wanted_.demand != routing::instance_demand::certain)
    return pool.size();
  std::size_t accepted = 0;
  pool.for_each(
    [&](const routing::leased_endpoint& e) { accepted += wanted_.only.accepts(e.about()); });
  return wanted_.only.app.empty() ? accepted : std::min<std::size_t>(accepted, 1); // See `choose`.
}

bool exchange::all_overloaded(const routing::leased_pool& pool) const {
  if (wanted_.demand != routing::instance_demand::certain)
    return routing::all_overloaded(pool, rules_->balancing);
  bool all = true;
  pool.for_each([&](const routing::leased_endpoint& e) {
    if (wanted_.only.accepts(e.about()))
      all = all && routing::is_overloaded(e, rules_->balancing);
  });
  return all;
}

routing::leased_endpoint* exchange::choose(routing::leased_pool& pool,
                                           routing::attempt_state& attempts) {
  if (!wanted_.only.app
         .empty()) { // One instance, however often it is registered: its last address.
    routing::leased_endpoint* last = nullptr;
    pool.for_each([&](routing::leased_endpoint& e) {
      if (wanted_.only.accepts(e.about()))
        last = &e;
    });
    return last != nullptr && routing::pick_pinned(*last, attempts, rules_->balancing) ? last
                                                                                     : nullptr;
  }
  using enum net::stickiness_kind;
  if (sticky_.kind == required || (sticky_.kind == preferred && attempts.attempts == 0)) {
    auto* home = find_sticky(pool);
    if (home != nullptr && routing::pick_pinned(*home, attempts, rules_->balancing))
      return home;
    if (sticky_.kind == required)
      return nullptr;
  }
  return routing::pick(pool, attempts, rules_->balancing, exchange_times::clock::now(), here_.random);
}

/// gorouter takes an address for an instance as well.
routing::leased_endpoint* exchange::find_sticky(const routing::leased_pool& pool) const {
  auto* found = pool.find_instance(sticky_.instance);
  if (found == nullptr)
    found = pool.find_address(sticky_.instance);
  const bool wrong = found != nullptr && wanted_.demand == routing::instance_demand::certain
                     && !wanted_.only.accepts(found->about());
  return wrong ? nullptr : found;
}

net::error_response exchange::unknown_instance() const {
  auto answer = net::describe(net::router_error::unknown_instance, head.host);
  answer.message = routing::unknown_instance_message(
    {.app = net::value_of(head.fields, net::field_id::x_cf_app_instance),
     .process = net::value_of(head.fields, net::field_id::x_cf_process_instance)},
    head.host);
  return answer;
}

void exchange::make_sticky_cookie() {
  if (endpoint_ == nullptr) // A route service has no instances.
    return;
  const auto instance = endpoint_->about().instance_id();
  const auto due = net::sticky_cookie_for(response_, sticky_, instance, rules_->stickiness);
  if (!due)
    return;
  // The route may have gone since the attempt began: then its key has to do.
  auto* leased = here_.leases.find(route_host_);
  const auto* pool = leased == nullptr ? nullptr : leased->pool(route_path_);
  net::append_set_cookie(cookie_line_, *due, instance,
                         pool == nullptr ? "/" + route_path_ : pool->context_path());
}

net::proto_source exchange::proto_source() const {
  const auto& settings = rules_->settings;
  if (signed_) // By a router that has said so already.
    return net::proto_source::signer;
  if (settings.force_forwarded_proto_https)
    return net::proto_source::https;
  return settings.sanitize_forwarded_proto ? net::proto_source::connection
                                           : net::proto_source::client;
}

} // namespace shunt
