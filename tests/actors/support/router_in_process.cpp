#include "tests/actors/support/router_in_process.hpp"

#include "tests/actors/support/registrations.hpp"
#include "tests/process/harness/patience.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace shunt::test {

namespace {

constexpr std::size_t shard_count = 4;

} // namespace

// -- The access log.

void line_sink::write(std::string_view lines) {
  const std::lock_guard lock{mutex_};
  lines_ += lines;
}

std::string line_sink::find(std::initializer_list<std::string_view> parts) {
  const std::lock_guard lock{mutex_};
  for (std::size_t at = 0; at < lines_.size();) {
    const auto end = lines_.find('\n', at);
    const auto line = lines_.substr(at, end - at);
    if (std::ranges::all_of(parts, [&](auto part) { return line.find(part) != line.npos; }))
      return line;
    at = end + 1;
  }
  return {};
}

std::string line_sink::await(std::initializer_list<std::string_view> parts) {
  std::string found;
  eventually([&] { return !(found = find(parts)).empty(); });
  return found;
}

// -- The router.

router_in_process::configuration::configuration() {
  add_message_types<caf::id_block::shunt>();
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", std::size_t{2});
  set("logger.verbosity", caf::atom("quiet"));
}

config::settings router_in_process::defaults() {
  config::settings settings;
  settings.port = 0;
  settings.start_response_delay_interval = std::chrono::nanoseconds{0};
  settings.disable_keep_alives = false;
  settings.backends.max_attempts = 3;
  settings.access_log.enable_streaming = true; // By the sink below.
  return settings;
}

router_in_process::router_in_process(config::settings wanted, std::size_t loop_count)
  : settings_{std::move(wanted)} {
  make_shared_parts(loop_count);
  make_loops(loop_count);
  open_doors();
}

void router_in_process::make_shared_parts(std::size_t loop_count) {
  context_.count_for(loop_count);
  access_queue_ = std::make_shared<access_log_queue>(access_log_limits{},
                                                     [](std::string_view, std::string_view) {});
  access_log_writer_options options;
  options.sinks = {lines_};
  access_writer_ = spawn_access_log_writer(system_, access_queue_, options);
  context_.access_log = access_queue_.get();
  for (std::size_t i = 0; i < shard_count; ++i)
    parts_->shards.push_back(
      spawn_route_shard(system_, route_shard_options_of(settings_, i, shard_count), *log.log));
  parts_->registrar = spawn_registrar(system_, parts_->shards, *log.log, counters_);
  supervisor_ = spawn_supervisor(system_);
}

void router_in_process::make_loops(std::size_t loop_count) {
  for (std::size_t i = 0; i < loop_count; ++i)
    loops_.push_back(std::make_unique<loop_parts>(i, system_, context_));
  for (auto& each : loops_) {
    parts_->lease_caches.push_back(each->here->leases.open(parts_->shards));
    parts_->acceptors.push_back(spawn_acceptor(*each->here, acceptors_, supervisor_));
  }
  acceptors_.by_loop = parts_->acceptors;
  parts_->health_checker = spawn_health_checker(*loops_.front()->here, health_counters_);
  for (const auto& each : parts_->shards)
    caf::anon_send(each, check_health{parts_->health_checker});
  for (auto& each : loops_)
    each->events.start();
}

void router_in_process::open_doors() {
  parts_->context = &context_;
  parts_->counters = &counters_;
  parts_->announce = [] {};
  parts_->registrar_replaced = [](const registrar_actor&) {};
  parts_->finished = [this](int code) { ended_.set_value(code); };
  caf::anon_send(supervisor_, start_router{parts_});
  EXPECT_TRUE(log.await("gorouter.started"));
  const auto lines = log.lines("tcp-listener-started");
  if (lines.empty())
    throw std::runtime_error{"the router has no port"};
  const auto address = lines.front()["data"]["address"].get<std::string>();
  port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  EXPECT_TRUE(eventually([this] {
    std::size_t ready = 0;
    for (std::size_t i = 0; i < loops_.size(); ++i)
      run_on_loop(i, [&](loop_context& here) { ready += here.leases.may_deny(); });
    return ready == loops_.size();
  }));
}

router_in_process::~router_in_process() {
  stop(false);
  EXPECT_GE(exit_code(), 0);
  parts_->shut_down();
  for (auto& each : loops_) {
    each->events.run([&each] { each->here->flush_access_log(); });
    each->events.stop();
  }
  caf::anon_send_exit(access_writer_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(supervisor_, caf::exit_reason::kill);
}

// -- The table.

void router_in_process::hear(const routing::registration& heard) {
  caf::anon_send(parts_->shards[routing::shard_of(heard.host(), shard_count)], batch_of({heard}));
}

void router_in_process::add_route(std::string uri, std::uint16_t backend_port) {
  hear(registered(std::move(uri), backend_port));
}

void router_in_process::remove_route(std::string uri, std::uint16_t backend_port) {
  hear(unregistered(std::move(uri), backend_port));
}

void router_in_process::tell_shards(const nats_changed& change) {
  for (const auto& each : parts_->shards)
    caf::anon_send(each, change);
}

void router_in_process::kill_shard_of(const std::string& host) {
  auto& shard = parts_->shards[routing::shard_of(host, shard_count)];
  auto replaced = std::make_shared<std::promise<void>>();
  parts_->shard_replaced_by = [replaced](std::size_t, const route_shard_actor&) {
    replaced->set_value();
  };
  caf::anon_send_exit(shard, caf::exit_reason::kill);
  replaced->get_future().wait();
}

// -- The end.

bool router_in_process::has_ended() {
  return exit_code_ >= 0 || end_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
}

int router_in_process::exit_code() {
  if (exit_code_ < 0 && end_.wait_for(slowed(step_time)) == std::future_status::ready)
    exit_code_ = end_.get();
  return exit_code_;
}

} // namespace shunt::test
