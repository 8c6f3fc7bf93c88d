// Routes that are open to certain apps only, told by the certificates that their requests come with.
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct app_certificates {
  tls_kit::minted front = tls_kit::mint({.common_name = "front", .dns = {"*.apps.test", "*.open.test"}});
  tls_kit::minted ca = tls_kit::mint_ca("instance-identity-ca");
  tls_kit::minted other_ca = tls_kit::mint_ca("partner-ca");
  tls_kit::minted alice = of(ca, {"app:alice", "space:space-1", "organization:org-1"});
  tls_kit::minted bob = of(ca, {"app:bob", "space:space-2", "organization:org-1"});
  tls_kit::minted partner = of(ca, {"engineering"}); ///< Of the right CA, and no app.
  tls_kit::minted twofold = of(ca, {"app:alice", "app:bob", "space:space-1"});
  tls_kit::minted forged = of(other_ca, {"app:alice", "space:space-1", "organization:org-1"});

private:
  static tls_kit::minted of(const tls_kit::minted& issuer, const std::vector<std::string>& units) {
    tls_kit::recipe r{.common_name = "instance", .issuer = &issuer, .usage = "clientAuth"};
    for (const auto& unit : units)
      r.attributes.emplace_back("OU", unit);
    return tls_kit::mint(r);
  }
};

const app_certificates& certificates() {
  static const app_certificates all;
  return all;
}

class RoutePolicies : public SharedStage<RoutePolicies> {
public:
  static nlohmann::json configuration() {
    const auto& c = certificates();
    return tls_front(
      {&c.front},
      {{"enable_http2", true},
       {"client_cert_validation", "request"}, // Elsewhere than on the domain any of these will do.
       {"client_ca_certs", c.ca.pem() + c.other_ca.pem()},
       {"only_trust_client_ca_certs", true},
       {"domains", {{{"name", "*.apps.test"}, {"ca_certs", c.ca.pem()}}}},
       {"logging",
        {{"extra_access_log_fields",
          {"tls_sni", "caller_cf_app", "caller_cf_space", "caller_cf_org", "route_policy"}}}}});
  }

protected:
  RoutePolicies() {
    const auto& c = certificates();
    write("ca.pem", c.front.pem());
    for (const auto& [name, who] : {std::pair{"alice", &c.alice}, {"bob", &c.bob}, {"forged", &c.forged},
                                    {"partner", &c.partner}, {"twofold", &c.twofold}}) {
      write(std::string{name} + ".pem", who->pem());
      write(std::string{name} + ".key", who->key_pem());
    }
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream{files.path_of(name)} << text;
  }

  /// A host of its own below `domain`, with an endpoint of space-1 and org-1.
  std::string mapped(const nlohmann::json& options, const std::string& domain = ".apps.test") {
    static int number = 0;
    const auto host = "p" + std::to_string(++number) + domain;
    here().map(host, there, endpoint_of("space-1", options));
    return host;
  }
  static nlohmann::json endpoint_of(const std::string& space, const nlohmann::json& options) {
    return {{"app", "the-app"},
            {"tags", {{"space_id", space}, {"organization_id", "org-1"}}},
            {"options", options}};
  }
  static nlohmann::json policy(const std::string& scope, const std::string& sources) {
    return {{"route_policy_scope", scope}, {"route_policy_sources", sources}};
  }
  /// What `who`, perhaps nobody, gets from `host`: body and status.
  std::string ask(const std::string& host, const std::string& who,
                  const std::vector<std::string>& more = {}) const {
    const auto port = std::to_string(here().under_test.tls_port());
    std::vector<std::string> argv{"curl", "-sS", "--max-time", "20", "--cacert",
                                  files.path_of("ca.pem"), "--resolve", host + ":" + port + ":127.0.0.1",
                                  "-w", "|%{http_code}"};
    if (!who.empty())
      argv.insert(argv.end(), {"--cert", files.path_of(who + ".pem"), "--key", files.path_of(who + ".key")});
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back("https://" + host + ":" + port + "/");
    return run_tool(argv).output;
  }
  static std::string refusal(const std::string& host) {
    return "403 Forbidden: Requested route ('" + host + ":" + std::to_string(here().under_test.tls_port())
           + "') is not open to this client.\n|403";
  }
  static std::string logged(const std::string& host) {
    return here().under_test.wait_for_access(host + ":");
  }

  temporary_directory files;
  backend there;
};

TEST_F(RoutePolicies, AllowTheAppsTheSpacesAndTheOrganizationsThatTheyName) {
  const auto by_app = mapped(policy("any", "cf:app:alice"));
  EXPECT_EQ(ask(by_app, "alice"), "hello|200");
  EXPECT_EQ(ask(by_app, "bob"), refusal(by_app));
  const auto by_space = mapped(policy("any", "cf:app:carol,cf:space:space-2"));
  EXPECT_EQ(ask(by_space, "bob"), "hello|200");
  EXPECT_EQ(ask(by_space, "alice"), refusal(by_space));
  const auto by_organization = mapped(policy("any", "cf:org:org-1"));
  EXPECT_EQ(ask(by_organization, "alice"), "hello|200");
  EXPECT_EQ(ask(by_organization, "bob"), "hello|200");
  const auto by_all = mapped(policy("any", "cf:any"));
  EXPECT_EQ(ask(by_all, "bob"), "hello|200");
}

TEST_F(RoutePolicies, RefuseCertificatesThatAreNoAppsOwn) {
  const auto host = mapped(policy("any", "cf:any"));
  EXPECT_EQ(ask(host, "partner"), refusal(host));
  EXPECT_EQ(ask(host, "twofold"), refusal(host));
  EXPECT_THAT(ask(host, "forged"), Not(HasSubstr("hello"))) << "no handshake at all";
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(RoutePolicies, AreTheSameToHttp2) {
  const auto host = mapped(policy("any", "cf:app:alice"));
  const std::vector<std::string> http2{"--http2", "-w", "|%{http_code}|%{http_version}"};
  EXPECT_EQ(ask(host, "alice", http2), "hello|200|2");
  EXPECT_EQ(ask(host, "bob", http2), refusal(host) + "|2");
}

TEST_F(RoutePolicies, OpenNothingOutsideOfTheDomainsThatAskForCertificates) {
  const auto host = mapped(policy("any", "cf:any"), ".open.test");
  for (const std::string who : {"", "alice", "forged"})
    EXPECT_EQ(ask(host, who), refusal(host)) << who;
  const auto plain = here().get(host);
  EXPECT_EQ(plain.status, 403);
  EXPECT_EQ(plain.one("X-Cf-RouterError"), "route_policy_denied");
  EXPECT_EQ(here().get(host, "/", "X-Forwarded-Client-Cert: Subject=\"OU=app:alice\"\r\n").status, 403);
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(RoutePolicies, RefuseAllWhoAreNotNamed) {
  for (const auto& options : {nlohmann::json{{"route_policy_scope", "any"}},
                              nlohmann::json{{"route_policy_scope", "any"}, {"route_policy_sources", ""}}}) {
    const auto host = mapped(options);
    EXPECT_EQ(ask(host, "alice"), refusal(host)) << options;
  }
  const auto open = mapped(nlohmann::json::object());
  EXPECT_EQ(ask(open, "partner"), "hello|200") << "a route without a policy is the backend's own affair";
}

TEST_F(RoutePolicies, RefuseAllWhenTheyCannotBeUnderstood) {
  for (const auto& options :
       {policy("everybody", "cf:any"), policy("any", "cf:any,"), policy("any", "cf:app:a b,cf:any"),
        policy("any", "cf:any;cf:app:alice"), policy("Space", "cf:app:alice")}) {
    const auto host = mapped(options);
    EXPECT_EQ(ask(host, "alice"), refusal(host)) << options;
  }
  EXPECT_EQ(here().under_test.wait_for_log("invalid-route-policy")["data"]["application_id"], "the-app");
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(RoutePolicies, CompareTheirScopeWithTheEndpoint) {
  const auto in_space = mapped(policy("space", "cf:any"));
  EXPECT_EQ(ask(in_space, "alice"), "hello|200");
  EXPECT_EQ(ask(in_space, "bob"), refusal(in_space)) << "of another space";
  const auto in_organization = mapped(policy("org", "cf:any"));
  EXPECT_EQ(ask(in_organization, "bob"), "hello|200");
  const auto homeless = "homeless.apps.test";
  here().map(homeless, there, {{"options", policy("org", "cf:any")}});
  EXPECT_EQ(ask(homeless, "alice"), refusal(homeless)) << "the endpoint is of no organization";
}

TEST_F(RoutePolicies, CompareItAgainForEachAttempt) {
  const refusing_port dead;
  const std::string host = "retried.apps.test";
  const auto demands = policy("space", "cf:any");
  here().map(host, dead.port(), endpoint_of("space-1", demands));
  here().map(host, there, endpoint_of("space-2", demands));
  const auto tried = [&] {
    for (const auto& entry : here().under_test.log())
      if (entry.value("message", "") == "backend-endpoint-failed"
          && entry.at("data").at("route-endpoint").at("Addr") == dead.address())
        return true;
    return false;
  };
  // Whichever comes first: her own endpoint is dead, and the other is not hers.
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(ask(host, "alice"), refusal(host));
    return tried() || HasFailure();
  }));
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(RoutePolicies, BindEveryEndpointOfTheRouteWhicheverCarriesThem) {
  const std::string host = "shared.apps.test";
  const backend other;
  here().map(host, there, endpoint_of("space-1", nlohmann::json::object()));
  EXPECT_EQ(ask(host, "bob"), "hello|200");
  here().map(host, other, endpoint_of("space-1", policy("any", "cf:app:alice")));
  EXPECT_TRUE(eventually([&] { return ask(host, "bob") == refusal(host); }));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ask(host, "alice"), "hello|200");
    EXPECT_EQ(ask(host, "bob"), refusal(host));
  }
  here().unmap(host, other);
  EXPECT_TRUE(eventually([&] { return ask(host, "bob") == "hello|200"; }));
}

TEST_F(RoutePolicies, AreFollowedWhenTheyChange) {
  const auto host = mapped(policy("any", "cf:app:alice"));
  ASSERT_EQ(ask(host, "alice"), "hello|200");
  here().map(host, there, endpoint_of("space-1", policy("any", "cf:app:bob")));
  EXPECT_TRUE(eventually([&] { return ask(host, "alice") == refusal(host); }));
  EXPECT_EQ(ask(host, "bob"), "hello|200");
}

TEST_F(RoutePolicies, AreInTheAccessLog) {
  const auto allowed = mapped(policy("org", "cf:app:alice"));
  ASSERT_EQ(ask(allowed, "alice"), "hello|200");
  EXPECT_THAT(logged(allowed),
              HasSubstr("tls_sni:\"" + allowed
                        + R"(" caller_cf_app:"alice" caller_cf_space:"space-1" caller_cf_org:"org-1" )"
                          R"(route_policy:"route:cf:app:alice" x_cf_routererror:"-")"));
  const auto refused = mapped(policy("space", "cf:any"));
  ASSERT_EQ(ask(refused, "bob"), refusal(refused));
  EXPECT_THAT(logged(refused), HasSubstr(R"(caller_cf_app:"bob" caller_cf_space:"space-2" )"
                                         R"(caller_cf_org:"org-1" route_policy:"domain:scope=space" )"
                                         R"(x_cf_routererror:"route_policy_denied")"));
  EXPECT_THAT(logged(refused), HasSubstr(R"(app_id:"the-app")"));
  const auto unknown = mapped(policy("any", "cf:any"));
  ASSERT_EQ(ask(unknown, "partner"), refusal(unknown));
  EXPECT_THAT(logged(unknown), HasSubstr(R"(caller_cf_app:"-" caller_cf_space:"-" caller_cf_org:"-" )"
                                         R"(route_policy:"identity_extraction")"));
  EXPECT_THAT(logged(unknown), HasSubstr(R"(app_id:"the-app")"));
  const auto open = mapped(nlohmann::json::object());
  ASSERT_EQ(ask(open, "alice"), "hello|200");
  EXPECT_THAT(logged(open), HasSubstr(R"(caller_cf_org:"org-1" route_policy:"-")"));
}

} // namespace
} // namespace shunt::test
