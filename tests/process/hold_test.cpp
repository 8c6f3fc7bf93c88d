// Requests to a route without backends that wait until one registers.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/scrape.hpp"

#include <gtest/gtest.h>

#include <future>

namespace shunt::test {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

class Hold : public SharedStage<Hold> {
public:
  static nlohmann::json configuration() {
    return {{"hold", {{"requests_per_route", 3}}},
            {"backends", {{"max_conns", 2}}},
            {"prometheus", {{"enabled", true}}}};
  }

protected:
  static nlohmann::json options(const nlohmann::json& of) { return {{"options", of}}; }

  /// A route whose app, once registered with these options, has stopped.
  static std::string asleep(const nlohmann::json& of) {
    const backend once;
    const auto host = fresh_host();
    here().map(host, once, options(of));
    here().unmap(host, once);
    return host;
  }
  static std::future<http_response> ask_later(const std::string& request) {
    return std::async(std::launch::async, [request] { return here().ask(request); });
  }
  static double metric(const std::string& name) { return value(scrape(here()), name); }
  static bool waits(double requests) {
    return eventually([&] { return metric("shunt_holding_requests") == requests; });
  }
};

TEST_F(Hold, SendsARequestToTheBackendThatComesBodyIncluded) {
  const auto host = asleep({{"hold", "30s"}});
  auto answer = ask_later(post_request(host, "hello world"));
  ASSERT_TRUE(waits(1));
  const backend awake{answers::echo()};
  here().map(host, awake, options({{"hold", "30s"}}));
  const auto got = answer.get();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "hello world");
  EXPECT_TRUE(waits(0));
}

TEST_F(Hold, AnswersAsAnEmptyRouteWhenNobodyComes) {
  const auto host = asleep({{"hold", "400ms"}, {"empty_status", 504}, {"empty_body", "asleep"}});
  const auto before = metric("shunt_hold_timeouts_total");
  const auto began = clock::now();
  const auto got = here().get(host);
  EXPECT_GE(clock::now() - began, 400ms);
  EXPECT_EQ(got.status, 504);
  EXPECT_EQ(got.body, "asleep");
  EXPECT_EQ(got.one("X-Cf-RouterError"), "no_endpoints");
  EXPECT_EQ(metric("shunt_hold_timeouts_total"), before + 1);
}

TEST_F(Hold, IsNotAskedForByMostRoutes) {
  const auto host = asleep({{"hold", "0s"}});
  EXPECT_EQ(here().get(host).status, 503);
}

TEST_F(Hold, IsBoundedForARoute) {
  const auto host = asleep({{"hold", "30s"}});
  std::vector<std::future<http_response>> held;
  for (int i = 0; i < 3; ++i)
    held.push_back(ask_later(get_request(host)));
  ASSERT_TRUE(waits(3));
  const auto before = metric("shunt_hold_refusals_total");
  EXPECT_EQ(here().get(host).status, 503);
  EXPECT_EQ(metric("shunt_hold_refusals_total"), before + 1);
  const backend awake;
  here().map(host, awake, options({{"hold", "30s"}}));
  for (auto& each : held)
    EXPECT_EQ(each.get().status, 200);
}

TEST_F(Hold, SendsNoMoreAtOnceThanTheBackendMayTake) {
  const auto host = asleep({{"hold", "30s"}});
  std::vector<std::future<http_response>> held;
  for (int i = 0; i < 3; ++i)
    held.push_back(ask_later(get_request(host)));
  ASSERT_TRUE(waits(3));
  const gate through;
  const backend awake{through.holding("/")};
  here().map(host, awake, options({{"hold", "30s"}}));
  ASSERT_TRUE(awake.wait_for_requests(2));
  EXPECT_TRUE(waits(1));
  through.open();
  for (auto& each : held)
    EXPECT_EQ(each.get().status, 200) << "none met a backend that had enough";
}

TEST_F(Hold, FreesThePlaceOfAClientThatLeaves) {
  const auto host = asleep({{"hold", "30s"}});
  {
    client leaves{port()};
    leaves.send(post_request(host, "hello"));
    ASSERT_TRUE(waits(1));
  }
  EXPECT_TRUE(waits(0));
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_NE(line.find("\" 499 "), line.npos) << line;
}

TEST_F(Hold, HearsOfAClientThatLeavesInTheMiddleOfItsBody) {
  const auto host = asleep({{"hold", "30s"}});
  {
    client leaves{port()};
    leaves.send("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100\r\n\r\n");
    ASSERT_TRUE(waits(1));
    leaves.send("some of it");
  }
  EXPECT_TRUE(waits(0));
}

TEST_F(Hold, GoesOnWhileOthersFillTheBackendThatCame) {
  const auto host = asleep({{"hold", "30s"}});
  auto held = ask_later(get_request(host, "/held"));
  ASSERT_TRUE(waits(1));
  const gate through;
  const backend awake{through.holding("/busy")};
  const auto busy = here().mapped(awake);
  auto one = ask_later(get_request(busy, "/busy")), two = ask_later(get_request(busy, "/busy"));
  ASSERT_TRUE(awake.wait_for_requests(2));
  here().map(host, awake, options({{"hold", "30s"}}));
  ASSERT_TRUE(waits(1));
  through.open();
  EXPECT_EQ(held.get().status, 200);
  EXPECT_EQ(one.get().status, 200);
  EXPECT_EQ(two.get().status, 200);
}

TEST_F(Hold, WakesForABackendOfAShorterPath) {
  const auto host = asleep({{"hold", "30s"}});
  const backend once;
  here().map(host + "/x/y", once, options({{"hold", "30s"}}));
  here().unmap(host + "/x/y", once);
  auto held = ask_later(get_request(host, "/x/y/z"));
  ASSERT_TRUE(waits(1));
  const backend shorter;
  here().map(host + "/x", shorter);
  EXPECT_EQ(held.get().status, 200);
}

TEST_F(Hold, AsksTheRouteServiceThatCameWithTheBackend) {
  const auto host = asleep({{"hold", "30s"}});
  auto held = ask_later(get_request(host));
  ASSERT_TRUE(waits(1));
  const backend awake;
  here().map(host, awake, {{"route_service_url", "https://127.0.0.1:1/"}});
  EXPECT_EQ(held.get().one("X-Cf-RouterError"), "route_service_unsupported") << "the secret is not set";
  EXPECT_EQ(awake.request_count(), 0u);
}

TEST_F(Hold, TellsTheWorldThatAnAppIsWanted) {
  here().bus.listen("router.demand");
  const auto host = asleep({{"hold", "30s"}});
  auto first = ask_later(get_request(host, "/x"));
  // Of the apps of the tests before, some may still be wanted.
  const auto next_demand = [&] {
    for (;;) {
      const auto said = here().bus.next();
      if (!said)
        return nlohmann::json{};
      auto demand = nlohmann::json::parse(*said);
      if (demand.at("uri") == host + "/")
        return demand;
    }
  };
  const auto demand = next_demand();
  ASSERT_TRUE(demand.is_object());
  EXPECT_EQ(demand.at("waiting"), 1);
  EXPECT_TRUE(demand.contains("app"));
  auto second = ask_later(get_request(host, "/y"));
  ASSERT_TRUE(waits(2));
  ASSERT_TRUE(eventually([&] {
    const auto again = next_demand();
    return again.is_object() && again.at("waiting") == 2;
  }));
  const backend awake;
  here().map(host, awake);
  EXPECT_EQ(first.get().status, 200);
  EXPECT_EQ(second.get().status, 200);
}

TEST_F(Hold, DoesNotHoldForBackendsThatFail) {
  const auto host = fresh_host();
  const refusing_port nobody;
  here().map(host, nobody.port(), options({{"hold", "30s"}}));
  const auto began = clock::now();
  EXPECT_EQ(here().get(host).status, 502);
  EXPECT_LT(clock::now() - began, 10s);
}

} // namespace
} // namespace shunt::test
