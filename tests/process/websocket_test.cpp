// WebSockets between clients and backends made of `ws`: over HTTP/1.1 with TLS and without, and
// within streams of HTTP/2 (RFC 8441).
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/node_program.hpp"
#include "tests/process/harness/stage.hpp"

namespace shunt::test {
namespace {

nlohmann::json all_true(std::size_t count) {
  return std::vector<bool>(count, true);
}

/// How clients reach the router, and the router the backend.
struct way {
  const char* name;
  bool client_tls;
  bool backend_tls;
  const char* protocol = "http1"; ///< That the backend registers.
};

void PrintTo(const way& w, std::ostream* out) {
  *out << w.name;
}

class WebSockets : public SharedStage<WebSockets>, public testing::WithParamInterface<way> {
public:
  static nlohmann::json configuration() {
    return apps_front({{"endpoint_timeout", slowed_text(1s)}});
  }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    host = apps_name("ws-" + std::to_string(there.port()));
    map(GetParam().backend_tls);
  }
  void map(bool tls) {
    here().map(host, there.port(),
               tls ? apps_registration(there.port(), GetParam().protocol) : nlohmann::json::object());
  }
  static bool by_http2() { return GetParam().protocol == std::string{"http2"}; }
  static nlohmann::json serving(bool tls) {
    if (!tls)
      return nlohmann::json::object();
    return {{"certificate", apps_certificate().pem()}, {"key", apps_certificate().key_pem()}, {"h2", by_http2()}};
  }
  nlohmann::json run(const std::string& scenario,
                     const nlohmann::json& more = nlohmann::json::object()) const {
    nlohmann::json all{
      {"port", here().under_test.port()}, {"host", host}, {"unknown_host", apps_name("nobody")}};
    if (GetParam().client_tls)
      all.update({{"port", here().under_test.tls_port()}, {"ca", apps_certificate().pem()}});
    all.merge_patch(more);
    return run_node(script, scenario, all);
  }

  const char* script = "websocket_client.mjs";
  node_program there{"websocket_server.mjs", "serve", serving(GetParam().backend_tls)};
  std::string host;
};

INSTANTIATE_TEST_SUITE_P(Over, WebSockets,
                         testing::Values(way{"Plain", false, false}, way{"Tls", true, false},
                                         way{"TlsBothWays", true, true},
                                         way{"TlsToABackendOfHttp2", true, true, "http2"}),
                         [](const auto& each) { return each.param.name; });

TEST_P(WebSockets, CarryMessagesAndPings) {
  const auto facts = run("messages");
  EXPECT_EQ(facts["protocol"], "chat.v2");
  EXPECT_EQ(facts["same"], all_true(9));
  EXPECT_EQ(facts["pong"], "from the client");
  EXPECT_EQ(facts["told"], "pong: from the backend");
}

/// To the same endpoint other requests go in what it registered for.
TEST_P(WebSockets, DoNotDecideForOtherRequests) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run("messages")["same"], all_true(9));
    EXPECT_EQ(here().get(host).body, by_http2() ? "2.0" : "1.1");
  }
}

TEST_P(WebSockets, MayBeCompressed) {
  const auto facts = run("compressed");
  EXPECT_EQ(facts["extensions"], "permessage-deflate");
  EXPECT_EQ(facts["same"], all_true(2));
}

TEST_P(WebSockets, CarryLargeMessagesBothWays) {
  const auto facts = run("large", {{"bytes", 24 << 20}});
  EXPECT_EQ(facts, (nlohmann::json{{"sent", true}, {"received", true}, {"joined", true}}));
}

TEST_P(WebSockets, DoNotMixUpTheirMessages) {
  EXPECT_EQ(run("many", {{"count", 100}})["good"], 100);
}

TEST_P(WebSockets, TellBothSidesHowTheyWereClosed) {
  const auto facts = run("closing");
  EXPECT_EQ(facts["by_client"], (nlohmann::json{{"code", 4001}, {"reason", "enough"}}));
  EXPECT_EQ(facts["by_backend"], (nlohmann::json{{"code", 4002}, {"reason", "closing time"}}));
  EXPECT_EQ(facts["vanished"], (nlohmann::json{{"code", 1006}, {"reason", ""}}));
  EXPECT_EQ(there.wait_for("closed", "/echo"),
            (nlohmann::json{{"closed", "/echo"}, {"code", 4001}, {"reason", "enough"}}));
  EXPECT_EQ(there.wait_for("closed", "/close").at("code"), 4002);
}

TEST_P(WebSockets, TellTheBackendOfAClientThatLeft) {
  const auto facts = run("half_close");
  EXPECT_EQ(facts, (nlohmann::json{{"same", true}, {"code", 1006}, {"reason", ""}}));
  EXPECT_EQ(there.wait_for("closed", "/victim").at("code"), 1006);
}

TEST_P(WebSockets, ThatAreRefusedAreOrdinaryAnswers) {
  const auto facts = run("refused");
  EXPECT_EQ(facts["forbidden"]["status"], 401);
  EXPECT_EQ(facts["nobody"], (nlohmann::json{{"status", 404}, {"error", "unknown_route"}}));
}

/// The same within HTTP/2; to backends they are upgrades as ever.
class Http2WebSockets : public WebSockets {
protected:
  Http2WebSockets() { script = "http2_websocket.mjs"; }
};

INSTANTIATE_TEST_SUITE_P(Over, Http2WebSockets,
                         testing::Values(way{"PriorKnowledge", false, false}, way{"Tls", true, false},
                                         way{"TlsBothWays", true, true},
                                         way{"PriorKnowledgeToABackendOfHttp2", false, true, "http2"},
                                         way{"TlsToABackendOfHttp2", true, true, "http2"}),
                         [](const auto& each) { return each.param.name; });

TEST_P(Http2WebSockets, CarryMessagesAndPings) {
  const auto facts = run("echo");
  EXPECT_EQ(facts["offered"], true);
  EXPECT_EQ(facts["status"], 200);
  EXPECT_EQ(facts["protocol"], "chat.v2");
  EXPECT_EQ(facts["same"], all_true(15));
  EXPECT_EQ(facts["pong"], "are you there");
  EXPECT_EQ(facts["close"], (nlohmann::json{4001, "enough", 0}));
  EXPECT_EQ(there.wait_for("closed", "/echo"),
            (nlohmann::json{{"closed", "/echo"}, {"code", 4001}, {"reason", "enough"}}));
}

TEST_P(Http2WebSockets, MayBeClosedByTheBackend) {
  EXPECT_EQ(run("closed_by_backend"),
            (nlohmann::json{{"code", 4002}, {"reason", "closing time"}, {"reset", 0}}));
}

TEST_P(Http2WebSockets, EndAtTheBackendWhenTheirStreamIsReset) {
  EXPECT_EQ(run("reset")["goes_on"], true);
  EXPECT_EQ(there.wait_for("closed", "/victim").at("code"), 1006);
}

TEST_P(Http2WebSockets, OutliveTheTimeoutOfAnotherStream) {
  const backend silent{answers::silent()};
  const auto slow_host = apps_name("slow-" + std::to_string(silent.port()));
  here().map(slow_host, silent);
  const auto facts = run("beside_timeout", {{"slow_host", slow_host}});
  EXPECT_EQ(facts, (nlohmann::json{{"slow", 502}, {"goes_on", true}}));
}

TEST_P(Http2WebSockets, ThatAreRefusedAreOrdinaryAnswers) {
  EXPECT_EQ(run("refused"), (nlohmann::json{{"forbidden", 401}, {"nobody", 404}}));
}

} // namespace
} // namespace shunt::test
