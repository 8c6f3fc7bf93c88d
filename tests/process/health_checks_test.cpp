// Active health checks: who is asked, who gets no requests because of it, and that a route that asks
// for none has none.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_backend.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <vector>

namespace shunt::test {
namespace {

using nlohmann::json;

/// How `/healthz` is answered; everything else is answered 200 always.
enum class mood { well, ill, silent };

/// A backend whose health the test decides.
struct patient {
  std::shared_ptr<std::atomic<mood>> feels = std::make_shared<std::atomic<mood>>(mood::well);
  backend there{[feels = feels](backend_session& session) {
    const bool asked = session.request.target == "/healthz";
    if (!asked || *feels == mood::well)
      answers::ok("hello")(session);
    else if (*feels == mood::ill)
      answers::bytes("HTTP/1.1 500 Ill\r\nContent-Length: 3\r\n\r\nill")(session);
    else
      answers::silent()(session);
  }};

  void become(mood how) const { *feels = how; }
  std::size_t checks() const {
    std::size_t count = 0;
    for (const auto& request : there.requests())
      count += request.target == "/healthz" ? 1 : 0;
    return count;
  }
  std::size_t visits() const { return there.request_count() - checks(); }
  /// Whether it is asked `count` times more.
  bool is_asked(std::size_t count) const {
    const auto before = checks();
    return eventually([&] { return checks() >= before + count; }, 20s);
  }
};

json checked(const std::string& path = "/healthz") {
  return {{"options", {{"health_check_path", path}, {"health_check_interval", "1s"}}}};
}

/// Whether the next requests reach exactly these.
bool serve(const stage& here, const std::string& host, const std::vector<const patient*>& who) {
  std::map<const patient*, std::size_t> before;
  for (const auto* each : who)
    before[each] = each->visits();
  const std::size_t requests = 4 * who.size();
  for (std::size_t i = 0; i < requests; ++i)
    EXPECT_EQ(here.get(host).status, 200);
  std::size_t served = 0;
  bool everyone = true;
  for (const auto* each : who) {
    const auto visits = each->visits() - before[each];
    everyone = everyone && visits > 0;
    served += visits;
  }
  return everyone && served == requests;
}

double metric(const stage& here, const std::string& name) {
  const auto port = here.under_test.status_listener("prometheus.port");
  const auto text = client{port}.send(get_request("localhost", "/metrics")).response().body;
  const auto at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

const tls_kit::minted& authority() {
  static const auto ca = tls_kit::mint_ca("backend-ca");
  return ca;
}
const tls_kit::minted& certificate() {
  static const auto one =
    tls_kit::mint({.common_name = "app", .dns = {"app.internal"}, .issuer = &authority()});
  return one;
}

class HealthChecks : public SharedStage<HealthChecks> {
public:
  static json configuration() {
    return {{"health_checks",
             {{"timeout", slowed_text(500ms)}, {"unhealthy_after", 2}, {"healthy_after", 2}}},
            {"ca_certs", {authority().pem()}},
            {"prometheus", {{"enabled", true}}},
            {"backends",
             {{"cert_chain", certificate().pem()}, {"private_key", certificate().key_pem()}}}};
  }

protected:
  void map_all(const std::string& host, std::initializer_list<const patient*> who) {
    for (const auto* each : who)
      here().map(host, each->there, checked());
  }
};

TEST_F(HealthChecks, AskAsTheRouteAndOverOneConnection) {
  const patient one;
  const auto host = fresh_host();
  here().map(host, one.there, checked());
  ASSERT_TRUE(one.is_asked(3));
  const auto request = one.there.requests().front();
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/healthz");
  EXPECT_EQ(request.one("Host"), host);
  EXPECT_EQ(request.one("User-Agent"), "shunt-health-check");
  EXPECT_EQ(one.there.connection_count(), 1u);
}

TEST_F(HealthChecks, KeepAnIllInstanceFromRequestsUntilItIsWell) {
  const patient well, other;
  const auto host = fresh_host();
  map_all(host, {&well, &other});
  EXPECT_TRUE(serve(here(), host, {&well, &other}));
  other.become(mood::ill);
  ASSERT_TRUE(eventually([&] { return serve(here(), host, {&well}); }, 20s));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(serve(here(), host, {&well})) << "it stays so";
  EXPECT_GE(metric(here(), "shunt_health_checks_total{result=\"bad_status\"}"), 2);
  other.become(mood::well);
  EXPECT_TRUE(eventually([&] { return serve(here(), host, {&well, &other}); }, 20s));
}

TEST_F(HealthChecks, TellWhoIsIllInLogAndMetrics) {
  stage alone{configuration()}; // Elsewhere the backends of tests that are over are ill, too.
  const patient one;
  one.become(mood::ill);
  alone.map(fresh_host(), one.there, checked());
  const auto unhealthy = [&] { return metric(alone, "shunt_unhealthy_endpoints"); };
  EXPECT_EQ(unhealthy(), 0);
  EXPECT_TRUE(eventually([&] { return unhealthy() == 1; }, 20s));
  const auto fallen = alone.under_test.wait_for_log("endpoint-unhealthy");
  EXPECT_EQ(fallen.at("data").at("backend"), one.there.address());
  EXPECT_EQ(fallen.at("data").at("error"), "status 500");
  one.become(mood::well);
  EXPECT_TRUE(eventually([&] { return unhealthy() == 0; }, 20s));
  const auto risen = alone.under_test.wait_for_log("endpoint-healthy");
  EXPECT_EQ(risen.at("data").at("backend"), one.there.address());
}

TEST_F(HealthChecks, UseAllWhenAllAreIll) {
  const patient one, two;
  const auto host = fresh_host();
  map_all(host, {&one, &two});
  one.become(mood::ill);
  ASSERT_TRUE(eventually([&] { return serve(here(), host, {&two}); }, 20s));
  two.become(mood::ill);
  ASSERT_TRUE(eventually([&] { return serve(here(), host, {&one, &two}); }, 20s));
  two.become(mood::well);
  EXPECT_TRUE(eventually([&] { return serve(here(), host, {&two}); }, 20s))
    << "that all were used is no reason to forget who is ill";
}

TEST_F(HealthChecks, TakeSilenceForIllness) {
  const patient well, hanging;
  const auto host = fresh_host();
  map_all(host, {&well, &hanging});
  hanging.become(mood::silent);
  EXPECT_TRUE(eventually([&] { return serve(here(), host, {&well}); }, 20s));
  EXPECT_GE(metric(here(), "shunt_health_checks_total{result=\"timeout\"}"), 2);
}

TEST_F(HealthChecks, EndWithTheRouteThatAskedForThem) {
  const patient gone, stays;
  const auto host = fresh_host();
  here().map(host, gone.there, checked());
  here().map(host, stays.there, checked());
  ASSERT_TRUE(gone.is_asked(1));
  here().unmap(host, gone.there);
  // Its connection is closed, too: there is no other way to ask.
  ASSERT_TRUE(
    eventually([&] { return gone.there.ended_count() == gone.there.connection_count(); }));
  const auto asked = gone.checks();
  ASSERT_TRUE(stays.is_asked(4));
  EXPECT_EQ(gone.checks(), asked);
}

TEST_F(HealthChecks, LeaveNoMarkWhenTheOptionIsTakenBack) {
  const patient well, ill;
  const auto host = fresh_host();
  ill.become(mood::ill);
  map_all(host, {&well, &ill});
  ASSERT_TRUE(eventually([&] { return serve(here(), host, {&well}); }, 20s));
  here().bus.announce(well.there.port(), host);
  here().bus.announce(ill.there.port(), host);
  EXPECT_TRUE(eventually([&] { return serve(here(), host, {&well, &ill}); }));
}

TEST_F(HealthChecks, AreNotForRoutesThatDoNotAsk) {
  const patient silent, asking;
  here().map(fresh_host(), silent.there);
  here().map(fresh_host(), silent.there, {{"options", {{"health_check_interval", "1s"}}}});
  here().map(fresh_host(), asking.there, checked());
  ASSERT_TRUE(asking.is_asked(3));
  EXPECT_EQ(silent.there.connection_count(), 0u);
}

TEST_F(HealthChecks, AreSharedByRoutesThatAskForTheSame) {
  const patient shared, alone;
  const std::string same = fresh_host();
  for (const auto* label : {"a.", "b.", "c.", "d."})
    here().map(label + same, shared.there, checked());
  here().map(fresh_host(), alone.there, checked());
  const auto begin = shared.checks();
  ASSERT_TRUE(alone.is_asked(5));
  EXPECT_LE(shared.checks() - begin, 8u);
  EXPECT_EQ(shared.there.connection_count(), 1u);
}

TEST_F(HealthChecks, GoByTlsWithTheNameAndTheCertificateOfRequests) {
  patient well, ill;
  const tls_backend one{well.there, {.own = &certificate(), .asks_for = &authority()}};
  const tls_backend two{ill.there, {.own = &certificate(), .asks_for = &authority()}};
  const auto host = fresh_host();
  for (const auto* each : {&one, &two}) {
    auto message = checked();
    message.merge_patch({{"port", nullptr},
                         {"tls_port", each->port()},
                         {"server_cert_domain_san", "app.internal"}});
    here().map(host, each->port(), message);
  }
  ASSERT_TRUE(well.is_asked(1));
  EXPECT_TRUE(serve(here(), host, {&well, &ill}));
  ill.become(mood::ill);
  EXPECT_TRUE(eventually([&] { return serve(here(), host, {&well}); }, 20s));
  ill.become(mood::well);
  EXPECT_TRUE(eventually([&] { return serve(here(), host, {&well, &ill}); }, 20s));
}

TEST_F(HealthChecks, FailWhereTheCertificateIsForAnother) {
  const patient app;
  const tls_backend there{app.there, {.own = &certificate()}};
  auto message = checked();
  message.merge_patch({{"port", nullptr},
                       {"tls_port", there.port()},
                       {"server_cert_domain_san", "somebody.else"}});
  const auto before = metric(here(), "shunt_health_checks_total{result=\"error\"}");
  here().map(fresh_host(), there.port(), message);
  EXPECT_TRUE(eventually(
    [&] { return metric(here(), "shunt_health_checks_total{result=\"error\"}") >= before + 2; },
    20s));
  EXPECT_EQ(app.there.request_count(), 0u);
}

TEST_F(HealthChecks, AreNotMadeOfNonsense) {
  const patient app, asking;
  const auto host = fresh_host();
  here().map(host, app.there, checked("healthz"));
  EXPECT_EQ(here().get(host).status, 200) << "the route itself is as good as any";
  here().under_test.wait_for_log("invalid-health-check");
  here().map(fresh_host(), asking.there, checked());
  ASSERT_TRUE(asking.is_asked(3));
  EXPECT_EQ(app.checks(), 0u);
}

TEST_F(HealthChecks, AreNotMadeByARouterThatMayNot) {
  stage off{{{"health_checks", {{"enabled", false}}}}};
  const patient app, asking;
  const auto host = fresh_host();
  off.map(host, app.there, checked());
  EXPECT_EQ(off.get(host).status, 200);
  here().map(fresh_host(), asking.there, checked());
  ASSERT_TRUE(asking.is_asked(3)); // By the router that may, in the same time.
  EXPECT_EQ(app.checks(), 0u);
}

} // namespace
} // namespace shunt::test
