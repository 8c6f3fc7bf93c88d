// Backends and route services made of node's own HTTP/2 server, asked as the router does by default: a connection for
// each request.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/node_program.hpp"
#include "tests/process/reload_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

nlohmann::json over_tls(const tls_kit::minted& own) {
  return {{"certificate", own.pem()}, {"key", own.key_pem()}};
}

std::vector<nlohmann::json> all_told(const node_program& by, const std::string& key) {
  std::vector<nlohmann::json> all;
  for (const auto& fact : by.facts())
    if (fact.contains(key))
      all.push_back(fact.at(key));
  return all;
}

/// With TLS or without.
class NodeHttp2BackendsByDefault : public SharedStage<NodeHttp2BackendsByDefault>,
                                   public testing::WithParamInterface<bool> {
public:
  static nlohmann::json configuration() { return apps_front({{"disable_keep_alives", true}}); }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    host = apps_name("alone-" + std::to_string(asked.port()));
    here().map(host, asked.port(),
               GetParam() ? apps_registration(asked.port(), "http2") : nlohmann::json{{"protocol", "h2c"}});
  }
  nlohmann::json run(const std::string& scenario, nlohmann::json options) const {
    options.update({{"port", here().under_test.tls_port()}, {"host", host}, {"ca", apps_certificate().pem()}});
    return run_node("http2_client.mjs", scenario, options);
  }

  node_program asked{"http2_server.mjs", "serve",
                     GetParam() ? over_tls(apps_certificate()) : nlohmann::json::object()};
  std::string host;
};

INSTANTIATE_TEST_SUITE_P(Over, NodeHttp2BackendsByDefault, testing::Bool(),
                         [](const auto& each) { return each.param ? "Tls" : "Plain"; });

TEST_P(NodeHttp2BackendsByDefault, AnswerEachRequestOnAConnectionOfItsOwn) {
  constexpr int count = 5;
  for (int i = 1; i < count; ++i) {
    const auto answer = here().get(host, "/" + std::to_string(i));
    EXPECT_EQ(answer.status, 200) << answer.raw_head;
    EXPECT_EQ(answer.body, "/" + std::to_string(i));
  }
  EXPECT_EQ(here().ask(post_request(host, "body"), "POST").body, "body");
  for (int i = 1; i <= count; ++i)
    EXPECT_NO_THROW(asked.wait_for("closed", i)) << "its request was the last";
  EXPECT_THAT(all_told(asked, "session"), testing::SizeIs(count));
}

TEST_P(NodeHttp2BackendsByDefault, AnswerManyAtOnce) {
  const auto facts = run("requests", {{"count", 50}});
  ASSERT_EQ(facts["answers"].size(), 50u);
  for (const auto& each : facts["answers"]) {
    EXPECT_EQ(each["status"], 200);
    EXPECT_EQ(each["body"], each["path"]);
  }
  EXPECT_EQ(facts["head"]["headers"]["content-length"], "5");
}

TEST_P(NodeHttp2BackendsByDefault, CarryLargeBodiesBothWays) {
  // Three together stay below what node's client keeps at most; it refuses answers that come while it has more to send.
  const auto facts = run("large", {{"bytes", 2 << 20}});
  EXPECT_EQ(facts["same"], (nlohmann::json{true, true, true}));
  EXPECT_EQ(facts["codes"], (nlohmann::json{0, 0, 0}));
}

// -- Route services.

TEST(NodeHttp2RouteServicesByDefault, AnswerEachRequestOnAConnectionOfItsOwn) {
  auto configuration = apps_front(bound_routes::settings({{"disable_keep_alives", true}}));
  configuration["ca_certs"] = {apps_certificate().pem(), bound_routes::service_ca().pem()};
  const backend app{[](backend_session& session) { answers::ok(session.request.target)(session); }};
  stage whole{configuration};
  auto options = over_tls(bound_routes::service_certificate());
  options["router"] = whole.under_test.port();
  node_program service{"route_service.mjs", "serve", options};
  const auto host = apps_name("bound");
  whole.map(host, app, {{"route_service_url", "https://127.0.0.1:" + std::to_string(service.port()) + "/"}});
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(whole.get(host, "/" + std::to_string(i)).body, "/" + std::to_string(i));
  EXPECT_THAT(all_told(service, "version"), testing::Each("2.0"));
  EXPECT_THAT(all_told(service, "session"), testing::SizeIs(5));
}

// -- Reloads.

using NodeHttp2BackendReload = Reload;

TEST_F(NodeHttp2BackendReload, FailsNoRequestThatDialsMeanwhile) {
  const gate taken_up;
  const backend until{taken_up.holding("/")};
  start(apps_front());
  const auto empty = here().mapped(there);
  here().unmap(empty, there);
  EXPECT_TRUE(here().eventually_answers(empty, "/", 503));
  auto options = over_tls(apps_certificate());
  options["until"] = until.port();
  node_program late{"http2_server.mjs", "serve", options};
  const auto host = apps_name("late");
  here().map(host, late.port(), apps_registration(late.port(), "http2"));

  client one{under_test().port()};
  one.send(get_request(host, "/first"));
  late.wait_for("dialled", 1);
  reload(apps_front({{"empty_pool", {{"status", 418}}}}));
  EXPECT_TRUE(here().eventually_answers(empty, "/", 418)) << "its loop has the new rules";
  taken_up.open();
  const auto answer = one.response();
  EXPECT_EQ(answer.status, 200) << answer.raw_head;
  EXPECT_EQ(answer.body, "/first");
  EXPECT_NO_THROW(late.wait_for("closed", 1)) << "it was verified by the rules of before";
  EXPECT_EQ(here().get(host, "/second").body, "/second");
  EXPECT_EQ(here().get(host, "/third").body, "/third");
  EXPECT_THAT(all_told(late, "session"), testing::SizeIs(2));
}

} // namespace
} // namespace shunt::test
