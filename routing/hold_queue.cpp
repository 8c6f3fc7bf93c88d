#include "routing/hold_queue.hpp"

#include <algorithm>

namespace shunt::routing {

hold_queue::~hold_queue() {
  for (auto& [route, all] : routes_)
    for (const auto& each : all.waiting)
      give_room(all, each);
}

std::size_t hold_queue::waiting(std::string_view route) const {
  const auto at = routes_.find(route);
  return at == routes_.end() ? 0 : at->second.waiting.size();
}

bool hold_queue::join(std::string_view route, hold_ticket who, std::size_t bytes) {
  const auto known = routes_.find(route);
  const auto waiting = known == routes_.end() ? 0 : known->second.waiting.size();
  const auto held = known == routes_.end() ? 0 : known->second.bytes;
  if (waiting >= limits_.requests_per_route || bytes > limits_.bytes_per_route
      || held > limits_.bytes_per_route - bytes || !take_room(bytes))
    return false;
  auto& joined = known == routes_.end() ? routes_[std::string{route}] : known->second;
  joined.waiting.push_back({who, bytes});
  joined.bytes += bytes;
  return true;
}

void hold_queue::rejoin(std::string_view route, hold_ticket who, std::size_t bytes) {
  auto& joined = routes_[std::string{route}];
  std::erase(joined.gone, who);
  shared_->requests.fetch_add(1);
  shared_->bytes.fetch_add(bytes);
  joined.waiting.push_front({who, bytes});
  joined.bytes += bytes;
}

/// Of the node, which others take from at the same time.
bool hold_queue::take_room(std::size_t bytes) {
  const auto requests = shared_->requests.fetch_add(1) + 1;
  const auto total = shared_->bytes.fetch_add(bytes) + bytes;
  if (requests <= limits_.requests && total <= limits_.bytes)
    return true;
  shared_->requests.fetch_sub(1);
  shared_->bytes.fetch_sub(bytes);
  return false;
}

void hold_queue::give_room(line& of, const place& left) {
  of.bytes -= left.bytes;
  shared_->requests.fetch_sub(1);
  shared_->bytes.fetch_sub(left.bytes);
}

void hold_queue::settle(lines::iterator at) {
  if (at->second.waiting.empty() && at->second.gone.empty())
    routes_.erase(at);
}

void hold_queue::leave(std::string_view route, hold_ticket who) {
  const auto at = routes_.find(route);
  if (at == routes_.end())
    return;
  auto& [waiting, gone, bytes] = at->second;
  std::erase(gone, who);
  const auto at_place = std::find_if(waiting.begin(), waiting.end(),
                                  [&](const auto& each) { return each.who == who; });
  if (at_place != waiting.end()) {
    give_room(at->second, *at_place);
    waiting.erase(at_place);
  }
  settle(at);
}

std::vector<hold_ticket> hold_queue::let_go(std::string_view route, std::size_t endpoints) {
  const auto at = routes_.find(route);
  if (at == routes_.end() || endpoints == 0)
    return {};
  auto& [waiting, gone, bytes] = at->second;
  auto going = waiting.size();
  if (per_endpoint_ > 0) {
    const auto takes = endpoints * per_endpoint_;
    going = std::min(going, takes > gone.size() ? takes - gone.size() : 0);
  }
  std::vector<hold_ticket> off;
  for (; going > 0; --going) {
    give_room(at->second, waiting.front());
    off.push_back(waiting.front().who);
    waiting.pop_front();
  }
  gone.insert(gone.end(), off.begin(), off.end());
  settle(at);
  return off;
}

std::vector<std::string> hold_queue::below(std::string_view route) const {
  auto prefix = std::string{route};
  if (!prefix.ends_with('/')) // "host/" stands for the root.
    prefix += '/';
  std::vector<std::string> found;
  for (auto at = routes_.lower_bound(prefix); at != routes_.end() && at->first.starts_with(prefix); ++at)
    if (at->first != route && !at->second.waiting.empty())
      found.push_back(at->first);
  return found;
}

std::vector<hold_ticket> hold_queue::dismiss(std::string_view route) {
  const auto at = routes_.find(route);
  if (at == routes_.end())
    return {};
  std::vector<hold_ticket> off;
  for (const auto& each : at->second.waiting) {
    give_room(at->second, each);
    off.push_back(each.who);
  }
  at->second.waiting.clear();
  settle(at);
  return off;
}

} // namespace shunt::routing
