// SIGHUP with other servers, credentials or certificates for the connections that the router makes itself: to NATS and to
// the Routing API. The table stays, and nobody's requests notice.
#include "tests/net/nats_server.hpp"
#include "tests/process/harness/open_connections.hpp"
#include "tests/process/reload_fixture.hpp"
#include "tests/process/routing_api_kit.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ReloadConnections : public Reload {
protected:
  static json servers(std::uint16_t port) {
    return {{"nats", {{"hosts", {{{"hostname", "localhost"}, {"port", port}}}}}}};
  }

  /// Whether the table has `uri` for the usual backend when somebody registers it there.
  bool hears(registrar& from, const std::string& uri) {
    return eventually([&] {
      from.announce(there.port(), uri);
      return under_test().lists(uri, there.address());
    });
  }
  bool logs(const std::string& message, std::size_t times = 1) {
    return eventually([&] { return lines(message).size() >= times; });
  }
};

TEST_F(ReloadConnections, MovesToOtherNatsServersWithoutForgettingARoute) {
  start(usual());
  open_connections open{here(), there};
  nats_server second;
  registrar bus{second.url()};
  bus.listen("router.start");
  EXPECT_EQ(reload(usual(servers(second.port()))).at("changed"), "nats.hosts");
  EXPECT_TRUE(logs("nats-connection-renewed"));
  EXPECT_TRUE(bus.next()) << "the router tells the new servers that it is there";
  here().nats.stop();
  EXPECT_TRUE(hears(bus, "second.test"));
  EXPECT_EQ(here().get(open.host()).status, 200);
  EXPECT_EQ(here().get("nobody.test").status, 404) << "nothing is in doubt";
  EXPECT_EQ(under_test().health(), 200);
  EXPECT_TRUE(lines("nats-connection-disconnected").empty());
  open.finish();
}

TEST_F(ReloadConnections, ShowsNatsNewCertificatesAndKeepsTheOldConnectionUntilTheyAreAccepted) {
  const net::test_certificates made, foreign;
  const auto between = "nats://127.0.0.1:" + std::to_string(free_port());
  const net::nats_server plain{{"--cluster", between}};
  auto arguments = made.server_arguments();
  arguments.insert(arguments.end(), {"--cluster", "nats://127.0.0.1:-1", "--routes", between});
  const net::nats_server secure{arguments};
  registrar bus{"nats://127.0.0.1:" + std::to_string(plain.port())}; // Only the router is held to TLS.
  const auto shown = [&](const net::test_certificates& own, const std::string& key) {
    auto all = servers(secure.port());
    all["nats"].update({{"tls_enabled", true},
                        {"ca_certs", made.ca()},
                        {"cert_chain", own.client()},
                        {"private_key", key}});
    return usual(all);
  };
  start(usual());
  open_connections open{here(), there};
  reload(shown(made, made.client_key()));
  EXPECT_TRUE(logs("nats-connection-renewed"));
  EXPECT_TRUE(hears(bus, "one.test"));

  EXPECT_THAT(refused(shown(foreign, made.client_key())).at("error").get<std::string>(), HasSubstr("nats.cert_chain"));
  reload(shown(foreign, foreign.client_key())); // Fine in itself, but not for the server.
  EXPECT_TRUE(logs("nats-connection-not-renewed"));
  EXPECT_TRUE(hears(bus, "two.test"));
  auto both = shown(made, made.client_key());
  both["nats"]["ca_certs"] = foreign.ca() + made.ca();
  reload(both);
  EXPECT_TRUE(logs("nats-connection-renewed", 2));
  EXPECT_TRUE(hears(bus, "three.test"));
  EXPECT_TRUE(lines("nats-connection-disconnected").empty());
  EXPECT_EQ(here().get("nobody.test").status, 404);
  EXPECT_EQ(here().get(open.host()).status, 200);
  open.finish();
}

TEST_F(ReloadConnections, LosesNoRegistrationWhileOneNatsConnectionTakesThePlaceOfAnother) {
  start(usual());
  const auto gone = fresh_host();
  here().map(gone, there);
  reload(usual({{"nats_client_ping_interval", "19s"}}));
  std::vector<std::string> added;
  for (int i = 0; !eventually([&] { return !lines("nats-connection-renewed").empty(); }, 10ms); ++i) {
    added.push_back("n" + std::to_string(i) + "." + gone);
    here().bus.announce(there.port(), added.back());
    if (i == 0)
      here().bus.withdraw(there.port(), gone);
    ASSERT_LT(i, 3000);
  }
  for (const auto& each : added)
    EXPECT_TRUE(eventually([&] { return under_test().lists(each, there.address()); })) << each;
  EXPECT_FALSE(under_test().lists(gone, there.address()));
}

TEST_F(ReloadConnections, AsksTheRoutingApiByWhatTheFileSaysNow) {
  const net::test_certificates certificates, foreign;
  net::routing_api_server first{certificates}, second{certificates};
  for (auto* each : {&first, &second})
    each->begin_at_the_root();
  const auto routes = [&](const std::string& uri) {
    return json::array({{{"route", uri},
                         {"ip", "127.0.0.1"},
                         {"port", there.port()},
                         {"ttl", 120},
                         {"log_guid", "app"},
                         {"modification_tag", {{"guid", "g"}, {"index", 1}}}}})
      .dump();
  };
  first.set_routes(routes("first.test"));
  second.set_routes(routes("second.test"));
  const temporary_directory files;
  const auto with_secret = [&](const net::routing_api_server& api, const std::string& secret) {
    auto all = asking(api, certificates, files);
    all["oauth"]["client_secret"] = secret;
    return usual(all);
  };
  start(with_secret(first, "old"));
  open_connections open{here(), there};
  ASSERT_TRUE(eventually([&] { return here().get("first.test").status == 200; }));

  auto bad = with_secret(second, "new");
  bad["oauth"]["ca_certs"] = files.path_of("nothing.pem");
  EXPECT_THAT(refused(bad).at("error").get<std::string>(), HasSubstr("oauth.ca_certs"));
  bad = with_secret(second, "new");
  bad["routing_api"]["cert_chain"] = foreign.client();
  EXPECT_THAT(refused(bad).at("error").get<std::string>(), HasSubstr("routing_api.cert_chain"));
  EXPECT_EQ(second.count("token"), 0u);

  reload(with_secret(first, "new"));
  EXPECT_TRUE(eventually([&] {
    return first.latest("token")["authorization"] == "Basic cm91dGVyOm5ldw=="; // router:new
  }));
  EXPECT_EQ(here().get("first.test").status, 200);
  reload(with_secret(second, "new"));
  EXPECT_TRUE(eventually([&] { return here().get("second.test").status == 200; }));
  EXPECT_TRUE(eventually([&] { return second.send(": hello\n\n") == 1; })) << "its stream is followed";
  EXPECT_EQ(here().get(open.host()).status, 200) << "what NATS told stays";
  reload(usual());
  EXPECT_THAT(under_test().wait_for_log("configuration-needs-restart").at("data").at("keys").get<std::string>(),
              HasSubstr("routing_api.uri"));
  EXPECT_EQ(here().get("second.test").status, 200);
  open.finish();
}

} // namespace
} // namespace shunt::test
