// A real NATS server on a free loopback port, and a listener that sees what a router would see.
#pragma once

#include "tests/app/child.hpp"

#include <nats/nats.h>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace shunt::test {

/// How long a test waits for what must happen. Only a failing test waits that long.
inline constexpr std::chrono::seconds patience{20};

/// What arrived on a subject; `body` is null if nothing did.
struct heard {
  nlohmann::json body;
  std::string reply; ///< Where an answer is expected, or empty.
};

class NatsFixture : public testing::Test {
protected:
  NatsFixture();
  ~NatsFixture() override;

  void start_server();
  void stop_server();
  std::string url() const { return "nats://127.0.0.1:" + port_; }

  /// The next message on `router.register`, `router.unregister` or `router.greet`.
  heard next_registration() { return next(registered_); }
  heard next_unregistration() { return next(unregistered_); }
  heard next_greeting() { return next(greeted_); }

  void publish(const std::string& subject, const std::string& text);

private:
  static heard next(natsSubscription* from);

  std::string port_ = "-1"; ///< Free on the first start, the same on every later one.
  std::unique_ptr<child> server_;
  natsConnection* connection_ = nullptr;
  natsSubscription* registered_ = nullptr;
  natsSubscription* unregistered_ = nullptr;
  natsSubscription* greeted_ = nullptr;
};

} // namespace shunt::test
