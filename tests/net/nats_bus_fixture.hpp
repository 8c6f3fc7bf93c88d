// A bus with short patience against real servers, and what it told.
#pragma once

#include "net/nats_bus.hpp"

#include "log_capture.hpp"
#include "nats_server.hpp"
#include "recording_handler.hpp"
#include "test_certificates.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>

namespace shunt::net {

using namespace std::chrono_literals;

inline nats_options options_for(std::initializer_list<std::uint16_t> ports) {
  nats_options options;
  for (const auto port : ports)
    options.hosts.push_back({"127.0.0.1", port});
  options.connect_pause = 1ms;
  options.reconnect_wait = 10ms;
  options.reconnect_jitter = 1ms;
  options.reconnect_jitter_tls = 1ms;
  options.start = {"0-some-uuid", "10.0.1.5", 20s, 120s};
  return options;
}

/// TLS, by which the server is trusted that shows a certificate for localhost of this `ca`.
inline void speak_tls(nats_options& options, const test_certificates& own, const std::string& ca) {
  options.hosts[0].hostname = "localhost";
  options.tls_enabled = true;
  options.ca_certs = ca;
  options.cert_chain = own.client();
  options.private_key = own.client_key();
}

constexpr auto start_message =
  R"({"id":"0-some-uuid","hosts":["10.0.1.5"],)"
  R"("minimumRegisterIntervalInSeconds":20,"pruneThresholdInSeconds":120})";

class NatsBus : public testing::Test {
protected:
  /// Connected and started.
  void run(nats_options options) {
    bus = std::make_unique<nats_bus>(std::move(options), handler, *logged.log);
    bus->connect();
    bus->start();
  }
  std::string refusal(nats_options options) {
    nats_bus refused{std::move(options), handler, *logged.log};
    try {
      refused.connect();
    } catch (const nats_error& error) {
      return error.what();
    }
    return {};
  }

  log_capture logged;
  recording_handler handler;
  std::unique_ptr<nats_bus> bus;
};

} // namespace shunt::net
