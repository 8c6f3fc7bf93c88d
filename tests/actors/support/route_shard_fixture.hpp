// A shard alone, with holders that remember what they were told.
#pragma once

#include "actors/route_shard.hpp"
#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"
#include "tests/actors/support/registrations.hpp"
#include "tests/net/log_capture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace shunt::test {
using namespace std::literals;

inline constexpr auto push_time = 10ms;
using addresses = std::vector<std::string>;

inline addresses addresses_of(const host_granted& granted, std::string_view path = {}) {
  addresses found;
  for (const auto& each : granted.grant->paths)
    if (each.path == path)
      for (const auto& endpoint : each.endpoints)
        found.emplace_back(endpoint.target->address());
  return found;
}

inline addresses hosts_of(const hosts_changed& pushed) {
  addresses found;
  for (const auto& each : *pushed.changes)
    found.push_back(each.host);
  std::sort(found.begin(), found.end());
  return found;
}

/// A cluster that answers nothing.
inline shard_outlet_actor::behavior_type deaf_cluster() {
  return {[](const to_peer&) {}, [](const shard_sync&) {}, [](const registrations_wished&) {}};
}

/// One shard with two holders of its leases.
class route_shard_fixture : public actors_by_hand {
protected:
  route_shard_fixture() {
    options.index = 3;
    options.incarnation = 7;
    options.register_interval = 5s;
    scheduler().advance_time(24h); // The steady clock of a machine that runs for a day.
  }

  void start() {
    shard = own(spawn_route_shard(system, options, *log.log));
    run();
  }
  void hear(std::initializer_list<routing::registration> heard) { tell(shard, batch_of(heard)); }
  void lease(const std::string& host) { tell(shard, lease_host{host, holder}); }
  route_list list(std::uint64_t cursor = 0) {
    route_list piece;
    auto request = self->request(shard, caf::infinite, list_routes{cursor});
    run();
    request.receive([&](route_list& answer) { piece = std::move(answer); },
                    [](const caf::error&) { ADD_FAILURE() << "no list"; });
    return piece;
  }
  /// All pieces, by uri.
  std::map<std::string, std::string> list_all() {
    std::map<std::string, std::string> routes;
    for (std::uint64_t at = 0; at != routing::slice::walk_end; at = last_piece.next) {
      last_piece = list(at);
      for (const auto& [uri, json] : last_piece.routes)
        EXPECT_TRUE(routes.emplace(uri, json).second) << uri;
    }
    return routes;
  }
  /// What the holder heard since this was called last, after time enough for any push.
  test::holder_record news() {
    advance(push_time);
    return std::exchange(record, {});
  }

  net::log_capture log;
  route_shard_options options;
  test::holder_record record;
  test::holder_record other_record;
  lease_cache_actor holder = own(test::spawn_holder(system, record));
  lease_cache_actor other_holder = own(test::spawn_holder(system, other_record));
  caf::scoped_actor self{system};
  route_shard_actor shard;
  route_list last_piece;
};

} // namespace shunt::test
