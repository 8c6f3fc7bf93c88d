// How old collectors find a router on NATS: where the deprecated status endpoints are on, it says what `/varz` shows.
#include "tests/process/harness/stage.hpp"

namespace shunt::test {
namespace {

using nlohmann::json;

constexpr const char* discover = "vcap.component.discover";
const json with_varz{{"status", {{"enable_deprecated_varz_healthz_endpoints", true}}}};

void expect_varz(const std::optional<std::string>& text) {
  ASSERT_TRUE(text);
  const auto document = json::parse(*text);
  EXPECT_EQ(document.at("type"), "Router");
  for (const auto* key : {"index", "host", "credentials", "uuid", "start", "uptime", "num_cores", "requests", "urls"})
    EXPECT_TRUE(document.contains(key)) << key;
}

TEST(ComponentDiscovery, IsAnsweredWithTheDocumentOfVarz) {
  stage here{with_varz};
  here.map("counted.test", 1);
  const auto answer = here.bus.request(discover, "");
  expect_varz(answer);
  EXPECT_EQ(json::parse(*answer).at("urls"), 1) << "as things are when it is asked for";
  const auto greeting = json::parse(here.bus.request("router.greet", "").value());
  EXPECT_EQ(json::parse(*answer).at("uuid"), greeting.at("id"));
}

TEST(ComponentDiscovery, IsNotAnsweredToWhoeverWaitsForNothing) {
  stage here{with_varz};
  here.bus.publish(discover, "");
  const auto logged = here.under_test.wait_for_log(std::string{"Received message with empty reply on subject "} + discover);
  EXPECT_EQ(logged.at("log_level"), 1);
  expect_varz(here.bus.request(discover, ""));
}

TEST(ComponentDiscovery, IsAnsweredWhenNatsIsBack) {
  stage here{with_varz};
  here.nats.stop();
  here.under_test.wait_for_log("nats-connection-disconnected");
  here.nats.start();
  here.under_test.wait_for_log("nats-connection-reconnected");
  std::optional<std::string> answer;
  EXPECT_TRUE(eventually([&] { // This side has to come back as well.
    answer = here.bus.request(discover, "", 500ms);
    return answer.has_value();
  }));
  expect_varz(answer);
}

TEST(ComponentAnnouncement, IsPublishedOnceAtTheStart) {
  const nats_server nats;
  registrar bus{nats.url()};
  bus.listen("vcap.component.announce");
  const router started{nats.port(), with_varz};
  expect_varz(bus.next());
  EXPECT_FALSE(bus.next(100ms));
}

TEST(ComponentAnnouncement, IsMadeByNoRouterWithoutTheDeprecatedEndpoints) {
  const nats_server nats;
  registrar bus{nats.url()};
  bus.listen("vcap.component.announce");
  const router started{nats.port()};
  EXPECT_FALSE(bus.next(100ms));
  EXPECT_FALSE(bus.request(discover, "", 300ms));
}

} // namespace
} // namespace shunt::test
