// A supervisor on a clock that the test moves, with parts that only remember what they are told.
#pragma once

#include "actors/supervisor.hpp"

#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"
#include "tests/actors/support/registrations.hpp"
#include "tests/net/log_capture.hpp"

#include <array>
#include <memory>
#include <vector>

namespace shunt::test {

using namespace std::literals;

inline constexpr std::size_t loop_count = 2;
inline constexpr auto cut_time = 2s; ///< Connections get so long to notice their end.

class supervisor_fixture : public actors_by_hand {
protected:
  supervisor_fixture() {
    settings.port = 0;
    settings.start_response_delay_interval = 5s;
    settings.drain_wait = 20s;
    settings.drain_timeout = 60s;
    for (std::size_t i = 0; i < loop_count; ++i)
      context.counters.push_back(std::make_unique<loop_counters>());
    scheduler().advance_time(24h);
    make_parts();
    supervisor = own(spawn_supervisor(system));
    run();
  }
  ~supervisor_fixture() override {
    kill(supervisor);
    parts->shut_down(); // Successors too.
  }

  void make_parts() {
    parts->context = &context;
    parts->counters = &counters;
    parts->restarts = &restarts;
    for (auto& each : shards)
      parts->shards.push_back(own(spawn_recording_shard(system, each)));
    parts->registrar = own(spawn_registrar(system, parts->shards, *log.log, counters));
    for (auto& each : holders)
      parts->lease_caches.push_back(own(spawn_holder(system, each)));
    for (auto& each : acceptors)
      parts->acceptors.push_back(own(spawn_recording_acceptor(system, each)));
    parts->announce = [this] { ++announced; };
    parts->registrar_replaced = [this](registrar_actor successor) {
      registrars.push_back(std::move(successor));
    };
    parts->shard_replaced_by = [this](std::size_t, const route_shard_actor& successor) {
      caf::anon_send(successor, nats_now);
    };
    parts->finished = [this](int code) { exit_codes.push_back(code); };
  }

  void start() { tell(supervisor, start_router{parts}); }
  void start_serving() {
    start();
    advance(settings.start_response_delay_interval);
  }
  void drain() { tell(supervisor, stop_router{true}); }
  void stop() { tell(supervisor, stop_router{false}); }
  void quiet(std::size_t loop) { tell(supervisor, loop_quiet{loop}); }
  void all_quiet() {
    for (std::size_t i = 0; i < loop_count; ++i)
      quiet(i);
  }
  /// Makes a shard that was told to record end by an exception.
  void crash(const route_shard_actor& shard) { tell(shard, list_routes{}); }
  health state() const { return context.state.load(); }

  config::settings settings;
  net::log_capture log;
  net::buffer_budget budget{1 << 20};
  router_context context{settings, *log.log, budget};
  registrar_counters counters;
  restart_counters restarts;
  std::array<shard_record, 2> shards;
  std::array<holder_record, loop_count> holders;
  std::array<acceptor_record, loop_count> acceptors;
  std::shared_ptr<router_parts> parts = std::make_shared<router_parts>();
  supervisor_actor supervisor;
  nats_changed nats_now{.connected = true}; ///< What a successor is told of NATS.
  std::size_t announced = 0;
  std::vector<registrar_actor> registrars;
  std::vector<int> exit_codes;
};

} // namespace shunt::test
