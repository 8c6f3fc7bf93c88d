// Routes that exist because somebody reserved them: what their requests get, with backends and without.
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_backend.hpp"

#include <gmock/gmock.h>

#include <future>

namespace shunt::test {
namespace {

using testing::IsEmpty;
using testing::Not;

using bound_routes::service_ca;

class ReservedRoutes : public SharedStage<ReservedRoutes> {
public:
  static nlohmann::json configuration() {
    return {{"route_services_secret", "the-secret"},
            {"ca_certs", {service_ca().pem()}},
            {"prune_stale_droplets_interval", "200ms"}};
  }

protected:
  static void reserve(const std::string& uri, const nlohmann::json& more = nlohmann::json::object()) {
    nlohmann::json said{{"uris", {uri}}};
    said.merge_patch(more);
    here().bus.publish("router.reserve", said.dump());
  }
  static void unreserve(const std::string& uri) {
    here().bus.publish("router.unreserve", nlohmann::json{{"uris", {uri}}}.dump());
  }
  /// A reserved host whose reservation the router has.
  static std::string reserved(const nlohmann::json& more = nlohmann::json::object()) {
    const auto host = fresh_host();
    reserve(host, more);
    EXPECT_TRUE(eventually([&] { return here().get(host).status != 404; }));
    return host;
  }
};

TEST_F(ReservedRoutes, AreKnownWithoutEverHavingHadABackend) {
  const auto answer = here().get(reserved(), "/any/path");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "no_endpoints");
  EXPECT_EQ(answer.one("Retry-After"), "5");
}

TEST_F(ReservedRoutes, AnswerAsTheirOptionsSay) {
  const auto host = reserved({{"options",
                               {{"empty_status", 429},
                                {"empty_body", "<p>asleep</p>"},
                                {"empty_content_type", "text/html"},
                                {"retry_after", "90s"}}}});
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, "<p>asleep</p>");
  EXPECT_EQ(answer.one("Content-Type"), "text/html");
  EXPECT_EQ(answer.one("Retry-After"), "90");
  reserve(host, {{"options", {{"retry_after", 0}}}});
  ASSERT_TRUE(here().eventually_answers(host, "/", 503));
  EXPECT_FALSE(here().get(host).has("Retry-After"));
}

TEST_F(ReservedRoutes, AreGoneWhenTheReservationIsWithdrawn) {
  const auto host = reserved();
  unreserve(host);
  EXPECT_TRUE(here().eventually_answers(host, "/", 404));
}

TEST_F(ReservedRoutes, AreGoneWhenTheirTimeIsOver) {
  const auto host = reserved({{"reserve_ttl_in_seconds", 1}});
  EXPECT_TRUE(here().eventually_answers(host, "/", 404));
}

TEST_F(ReservedRoutes, BeatShorterPathsAndWildcardsUnlessTheySayOtherwise) {
  const backend wild{answers::ok("wild")};
  const auto base = fresh_host();
  here().map("*." + base, wild);
  reserve("a." + base);
  reserve("b." + base, {{"options", {{"fallback", true}}}});
  EXPECT_TRUE(here().eventually_answers("a." + base, "/", 503));
  EXPECT_TRUE(eventually([&] { return here().get("b." + base).body == "wild"; })); // The wildcard is another shard's.
  EXPECT_EQ(here().get("c." + base).body, "wild");
  const backend own{answers::ok("own")};
  here().map("a." + base, own);
  EXPECT_TRUE(eventually([&] { return here().get("a." + base).body == "own"; }));
}

TEST_F(ReservedRoutes, HoldARequestUntilTheFirstBackendComes) {
  const auto host = fresh_host();
  reserve(host, {{"app", "the-app"}, {"options", {{"hold", 30}}}});
  reserved(); // So the one before it was heard.
  here().bus.listen("router.demand");
  auto answer = std::async(std::launch::async, [&] { return here().ask(post_request(host, "body"), "POST"); });
  const auto said = here().bus.next();
  ASSERT_TRUE(said);
  EXPECT_EQ(nlohmann::json::parse(*said).at("app"), "the-app");
  const backend awake{answers::echo()};
  here().map(host, awake);
  const auto got = answer.get();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "body");
}

class ReservedRoutesWithService : public ReservedRoutes {
protected:
  std::string url() const {
    std::string made = "https://127.0.0.1:";
    return made.append(std::to_string(service.port())).append("/");
  }
  /// The request as the service would send it back.
  static std::string returning(const std::string& host, const http_request& from_router) {
    std::string fields;
    for (const auto* name : {"X-CF-Forwarded-Url", "X-CF-Proxy-Signature", "X-CF-Proxy-Metadata"})
      fields.append(name).append(": ").append(from_router.one(name)).append("\r\n");
    return get_request(host, "/", fields);
  }

  backend logic{answers::ok("by the service")};
  tls_backend service{logic, {.own = &bound_routes::service_certificate()}};
};

TEST_F(ReservedRoutesWithService, SendItTheirTrafficThoughThereNeverWasAnApp) {
  const auto host = reserved({{"route_service_url", url()}});
  EXPECT_EQ(here().get(host, "/x").body, "by the service");
  const auto asked = logic.last_request();
  EXPECT_THAT(asked.one("X-CF-Proxy-Signature"), Not(IsEmpty()));
  const auto back = here().ask(returning(host, asked));
  EXPECT_EQ(back.status, 503);
  EXPECT_EQ(back.one("X-Cf-RouterError"), "no_endpoints");
  const backend app{answers::ok("app")};
  here().map(host, app); // Which knows nothing of the service.
  EXPECT_TRUE(eventually([&] { return here().ask(returning(host, asked)).body == "app"; }));
  EXPECT_EQ(here().get(host).body, "by the service") << "the reservation wins over the app";
}

TEST_F(ReservedRoutesWithService, HoldWhatComesBackFromIt) {
  const auto host = reserved({{"route_service_url", url()}, {"options", {{"hold", "30s"}}}});
  EXPECT_EQ(here().get(host).body, "by the service") << "it does not wait: the service may know better";
  here().bus.listen("router.demand");
  auto back = std::async(std::launch::async,
                         [&, asked = logic.last_request()] { return here().ask(returning(host, asked)); });
  ASSERT_TRUE(here().bus.next());
  const backend app{answers::ok("app")};
  here().map(host, app);
  EXPECT_EQ(back.get().body, "app");
}

TEST_F(ReservedRoutesWithService, RefuseAServiceWithoutTls) {
  const auto host = fresh_host();
  reserve(host, {{"route_service_url", "http://127.0.0.1:1/"}});
  reserved(); // So the one before it was heard.
  EXPECT_EQ(here().get(host).status, 404);
}

} // namespace
} // namespace shunt::test
