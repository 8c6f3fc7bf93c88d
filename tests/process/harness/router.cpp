#include "tests/process/harness/router.hpp"

#include "tests/process/harness/ports.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace shunt::test {
namespace {

constexpr const char* credentials =
  "Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n"; // tester:secret

/// JSON is YAML, so configurations are made of JSON.
void write_configuration(const std::string& path, const nlohmann::json& settings) {
  write_file(path, settings.dump(2) + "\n");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

} // namespace

namespace {

std::string chosen_or(const char* variable, const char* otherwise) {
  const char* chosen = std::getenv(variable);
  return chosen && *chosen ? chosen : otherwise;
}

} // namespace

std::string shunt_executable() {
  return chosen_or("SHUNT_BIN", SHUNT_EXECUTABLE);
}

std::string previous_executable() {
  return chosen_or("SHUNT_PREVIOUS_BIN", SHUNT_EXECUTABLE "-previous");
}

router::router(std::uint16_t nats_port, const nlohmann::json& overrides) : nats_port_{nats_port} {
  start(overrides, shunt_executable(), [this] { return health() == 200; });
}

router::router(std::uint16_t nats_port, const nlohmann::json& overrides, unhealthy how)
  : nats_port_{nats_port} {
  start(overrides, how.executable, [this] { return health() != 0; });
}

/// What tests need: no wait at the start, one loop so that spreads are exact, pooled connections
/// to backends, and patience that fails a test before the test's own runs out.
nlohmann::json router::settings() const {
  return {{"port", port_},
          {"status",
           {{"port", status_port_},
            {"user", "tester"},
            {"pass", "secret"},
            {"routes", {{"port", routes_port_}}}}},
          {"nats", {{"hosts", {{{"hostname", "127.0.0.1"}, {"port", nats_port_}}}}}},
          {"start_response_delay_interval", "0s"},
          {"endpoint_timeout", slowed_text(8s)},
          {"endpoint_dial_timeout", slowed_text(2s)},
          {"disable_keep_alives", false},
          {"max_idle_conns_per_host", 100},
          {"backends", {{"max_attempts", 3}}},
          {"go_max_procs", 1},
          {"pid_file", path_of("router.pid")},
          {"access_log", {{"file", path_of("access.log")}}},
          {"logging", {{"level", "debug"}, {"syslog", "vcap.gorouter"}}}};
}

nlohmann::json router::settings_with(const nlohmann::json& overrides) const {
  auto all = settings();
  all.merge_patch(overrides);
  if (all.contains("enable_ssl"))
    all["ssl_port"] = tls_port_;
  if (all.at("status").contains("tls"))
    all["status"]["tls"]["port"] = status_tls_port_;
  return all;
}

void router::configure(const nlohmann::json& overrides) {
  write_configuration(configuration_path(), settings_with(overrides));
}

void router::start(const nlohmann::json& overrides, const std::string& executable,
                   const std::function<bool()>& ready) {
  for (int attempt = 0; attempt < 3; ++attempt) { // Somebody else may take a port first.
    port_ = free_port();
    status_port_ = free_port();
    routes_port_ = free_port();
    tls_port_ = free_port();
    status_tls_port_ = free_port();
    configure(overrides);
    process_ = std::make_unique<child_process>(
      std::vector<std::string>{executable, "-c", configuration_path()},
      path_of("router.log"));
    if (eventually([&] { return !process_->running() || ready(); }) && process_->running())
      return;
  }
  throw std::runtime_error("the router does not start:\n" + process_->output());
}

int router::health() const {
  try {
    return status("/health").status;
  } catch (const std::exception&) {
    return 0;
  }
}

http_response router::status(const std::string& path, const std::string& fields) const {
  return client{status_port_}.send(get_request("localhost", path, fields)).response();
}

nlohmann::json router::routes() const {
  const auto answer =
    client{routes_port_}.send(get_request("localhost", "/routes", credentials)).response();
  if (answer.status != 200)
    throw std::runtime_error("/routes: " + answer.raw_head);
  return nlohmann::json::parse(answer.body);
}

nlohmann::json router::cluster() const {
  const auto answer = client{routes_port_}.send(get_request("localhost", "/cluster", credentials)).response();
  return nlohmann::json::parse(answer.body, nullptr, false);
}

bool router::lists(const std::string& uri, const std::string& address) const {
  const auto all = routes();
  const auto route = all.find(uri);
  if (route == all.end())
    return false;
  for (const auto& endpoint : *route)
    if (endpoint.at("address") == address)
      return true;
  return false;
}

std::vector<nlohmann::json> router::log() const {
  std::vector<nlohmann::json> parsed;
  for (const auto& line : lines_of(process_->output()))
    if (auto entry = nlohmann::json::parse(line, nullptr, false); entry.is_object())
      parsed.push_back(std::move(entry));
  return parsed;
}

std::string router::log_tail() const {
  const auto all = process_->output();
  return all.substr(all.size() - std::min<std::size_t>(all.size(), 4000));
}

nlohmann::json router::wait_for_log(const std::string& message, milliseconds time) const {
  nlohmann::json found;
  const auto seen = [&] {
    for (auto& entry : log())
      if (entry.value("message", "") == message) {
        found = std::move(entry);
        return true;
      }
    return false;
  };
  if (!eventually(seen, time))
    throw std::runtime_error("the router never logged " + message);
  return found;
}

std::uint16_t router::status_listener(const std::string& key) const {
  std::uint16_t port = 0;
  const auto listens = [&] {
    for (const auto& entry : log())
      if (entry.value("message", "") == "status-listener-started" && entry["data"]["key"] == key)
        port = entry["data"]["port"];
    return port != 0;
  };
  if (!eventually(listens))
    throw std::runtime_error("the router never opened " + key);
  return port;
}

std::vector<std::string> router::access_log() const {
  return lines_of(read_file(path_of("access.log")));
}

std::string router::wait_for_access(const std::string& text, milliseconds time) const {
  std::string found;
  const auto seen = [&] {
    for (const auto& line : access_log())
      if (line.find(text) != line.npos)
        found = line;
    return !found.empty();
  };
  if (!eventually(seen, time))
    throw std::runtime_error("no line of the access log contains " + text);
  return found;
}

} // namespace shunt::test
