// See route_policy.hpp.
#include "routing/route_policy.hpp"

#include "routing/endpoint.hpp"

#include <algorithm>
#include <array>

namespace shunt::routing {

namespace {

constexpr std::string_view rule_prefix = "route:";

bool is_guid_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'
         || c == '_';
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

/// An endpoint without the tag is in nobody's organization or space.
bool is_same_place(std::string_view callers, std::string_view endpoints) {
  return !callers.empty() && callers == endpoints;
}

constexpr policy_verdict refusal(std::string_view rule) {
  return {false, rule};
}

} // namespace

bool is_guid(std::string_view text) {
  return !text.empty() && text.size() <= guid_bytes_max
         && std::all_of(text.begin(), text.end(), is_guid_byte);
}

caller_identity caller_of(std::span<const std::string> organizational_units) {
  caller_identity caller;
  const std::array<std::pair<std::string_view, std::string*>, 3> known{
    {{"app:", &caller.app}, {"space:", &caller.space}, {"organization:", &caller.organization}}};
  for (const std::string_view unit : organizational_units)
    for (const auto& [prefix, part] : known) {
      if (!unit.starts_with(prefix))
        continue;
      const auto guid = unit.substr(prefix.size());
      if (!part->empty() || !is_guid(guid))
        return {};
      part->assign(guid);
    }
  return caller.is_known() ? caller : caller_identity{};
}

std::pair<route_policy::source_kind, std::string_view> route_policy::source::key() const {
  const std::string_view text{rule};
  return {kind, kind == source_kind::any ? std::string_view{} : text.substr(text.rfind(':') + 1)};
}

const route_policy::source* route_policy::clause::find(source_kind kind,
                                                       std::string_view guid) const {
  const std::pair wanted{kind, guid};
  const auto at = std::ranges::lower_bound(sources, wanted, {}, &source::key);
  return at != sources.end() && at->key() == wanted ? &*at : nullptr;
}

/// The narrowest source that names the caller.
const route_policy::source* route_policy::clause::naming(const caller_identity& caller) const {
  const auto* found = find(source_kind::app, caller.app);
  if (found == nullptr)
    found = find(source_kind::space, caller.space);
  if (found == nullptr)
    found = find(source_kind::org, caller.organization);
  return found != nullptr ? found : find(source_kind::any, {});
}

bool route_policy::read_source(std::string_view text, source& into) {
  constexpr std::array<std::pair<std::string_view, source_kind>, 3> kinds{
    {{"cf:app:", source_kind::app}, {"cf:space:", source_kind::space}, {"cf:org:", source_kind::org}}};
  into.kind = source_kind::any;
  bool fine = text == "cf:any";
  for (const auto& [prefix, kind] : kinds)
    if (text.starts_with(prefix)) {
      into.kind = kind;
      fine = is_guid(text.substr(prefix.size()));
    }
  into.rule.assign(rule_prefix).append(text);
  return fine;
}

bool route_policy::read(std::string_view scope, std::string_view sources, clause& into) {
  if (scope.empty() || scope == "any")
    into.scope = reach::any;
  else if (scope == "org")
    into.scope = reach::org;
  else if (scope == "space")
    into.scope = reach::space;
  else
    return false;
  for (bool more = !sources.empty(); more;) {
    const auto comma = sources.find(',');
    if (into.sources.size() == policy_sources_max
        || !read_source(trimmed(sources.substr(0, comma)), into.sources.emplace_back()))
      return false;
    more = comma != sources.npos;
    if (more)
      sources.remove_prefix(comma + 1);
  }
  std::ranges::sort(into.sources, {}, &source::key);
  return true;
}

bool is_understood(std::string_view scope, std::string_view sources) {
  route_policy::clause ignored;
  return route_policy::read(scope, sources, ignored);
}

route_policy::route_policy(std::span<const policy_option> options) {
  const bool few = options.size() <= route_policies_max;
  for (const auto& option : few ? options : options.first(0))
    if (!read(option.scope, option.sources, clauses_.emplace_back())) {
      clauses_.clear();
      break;
    }
}

policy_verdict route_policy::admits(const caller_identity& caller) const {
  if (!caller.is_known())
    return refusal("identity_extraction");
  if (clauses_.empty())
    return refusal("route:malformed_policy");
  policy_verdict verdict{true, {}};
  for (const auto& each : clauses_) {
    const auto* by = each.naming(caller);
    if (by == nullptr)
      return refusal(each.sources.empty() ? "route:no_route_policies" : "route:route_policies");
    if (verdict.rule.empty())
      verdict.rule = by->rule;
  }
  return verdict;
}

policy_verdict route_policy::admits(const caller_identity& caller, const endpoint& target) const {
  const auto verdict = admits(caller);
  if (!verdict.allowed)
    return verdict;
  for (const auto& each : clauses_) {
    if (each.scope == reach::org
        && !is_same_place(caller.organization, target.tag("organization_id")))
      return refusal("domain:scope=org");
    if (each.scope == reach::space && !is_same_place(caller.space, target.tag("space_id")))
      return refusal("domain:scope=space");
  }
  return verdict;
}

} // namespace shunt::routing
