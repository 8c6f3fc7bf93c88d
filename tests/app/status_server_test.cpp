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
    server = std::make_unique<status_server>(context, nullptr, [this] { return std::make_shared<asked_page>(*this); });
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

TEST_F(StatusServer, MakesNoDocumentWhenItIsGone) {
  const auto ask = server->varz_source();
  bool told = false;
  server.reset();
  ask([&](const std::string&) { told = true; });
  EXPECT_FALSE(told);
}

} // namespace
} // namespace shunt::app
