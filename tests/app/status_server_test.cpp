// The status ports when the route table does not answer at once, or not before the end.
#include "app/status_server.hpp"

#include "tests/net/log_capture.hpp"
#include "tests/process/harness/client.hpp"

#include <gtest/gtest.h>

#include <mutex>

namespace shunt::app {
namespace {


class StatusServer : public testing::Test {
protected:
  /// Lets the test tell its pieces.
  struct asked_page final : page {
    explicit asked_page(StatusServer& where) : here{where} {}
    void next(told tell) override {
      const std::lock_guard lock{here.mutex};
      here.questions.push_back(std::move(tell));
    }
    StatusServer& here;
  };

  StatusServer() {
    settings.status.port = 0;
    settings.status.routes.port = 0;
    settings.status.user = "tester";
    settings.status.pass = "secret";
    open();
  }

  /// By what the settings say now.
  void open() {
    server = std::make_unique<status_server>(context, nullptr, [this] { return std::make_shared<asked_page>(*this); });
    server->open();
  }

  std::uint16_t port_of(const std::string& key) {
    std::uint16_t port = 0; // The one that was opened last.
    for (const auto& line : log.lines("status-listener-started"))
      if (line["data"]["key"] == key)
        port = line["data"]["port"];
    if (port != 0)
      return port;
    throw std::runtime_error{"no " + key};
  }
  static std::string routes_request() {
    return test::get_request("x", "/routes", "Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n");
  }
  /// What the route table is asked to answer by, once it is asked.
  page::told question() {
    page::told asked;
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
  std::vector<page::told> questions;
  std::unique_ptr<status_server> server;
};

TEST_F(StatusServer, AnswersWhenTheRouteTableDoes) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  question()(page::piece{"{}\n"});
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

TEST_F(StatusServer, SendsWhatComesInPiecesAsItComes) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  question()(page::piece{R"({"a":[],)", false});
  const auto head = client.response_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.one("Transfer-Encoding"), "chunked");
  EXPECT_EQ(client.reader().exactly(13), "8\r\n{\"a\":[],\r\n"); // While the rest is not there yet.
  question()(page::piece{"", false});
  question()(page::piece{"\"b\":[]}\n", true});
  EXPECT_EQ(client.reader().rest(), "8\r\n\"b\":[]}\n\r\n0\r\n\r\n");
}

TEST_F(StatusServer, BreaksOffWhatCannotBeToldToItsEnd) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  question()(page::piece{"{", false});
  question()(std::nullopt);
  client.response_head();
  EXPECT_EQ(client.reader().rest(), "1\r\n{\r\n"); // Without a last chunk it is not whole.
}

TEST_F(StatusServer, SendsPiecesToAnOldClientAsTheyAre) {
  test::client client{port_of("status.routes.port")};
  client.send("GET /routes HTTP/1.0\r\nHost: x\r\nAuthorization: Basic dGVzdGVyOnNlY3JldA==\r\n\r\n");
  question()(page::piece{"{", false});
  question()(page::piece{"}\n", true});
  const auto head = client.response_head();
  EXPECT_FALSE(head.has("Transfer-Encoding"));
  EXPECT_EQ(client.reader().rest(), "{}\n");
}

TEST_F(StatusServer, AsksForNoMoreThanItsClientTakes) {
  test::client client{port_of("status.routes.port")};
  client.send(routes_request());
  const std::string large(1 << 20, 'x');
  int asked = 0;
  const auto ask_again = [&] { // As long as somebody asks within a moment.
    return test::eventually([&] {
      const std::lock_guard lock{mutex};
      return !questions.empty();
    }, std::chrono::milliseconds{300});
  };
  for (; asked < 100 && ask_again(); ++asked)
    question()(page::piece{large, false});
  EXPECT_GT(asked, 0);
  EXPECT_LT(asked, 100) << "nobody reads, and it fills memory";
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
  late(page::piece{"{}\n"});
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

/// All that comes, to the end of the connection.
std::string answer_to(std::uint16_t port, const std::string& request) {
  test::client client{port};
  client.send(request);
  return client.reader().rest();
}

TEST_F(StatusServer, TellsNoMoreThanTheHeadToWhoeverAsksForIt) {
  const auto head_request = [](const std::string& path) {
    return "HEAD " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dGVzdGVyOnNlY3JldA==\r\n\r\n";
  };
  context.state = shunt::health::healthy;
  for (const auto* path : {"/health", "/nothing"}) {
    const auto told = answer_to(port_of("status.port"), head_request(path));
    EXPECT_TRUE(told.ends_with("\r\n\r\n")) << told;
    EXPECT_EQ(told.find("Content-Length: 0"), told.npos) << "it is that of the whole answer";
  }
  for (const bool last : {true, false}) { // In one piece and in several.
    test::client client{port_of("status.routes.port")};
    client.send(head_request("/routes"));
    question()(page::piece{"{}", last});
    EXPECT_EQ(client.response_head().status, 200);
    EXPECT_EQ(client.reader().rest(), "");
  }
  EXPECT_TRUE(answer_to(port_of("status.routes.port"), "HEAD /routes HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST_F(StatusServer, ListensForDebuggingWhereGoWould) {
  std::size_t started = 0;
  for (const auto* address : {":0", "localhost:0", "127.0.0.1:0"}) {
    settings.debug_addr = address;
    open();
    EXPECT_EQ(log.lines("debugserver-started").size(), ++started) << address;
  }
  EXPECT_EQ(log.lines("debugserver-started").front()["data"]["address"], "0.0.0.0");
  for (const auto* nonsense : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"}) {
    settings.debug_addr = nonsense;
    open();
    EXPECT_EQ(log.lines("debugserver-started").size(), started) << nonsense;
  }
}

TEST_F(StatusServer, KnowsThisMachineByName) {
  settings.status.enable_deprecated_varz_healthz_endpoints = true;
  settings.status.host = "localhost";
  open();
  EXPECT_TRUE(answer_to(port_of("status.port"), test::get_request("x", "/healthz")).starts_with("HTTP/1.1 503"));
}

TEST_F(StatusServer, MakesNoDocumentWhenItIsGone) {
  const auto ask = server->varz_source();
  bool told = false;
  server.reset();
  ask([&](const std::string&) { told = true; });
  EXPECT_FALSE(told);
}

} // namespace
} // namespace shunt::app
