#include "app/registry_bridge.hpp"

#include "app/component_discovery.hpp"
#include "cluster/beacon.hpp"
#include "net/request_id.hpp"

#include <caf/send.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace shunt::app {

void registry_bridge::open(registrar_actor registrar, std::vector<route_shard_actor> shards,
                           supervisor_actor supervisor) {
  registrar_ = std::move(registrar);
  shards_ = std::move(shards);
  supervisor_ = std::move(supervisor);
}

void registry_bridge::replace_registrar(registrar_actor successor) {
  const std::lock_guard lock{mutex_};
  registrar_ = std::move(successor);
}

void registry_bridge::keep_reservations(reservation_keeper_actor keeper) {
  const std::lock_guard lock{mutex_};
  keeper_ = std::move(keeper);
}

void registry_bridge::replace_shard(std::size_t shard, route_shard_actor successor) {
  const std::lock_guard lock{mutex_};
  if (!nats_connected_)
    caf::anon_send(successor, nats_changed{.connected = false});
  if (nats_drops_)
    caf::anon_send(successor, nats_changed{.connected = nats_connected_, .dropped = true});
  if (!api_followed_)
    caf::anon_send(successor, routing_api_changed{.followed = false});
  shards_[shard] = std::move(successor);
}

std::vector<route_shard_actor> registry_bridge::shards() {
  const std::lock_guard lock{mutex_};
  return shards_;
}

void registry_bridge::on_messages(net::nats_batch batch) noexcept {
  const std::lock_guard lock{mutex_};
  caf::anon_send(registrar_,
                 registry_messages{std::make_shared<net::nats_batch>(std::move(batch))});
}

void registry_bridge::on_reservations(net::nats_batch batch) noexcept {
  const std::lock_guard lock{mutex_};
  if (keeper_)
    caf::anon_send(keeper_,
                   reservation_messages{std::make_shared<net::nats_batch>(std::move(batch))});
}

void registry_bridge::on_beacon(std::string_view payload) noexcept {
  if (ear_)
    ear_(payload);
}

void registry_bridge::on_discover(std::string_view reply) noexcept {
  if (answers_)
    answers_(reply);
}

void registry_bridge::on_dropped(std::uint64_t) noexcept {
  tell_shards({.connected = true, .dropped = true});
}

void registry_bridge::on_connected() noexcept {
  if (std::exchange(began_, true)) // At first the whole router waits; see the supervisor.
    tell_shards({.connected = true});
}

void registry_bridge::on_disconnected() noexcept {
  began_ = true;
  tell_shards({.connected = false});
}

void registry_bridge::on_closed() noexcept {
  caf::anon_send(supervisor_, fatal_failure{"nats-connection-closed",
                                            "no NATS server accepts this router any more; check "
                                            "nats.user and nats.pass"});
}

void registry_bridge::on_registrations(std::vector<routing::registration> registrations,
                                       net::nats_batch hold) noexcept {
  const std::lock_guard lock{mutex_};
  caf::anon_send(registrar_,
                 registry_routes{std::make_shared<std::vector<routing::registration>>(
                                   std::move(registrations)),
                                 std::make_shared<net::nats_batch>(std::move(hold))});
}

void registry_bridge::on_synchronised() noexcept {
  follow_routing_api(true);
}

void registry_bridge::on_out_of_date() noexcept {
  follow_routing_api(false);
}

/// Nobody is told what everybody believes: at first, that there is nothing to follow.
void registry_bridge::follow_routing_api(bool followed) noexcept {
  const std::lock_guard lock{mutex_};
  if (std::exchange(api_followed_, followed) == followed)
    return;
  for (const auto& each : shards_)
    caf::anon_send(each, routing_api_changed{.followed = followed});
}

void registry_bridge::tell_shards(nats_changed change) noexcept {
  const std::lock_guard lock{mutex_};
  nats_drops_ = change.dropped;
  if (!change.dropped) // Of drops one may hear when the connection is gone.
    nats_connected_ = change.connected;
  for (const auto& each : shards_)
    caf::anon_send(each, change);
  if (cluster_)
    caf::anon_send(cluster_, change);
}

namespace {

/// The source address of the default route; connecting a UDP socket sends nothing.
std::string own_address() {
  std::string text = "127.0.0.1";
  const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0)
    return text;
  sockaddr_in anywhere{};
  anywhere.sin_family = AF_INET;
  anywhere.sin_port = htons(1);
  inet_pton(AF_INET, "1.2.3.4", &anywhere.sin_addr);
  sockaddr_in local{};
  socklen_t length = sizeof local;
  char shown[INET_ADDRSTRLEN];
  if (::connect(probe, reinterpret_cast<const sockaddr*>(&anywhere), sizeof anywhere) == 0
      && ::getsockname(probe, reinterpret_cast<sockaddr*>(&local), &length) == 0
      && inet_ntop(AF_INET, &local.sin_addr, shown, sizeof shown) != nullptr)
    text = shown;
  ::close(probe);
  return text;
}

} // namespace

net::router_start router_start_of(const config::settings& settings) {
  const auto uuid = net::request_ids{}.next();
  net::router_start start;
  start.id = std::to_string(settings.index) + "-" + std::string{net::view(uuid)};
  start.host = own_address();
  say_intervals(start, settings);
  return start;
}

void say_intervals(net::router_start& start, const config::settings& settings) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  start.register_interval = duration_cast<seconds>(settings.start_response_delay_interval);
  start.prune_threshold = duration_cast<seconds>(settings.droplet_stale_threshold);
}

namespace {

/// In a cluster a connection that falls silent is given up within half the stale threshold: so what others hear is not
/// taken for stale by a node that hears nothing and does not know.
std::chrono::milliseconds ping_interval_of(const config::settings& settings, int unanswered_max) {
  auto interval = settings.nats_client_ping_interval;
  if (settings.cluster.enabled())
    interval = std::min(interval, settings.droplet_stale_threshold / (2 * (unanswered_max + 1)));
  return std::chrono::duration_cast<std::chrono::milliseconds>(interval);
}

} // namespace

net::nats_options nats_options_of(const config::settings& settings, net::router_start start) {
  const auto& nats = settings.nats;
  net::nats_options options;
  for (const auto& each : nats.hosts)
    options.hosts.push_back({each.hostname, each.port});
  options.user = nats.user;
  options.pass = nats.pass;
  options.tls_enabled = nats.tls_enabled;
  options.ca_certs = nats.ca_certs;
  options.cert_chain = nats.cert_chain;
  options.private_key = nats.private_key;
  options.ping_interval = ping_interval_of(settings, options.pings_unanswered_max);
  options.pending_messages_max = static_cast<int>(settings.nats_pending.messages);
  options.pending_bytes_max = static_cast<int>(settings.nats_pending.bytes);
  if (settings.cluster.enabled() && settings.cluster.discovery == config::cluster_discovery::nats)
    options.beacon_subject = cluster::beacon_subject;
  if (settings.status.enable_deprecated_varz_healthz_endpoints)
    options.discover_subject = component_discovery::discover_subject;
  options.starts_without = options.notice_pauses = settings.cluster.enabled();
  options.start = std::move(start);
  return options;
}

} // namespace shunt::app
