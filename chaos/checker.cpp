#include "chaos/checker.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace shunt::chaos {
namespace {

/// `time + more`, where for ever stays for ever.
nanoseconds later(nanoseconds time, nanoseconds more) {
  return time == for_ever ? for_ever : time + more;
}

bool in_outage(const request& asked, const history& all, const expectations& wanted) {
  return std::any_of(all.outages.begin(), all.outages.end(), [&](const outage& each) {
    return each.node == asked.node && each.from <= asked.end
           && asked.start <= later(each.to, wanted.grace);
  });
}

/// How long the node was in order.
nanoseconds time_in_order(const history& all, int node) {
  auto time = all.length;
  for (const auto& each : all.outages)
    if (each.node == node)
      time -= std::min(each.to, all.length) - each.from;
  return time;
}

bool began_in_order(const request& asked, const history& all) {
  return std::none_of(all.outages.begin(), all.outages.end(), [&](const outage& each) {
    return each.node == asked.node && each.from <= asked.start && asked.start <= each.to;
  });
}

using mappings_of_route = std::vector<const mapping*>;

/// When it had to be over for that node. One that stood still before that can hear of an end only when it goes on.
nanoseconds over_at(const mapping& each, int node, const history& all, const expectations& wanted) {
  const auto due = each.gone.value_or(later(each.to, wanted.settle));
  auto end = due;
  for (const auto& still : all.outages)
    if (still.node == node && still.went_on && due >= still.from && each.to <= *still.went_on)
      end = std::max(end, *still.went_on + wanted.settle);
  return end;
}

/// Whether its node may have routed to it while the request was under way.
bool may_be_mapped(const mapping& each, const request& asked, const history& all, const expectations& wanted) {
  return each.from <= asked.end && asked.start <= over_at(each, asked.node, all, wanted);
}

/// Whether every node must have known it from beginning to end.
bool is_mapped(const mapping& each, const request& asked, const expectations& wanted) {
  return each.known.value_or(each.from + wanted.settle) <= asked.start && asked.end <= each.to;
}

bool succeeded(const request& asked) {
  return asked.status >= 200 && asked.status < 300;
}

std::string milliseconds_of(nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count())
         + " ms";
}

judgement judge_success(const request& asked, const mappings_of_route& mappings, const history& all,
                        const expectations& wanted) {
  bool route_known = false;
  for (const auto* each : mappings)
    if (may_be_mapped(*each, asked, all, wanted)) {
      if (each->instance == asked.instance)
        return {};
      route_known = true;
    }
  if (!route_known)
    return {outcome::failed, "a 2xx for a route that was not mapped"};
  return {outcome::failed,
          "answered by instance " + std::to_string(asked.instance) + ", which was not mapped"};
}

/// What is wrong with it if its node was in order.
std::string complaint(const request& asked, bool mapped, const expectations& wanted) {
  if (asked.status == 0)
    return "no answer: " + asked.error;
  if (mapped && !succeeded(asked))
    return "a " + std::to_string(asked.status) + " for a mapped route";
  if (asked.end - asked.start > wanted.deadline)
    return "answered after " + milliseconds_of(asked.end - asked.start);
  return {};
}

judgement judge(const request& asked, const mappings_of_route& mappings, const history& all,
                const expectations& wanted) {
  const bool mapped = std::any_of(mappings.begin(), mappings.end(), [&](const mapping* each) {
    return is_mapped(*each, asked, wanted);
  });
  if (succeeded(asked))
    if (auto wrong = judge_success(asked, mappings, all, wanted); wrong.what == outcome::failed)
      return wrong;
  if (mapped && asked.status == 404)
    return {outcome::failed, "a 404 for a mapped route"};
  auto why = complaint(asked, mapped, wanted);
  if (why.empty())
    return {};
  const bool tolerable = asked.status == 0 || succeeded(asked) || !mapped
                         || wanted.allowed_statuses.contains(asked.status);
  const bool excused = tolerable && in_outage(asked, all, wanted);
  return {excused ? outcome::excused : outcome::failed, std::move(why)};
}

/// By route, so that a table of many is not searched for each request.
std::map<int, mappings_of_route> by_route(const std::vector<mapping>& all) {
  std::map<int, mappings_of_route> sorted;
  for (const auto& each : all)
    sorted[each.route].push_back(&each);
  return sorted;
}

/// When each node had first served each of these routes.
using first_served = std::map<int, std::map<int, nanoseconds>>;

first_served served_first(const history& all, const std::set<int>& routes) {
  first_served first;
  for (const auto& each : all.requests)
    if (succeeded(each) && routes.contains(each.route)) {
      const auto at = first[each.route].emplace(each.node, each.end).first;
      at->second = std::min(at->second, each.end);
    }
  return first;
}

/// Whether its node may not have known the route, nor anybody who could have told it.
bool is_unheard(const request& asked, const first_served& served, const history& all, const expectations& wanted) {
  const auto& lost = wanted.unheard;
  if (!lost || asked.status != 503 || asked.start < lost->from || asked.start > lost->to
      || !lost->routes.contains(asked.route))
    return false;
  const auto by = served.find(asked.route);
  return by == served.end() || std::none_of(by->second.begin(), by->second.end(), [&](const auto& first) {
    const auto [node, at] = first;
    if (node == asked.node)
      return at <= asked.start;
    auto other = asked;
    other.node = node;
    return asked.start >= std::max(lost->shared, at + wanted.settle) && !in_outage(other, all, wanted);
  });
}

} // namespace

judgement judge(const request& asked, const history& all, const expectations& wanted) {
  return judge(asked, by_route(all.mappings)[asked.route], all, wanted);
}

verdict check(const history& all, const expectations& wanted) {
  auto mappings = by_route(all.mappings);
  const auto served = served_first(all, wanted.unheard ? wanted.unheard->routes : std::set<int>{});
  verdict result;
  result.outcomes.reserve(all.requests.size());
  for (const auto& each : all.requests) {
    auto judged = judge(each, mappings[each.route], all, wanted);
    if (judged.what == outcome::failed && is_unheard(each, served, all, wanted)) {
      judged.what = outcome::excused;
      ++result.unheard;
    }
    result.outcomes.push_back(judged.what);
    if (judged.what == outcome::excused)
      ++result.excused;
    else if (each.status != 0)
      result.worst = std::max(result.worst, each.end - each.start);
    if (judged.what == outcome::failed)
      result.failures.push_back(
        {each.start, each.node, "route " + std::to_string(each.route) + ": " + judged.why});
  }
  std::stable_sort(result.failures.begin(), result.failures.end(),
                   [](const failure& left, const failure& right) { return left.at < right.at; });
  return result;
}

std::vector<failure> asked_too_little(const history& all, int rate_min) {
  std::vector<failure> found;
  for (int node = 0; node < all.nodes; ++node) {
    const auto asked = std::count_if(all.requests.begin(), all.requests.end(), [&](const request& each) {
      return each.node == node && began_in_order(each, all);
    });
    const auto seconds = static_cast<double>(time_in_order(all, node).count()) / 1e9;
    if (static_cast<double>(asked) < seconds * rate_min)
      found.push_back({all.length, node,
                       "router-" + std::to_string(node) + " was asked only " + std::to_string(asked) + " times in "
                         + std::to_string(static_cast<int>(seconds)) + " s: this machine is too busy"});
  }
  return found;
}

} // namespace shunt::chaos
