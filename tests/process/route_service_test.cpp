// Route services: a request of a bound route goes to the service, signed, and reaches the app only when it
// comes back from there.
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/environment.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_backend.hpp"
#include "tests/process/harness/tls_settings.hpp"

#include "routing/route_service_signature.hpp"

#include <gmock/gmock.h>

#include <chrono>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using namespace bound_routes;

/// The fields that bring a request back, as a router with that secret makes them.
std::string signed_fields(const std::string& url, std::string_view by = secret,
                          std::chrono::seconds age = 0s) {
  const routing::signature_key key{by};
  routing::signature_codec codec{key};
  routing::signature_texts texts;
  const auto now = std::chrono::system_clock::now().time_since_epoch() - age;
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  EXPECT_TRUE(codec.sign({.forwarded_url = url, .requested = ns}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, texts));
  std::string fields = "X-CF-Forwarded-Url: ";
  fields.append(url).append("\r\nX-CF-Proxy-Signature: ").append(texts.signature);
  fields.append("\r\nX-CF-Proxy-Metadata: ").append(texts.metadata).append("\r\n");
  return fields;
}

/// A route service that does what it must: sends the request where it is told to, and its answer back.
backend::script forwarding_to(const std::uint16_t& router_port, std::string fields = {}) {
  return [&router_port, fields = std::move(fields)](backend_session& session) {
    const auto body = session.read_body();
    const auto& asked = session.request;
    const auto url = asked.one("X-CF-Forwarded-Url");
    const auto host_begin = url.find("://") + 3;
    const auto path_begin = std::min(url.find('/', host_begin), url.size());
    std::string request = asked.method;
    request.append(" ").append(url.substr(path_begin)).append(" HTTP/1.1\r\nHost: ");
    request.append(url.substr(host_begin, path_begin - host_begin)).append("\r\n");
    for (const auto* name : {"X-CF-Forwarded-Url", "X-CF-Proxy-Signature", "X-CF-Proxy-Metadata",
                             "X-Forwarded-Proto", "X-Forwarded-For", "X-Request-Start"})
      request.append(name).append(": ").append(asked.one(name)).append("\r\n");
    if (!body.empty())
      request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    request.append(fields).append("\r\n").append(body);
    client inner{router_port};
    const auto answer = inner.send(request).response(asked.method);
    std::string out = "HTTP/1.1 ";
    out.append(std::to_string(answer.status)).append(" ").append(answer.reason).append("\r\n");
    for (const auto& field : answer.fields)
      if (field.name != "Content-Length" && field.name != "Connection")
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    out.append("X-Was-Here: service\r\nContent-Length: ").append(std::to_string(answer.body.size()));
    session.send(out.append("\r\n\r\n").append(answer.body));
  };
}

class RouteServices : public SharedStage<RouteServices> {
public:
  static nlohmann::json configuration() { return settings(); }

protected:
  static std::string url_of(const tls_backend& service, std::string_view rest = "/") {
    std::string url = "https://127.0.0.1:";
    return url.append(std::to_string(service.port())).append(rest);
  }
  static std::string bound(const backend& app, const tls_backend& service) {
    return here().mapped(app, {{"route_service_url", url_of(service)}});
  }

  std::uint16_t router_port = port();
  backend app{answers::echo()};
  backend logic{forwarding_to(router_port)};
  tls_backend service{logic, {.own = &service_certificate()}};
};

TEST_F(RouteServices, SeeARequestBeforeTheApp) {
  const auto host = bound(app, service);
  const auto answer = here().ask(post_request(host, "the body"), "POST");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "the body");
  EXPECT_EQ(answer.one("X-Was-Here"), "service");
  EXPECT_THAT(answer.all("X-CF-Proxy-Signature"), IsEmpty());

  const auto at_service = logic.last_request();
  EXPECT_EQ(at_service.one("Host"), "127.0.0.1:" + std::to_string(service.port()));
  EXPECT_EQ(at_service.target, "/");
  EXPECT_EQ(at_service.one("X-CF-Forwarded-Url"), "https://" + host + "/");
  EXPECT_THAT(at_service.one("X-CF-Proxy-Signature"), Not(IsEmpty()));
  EXPECT_THAT(at_service.one("X-CF-Proxy-Metadata"), Not(IsEmpty()));
  EXPECT_FALSE(at_service.has("X-CF-ApplicationID"));
  EXPECT_FALSE(at_service.has("X-CF-InstanceID"));

  const auto at_app = app.last_request();
  EXPECT_FALSE(at_app.has("X-CF-Forwarded-Url"));
  EXPECT_FALSE(at_app.has("X-CF-Proxy-Signature"));
  EXPECT_FALSE(at_app.has("X-CF-Proxy-Metadata"));
  EXPECT_EQ(at_app.one("X-Forwarded-Proto"), "http") << "as the first router said";
}

TEST_F(RouteServices, AreAskedForTheirOwnPathAndToldTheClients) {
  const auto host = here().mapped(app, {{"route_service_url", url_of(service, "/v1/log?level=2")}});
  EXPECT_EQ(here().get(host, "/a%2Fb/c?x=1&y=2").status, 200);
  EXPECT_EQ(logic.last_request().target, "/v1/log?level=2");
  EXPECT_EQ(logic.last_request().one("X-CF-Forwarded-Url"), "https://" + host + "/a%2Fb/c?x=1&y=2");
  EXPECT_EQ(app.last_request().target, "/a%2Fb/c?x=1&y=2");
}

TEST_F(RouteServices, AreReachedByOneConnectionForManyRequests) {
  const auto host = bound(app, service);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_LE(service.handshakes().size(), 2u) << "one for each loop";
}

TEST_F(RouteServices, MayAnswerThemselves) {
  logic.answer_with(answers::bytes("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
  const auto host = bound(app, service);
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(app.request_count(), 0u);
  const auto line = here().under_test.wait_for_log("route-service-response");
  EXPECT_EQ(line.at("data").at("status-code"), 403);
}

TEST_F(RouteServices, AreLoggedWithWhatTheyWereSent) {
  logic.answer_with(answers::ok("by itself"));
  const auto host = bound(app, service);
  EXPECT_EQ(here().get(host, "/", "X-Forwarded-For: 9.9.9.9\r\n").status, 200);
  EXPECT_EQ(logic.last_request().one("X-Forwarded-For"), "9.9.9.9, 127.0.0.1");
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_THAT(line, HasSubstr(R"(x_forwarded_for:"9.9.9.9, 127.0.0.1" x_forwarded_proto:"http")"));
  EXPECT_THAT(line, HasSubstr(R"(app_id:"-")"));
}

TEST_F(RouteServices, StillGetTheTrafficOfAnAppThatIsStopped) {
  logic.answer_with(answers::ok("asleep"));
  const auto host = bound(app, service);
  EXPECT_EQ(here().get(host).body, "asleep");
  here().unmap(host, app);
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "asleep");
}

TEST_F(RouteServices, GetTheEmptyAnswerWhenTheyCallBackForAStoppedApp) {
  const auto host = bound(app, service);
  EXPECT_EQ(here().get(host).status, 200);
  here().unmap(host, app);
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.one("X-Was-Here"), "service");
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "no_endpoints");
}

TEST_F(RouteServices, AreForgottenWithTheBinding) {
  logic.answer_with(answers::ok("asleep"));
  const auto host = bound(app, service);
  here().unmap(host, app);
  EXPECT_EQ(here().get(host).body, "asleep");
  here().map(host, app); // Without one.
  EXPECT_TRUE(eventually([&] { return here().get(host).body.empty(); })) << "the app's echo";
  here().unmap(host, app);
  EXPECT_TRUE(here().eventually_answers(host, "/", 503));
}

TEST_F(RouteServices, GetNothingForARouteWithAPolicyAndWithoutApp) {
  const auto host = here().mapped(app, {{"route_service_url", url_of(service)},
                                        {"options", {{"route_policy_sources", "cf:app:somebody"}}}});
  EXPECT_EQ(here().get(host).status, 403);
  here().unmap(host, app);
  EXPECT_TRUE(here().eventually_answers(host, "/", 503));
  EXPECT_EQ(logic.request_count(), 0u);
}

TEST_F(RouteServices, GetUpgradesThatAreNoWebSockets) {
  const auto host = bound(app, service);
  const auto answer = here().get(host, "/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.one("X-Was-Here"), "service");
}

// -- Signatures.

struct wrong_signature {
  const char* name;
  std::string fields;
  int status;
  std::string text;
};

TEST_F(RouteServices, LetThroughOnlyWhatTheySignedForTheirRoute) {
  const auto host = bound(app, service);
  const auto other = bound(app, service);
  const auto url = "https://" + host + "/";
  const auto good = signed_fields(url);
  auto forged = good;
  const auto at = forged.find("X-CF-Proxy-Signature: ") + 30;
  forged[at] = forged[at] == 'A' ? 'B' : 'A';
  const wrong_signature table[] = {
    {"good", good, 200, ""},
    {"by the previous secret", signed_fields(url, old_secret), 200, ""},
    {"from the future", signed_fields(url, secret, -1h), 200, ""},
    {"forged", forged, 502, "Failed to validate Route Service Signature: "},
    {"by another secret", signed_fields(url, "nobody's"), 502, "cipher: message authentication failed"},
    {"too old", signed_fields(url, secret, 61s), 504,
     "Failed to validate Route Service Signature: route service request expired"},
    {"of another route", signed_fields("https://" + other + "/"), 502, "does not match the original request URL"},
    {"of no route", signed_fields("https://nowhere.test/"), 502, "does not exist in the routing table"},
    {"without metadata", "X-CF-Proxy-Signature: x\r\n", 502, "No metadata found"},
  };
  for (const auto& row : table) {
    const auto before = logic.request_count();
    const auto answer = here().get(host, "/", row.fields);
    EXPECT_EQ(answer.status, row.status) << row.name;
    EXPECT_THAT(answer.body, HasSubstr(row.text)) << row.name;
    EXPECT_EQ(logic.request_count(), before) << row.name << ": nothing signed goes to the service again";
    EXPECT_EQ(answer.has("X-Cf-RouterError"), false) << row.name;
  }
}

TEST_F(RouteServices, AreNotConcernedByRoutesWithoutOne) {
  const auto host = here().mapped(app);
  EXPECT_EQ(here().get(host, "/", "X-CF-Proxy-Signature: nonsense\r\n").status, 200);
  EXPECT_EQ(app.last_request().one("X-CF-Proxy-Signature"), "nonsense") << "it may be a service itself";
}

// -- When they fail.

TEST_F(RouteServices, ThatAreDownAreABadGateway) {
  const auto host = here().mapped(app, {{"route_service_url", "https://127.0.0.1:1/"}});
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.one("X-Cf-RouterError"), HasSubstr("endpoint_failure (dial tcp 127.0.0.1:1"));
  EXPECT_EQ(app.request_count(), 0u) << "closed, not open";
  const auto line = here().under_test.wait_for_log("route-service-connection-failed");
  EXPECT_EQ(line.at("data").at("route-service"), "127.0.0.1:1");
}

TEST_F(RouteServices, ThatNobodyVouchesForAreNotTrusted) {
  const auto stranger = tls_kit::mint({.common_name = "stranger", .ips = {"127.0.0.1"}});
  const tls_backend impostor{logic, {.own = &stranger}};
  const auto answer = here().get(bound(app, impostor));
  EXPECT_EQ(answer.status, 526);
  EXPECT_EQ(logic.request_count(), 0u);
}

TEST_F(RouteServices, WithUrlsThatAreNoneAreAnError) {
  const auto host = here().mapped(app, {{"route_service_url", "https://user@127.0.0.1/"}});
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "500 Internal Server Error: Route service request failed.\n");
}

TEST_F(RouteServices, GetNoWebSocketsUnlessTheFileSaysSo) {
  const auto host = bound(app, service);
  const auto answer =
    here().get(host, "/", "Connection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: 9.9.9.9\r\n");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_unsupported");
  EXPECT_THAT(here().under_test.wait_for_access(host + " - ["),
              HasSubstr(R"(x_forwarded_for:"9.9.9.9" x_forwarded_proto:"http")"))
    << "only the latter was settled before the service's turn";
}

TEST(RouteServicesElsewhere, AreNotLookedForAtBlockedAddresses) {
  stage blocking{settings({{"route_services", {{"block_CIDRs", {"127.0.0.0/8"}}}}})};
  const backend app{answers::echo()};
  const backend logic;
  const tls_backend service{logic, {.own = &service_certificate()}};
  const auto host =
    blocking.mapped(app, {{"route_service_url", "https://localhost:" + std::to_string(service.port())}});
  const auto answer = blocking.get(host);
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.one("X-Cf-RouterError"), HasSubstr("the address is not allowed"));
  EXPECT_EQ(logic.request_count(), 0u);
}

TEST(RouteServicesElsewhere, HaveTheTimeOfTheWholeRequestForTheirHandshake) {
  stage impatient{settings({{"tls_handshake_timeout", "1ms"},
                            {"endpoint_timeout", slowed_text(400ms)},
                            {"route_services", {{"max_attempts", 1}}}})};
  const backend app{answers::echo()};
  const backend logic;
  const tls_backend service{logic, {.own = &service_certificate(), .stalls = true}};
  const auto host =
    impatient.mapped(app, {{"route_service_url", "https://127.0.0.1:" + std::to_string(service.port())}});
  const auto answer = impatient.get(host);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (context deadline exceeded)");
}

TEST(RouteServicesElsewhere, AreRefusedWithoutASecret) {
  stage without;
  const backend app{answers::echo()};
  const auto host = without.mapped(app, {{"route_service_url", "https://127.0.0.1:1/"}});
  const auto answer = without.get(host);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_unsupported");
  EXPECT_EQ(answer.body, "502 Bad Gateway: Support for route services is disabled.\n");
  EXPECT_EQ(app.request_count(), 0u);
}

TEST(RouteServicesElsewhere, AreStrictAboutSignaturesOfUnboundRoutesIfTold) {
  stage strict{settings({{"route_services", {{"strict_signature_validation", true}}}, {"prometheus", {{"enabled", true}}}})};
  const backend app{answers::echo()};
  const auto host = strict.mapped(app);
  const auto url = "https://" + host + "/";
  EXPECT_EQ(strict.get(host).status, 200);
  EXPECT_EQ(strict.get(host, "/", signed_fields(url)).status, 200);
  EXPECT_TRUE(app.last_request().has("X-CF-Proxy-Signature")) << "this is how a service on the platform gets it";
  const auto expired = strict.get(host, "/", signed_fields(url, secret, 61s));
  EXPECT_EQ(expired.status, 504);
  EXPECT_EQ(expired.one("X-Cf-RouterError"), "expired_route_service_signature");
  const auto forged = strict.get(host, "/", signed_fields(url, "nobody's"));
  EXPECT_EQ(forged.status, 400);
  EXPECT_EQ(forged.one("X-Cf-RouterError"), "invalid_route_service_signature");
  EXPECT_EQ(forged.body, "400 Bad Request: invalid route service signature detected\n");
  EXPECT_EQ(strict.get(fresh_host()).status, 404);
  EXPECT_TRUE(eventually([&] { return value(scrape(strict), "rejected_requests") >= 1; }));
  EXPECT_EQ(value(scrape(strict), "rejected_requests"), 1) << "the forged one had a route";
}

TEST(RouteServicesElsewhere, GetAFreshSignatureHoweverLongARequestWasHeld) {
  stage here{settings({{"route_services", {{"without_backends", false}}}, {"prometheus", {{"enabled", true}}}})};
  const backend app{answers::echo()};
  const backend logic;
  const tls_backend service{logic, {.own = &service_certificate()}};
  const nlohmann::json registration{
    {"route_service_url", "https://127.0.0.1:" + std::to_string(service.port())}, {"options", {{"hold", "60s"}}}};
  const auto host = here.mapped(app, registration);
  here.unmap(host, app);
  client held{here.under_test.port()};
  held.send(get_request(host));
  ASSERT_TRUE(eventually([&] { return value(scrape(here), "shunt_holding_requests") == 1; }));
  const std::chrono::nanoseconds before = std::chrono::system_clock::now().time_since_epoch();
  here.map(host, app, registration);
  EXPECT_EQ(held.response().status, 200);
  const auto asked = logic.last_request();
  const routing::signature_key key{secret};
  routing::signature_codec codec{key};
  const auto verdict =
    codec.verify(asked.one("X-CF-Proxy-Signature"), asked.one("X-CF-Proxy-Metadata"), before.count(), 60s);
  ASSERT_EQ(verdict.outcome, routing::signature_outcome::valid);
  EXPECT_GE(verdict.request.requested, before.count()) << "it would be the older the longer the request waited";
}

TEST(RouteServicesElsewhere, KeepTheOldOrderForEmptyRoutesIfTold) {
  stage old{settings({{"route_services", {{"without_backends", false}}}})};
  const backend app{answers::echo()};
  const backend logic;
  const tls_backend service{logic, {.own = &service_certificate()}};
  const auto host =
    old.mapped(app, {{"route_service_url", "https://127.0.0.1:" + std::to_string(service.port())}});
  EXPECT_EQ(old.get(host).status, 200);
  const auto before = logic.request_count();
  old.unmap(host, app);
  EXPECT_EQ(old.get(host).status, 503);
  EXPECT_EQ(logic.request_count(), before);
}

} // namespace
} // namespace shunt::test
