#include "chaos/world.hpp"

#include "chaos/load.hpp"
#include "chaos/placement.hpp"
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/client.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>

namespace shunt::chaos {
namespace {

constexpr auto ready_limit = std::chrono::seconds{60};
constexpr int routes_sampled = 200;
constexpr const char* snapshot_name = "routes.snapshot";

std::string seconds_text(nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + "ms";
}

/// 0: no answer.
int status_of(test::client& asker, int route) {
  try {
    asker.reader().patience = std::chrono::seconds{2};
    return asker.send(test::get_request(host_of(route))).response().status;
  } catch (const std::exception&) {
    return 0;
  }
}

int status_at(std::uint16_t port, int route) {
  try {
    test::client asker{port};
    return status_of(asker, route);
  } catch (const std::exception&) {
    return 0;
  }
}

/// Up to the first one without an answer.
std::map<int, int> statuses_at(std::uint16_t port, const std::vector<int>& routes) {
  std::map<int, int> statuses;
  std::optional<test::client> asker;
  for (const int route : routes) {
    try {
      if (!asker)
        asker.emplace(port);
      statuses[route] = status_of(*asker, route);
    } catch (const std::exception&) {
      statuses[route] = 0;
    }
    if (statuses[route] == 0)
      break;
  }
  return statuses;
}

} // namespace

std::vector<int> first_instances(const scenario& plan, int route) {
  std::vector<int> chosen;
  if (route < plan.routes)
    for (int i = 0; i < plan.instances_per_route; ++i)
      chosen.push_back((route + i) % plan.instances);
  return chosen;
}

world::world(const scenario& plan, const std::string& directory) : plan_{plan}, directory_{directory} {
  for (int i = 0; i < plan_.nodes; ++i)
    ports_.push_back(reserve_ports());
  start_instances();
  start_relays();
  start_nodes();
  map_routes();
  wait_until_ready();
}

world::~world() {
  nodes_.clear();
  emitter_.reset();
  for (int number = 0; number < plan_.all_instances(); ++number)
    kill_instance(number);
}

void world::start_instances() {
  instances_.resize(static_cast<std::size_t>(plan_.all_instances()));
  for (int number = 0; number < plan_.all_instances(); ++number) {
    instance_ports_.push_back(lasting_port());
    start_instance(number);
  }
  emitter_ = std::make_unique<emitter>(
    emitter_options{nats.url(), instance_ports_, plan_.heartbeat, plan_.uris_per_message});
}

void world::start_instance(int number) {
  const auto at = static_cast<std::size_t>(number);
  if (!instances_[at])
    instances_[at] =
      std::make_unique<test::backend>(test::answers::ok(body_of(number)), instance_ports_[at]);
}

void world::kill_instance(int number) {
  auto& killed = instances_[static_cast<std::size_t>(number)];
  if (killed)
    killed
      ->take_faults(); // A router that was killed in the middle of a request has sent half of one.
  killed.reset();
}

void world::start_relays() {
  for (int from = 0; from < plan_.nodes; ++from) {
    nats_relays_.push_back(std::make_unique<relay>(loop_, nats.port()));
    auto& row = peer_relays_.emplace_back();
    for (int to = 0; to < plan_.nodes; ++to)
      row.push_back(from == to
                      ? nullptr
                      : std::make_unique<relay>(loop_, ports_[static_cast<std::size_t>(to)].peers));
  }
}

std::vector<relay*> world::peers_of(int number) {
  std::vector<relay*> all;
  for (int other = 0; other < plan_.nodes; ++other)
    if (other != number) {
      all.push_back(
        peer_relays_[static_cast<std::size_t>(number)][static_cast<std::size_t>(other)].get());
      all.push_back(
        peer_relays_[static_cast<std::size_t>(other)][static_cast<std::size_t>(number)].get());
    }
  return all;
}

std::vector<std::uint16_t> world::ports() const {
  std::vector<std::uint16_t> all;
  for (const auto& each : ports_)
    all.push_back(each.http);
  return all;
}

nlohmann::json world::settings_of(int number) const {
  const auto nats_port = nats_relays_[static_cast<std::size_t>(number)]->port();
  nlohmann::json all{{"nats", {{"hosts", {{{"hostname", "127.0.0.1"}, {"port", nats_port}}}}}},
                     {"start_response_delay_interval", "1s"},
                     {"droplet_stale_threshold", seconds_text(plan_.stale_after)},
                     {"prune_stale_droplets_interval", "1s"},
                     {"endpoint_timeout", "8s"},
                     {"endpoint_dial_timeout", "1s"},
                     {"disable_keep_alives", false},
                     {"max_idle_conns_per_host", 100},
                     {"backends", {{"max_attempts", 3}}},
                     {"go_max_procs", 1},
                     {"drain_wait", "1s"},
                     {"drain_timeout", "5s"},
                     {"logging", {{"level", "info"}, {"syslog", "vcap.gorouter"}}}};
  if (plan_.cluster) {
    auto peers = nlohmann::json::array();
    for (const auto& each : ports_)
      peers.push_back("127.0.0.1:" + std::to_string(each.peers));
    all["cluster"] = {{"name", cluster_name},
                      {"node",
                       {{"name", "router-" + std::to_string(number)},
                        {"host", "127.0.0.1"},
                        {"port", ports_[static_cast<std::size_t>(number)].peers}}},
                      {"peers", std::move(peers)},
                      {"shards", plan_.shards},
                      {"suspect_after", plan_.suspect_after},
                      {"remove_after", plan_.remove_after},
                      {"rebalance_after", plan_.rebalance_after}};
    if (plan_.holders == 0)
      all["cluster"]["holders"] = "all";
    else
      all["cluster"]["holders"] = plan_.holders;
    if (plan_.snapshot)
      all["cluster"]["snapshot"] = files_of(number) + "/" + snapshot_name;
  }
  all.merge_patch(plan_.router);
  return all;
}

std::string world::redirects_of(int number) const {
  std::string all;
  if (plan_.cluster)
    for (int to = 0; to < plan_.nodes; ++to)
      if (to != number) {
        const auto from = static_cast<std::size_t>(number), there = static_cast<std::size_t>(to);
        all += std::to_string(ports_[there].peers) + '=';
        all += std::to_string(peer_relays_[from][there]->port()) + ',';
      }
  return all;
}

std::string world::files_of(int number) const {
  return directory_ + "/router-" + std::to_string(number);
}

void world::start_nodes() {
  for (int i = 0; i < plan_.nodes; ++i) {
    const auto files = files_of(i);
    std::filesystem::remove_all(files);
    std::filesystem::create_directories(files);
    nodes_.push_back(std::make_unique<node>(node_options{i, files, settings_of(i), redirects_of(i)},
                                            ports_[static_cast<std::size_t>(i)]));
    nodes_.back()->start();
  }
}

void world::map_routes() {
  for (int instance = 0; instance < plan_.instances; ++instance) {
    std::vector<int> routes;
    for (int route = 0; route < plan_.routes; ++route)
      for (const int each : first_instances(plan_, route))
        if (each == instance)
          routes.push_back(route);
    if (!routes.empty())
      emitter_->map(routes, instance);
  }
}

std::string world::missing_at(node& one) {
  const auto name = "router-" + std::to_string(one.number());
  if (!one.running())
    throw std::runtime_error(name + " ended with " + std::to_string(one.exit_code().value_or(-1)));
  if (!one.healthy())
    return name + " is not healthy";
  try {
    test::client asker{one.port()};
    const int sampled = std::min(routes_sampled, plan_.routes);
    for (int i = 0; i < sampled; ++i) {
      const int route =
        static_cast<int>(std::int64_t{plan_.routes - 1} * i / std::max(sampled - 1, 1));
      if (status_of(asker, route) != 200)
        return name + " does not serve " + host_of(route);
    }
  } catch (const std::exception&) {
    return name + " does not take clients";
  }
  if (status_at(one.port(), never_mapped(plan_.all_routes())) != 404)
    return name + " does not say 404 to what nobody mapped";
  return {};
}

void world::wait_until_ready() {
  std::string missing;
  const auto ready = [&] {
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& each) {
      missing = missing_at(*each);
      return missing.empty();
    });
  };
  if (!test::eventually(ready, ready_limit))
    throw std::runtime_error("not ready in time: " + missing);
  if (!emitter_->greet())
    throw std::runtime_error("no router answers router.greet");
}

std::string world::out_of_place(const std::vector<int>& nodes, bool all_hear_nats) {
  std::map<int, nlohmann::json> pages;
  for (const int number : nodes) {
    auto page = at(number).cluster_page();
    if (!page)
      return "router-" + std::to_string(number) + " shows no cluster";
    pages.emplace(number, *std::move(page));
  }
  auto wrong = unsettled(pages);
  return wrong.empty() && all_hear_nats ? deaf(pages) : wrong;
}

std::string world::without_snapshot(const std::vector<int>& nodes, std::filesystem::file_time_type since) const {
  for (const int number : nodes) {
    std::error_code missing;
    const auto written = std::filesystem::last_write_time(files_of(number) + "/" + snapshot_name, missing);
    if (missing || written < since)
      return "router-" + std::to_string(number) + " has written no snapshot";
  }
  return {};
}

answers_by_node world::ask(const std::vector<int>& nodes, const std::vector<int>& routes) {
  answers_by_node all;
  for (const int number : nodes)
    all[number] = statuses_at(at(number).port(), routes);
  return all;
}

std::string world::out_of_order(const std::vector<int>& nodes) {
  if (auto wrong = out_of_place(nodes, true); !wrong.empty())
    return wrong;
  for (const int number : nodes)
    if (status_at(at(number).port(), never_mapped(plan_.all_routes())) != 404)
      return "router-" + std::to_string(number) + " does not say 404 to what nobody mapped";
  return {};
}

} // namespace shunt::chaos
