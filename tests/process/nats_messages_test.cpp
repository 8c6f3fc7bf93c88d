// What the router says on NATS, and what it makes of nonsense.
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace shunt::test {
namespace {

class NatsMessages : public SharedStage<NatsMessages> {
protected:
  static int validation_errors() {
    int count = 0;
    for (const auto& entry : here().under_test.log())
      count += entry.value("message", "") == "validation-error" ? 1 : 0;
    return count;
  }
  /// Messages keep their order, so once this one is in the table, those before it were handled.
  static void settle() {
    const backend there;
    here().mapped(there);
  }
};

void expect_router_start(const std::string& text) {
  const auto message = nlohmann::json::parse(text);
  EXPECT_EQ(message.size(), 4u) << text;
  EXPECT_TRUE(std::regex_match(message.at("id").get<std::string>(),
                               std::regex{"0-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}))
    << text;
  ASSERT_EQ(message.at("hosts").size(), 1u);
  EXPECT_TRUE(
    std::regex_match(message.at("hosts").at(0).get<std::string>(), std::regex{"[0-9a-f.:]+"}));
  EXPECT_EQ(message.at("minimumRegisterIntervalInSeconds"), 0);
  EXPECT_EQ(message.at("pruneThresholdInSeconds"), 120);
}

TEST_F(NatsMessages, GreetIsAnsweredWithTheRouterAndItsTimes) {
  const auto first = here().bus.request("router.greet", "");
  ASSERT_TRUE(first.has_value());
  expect_router_start(*first);
  EXPECT_EQ(here().bus.request("router.greet", "{\"any\":1}"), first) << "the id must not change";
}

TEST_F(NatsMessages, MalformedOnesChangeNothing) {
  const auto before = validation_errors();
  const std::string bad[] = {
    "",
    "no json",
    "[]",
    "null",
    "{\"host\":\"127.0.0.1\",\"port\":80,\"uris\":[\"bad.test\"]",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"]} trailing)",
    R"({"host":"127.0.0.1","port":"80","uris":["bad.test"]})",
    R"({"host":"127.0.0.1","port":65536,"uris":["bad.test"]})",
    R"({"host":"127.0.0.1","port":-1,"uris":["bad.test"]})",
    R"({"host":"127.0.0.1","port":80.5,"uris":["bad.test"]})",
    R"({"host":5,"port":80,"uris":["bad.test"]})",
    R"({"host":"127.0.0.1","port":80,"uris":"bad.test"})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test",5]})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"],"private_instance_index":5})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"],"tags":{"a":1}})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"],"tags":[]})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"],"options":"x"})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"],"route_service_url":"http://x"})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test"],"app":"a\r\nX-Forged: 1"})",
    R"({"host":"127.0.0.1","port":80,"uris":["bad.test","worse.test\n"]})",
    std::string(100'000, '['),
  };
  for (const auto& each : bad)
    here().bus.publish("router.register", each);
  settle();
  EXPECT_FALSE(here().under_test.routes().contains("bad.test"));
  EXPECT_TRUE(eventually([&] { return validation_errors() > before; }));
  const auto logged = here().under_test.wait_for_log("validation-error");
  EXPECT_EQ(logged.at("data").at("subject"), "router.register");
  EXPECT_EQ(logged.at("log_level"), 3);
}

TEST_F(NatsMessages, MalformedUnregistersRemoveNothing) {
  const backend there;
  const auto host = here().mapped(there);
  const auto port_text = std::to_string(there.port());
  for (const auto& each :
       {"{\"host\":\"127.0.0.1\",\"port\":\"" + port_text + "\",\"uris\":[\"" + host + "\"]}",
        "{\"host\":\"127.0.0.1\",\"port\":" + port_text + ",\"uris\":[\"" + host + "\"]",
        "{\"host\":\"127.0.0.2\",\"port\":" + port_text + ",\"uris\":[\"" + host + "\"]}",
        "{\"host\":\"127.0.0.1\",\"port\":" + port_text + ",\"uris\":[\"" + host + "/x\"]}",
        "{\"host\":\"127.0.0.1\",\"port\":" + port_text + ",\"uris\":[]}"})
    here().bus.publish("router.unregister", each);
  settle();
  EXPECT_TRUE(here().under_test.lists(host, there.address()));
}

TEST_F(NatsMessages, WithUnknownBalancingAlgorithmsRegisterWithoutThem) {
  const auto host = fresh_host();
  here().map(host, 80, {{"options", {{"loadbalancing", "best"}}}});
  EXPECT_FALSE(here().under_test.routes().at(host).at(0).contains("load_balancing_algorithm"));
  const auto logged = here().under_test.wait_for_log("invalid-load-balancing-algorithm");
  EXPECT_EQ(logged.at("data").at("loadbalancing"), "best");
  EXPECT_EQ(logged.at("log_level"), 3);
}

TEST_F(NatsMessages, ThatUnregisterAreLoggedAsTheyCame) {
  here().bus.publish("router.unregister", R"({"host":"127.0.0.1","uris":["logged.test"]})");
  const auto logged = here().under_test.wait_for_log("unregister-route");
  EXPECT_TRUE(logged.at("data").at("message").is_string());
  EXPECT_EQ(logged.at("log_level"), 0);
}

TEST_F(NatsMessages, AreReadLeniently) {
  const backend there;
  const auto port_text = std::to_string(there.port());
  here().bus.publish("router.register",
                     "{\"HOST\":\"x\",\"Host\":\"127.0.0.1\",\"pOrt\":" + port_text
                       + ",\"uris\":[\"lenient.test\"],\"app\":null,\"unknown\":{\"a\":[1]}}");
  EXPECT_TRUE(eventually([&] { return here().under_test.lists("lenient.test", there.address()); }));
}

TEST_F(NatsMessages, OnOtherSubjectsAreNobodysBusiness) {
  const auto before = validation_errors();
  here().bus.publish("router.active_apps", "\x78\x9c\x01");
  here().bus.publish("router.greet", "");
  here().bus.publish("router.whatever", "nonsense");
  settle();
  EXPECT_EQ(validation_errors(), before);
}

TEST_F(NatsMessages, RegisterAndUnregisterKeepTheirOrder) {
  const backend there;
  for (int i = 0; i < 50; ++i) {
    here().bus.announce(there.port(), "order.test");
    here().bus.withdraw(there.port(), "order.test");
  }
  settle();
  EXPECT_FALSE(here().under_test.lists("order.test", there.address()));
  EXPECT_EQ(here().get("order.test").status, 503);
}

TEST(RouterStart, IsPublishedOnceAtTheStart) {
  const nats_server nats;
  registrar bus{nats.url()};
  bus.listen("router.start");
  const router started{nats.port()};
  const auto message = bus.next();
  ASSERT_TRUE(message.has_value());
  expect_router_start(*message);
  EXPECT_FALSE(bus.next(100ms).has_value());
}

TEST(Http2, IsNotWhatEndpointsAreRegisteredForWhenItIsOff) {
  stage here{{{"enable_http2", false}}};
  here.map("offers.test", 1, {{"protocol", "http2"}});
  EXPECT_EQ(here.under_test.routes().at("offers.test").at(0).at("protocol"), "http1");
}

TEST(Zone, IsLoggedAtTheStart) {
  const stage here{{{"zone", "z1"}}};
  const auto logged = here.under_test.wait_for_log("local-az-set");
  EXPECT_EQ(logged.at("data").at("AvailabilityZone"), "z1");
  EXPECT_EQ(logged.at("log_level"), 0);
}

TEST(IsolationSegments, LimitWhatARouterTakes) {
  stage here{{{"routing_table_sharding_mode", "segments"}, {"isolation_segments", {"mine"}}}};
  here.bus.announce(1, "none.test");
  here.bus.announce(1, "other.test", {{"isolation_segment", "other"}});
  here.map("mine.test", 1, {{"isolation_segment", "mine"}});
  EXPECT_EQ(here.under_test.routes().size(), 1u);
}

} // namespace
} // namespace shunt::test
