#include "cluster/beacon_ear.hpp"

#include "cluster/beacon.hpp"

namespace shunt::cluster {

std::optional<std::string> beacon_ear::hear(std::string_view json, routing::time_point now) {
  if (!may_read(now))
    return std::nullopt;
  const auto said = read_beacon(json);
  if (!said || said->cluster != rules_.cluster || said->node == rules_.node)
    return std::nullopt;
  if (rules_.loopback_only && !is_loopback_address(said->address))
    return std::nullopt;
  return remember(said->address, now) ? std::optional{said->address} : std::nullopt;
}

bool beacon_ear::may_read(routing::time_point now) {
  if (now - second_began_ >= std::chrono::seconds{1}) {
    second_began_ = now;
    read_since_ = 0;
  }
  return ++read_since_ <= read_in_a_second;
}

bool beacon_ear::remember(const std::string& address, routing::time_point now) {
  if (heard_.size() >= addresses_max && !heard_.contains(address))
    std::erase_if(heard_, [&](const auto& each) { return now - each.second > remembered_for; });
  if (heard_.size() >= addresses_max && !heard_.contains(address))
    return false;
  heard_[address] = now;
  return true;
}

} // namespace shunt::cluster
