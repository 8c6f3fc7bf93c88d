// Speaks to routers over NATS as route emitters do.
#pragma once

#include "tests/process/harness/nats_client.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace shunt::test {

class registrar {
public:
  explicit registrar(const std::string& url);

  /// Publishes `router.register` for 127.0.0.1:`port`; `more` is merged into the message.
  void announce(std::uint16_t port, const std::string& uri, const nlohmann::json& more = {});
  /// Publishes `router.unregister`.
  void withdraw(std::uint16_t port, const std::string& uri, const nlohmann::json& more = {});
  /// Publishes anything. Returns when the server has it.
  void publish(const std::string& subject, const std::string& payload);
  /// Asks and waits for an answer. Empty if there is none within `time`.
  std::optional<std::string> request(const std::string& subject, const std::string& payload,
                                     milliseconds time = step_time);
  /// The next message on a subject that was subscribed to with `listen`.
  void listen(const std::string& subject);
  std::optional<std::string> next(milliseconds time = step_time);

private:
  nats_connection connection_;
  nats_subscription subscription_;
};

/// What `announce` sends.
nlohmann::json registration(std::uint16_t port, const std::string& uri,
                            const nlohmann::json& more = {});

} // namespace shunt::test
