#include "cluster/dial_book.hpp"

#include "cluster/peer_transport.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace shunt::cluster {

namespace {

/// Each costs both ends a handshake, so there are not more than five a second of all names together.
constexpr auto between_looks = std::chrono::milliseconds{200};

bool has_name(std::string_view address) {
  const auto split = split_address(address);
  boost::system::error_code none;
  if (split)
    boost::asio::ip::make_address(split->host, none);
  return none.failed();
}

} // namespace

const dial_book::target* dial_book::find(std::string_view address) const {
  const auto found = std::ranges::find(targets_, address, &target::address);
  return found == targets_.end() ? nullptr : &*found;
}

dial_book::target* dial_book::find(std::string_view address) {
  return const_cast<target*>(std::as_const(*this).find(address));
}

void dial_book::add(std::string_view address, bool configured) {
  auto* it = find(address);
  if (it == nullptr && targets_.size() < addresses_max) {
    it = &targets_.emplace_back();
    it->address = address;
  }
  if (it == nullptr || !configured || std::exchange(it->configured, true))
    return;
  it->is_name = has_name(address);
  names_ += it->is_name;
}

std::vector<dial_target> dial_book::due(routing::time_point now,
                                        const std::function<bool(const std::string&)>& is_linked) {
  std::vector<dial_target> result;
  for (auto& each : targets_) {
    if (each.itself || each.under_way || each.next > now)
      continue;
    const bool may_look = each.is_name && each.next_look <= now;
    if (!may_look && !each.node.empty() && is_linked(each.node))
      continue;
    each.under_way = true;
    if (each.is_name)
      each.next_look = after(look_again(), now);
    result.push_back({each.address, each.turn++});
  }
  return result;
}

/// Between three and five quarters of the delay, so that nodes that failed together do not try together.
routing::time_point dial_book::after(routing::nanoseconds delay, routing::time_point now) {
  const auto quarter = delay / 4;
  std::uniform_int_distribution<std::int64_t> more{0, 2 * quarter.count()};
  return now + 3 * quarter + routing::nanoseconds{more(random_)};
}

void dial_book::wait(target& of, routing::time_point now) {
  of.next = after(of.delay, now);
}

routing::nanoseconds dial_book::look_again() const {
  return std::max<routing::nanoseconds>(delays_.look_again, names_ * between_looks);
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

void dial_book::is_itself(std::string_view address, routing::time_point now) {
  auto* const it = find(address);
  if (it == nullptr)
    return;
  it->under_way = false;
  it->itself = !it->is_name;
  it->delay = std::clamp(2 * it->delay, delays_.first, look_again()); // Another of its addresses may do.
  wait(*it, now);
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
