// What this node makes of beacons: addresses of other nodes of its own cluster, as many as it may look at. Pure; time is an
// argument.
#pragma once

#include "routing/time.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::cluster {

struct beacon_rules {
  std::string cluster;
  std::string node;           ///< This one, whose own beacons come back.
  bool loopback_only = false; ///< As links without TLS are.
};

class beacon_ear {
public:
  /// Beacons that are read in a second; the others are passed over, and come again.
  static constexpr std::size_t read_in_a_second = 64;
  /// Addresses that are known by beacons at a time. Nodes tell each other of those beyond.
  static constexpr std::size_t addresses_max = 256;
  /// Since its last beacon: then another address may have its place.
  static constexpr std::chrono::minutes remembered_for{2};

  explicit beacon_ear(beacon_rules rules) : rules_{std::move(rules)} {}

  /// The address to connect to, if it is a beacon of another node of this cluster.
  std::optional<std::string> hear(std::string_view json, routing::time_point now);

private:
  bool may_read(routing::time_point now);
  bool remember(const std::string& address, routing::time_point now);

  beacon_rules rules_;
  routing::time_point second_began_{};
  std::size_t read_since_ = 0;
  std::map<std::string, routing::time_point> heard_;
};

} // namespace shunt::cluster
