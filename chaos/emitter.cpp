#include "chaos/emitter.hpp"

#include <nats/nats.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <stdexcept>

namespace shunt::chaos {
namespace {

void check(natsStatus status, const char* what) {
  if (status != NATS_OK)
    throw std::runtime_error(std::string{what} + ": " + natsStatus_GetText(status));
}

natsConnection* connected_to(const std::string& url) {
  natsOptions* options = nullptr;
  check(natsOptions_Create(&options), "natsOptions_Create");
  const std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> owned{options,
                                                                           natsOptions_Destroy};
  check(natsOptions_SetURL(options, url.c_str()), "natsOptions_SetURL");
  check(natsOptions_SetMaxReconnect(options, -1), "natsOptions_SetMaxReconnect");
  check(natsOptions_SetReconnectWait(options, 50), "natsOptions_SetReconnectWait");
  check(natsOptions_SetReconnectJitter(options, 0, 0), "natsOptions_SetReconnectJitter");
  natsConnection* connection = nullptr;
  check(natsConnection_Connect(&connection, options), "natsConnection_Connect");
  return connection;
}

} // namespace

std::string host_of(int route) {
  return "r" + std::to_string(route) + ".chaos.test";
}

void emitter::closer::operator()(__natsConnection* connection) const {
  natsConnection_Destroy(connection);
}

void emitter::closer::operator()(__natsSubscription* subscription) const {
  natsSubscription_Destroy(subscription);
}

emitter::emitter(const std::string& nats_url, std::vector<std::uint16_t> ports,
                 nanoseconds heartbeat)
  : ports_{std::move(ports)},
    routes_of_(ports_.size()),
    heartbeat_{heartbeat},
    connection_{connected_to(nats_url)} {
  natsSubscription* starts = nullptr;
  const auto hear = [](natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    natsMsg_Destroy(message);
    static_cast<emitter*>(self)->hear_start();
  };
  check(natsConnection_Subscribe(&starts, connection_.get(), "router.start", hear, this),
        "subscribe");
  starts_.reset(starts);
  thread_ = std::thread{[this] { beat(); }};
}

emitter::~emitter() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
  connection_.reset(); // No callback comes after it is closed.
}

void emitter::hear_start() {
  const std::lock_guard lock{mutex_};
  asked_ = true;
  changed_.notify_all();
}

void emitter::remember(const std::vector<int>& routes, int instance) {
  routes_of_.at(instance).insert(routes.begin(), routes.end());
}

void emitter::forget(const std::vector<int>& routes, int instance) {
  for (const int route : routes)
    routes_of_.at(instance).erase(route);
}

void emitter::map(const std::vector<int>& routes, int instance) {
  const std::lock_guard lock{mutex_};
  remember(routes, instance);
  publish("router.register", instance, routes);
}

void emitter::unmap(const std::vector<int>& routes, int instance) {
  const std::lock_guard lock{mutex_};
  forget(routes, instance);
  publish("router.unregister", instance, routes);
}

emitter::confirmation emitter::map_confirmed(const std::vector<int>& routes, int instance) {
  {
    const std::lock_guard lock{mutex_};
    remember(routes, instance);
  }
  return ask("router.register", message_of(instance, routes));
}

/// What beats from now on does not name the routes any more, and what beat before is in NATS before
/// this.
emitter::confirmation emitter::unmap_confirmed(const std::vector<int>& routes, int instance) {
  {
    const std::lock_guard lock{mutex_};
    forget(routes, instance);
  }
  return ask("router.unregister", message_of(instance, routes));
}

emitter::confirmation emitter::ask(const char* subject, const std::string& message) {
  constexpr std::int64_t patience_ms = 8000; // Longer than `cluster.confirm_timeout`.
  natsMsg* answer = nullptr;
  const auto status =
    natsConnection_RequestString(&answer, connection_.get(), subject, message.c_str(), patience_ms);
  if (status != NATS_OK)
    return {false, natsStatus_GetText(status)};
  std::string text{natsMsg_GetData(answer),
                   static_cast<std::size_t>(natsMsg_GetDataLength(answer))};
  natsMsg_Destroy(answer);
  return {nlohmann::json::parse(text).value("confirmed", false), std::move(text)};
}

bool emitter::greet() {
  natsMsg* answer = nullptr;
  if (natsConnection_RequestString(&answer, connection_.get(), "router.greet", "{}", 1000)
      != NATS_OK)
    return false;
  const std::string text{natsMsg_GetData(answer),
                         static_cast<std::size_t>(natsMsg_GetDataLength(answer))};
  natsMsg_Destroy(answer);
  const auto wish = nlohmann::json::parse(text).value("minimumRegisterIntervalInSeconds", 20);
  const std::lock_guard lock{mutex_};
  heartbeat_ = std::min<nanoseconds>(heartbeat_, std::chrono::seconds{wish});
  return true;
}

void emitter::beat() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    asked_ = false;
    register_all();
    changed_.wait_for(lock, heartbeat_, [this] { return asked_ || stopping_; });
  }
}

void emitter::register_all() {
  for (std::size_t i = 0; i < routes_of_.size(); ++i)
    if (const auto& routes = routes_of_[i]; !routes.empty())
      publish("router.register", static_cast<int>(i), {routes.begin(), routes.end()});
}

std::string emitter::message_of(int instance, const std::vector<int>& routes) const {
  auto uris = nlohmann::json::array();
  for (const int route : routes)
    uris.push_back(host_of(route));
  const auto name = "instance-" + std::to_string(instance);
  return nlohmann::json{{"host", "127.0.0.1"},
                        {"port", ports_.at(instance)},
                        {"uris", std::move(uris)},
                        {"app", "chaos"},
                        {"private_instance_id", name}}
    .dump();
}

void emitter::publish(const char* subject, int instance, const std::vector<int>& routes) {
  // Full while NATS is away: what is lost is said again by the next heartbeat.
  [[maybe_unused]] const auto published =
    natsConnection_PublishString(connection_.get(), subject, message_of(instance, routes).c_str());
}

} // namespace shunt::chaos
