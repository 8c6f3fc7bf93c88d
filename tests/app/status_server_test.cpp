// The status ports when the route table does not answer at once, or not before the end.
#include "app/status_server.hpp"

#include "tests/net/log_capture.hpp"
#include "tests/process/harness/client.hpp"

#include <gtest/gtest.h>

#include <mutex>

namespace shunt::app {
namespace {

using table_callback = std::function<void(std::optional<std::string>)>;

class StatusServer : public testing::Test {
protected:
  StatusServer() {
    settings.status.port = 0;
    settings.status.routes.port = 0;
    settings.status.user = "tester";
    settings.status.pass = "secret";
    server = std::make_unique<status_server>(context, nullptr, [this](table_callback answer) {
      const std::lock_guard lock{mutex};
      questions.push_back(std::move(answer));
    });
    server->open();
  }

  std::uint16_t port_of(const std::string& key) {
    for (const auto& line : log.lines("status-listener-started"))
      if (line["data"]["key"] == key)
        return line["data"]["port"];
    throw std::runtime_error{"no " + key};
  }
  static std::string routes_request() {
    return test::get_request("x", "/routes", "Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n");
  }
  /// What the route table is asked to answer by, once it is asked.
  table_callback question() {
    table_callback asked;
    EXPECT_TRUE(test::eventually([&] {
      const std::lock_guard lock{mutex};
      if (questions.empty())
        return false;
      asked = std::move(questions.back());
      questions.pop_back();
      return true;
    }));
    return asked;
  }

  config::settings settings;
  net::log_capture log;
  net::buffer_budget budget{1 << 20};
  router_context context{settings, *log.log, budget};
  std::mutex mutex;
  std::vector<table_callback> questions;
  std::unique_ptr<status_server> server;
};

TEST_F(StatusServer, AnswersWhenTheRouteTableDoes) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  question()("{}\n");
  const auto answer = client.response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}\n");
}

TEST_F(StatusServer, SaysSoWhenTheRouteTableDoesNotAnswer) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  question()(std::nullopt);
  EXPECT_EQ(client.response().status, 503);
}

TEST_F(StatusServer, SendsAwayWhoeverWaitsWhenItCloses) {
  test::client one{port_of("status.routes.port")};
  one.send(routes_request());
  const auto first = question();
  test::client other{port_of("status.routes.port")};
  other.send(routes_request());
  const auto second = question();
  server->close();
  EXPECT_EQ(one.response().status, 503);
  EXPECT_EQ(other.response().status, 503);
}

TEST_F(StatusServer, IsNotMissedByAnswersThatComeAfterItsEnd) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  const auto late = question();
  server.reset();
  late("{}\n");
  late(std::nullopt);
  EXPECT_EQ(client.response().status, 503);
}

TEST_F(StatusServer, TellsItsHealth) {
  const auto health = [this] {
    return test::client{port_of("status.port")}
      .send(test::get_request("x", "/health"))
      .response()
      .status;
  };
  EXPECT_EQ(health(), 503);
  context.state = shunt::health::healthy;
  EXPECT_EQ(health(), 200);
}

} // namespace
} // namespace shunt::app
