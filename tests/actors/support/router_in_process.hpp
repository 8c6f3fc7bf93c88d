// A whole router of real actors, loops and sockets in the process of the test. Only NATS is left
// out: what it would deliver is sent to the shards as messages.
#pragma once

#include "actors/acceptor.hpp"
#include "actors/health_checker.hpp"
#include "actors/route_shard.hpp"
#include "actors/supervisor.hpp"
#include "tests/net/log_capture.hpp"

#include <caf/all.hpp>

#include <future>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace shunt::test {

/// Keeps the lines of the access log for the test to wait for.
class line_sink final : public net::log_sink {
public:
  line_sink() : log_sink{"lines", nullptr} {}
  void write(std::string_view lines) override;
  void reopen() override {}
  bool tend() override { return false; }
  bool flush(std::chrono::milliseconds) override { return true; }

  /// Waits for a line with all of these in it; empty if none comes.
  std::string await(std::initializer_list<std::string_view> parts);

private:
  std::string find(std::initializer_list<std::string_view> parts);

  std::mutex mutex_;
  std::string lines_;
};

class router_in_process {
public:
  /// Returns when the doors are open and the loops know which wildcards there are.
  explicit router_in_process(config::settings wanted, std::size_t loop_count = 1);
  /// Stops it if no test did.
  ~router_in_process();
  router_in_process(const router_in_process&) = delete;
  router_in_process& operator=(const router_in_process&) = delete;

  /// What suits tests: any port, no delays, connections to backends kept.
  static config::settings defaults();

  std::uint16_t port() const { return port_; }
  /// A request that begins after this returns finds what is registered, unless its host was asked
  /// for before: then the shard's push has to arrive.
  void hear(const routing::registration& heard);
  void add_route(std::string uri, std::uint16_t backend_port);
  void remove_route(std::string uri, std::uint16_t backend_port);
  void tell_shards(const nats_changed& change);
  /// The shard of that host, once at most. Returns when its successor is there, which knows nothing.
  void kill_shard_of(const std::string& host);
  const health_check_counters& health_counters() const { return health_counters_; }

  void stop(bool drain) { caf::anon_send(supervisor_, stop_router{drain}); }
  bool has_ended();
  /// Waits for the end; -1 if it does not come.
  int exit_code();

  router_context& context() { return context_; }
  acceptor_actor acceptor(std::size_t loop) const { return parts_->acceptors[loop]; }
  /// Runs `work(loop_context&)` on that loop and waits for its end.
  template <class Work>
  void run_on_loop(std::size_t loop, Work work) {
    loops_[loop]->events.run([&] { work(*loops_[loop]->here); });
  }

  line_sink& access_log() { return *lines_; }
  net::log_capture log;

private:
  struct configuration : caf::actor_system_config {
    configuration();
  };
  struct loop_parts {
    net::event_loop events;
    loop unit;
    std::unique_ptr<loop_context> here;

    loop_parts(std::size_t index, caf::actor_system& system, router_context& shared)
      : events{index, shared.buffers},
        unit{system, events},
        here{std::make_unique<loop_context>(shared, unit, policy{shared.settings})} {}
  };

  void make_shared_parts(std::size_t loop_count);
  void make_loops(std::size_t loop_count);
  void open_doors();

  config::settings settings_;
  configuration config_;
  caf::actor_system system_{config_};
  net::buffer_budget buffers_{std::size_t{64} << 20};
  router_context context_{settings_, *log.log, buffers_};
  std::shared_ptr<line_sink> lines_ = std::make_shared<line_sink>();
  std::shared_ptr<access_log_queue> access_queue_;
  access_log_writer_actor access_writer_;
  registrar_counters counters_;
  health_check_counters health_counters_;
  std::shared_ptr<router_parts> parts_ = std::make_shared<router_parts>();
  acceptor_directory acceptors_;
  supervisor_actor supervisor_;
  std::promise<int> ended_;
  std::future<int> end_ = ended_.get_future();
  int exit_code_ = -1;
  std::vector<std::unique_ptr<loop_parts>> loops_;
  std::uint16_t port_ = 0;
};

} // namespace shunt::test
