// See route_derivation.hpp.
#include "routing/route_derivation.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

template <class Key>
void decrement(std::map<Key, std::uint32_t>& counts, const Key& key) {
  const auto at = counts.find(key);
  if (at != counts.end() && --at->second == 0)
    counts.erase(at);
}

} // namespace

void route_derivation::joined(const endpoint& e, std::string_view spelt) {
  if (!spelt.empty()) {
    by_address_.emplace(e.address(), spelt);
    ++spellings_[std::string{spelt}];
  }
  if (counting_)
    count(e);
}

void route_derivation::left(const endpoint& e) {
  if (const auto at = by_address_.find(std::string{e.address()}); at != by_address_.end()) {
    decrement(spellings_, at->second);
    by_address_.erase(at);
  }
  if (counting_)
    uncount(e);
}

void route_derivation::count_all(const address_list<slice_member>& members) {
  counting_ = true;
  members.for_each([this](const slice_member& m) { count(*m.target); });
}

std::string_view route_derivation::spelling(std::string_view address) const {
  const auto at = by_address_.find(std::string{address});
  return at == by_address_.end() ? std::string_view{} : at->second;
}

route_derivation::option route_derivation::option_of(const endpoint& e) {
  const auto wish = e.algorithm();
  if (wish != algorithm::hash)
    return {wish, std::string{}, 0.0};
  return {wish, std::string{e.hash_header()}, e.hash_balance()};
}

policy_option route_derivation::policy_of(const endpoint& e) {
  return {std::string{e.policy_scope()}, std::string{e.policy_sources()}};
}

void route_derivation::count(const endpoint& e) {
  if (!e.route_service_url().empty())
    ++urls_[std::string{e.route_service_url()}];
  if (has_option(e))
    ++options_[option_of(e)];
  if (e.has_policy())
    ++policies_[policy_of(e)];
  if (e.has_route_options())
    ++route_options_[std::string{e.packed_route_options()}];
  if (asks_for_check(e))
    ++checks_[check_asked_by(e)];
}

void route_derivation::uncount(const endpoint& e) {
  if (!e.route_service_url().empty())
    decrement(urls_, std::string{e.route_service_url()});
  if (has_option(e))
    decrement(options_, option_of(e));
  if (e.has_policy())
    decrement(policies_, policy_of(e));
  if (e.has_route_options())
    decrement(route_options_, std::string{e.packed_route_options()});
  if (asks_for_check(e))
    decrement(checks_, check_asked_by(e));
}

void route_derivation::remember(const address_list<slice_member>& members) {
  auto said = traits_of_members(members);
  const bool may_hold = said.options && said.options->hold.count() > 0;
  last = {.route_service_url = std::move(said.route_service_url),
          .policies = std::move(said.policies),
          .options = std::move(said.options)};
  last_app.clear();
  if (may_hold || reserved)
    members.for_each([this](const slice_member& m) { last_app = m.target->app(); });
}

void route_derivation::emptied() {
  route_derivation kept;
  kept.last = std::move(last);
  kept.last_app = std::move(last_app);
  kept.reserved = std::move(reserved);
  *this = std::move(kept);
}

route_traits route_derivation::traits(const address_list<slice_member>& members) const {
  auto traits = members.empty() ? last : traits_of_members(members);
  if (!reserved)
    return traits;
  const auto& wanted = reserved->said;
  using enum route_traits::reservation_kind;
  traits.reserved = wanted.options && wanted.options->fallback ? with_fallback : alone;
  if (!wanted.route_service_url.empty())
    traits.route_service_url = wanted.route_service_url;
  if (wanted.options)
    traits.options = wanted.options;
  if (const auto wish = algorithm_of(wanted.loadbalancing); wish != algorithm::router_default) {
    const bool by_hash = wish == algorithm::hash;
    traits.algorithm = wish;
    traits.hash_header = by_hash ? wanted.hash_header : std::string{};
    traits.hash_balance = by_hash ? wanted.hash_balance : 0;
  }
  return traits;
}

route_traits route_derivation::traits_of_members(const address_list<slice_member>& members) const {
  if (!counting_) {
    route_derivation counted;
    counted.count_all(members);
    auto traits = counted.traits_of_members(members);
    traits.spelling = spellings_.empty() ? std::string{} : spellings_.begin()->first;
    return traits;
  }
  route_traits traits;
  if (!urls_.empty())
    traits.route_service_url = urls_.begin()->first;
  if (!options_.empty())
    std::tie(traits.algorithm, traits.hash_header, traits.hash_balance) = options_.begin()->first;
  if (!spellings_.empty())
    traits.spelling = spellings_.begin()->first;
  if (!route_options_.empty())
    traits.options = std::make_shared<const route_options>(
      unpack_route_options(route_options_.begin()->first));
  for (const auto& [policy, endpoints] : policies_)
    if (traits.policies.size() <= route_policies_max)
      traits.policies.push_back(policy);
  return traits;
}

health_check route_derivation::check(const address_list<slice_member>& members) const {
  if (counting_)
    return checks_.empty() ? health_check{} : checks_.begin()->first;
  health_check smallest;
  members.for_each([&](const slice_member& m) {
    if (!asks_for_check(*m.target))
      return;
    auto asked = check_asked_by(*m.target);
    if (!smallest || asked < smallest)
      smallest = std::move(asked);
  });
  return smallest;
}

health_check check_of(const address_list<slice_member>& members,
                      const route_derivation* derivation) {
  return derivation != nullptr ? derivation->check(members) : route_derivation{}.check(members);
}

route_traits traits_of(const address_list<slice_member>& members,
                       const route_derivation* derivation) {
  return derivation != nullptr ? derivation->traits(members) : route_derivation{}.traits(members);
}

} // namespace shunt::routing
