#include "app/cluster_wiring.hpp"

#include "cluster/beacon.hpp"
#include "cluster/beacon_ear.hpp"
#include "net/listener.hpp"
#include "routing/base64.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <caf/all.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <vector>

namespace shunt::app {

namespace {

using json = nlohmann::ordered_json;

/// A name is resolved by others; here it only says that all addresses are meant, or none that others could reach.
std::string listen_address_of(std::string host) {
  if (host == "localhost")
    return "127.0.0.1";
  if (host.size() > 2 && host.front() == '[')
    host = host.substr(1, host.size() - 2);
  boost::system::error_code failed;
  boost::asio::ip::make_address(host, failed);
  return failed ? net::all_addresses() : host;
}

std::uint64_t unix_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count());
}

#ifndef SHUNT_FRAMES_BEHIND
#define SHUNT_FRAMES_BEHIND 0 // 1: speaks to peers as the release before did.
#endif
constexpr auto frame_version = cluster::frame_version - SHUNT_FRAMES_BEHIND; ///< The highest that it speaks.

json shown(const cluster_status::node& node) {
  json out{{"name", node.name},
           {"zone", node.zone},
           {"address", node.address},
           {"state", node.state},
           {"incarnation", node.incarnation},
           {"frame_version", node.frame_version},
           {"hears_nats", node.hears_nats},
           {"view_equal", node.view_equal},
           {"shards_held", node.shards_held},
           {"shards_in_sync", node.shards_in_sync},
           {"queued_bytes", node.queued_bytes + node.queued_slice_bytes}};
  if (!node.warning.empty())
    out["warning"] = node.warning;
  return out;
}

json shown(const cluster_status& status) {
  json out{{"cluster", status.self.cluster},
           {"shards", status.self.shards},
           {"holders", status.self.holders == 0 ? json("all") : json(status.self.holders)},
           {"view", status.view},
           {"isolated", status.isolated},
           {"leaving", status.leaving},
           {"nodes", json::array()}};
  auto& nodes = out["nodes"];
  nodes.push_back({{"name", status.self.node},
                   {"this", true},
                   {"zone", status.self.zone},
                   {"address", status.self.address},
                   {"state", status.leaving ? "left" : "alive"},
                   {"incarnation", status.self.incarnation},
                   {"frame_version", frame_version},
                   {"hears_nats", status.hears_nats},
                   {"view_equal", true},
                   {"shards_held", status.shards_held},
                   {"shards_in_sync", status.shards_in_sync},
                   {"queued_bytes", 0}});
  for (const auto& each : status.nodes)
    nodes.push_back(shown(each));
  std::sort(nodes.begin(), nodes.end(),
            [](const json& a, const json& b) { return a.at("name") < b.at("name"); });
  return out;
}

std::string authorization_of(const std::string& user, const std::string& pass) {
  std::string value{"Basic "};
  auto credentials = user;
  routing::append_base64(value, credentials.append(":").append(pass), routing::base64_alphabet::standard);
  return value;
}

std::string fetch(std::uint16_t port, const std::string& target, const std::string& authorization) {
  namespace http = boost::beast::http;
  boost::asio::io_context io;
  boost::asio::ip::tcp::socket socket{io};
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  http::request<http::empty_body> request{http::verb::get, target, 11};
  request.set(http::field::host, "localhost");
  request.set(http::field::authorization, authorization);
  http::write(socket, request);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(socket, buffer, response);
  if (response.result() != http::status::ok)
    throw std::runtime_error{std::to_string(response.result_int()) + " " + response.body()};
  return response.body();
}

void print_table(const json& status) {
  std::vector<std::vector<std::string>> rows{
    {"NODE", "ADDRESS", "STATE", "NATS", "SHARDS", "IN SYNC", "VIEW", "VERSION", "QUEUED", "ZONE"}};
  for (const auto& node : status.at("nodes"))
    rows.push_back({node.at("name").get<std::string>() + (node.contains("this") ? " (this)" : ""),
                    node.at("address"), node.at("state"),
                    node.at("hears_nats").get<bool>() ? "heard" : "away",
                    std::to_string(node.at("shards_held").get<std::size_t>()),
                    std::to_string(node.at("shards_in_sync").get<std::size_t>()),
                    node.at("view_equal").get<bool>() ? "same" : "differs",
                    std::to_string(node.at("frame_version").get<unsigned>()),
                    std::to_string(node.at("queued_bytes").get<std::size_t>()), node.at("zone")});
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::cout << "Cluster " << status.at("cluster").get<std::string>() << ", " << status.at("shards")
            << " shards, holders: " << status.at("holders").dump()
            << (status.at("isolated").get<bool>() ? ", ISOLATED: no other node is heard" : "") << "\n\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      std::cout << row[i] << std::string(i + 1 == row.size() ? 0 : widths[i] - row[i].size() + 2, ' ');
    std::cout << '\n';
  }
  for (const auto& node : status.at("nodes"))
    if (node.contains("warning"))
      std::cout << "\nwarning: " << node.at("name").get<std::string>() << ": "
                << node.at("warning").get<std::string>() << '\n';
}

} // namespace

cluster_node_options cluster_node_options_of(const config::settings& settings,
                                             std::shared_ptr<const cluster::peer_tls> tls) {
  const auto& c = settings.cluster;
  cluster_node_options options;
  options.rules = {.cluster = c.name,
                   .shards = static_cast<std::size_t>(c.shards),
                   .holders = static_cast<std::size_t>(c.holders),
                   .suspect_after = c.suspect_after,
                   .remove_after = c.remove_after,
                   .rebalance_after = c.rebalance_after,
                   .peers_sought = c.discovery == config::cluster_discovery::nats
                                     ? settings.start_response_delay_interval
                                     : std::chrono::nanoseconds{0}};
  options.hello.node = c.node.name;
  options.hello.zone = c.zone.empty() ? settings.zone : c.zone;
  options.hello.address = c.node.host + ":" + std::to_string(c.node.port);
  options.rules.peers_expected = std::ranges::any_of(
    c.peers, [&](const auto& each) { return each != options.hello.address; });
  options.hello.incarnation = unix_ms();
  options.listen_address = listen_address_of(c.node.host);
  options.listen_port = c.node.port;
  options.peers = c.peers;
  options.tls = std::move(tls);
  options.frame_version = frame_version;
  return options;
}

std::function<void(const std::string&)> beacon_of(const cluster_node_options& options,
                                                  std::function<void(std::string_view)> publish) {
  cluster::beacon said{options.rules.cluster, options.hello.node, {}, options.hello.incarnation};
  return [said = std::move(said), publish = std::move(publish)](const std::string& address) mutable {
    said.address = address;
    publish(cluster::to_json(said));
  };
}

std::function<void(std::string_view)> beacon_ear_of(const config::settings& settings,
                                                    const cluster_node_actor& node) {
  const auto& c = settings.cluster;
  cluster::beacon_ear ear{{.cluster = c.name, .node = c.node.name, .loopback_only = !c.tls.active()}};
  return [ear = std::move(ear), node](std::string_view json) mutable {
    if (auto address = ear.hear(json, std::chrono::steady_clock::now()))
      caf::anon_send(node, peers_found{{*std::move(address)}});
  };
}

void show_cluster(caf::actor_system& system, const cluster_node_actor& node,
                  std::function<void(std::optional<std::string>)> done) {
  system.spawn(
    [](caf::event_based_actor* self, const cluster_node_actor& asked,
       std::function<void(std::optional<std::string>)> then) {
      self->request(asked, std::chrono::seconds{5}, cluster_status_asked{})
        .then([then](const cluster_status& status) { then(shown(status).dump() + "\n"); },
              [then](const caf::error&) { then(std::nullopt); });
    },
    node, std::move(done));
}

int print_cluster_status(const config::settings& settings, bool as_json) {
  const auto& status = settings.status;
  if (!settings.cluster.enabled()) {
    std::cerr << "shunt: the configuration has no section cluster: this node is alone\n";
    return 1;
  }
  try {
    const auto body = fetch(status.routes.port, "/cluster", authorization_of(status.user, status.pass));
    if (as_json)
      std::cout << body;
    else
      print_table(json::parse(body));
    return 0;
  } catch (const std::exception& failed) {
    std::cerr << "shunt: no answer from port " << status.routes.port << " (status.routes.port): "
              << failed.what() << "; does the router run with this file?\n";
    return 1;
  }
}

} // namespace shunt::app
