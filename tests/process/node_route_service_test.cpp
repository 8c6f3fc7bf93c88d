// Route services over every protocol, with clients and services that other people wrote: HTTP/2 before
// the router and behind it, and WebSockets by `ws`, over HTTP/1.1 and within HTTP/2 (RFC 8441).
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/demo_service.hpp"
#include "tests/process/harness/node_program.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace shunt::test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

constexpr int internal_error = 2; // RFC 9113, section 7.

/// What a client needs to know to speak to the router over TLS.
nlohmann::json address(const router& to, const std::string& host, const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"port", to.tls_port()}, {"host", host}, {"ca", apps_certificate().pem()}};
  all.merge_patch(more);
  return all;
}

class NodeRouteServices : public SharedStage<NodeRouteServices> {
public:
  static nlohmann::json configuration() {
    auto all = apps_front(bound_routes::settings({{"route_services", {{"enable_websockets", true}}}}));
    all["ca_certs"] = {apps_certificate().pem(), bound_routes::service_ca().pem()};
    return all;
  }

protected:
  std::string bound(const std::string& label, const std::string& service_url) {
    here().map(apps_name(label), app, {{"route_service_url", service_url}});
    return apps_name(label);
  }
  static std::string url_at(std::uint16_t port) { return "https://127.0.0.1:" + std::to_string(port) + "/"; }
  nlohmann::json run(const std::string& scenario, const std::string& host,
                     const nlohmann::json& more = nlohmann::json::object()) {
    return run_node("http2_client.mjs", scenario, address(here().under_test, host, more));
  }

  /// 200 with the target of the request.
  backend app{[](backend_session& session) {
    session.read_body();
    answers::ok(session.request.target)(session);
  }};
};

// -- HTTP/2 before the router; the service speaks HTTP/1.1.

TEST_F(NodeRouteServices, SeeEveryStreamOfHttp2Clients) {
  demo_service service{port()};
  const auto host = bound("streams", service.url());
  const auto facts = run("requests", host, {{"count", 50}});
  EXPECT_EQ(facts["alpn"], "h2");
  ASSERT_EQ(facts["answers"].size(), 50u);
  for (const auto& each : facts["answers"]) {
    EXPECT_EQ(each["status"], 200);
    EXPECT_EQ(each["body"], each["path"]);
    EXPECT_EQ(each["code"], 0);
  }
  EXPECT_EQ(facts["head"]["headers"]["content-length"], "5");
  EXPECT_THAT(service.lines("GET https://" + host + "/"), SizeIs(50));
  EXPECT_LE(service.connection_count(), 51u);
}

TEST_F(NodeRouteServices, LetTrailersOfHttp2ClientsPassBothWays) {
  app.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                                 "Grpc-Status: 7\r\n\r\n"));
  demo_service service{port()};
  const auto facts = run("trailers", bound("trailers", service.url()));
  EXPECT_EQ(facts["body"], "hello");
  EXPECT_EQ(facts["trailers"], (nlohmann::json{{"grpc-status", "7"}}));
  EXPECT_EQ(app.last_request().trailers, (std::vector<http_field>{{"x-checksum", "17"}, {"x-empty", ""}}));
}

TEST_F(NodeRouteServices, LetLargeBodiesOfHttp2ClientsPassBothWays) {
  app.answer_with(answers::echo());
  demo_service service{port()};
  const auto facts = run("large", bound("large", service.url()), {{"bytes", 4 << 20}});
  EXPECT_EQ(facts["same"], (nlohmann::json{true, true, true}));
  EXPECT_EQ(facts["codes"], (nlohmann::json{0, 0, 0}));
}

TEST_F(NodeRouteServices, ThatDieCutOneStreamOffAndNoOther) {
  demo_service service{port()};
  const auto facts = run("cut", bound("dying", service.url()), {{"cut_by", "x-demo-die"}});
  EXPECT_EQ(facts["cut"]["status"], 200);
  EXPECT_EQ(facts["cut"]["code"], internal_error) << "or half of an answer looks like all of it";
  EXPECT_EQ(facts["after"]["body"], "/after");
  EXPECT_EQ(facts["closed"], false);
}

// -- HTTP/2 to the service.

class NodeHttp2RouteServices : public NodeRouteServices {
protected:
  std::string bound_to_node(const std::string& label) { return bound(label, url_at(service.port())); }
  std::vector<nlohmann::json> told(const std::string& key) const {
    std::vector<nlohmann::json> all;
    for (const auto& fact : service.facts())
      if (fact.contains(key))
        all.push_back(fact.at(key));
    return all;
  }

  node_program service{"route_service.mjs",
                       "serve",
                       {{"certificate", bound_routes::service_certificate().pem()},
                        {"key", bound_routes::service_certificate().key_pem()},
                        {"router", port()}}};
};

TEST_F(NodeHttp2RouteServices, AreAskedInHttp2ByOneConnection) {
  const auto host = bound_to_node("h2-service");
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(here().get(host, "/" + std::to_string(i)).body, "/" + std::to_string(i));
  const auto facts = run("requests", host, {{"count", 50}});
  ASSERT_EQ(facts["answers"].size(), 50u);
  for (const auto& each : facts["answers"])
    EXPECT_EQ(each["body"], each["path"]);
  EXPECT_EQ(facts["head"]["headers"]["content-length"], "5");
  EXPECT_THAT(told("url"), SizeIs(61));
  EXPECT_THAT(told("version"), Each("2.0"));
  EXPECT_EQ(told("url").front(), "https://" + host + "/0");
  EXPECT_THAT(told("session"), SizeIs(1)) << "one handshake for all of them";
}

TEST_F(NodeHttp2RouteServices, CarryTrailersAndLargeBodiesBothWays) {
  app.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                                 "Grpc-Status: 7\r\n\r\n"));
  const auto host = bound_to_node("h2-bodies");
  const auto small = run("trailers", host);
  EXPECT_EQ(small["body"], "hello");
  EXPECT_EQ(small["trailers"], (nlohmann::json{{"grpc-status", "7"}}));
  EXPECT_EQ(app.last_request().trailers, (std::vector<http_field>{{"x-checksum", "17"}, {"x-empty", ""}}));
  app.answer_with(answers::echo());
  const auto large = run("large", host, {{"bytes", 4 << 20}});
  EXPECT_EQ(large["same"], (nlohmann::json{true, true, true}));
}

TEST_F(NodeHttp2RouteServices, ThatDieCutOneAnswerOffAndNoOther) {
  app.answer_with([](backend_session& session) {
    if (session.request.target != "/cut")
      return answers::ok(session.request.target)(session);
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"); // And no more, until it is cut.
    session.wait_for_close();
  });
  const auto facts = run("cut", bound_to_node("h2-dying"), {{"cut_by", "x-die"}});
  EXPECT_EQ(facts["cut"]["failed"], true);
  EXPECT_NE(facts["cut"]["code"], 0);
  EXPECT_EQ(facts["after"]["body"], "/after");
  EXPECT_THAT(told("session"), SizeIs(1)) << "the stream ended, not the connection";
}

// -- WebSockets.

/// How clients carry them.
struct carrier {
  const char* name;
  const char* script;
  const char* scenario;
};

void PrintTo(const carrier& c, std::ostream* out) {
  *out << c.name;
}

class NodeBoundWebSockets : public NodeRouteServices, public testing::WithParamInterface<carrier> {};

INSTANTIATE_TEST_SUITE_P(Over, NodeBoundWebSockets,
                         testing::Values(carrier{"Http1", "websocket_client.mjs", "messages"},
                                         carrier{"Http1Large", "websocket_client.mjs", "large"},
                                         carrier{"Http2", "http2_websocket.mjs", "echo"}),
                         [](const auto& each) { return each.param.name; });

TEST_P(NodeBoundWebSockets, PassThroughTheService) {
  node_program chat{"websocket_server.mjs", "serve"};
  demo_service service{port()};
  const auto host = apps_name(std::string{"ws-"}.append(GetParam().name));
  here().map(host, chat.port(), {{"route_service_url", service.url()}});
  const auto facts = run_node(GetParam().script, GetParam().scenario,
                              address(here().under_test, host, {{"bytes", 8 << 20}}));
  if (facts.contains("same")) {
    EXPECT_THAT(facts["same"].get<std::vector<bool>>(), Each(true));
    EXPECT_EQ(facts["protocol"], "chat.v2");
  } else {
    EXPECT_EQ(facts, (nlohmann::json{{"sent", true}, {"received", true}, {"joined", true}}));
  }
  EXPECT_THAT(service.wait_for_line(host), HasSubstr("forwarded, 101"));
}

} // namespace
} // namespace shunt::test
