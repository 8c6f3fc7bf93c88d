// A Routing API client with servers of its own, and a handler that writes down what it is told and
// lets tests wait for it.
#pragma once

#include "net/routing_api_client.hpp"

#include "log_capture.hpp"
#include "routing_api_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace shunt::net {

class recording_routes final : public routing_api_handler {
public:
  void on_registrations(std::vector<routing::registration> registrations,
                        nats_batch hold) noexcept override {
    std::lock_guard lock{mutex_};
    for (const auto& each : registrations)
      heard_.push_back(describe(each));
    ++batches_;
    if (holding_)
      held_.push_back(std::move(hold));
    changed_.notify_all();
  }
  void on_synchronised() noexcept override { add(synchronised_); }
  void on_out_of_date() noexcept override { add(out_of_date_); }

  void hold_batches() { holding_ = true; }
  std::size_t held() { return read(held_).size(); }
  void release() {
    std::lock_guard lock{mutex_};
    holding_ = false;
    held_.clear();
  }

  template <class Condition>
  bool await_that(Condition condition) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{20}, condition);
  }
  bool await(const std::string& what, std::size_t times = 1) {
    return await_that([&] { return count(what) >= times; });
  }
  bool await_synchronised(int times = 1) {
    return await_that([&] { return synchronised_ >= times; });
  }
  std::vector<std::string> heard() {
    std::lock_guard lock{mutex_};
    return heard_;
  }
  int batches() { return read(batches_); }
  int synchronised() { return read(synchronised_); }
  int out_of_date() { return read(out_of_date_); }

private:
  static std::string describe(const routing::registration& r) {
    return (r.unregister ? "-" : "+") + r.uri + ' ' + std::string{r.target->address()} + ' '
           + std::string{r.target->modification_guid()} + ' '
           + std::to_string(r.target->modification_index());
  }
  std::size_t count(const std::string& what) const {
    return static_cast<std::size_t>(std::ranges::count(heard_, what));
  }
  void add(int& to) noexcept {
    std::lock_guard lock{mutex_};
    ++to;
    changed_.notify_all();
  }
  int read(const int& from) {
    std::lock_guard lock{mutex_};
    return from;
  }
  const std::vector<nats_batch>& read(const std::vector<nats_batch>& from) {
    std::lock_guard lock{mutex_};
    return from;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> heard_;
  std::vector<nats_batch> held_;
  std::atomic<bool> holding_{false};
  int batches_ = 0;
  int synchronised_ = 0;
  int out_of_date_ = 0;
};

inline nlohmann::json route(const std::string& uri, int port, const std::string& guid, int index) {
  return {{"route", uri},      {"ip", "10.0.0.1"},
          {"port", port},      {"ttl", 120},
          {"log_guid", "app"}, {"modification_tag", {{"guid", guid}, {"index", index}}}};
}

inline std::string event(const std::string& type, const nlohmann::json& data) {
  return "id: 1\nevent: " + type + "\ndata: " + data.dump() + "\n\n";
}

class routing_api_fixture : public testing::Test {
protected:
  static void TearDownTestSuite() {
    shared_server.reset();
    certificates.reset();
  }

  routing_api_fixture() : server{fresh_server()} {
    options.url = "https://localhost:" + std::to_string(server.api_port()) + server.prefix();
    options.tls.ca_certs = certificates->ca();
    options.tls.cert_chain = certificates->client();
    options.tls.private_key = certificates->client_key();
    options.token_url =
      "https://localhost:" + std::to_string(server.uaa_port()) + server.prefix() + "/oauth/token";
    options.client_name = "router:name";
    options.client_secret = "the secret";
    options.token_tls.ca_certs = certificates->ca();
    options.token_retry_interval = std::chrono::milliseconds{10};
    options.list_interval = std::chrono::hours{1};
    options.retry_min = std::chrono::milliseconds{20};
    options.retry_max = std::chrono::milliseconds{100};
  }

  void connect() {
    client = std::make_unique<routing_api_client>(options, handler, *logged.log);
    client->connect();
  }
  void run() {
    connect();
    client->start();
    ASSERT_TRUE(handler.await_synchronised());
  }
  std::string refusal() {
    try {
      connect();
    } catch (const routing_api_error& error) {
      return error.what();
    }
    return {};
  }

  static inline std::unique_ptr<test_certificates> certificates;
  routing_api_server& server;
  log_capture logged;
  recording_routes handler;
  routing_api_options options;
  std::unique_ptr<routing_api_client> client;

private:
  /// Starting it takes longer than most tests.
  static routing_api_server& fresh_server() {
    if (!certificates)
      certificates = std::make_unique<test_certificates>();
    if (!shared_server || !shared_server->alive())
      shared_server = std::make_unique<routing_api_server>(*certificates);
    shared_server->begin_anew();
    return *shared_server;
  }

  static inline std::unique_ptr<routing_api_server> shared_server;
};

} // namespace shunt::net
