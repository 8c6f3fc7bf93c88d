// Route services that are routes of the router itself, without hairpinning: their names are looked
// up like any other, and the request comes in by the router's own TLS port, as from outside.
// `localhost` is the name that every machine knows.
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/temporary_directory.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"
#include "tests/process/route_service_kit.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace shunt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const tls_kit::minted& front_certificate() {
  static const auto own =
    tls_kit::mint({.common_name = "front", .dns = {"localhost", "*.apps.test"}});
  return own;
}

nlohmann::json front_settings(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"enable_http2", true},
                     {"route_services_secret", "the-secret"},
                     {"route_services_recommend_https", true},
                     {"route_services_hairpinning", false},
                     {"ca_certs", {front_certificate().pem()}}};
  all.merge_patch(more);
  return tls_front({&front_certificate()}, all);
}

class RouteServicesBehindTheFront : public SharedStage<RouteServicesBehindTheFront> {
public:
  static nlohmann::json configuration() { return front_settings(); }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    here().map("localhost", service, {{"app", "service-guid"}});
  }
  void TearDown() override { here().unmap("localhost", service); }
  static std::string tls_port() { return std::to_string(here().under_test.tls_port()); }
  static std::string service_url(const std::string& path = "/") {
    return "https://localhost:" + tls_port() + path;
  }
  /// Sends the request on to where it belongs, by the router's TLS port, and adds a field to the
  /// answer.
  static backend::script forwarding() {
    return [](backend_session& session) {
      tls_client back{here().under_test.tls_port()};
      const auto& asked = session.request;
      const auto url = asked.one("X-CF-Forwarded-Url");
      const auto path = url.substr(url.find('/', url.find("://") + 3));
      const auto answer =
        back->send(get_request(host_back(asked), path, fields_back(asked))).response();
      answers::ok(answer.body, "X-Was-Here: service\r\n")(session);
    };
  }

  backend app{
    [](backend_session& session) { answers::ok("app at " + session.request.target)(session); }};
  backend service{forwarding()};
};

TEST_F(RouteServicesBehindTheFront, AreLookedUpByNameAndComeInByTls) {
  here().map("bound.apps.test", app,
             {{"app", "app-guid"}, {"route_service_url", service_url("/logic?level=2")}});
  const auto answer = here().get("bound.apps.test", "/x?y=1");
  EXPECT_EQ(answer.status, 200) << answer.raw_head;
  EXPECT_EQ(answer.body, "app at /x?y=1");
  EXPECT_EQ(answer.one("X-Was-Here"), "service");

  const auto at_service = service.last_request();
  EXPECT_EQ(at_service.one("Host"), "localhost:" + tls_port());
  EXPECT_EQ(at_service.target, "/logic?level=2");
  EXPECT_EQ(at_service.one("X-CF-Forwarded-Url"), "https://bound.apps.test/x?y=1");
  EXPECT_EQ(at_service.one("X-CF-ApplicationID"), "service-guid");
  EXPECT_THAT(at_service.one("X-Forwarded-For"), StartsWith("127.0.0.1, "))
    << "the client's, then the router's own";
  EXPECT_EQ(at_service.one("X-Forwarded-Proto"), "http") << "as the client came";

  // Three passes through the router, each with its line.
  EXPECT_THAT(
    here().under_test.wait_for_access("localhost:" + tls_port() + " - ["),
    AllOf(HasSubstr("\"GET /logic?level=2 HTTP/2.0\" 200 "), HasSubstr(service.address())));
  EXPECT_TRUE(eventually([&] {
    std::size_t outer = 0, last = 0;
    for (const auto& line : here().under_test.access_log())
      if (line.starts_with("bound.apps.test - ["))
        ++(line.find(app.address()) == line.npos ? outer : last);
    return outer == 1 && last == 1;
  }));
  EXPECT_EQ(app.request_count(), 1u);
}

TEST_F(RouteServicesBehindTheFront, AreReachedForClientsOfTlsAndHttp2) {
  here().map("curl.apps.test", app, {{"route_service_url", service_url()}});
  const temporary_directory files;
  std::ofstream{files.path_of("ca.pem")} << front_certificate().pem();
  for (const std::string version : {"--http1.1", "--http2"}) {
    const auto result =
      run_tool({"curl", "-sSi", version, "--max-time", "20", "--cacert", files.path_of("ca.pem"),
                "--resolve", "curl.apps.test:" + tls_port() + ":127.0.0.1",
                "https://curl.apps.test:" + tls_port() + "/"});
    EXPECT_THAT(result.output,
                AllOf(HasSubstr("app at /"),
                      HasSubstr(version == "--http2" ? "HTTP/2 200" : "HTTP/1.1 200")));
    EXPECT_EQ(service.last_request().one("X-Forwarded-Proto"), "https");
  }
}

TEST_F(RouteServicesBehindTheFront, MustBeWhoTheirNameSays) {
  // The address is the router's, but its certificate is for names.
  here().map("wrong.apps.test", app,
             {{"route_service_url", "https://127.0.0.1:" + tls_port() + "/"}});
  EXPECT_EQ(here().get("wrong.apps.test").status, 503);
  here().map("nowhere.apps.test", app,
             {{"route_service_url", "https://no-such-name.invalid:" + tls_port() + "/"}});
  const auto lost = here().get("nowhere.apps.test");
  EXPECT_EQ(lost.status, 502);
  EXPECT_THAT(lost.one("X-Cf-RouterError"), StartsWith("endpoint_failure (dial tcp"));
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(RouteServicesBehindTheFront, ThatAreNoRouteGetTheAnswerOfTheFront) {
  here().map("unmapped.apps.test", app,
             {{"route_service_url", "https://localhost:" + tls_port() + "/"}});
  here().unmap("localhost", service);
  // Until the loops have heard of it, the service is still asked, and lets requests pass.
  EXPECT_TRUE(here().eventually_answers("unmapped.apps.test", "/", 503));
  const auto before = app.request_count();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(here().get("unmapped.apps.test").status, 503);
  EXPECT_EQ(app.request_count(), before) << "an app is not open because its service is gone";
}

/// What a service says of the client's certificate, over TLS and signed, where the app's route is bound to it.
TEST(ClientCertificatesByRouteServices, AreBelievedAsConfigured) {
  for (const auto& [mode, believed] : {std::pair{"always_forward", true}, {"forward", false}, {"sanitize_set", true}}) {
    stage here{front_settings({{"forwarded_client_cert", mode}})};
    const auto port = here.under_test.tls_port();
    const backend app;
    const backend service{[port](backend_session& session) {
      const auto& asked = session.request;
      const auto fields = fields_back(asked) + "X-Forwarded-Client-Cert: of-the-client\r\n";
      tls_client back{port};
      answers::ok(back->send(get_request(host_back(asked), "/", fields)).response().body)(session);
    }};
    here.map("localhost", service);
    here.map("bound.apps.test", app,
             {{"route_service_url", "https://localhost:" + std::to_string(port) + "/"}});
    ASSERT_TRUE(here.eventually_answers("bound.apps.test", "/", 200)) << mode;
    const auto seen = app.last_request();
    EXPECT_EQ(seen.all("X-Forwarded-Client-Cert").size(), believed ? 1u : 0u) << mode;
  }
}

} // namespace
} // namespace shunt::test
