// Actors that only remember what they were told. A record is shared with its actor, and read by the
// test while no actor runs.
#pragma once

#include "actors/protocol.hpp"

#include <caf/all.hpp>

#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace shunt::test {

/// What a lease cache heard.
struct holder_record {
  std::vector<host_granted> grants;
  std::vector<hosts_changed> pushes;
  std::vector<hold_over> holds_over;
  std::vector<shard_replaced> successors;
  std::vector<use_policy> policies;

  void clear() { *this = {}; }
};

inline lease_cache_actor spawn_holder(caf::actor_system& system, holder_record& record) {
  return system.spawn([&record]() -> lease_cache_actor::behavior_type {
    return {
      [&record](const host_granted& m) { record.grants.push_back(m); },
      [&record](const hosts_changed& m) { record.pushes.push_back(m); },
      [&record](const hold_over& m) { record.holds_over.push_back(m); },
      [&record](const shard_replaced& m) { record.successors.push_back(m); },
      [&record](const use_policy& m) { record.policies.push_back(m); },
      [](expire_leases) {},
    };
  });
}

/// What a route shard heard.
struct shard_record {
  std::vector<registration_batch> batches;
  std::vector<routing::reservation> reserved; ///< In order, of all messages.
  std::vector<std::pair<std::string, std::string>> unreserved;
  std::size_t reserve_messages = 0;
  std::vector<lease_host> asked;
  std::vector<drop_lease> dropped;
  std::vector<lease_wildcards> wildcards_asked;
  std::vector<changes_applied> applied;
  std::vector<hold_request> holds;
  std::vector<release_hold> released;
  std::vector<endpoint_failed> failures;
  std::vector<health_checker_actor> checkers;
  std::vector<routing::judgement> judgements;
  std::vector<nats_changed> nats;
  std::vector<routing_api_changed> routing_api;
  std::size_t asked_again = 0; ///< That everybody was asked to register.
  std::vector<use_policy> policies;
};

/// Ends with an exception when it is asked for its routes. (The record is an argument, because CAF applies
/// a function without any to a null pointer, which is undefined.)
inline route_shard_actor spawn_recording_shard(caf::actor_system& system, shard_record& in) {
  const auto behave = [](route_shard_actor::pointer, shard_record* of) -> route_shard_actor::behavior_type {
    auto& record = *of;
    return {
      [&record](const registration_batch& m) { record.batches.push_back(m); },
      [&record](const reserve_routes& m) {
        ++record.reserve_messages;
        record.reserved.insert(record.reserved.end(), m.made->begin(), m.made->end());
      },
      [&record](const unreserve_routes& m) {
        record.unreserved.insert(record.unreserved.end(), m.routes->begin(), m.routes->end());
      },
      [&record](const lease_host& m) { record.asked.push_back(m); },
      [&record](const drop_lease& m) { record.dropped.push_back(m); },
      [&record](const lease_wildcards& m) { record.wildcards_asked.push_back(m); },
      [&record](const changes_applied& m) { record.applied.push_back(m); },
      [&record](const hold_request& m) { record.holds.push_back(m); },
      [&record](const release_hold& m) { record.released.push_back(m); },
      [](announce_demand) {},
      [&record](const endpoint_failed& m) { record.failures.push_back(m); },
      [&record](const check_health& m) { record.checkers.push_back(m.by); },
      [&record](const endpoint_judged& m) { record.judgements.push_back(m.said); },
      [&record](const nats_changed& m) { record.nats.push_back(m); },
      [&record](const routing_api_changed& m) { record.routing_api.push_back(m); },
      [&record](registrations_asked) { ++record.asked_again; },
      [](const list_routes&) -> route_list { throw std::runtime_error{"as the test wants"}; },
      [](const prune_routes&) {},
      [](push_changes) {},
      [](shard_tick) {},
      [](const from_peer&) {},
      [](const shard_view_changed&) {},
      [](const peer_gone&) {},
      [](const confirm_change&) {},
      [](const ask_change&) {},
      [](look_at_changes) {},
      [](const restore_slice&) {},
      [](read_slice) {},
      [&record](const use_policy& m) { record.policies.push_back(m); },
      [](const tell_slice&) {
        return slice_piece{std::make_shared<const std::vector<routing::told_host>>()};
      },
    };
  };
  return system.spawn(behave, &in);
}

/// What the confirmer heard.
struct confirmer_record {
  std::vector<confirm_change> wished;
  std::vector<routing::change_told> answers;
};

inline change_confirmer_actor spawn_recording_confirmer(caf::actor_system& system, confirmer_record& record) {
  return system.spawn([&record]() -> change_confirmer_actor::behavior_type {
    return {
      [](const confirmer_contacts&) {},
      [&record](const confirm_change& m) { record.wished.push_back(m); },
      [&record](const change_answered& m) { record.answers.push_back(m.answer); },
      [](const peers_changed&) {},
      [](const shard_replaced&) {},
      [](const use_policy&) {},
      [](changes_due) {},
    };
  });
}

/// What an acceptor heard.
struct acceptor_record {
  std::size_t listeners = 0; ///< Closed on arrival.
  std::size_t drains = 0;
  std::size_t cuts = 0;
  std::size_t policies = 0;
};

inline acceptor_actor spawn_recording_acceptor(caf::actor_system& system, acceptor_record& record) {
  return system.spawn([&record]() -> acceptor_actor::behavior_type {
    return {
      [&record](const open_listener& m) {
        ++record.listeners;
        ::close(m.descriptor);
      },
      [](const adopt_connection& m) { ::close(m.descriptor); },
      [&record](const use_policy&) { ++record.policies; },
      [&record](drain_loop) { ++record.drains; },
      [&record](cut_loop) { ++record.cuts; },
      [](connection_ended) {},
    };
  });
}

} // namespace shunt::test
