// The program under test: `shunt -c FILE`, with ports, log and access log of its own.
#pragma once

#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/client.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace shunt::test {

/// Where the executable is: SHUNT_BIN, else where the build puts it.
std::string shunt_executable();
/// Of the release before, as far as peers can tell: SHUNT_PREVIOUS_BIN, else one of this build that speaks its frames.
std::string previous_executable();

class router {
public:
  /// Starts a router on the usual test configuration with `overrides` merged into it, and waits
  /// until it is healthy. Throws, with its log, if it does not become so.
  router(std::uint16_t nats_port, const nlohmann::json& overrides = nlohmann::json::object());
  struct unhealthy { ///< Only waits until the status port answers.
    std::string executable = shunt_executable();
  };
  router(std::uint16_t nats_port, const nlohmann::json& overrides, unhealthy how);

  std::uint16_t port() const noexcept { return port_; }
  std::uint16_t status_port() const noexcept { return status_port_; }
  std::uint16_t routes_port() const noexcept { return routes_port_; }
  std::uint16_t tls_port() const noexcept { return tls_port_; }               ///< `ssl_port`
  std::uint16_t status_tls_port() const noexcept { return status_tls_port_; } ///< `status.tls.port`
  /// Where it listens for the key, such as `prometheus.port`, as its log says.
  std::uint16_t status_listener(const std::string& key) const;
  child_process& process() { return *process_; }
  std::string path_of(const std::string& name) const { return files_.path_of(name); }
  /// Where its configuration is. Whether it reads it again is up to the test, by SIGHUP.
  std::string configuration_path() const { return path_of("router.yml"); }
  /// Writes that file anew, with other overrides.
  void configure(const nlohmann::json& overrides);

  /// 200, 503, or 0 when nobody answers.
  int health() const;
  http_response status(const std::string& path, const std::string& fields = {}) const;
  /// `/routes`, with the right credentials.
  nlohmann::json routes() const;
  /// `/cluster`, with the right credentials; discarded if the answer is no JSON.
  nlohmann::json cluster() const;
  bool lists(const std::string& uri, const std::string& address) const;

  std::vector<nlohmann::json> log() const;
  std::string log_tail() const; ///< The last lines, whatever they are.
  /// The first log line with that message, perhaps not yet there.
  nlohmann::json wait_for_log(const std::string& message, milliseconds time = step_time) const;

  std::vector<std::string> access_log() const;
  /// The one access log line that contains `text`, perhaps not yet there.
  std::string wait_for_access(const std::string& text, milliseconds time = step_time) const;

private:
  void start(const nlohmann::json& overrides, const std::string& executable, const std::function<bool()>& ready);
  nlohmann::json settings() const;
  nlohmann::json settings_with(const nlohmann::json& overrides) const;

  temporary_directory files_;
  std::uint16_t nats_port_ = 0;
  std::uint16_t port_ = 0;
  std::uint16_t status_port_ = 0;
  std::uint16_t routes_port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::uint16_t status_tls_port_ = 0;
  std::unique_ptr<child_process> process_;
};

} // namespace shunt::test
