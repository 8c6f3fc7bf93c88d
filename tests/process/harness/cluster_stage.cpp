#include "tests/process/harness/cluster_stage.hpp"

#include <csignal>

namespace shunt::test {

cluster_stage::cluster_stage(std::size_t nodes, const nlohmann::json& cluster, const std::string& executable,
                             const nlohmann::json& more)
  : bus{nats.url()}, cluster_(cluster), more_(more) {
  for (std::size_t i = 0; i < nodes; ++i)
    ports_.push_back(free_port());
  nodes_.resize(nodes);
  for (std::size_t i = 0; i < nodes; ++i)
    start(i, executable);
  if (!wait_until_settled(4 * step_time))
    throw std::runtime_error("the nodes do not come together:\n" + nodes_.front()->log_tail());
}

nlohmann::json cluster_stage::configuration_of(std::size_t i) const {
  nlohmann::json peers = nlohmann::json::array();
  for (const auto port : ports_)
    peers.push_back("127.0.0.1:" + std::to_string(port));
  nlohmann::json own{{"name", "test"},
                     {"node", {{"name", name_of(i)}, {"host", "127.0.0.1"}, {"port", ports_[i]}}},
                     {"peers", std::move(peers)},
                     {"shards", 32}};
  if (cluster_.is_object())
    own.merge_patch(cluster_);
  nlohmann::json all{{"cluster", std::move(own)},
                     {"start_response_delay_interval", "2s"},
                     {"prometheus", {{"enabled", true}}}};
  if (const auto& more = more_.is_array() ? more_.at(i) : more_; more.is_object())
    all.merge_patch(more);
  return all;
}

void cluster_stage::kill(std::size_t i) {
  nodes_[i]->process().signal(SIGKILL);
  nodes_[i].reset();
}

int cluster_stage::stop(std::size_t i) {
  nodes_[i]->process().signal(SIGTERM);
  const auto code = nodes_[i]->process().wait_for_exit();
  nodes_[i].reset();
  return code.value_or(-1);
}

void cluster_stage::start(std::size_t i, const std::string& executable) {
  nodes_[i] = std::make_unique<router>(nats.port(), configuration_of(i), router::unhealthy{executable});
}

nlohmann::json cluster_stage::status(std::size_t i) const {
  return nodes_[i]->cluster();
}

bool cluster_stage::is_settled() const {
  std::size_t there = 0;
  for (const auto& each : nodes_)
    there += each != nullptr;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i])
      continue;
    const auto seen = status(i);
    if (!seen.is_object() || nodes_[i]->health() != 200)
      return false;
    std::size_t alive = 0;
    for (const auto& node : seen.at("nodes")) {
      alive += node.at("state") == "alive";
      if (node.at("state") == "alive"
          && (node.at("view_equal") != true || node.at("shards_held") != node.at("shards_in_sync")))
        return false;
    }
    if (alive != there)
      return false;
  }
  return true;
}

bool cluster_stage::wait_until_settled(milliseconds time) {
  return eventually([this] {
    try {
      return is_settled();
    } catch (const std::exception&) {
      return false;
    }
  }, time);
}

std::vector<int> cluster_stage::ask_all(const std::string& host) {
  std::vector<int> statuses;
  for (const auto& each : nodes_)
    if (each)
      statuses.push_back(client{each->port()}.send(get_request(host)).response().status);
  return statuses;
}

} // namespace shunt::test
