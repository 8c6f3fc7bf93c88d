#include "cluster/dial_book.hpp"

#include <algorithm>

namespace shunt::cluster {

dial_book::target* dial_book::find(std::string_view address) {
  const auto found = std::ranges::find(targets_, address, &target::address);
  return found == targets_.end() ? nullptr : &*found;
}

void dial_book::add(std::string_view address, bool configured) {
  auto* it = find(address);
  if (it == nullptr && targets_.size() < addresses_max) {
    it = &targets_.emplace_back();
    it->address = address;
  }
  if (it != nullptr)
    it->configured = it->configured || configured;
}

std::vector<std::string> dial_book::due(routing::time_point now,
                                        const std::function<bool(const std::string&)>& is_linked) {
  std::vector<std::string> addresses;
  for (auto& each : targets_) {
    if (each.itself || each.under_way || each.next > now || (!each.node.empty() && is_linked(each.node)))
      continue;
    each.under_way = true;
    addresses.push_back(each.address);
  }
  return addresses;
}

/// Between three and five quarters of the delay, so that nodes that failed together do not try together.
void dial_book::wait(target& of, routing::time_point now) {
  const auto quarter = of.delay / 4;
  std::uniform_int_distribution<std::int64_t> more{0, 2 * quarter.count()};
  of.next = now + 3 * quarter + routing::nanoseconds{more(random_)};
}

void dial_book::failed(std::string_view address, std::string_view node, routing::time_point now) {
  auto* const it = find(address);
  if (it == nullptr)
    return;
  it->under_way = false;
  if (!it->configured && ++it->failures >= patience) {
    targets_.erase(targets_.begin() + (it - targets_.data()));
    return;
  }
  if (!node.empty())
    it->node = node;
  it->delay = std::clamp(2 * it->delay, delays_.first, delays_.last);
  wait(*it, now);
}

void dial_book::is_itself(std::string_view address) {
  if (auto* const it = find(address))
    it->itself = true;
}

void dial_book::linked(std::string_view address, std::string_view node) {
  auto* const it = find(address);
  if (it == nullptr)
    return;
  it->under_way = false;
  it->node = node;
  it->delay = {};
  it->next = {};
  it->failures = 0;
}

void dial_book::leads_to(std::string_view address, std::string_view node) {
  if (auto* const it = find(address))
    it->node = node;
}

void dial_book::lost(std::string_view node, routing::time_point now) {
  for (auto& each : targets_)
    if (each.node == node && !each.under_way) {
      each.delay = delays_.first;
      wait(each, now);
    }
}

} // namespace shunt::cluster
