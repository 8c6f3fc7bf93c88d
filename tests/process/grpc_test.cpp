// gRPC between clients and backends made of @grpc/grpc-js: over HTTP/2 on both sides, with TLS to
// the backend (`protocol: http2`) and without (`protocol: h2c`).
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/node_program.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using testing::HasSubstr;

constexpr const char* script = "grpc_client.mjs";

struct grpc_way {
  const char* name;
  bool client_tls;
  bool backend_tls;
};

void PrintTo(const grpc_way& w, std::ostream* out) {
  *out << w.name;
}

template <class Derived>
class GrpcCalls : public SharedStage<Derived>, public testing::WithParamInterface<grpc_way> {
protected:
  using SharedStage<Derived>::here;

  void SetUp() override {
    SharedStage<Derived>::SetUp();
    host = apps_name("grpc-" + std::to_string(there.port()));
    here().map(host, there.port(),
               GetParam().backend_tls ? apps_registration(there.port(), "http2")
                                      : nlohmann::json{{"protocol", "h2c"}});
  }
  static nlohmann::json serving(bool tls) {
    if (!tls)
      return nlohmann::json::object();
    return {{"certificate", apps_certificate().pem()}, {"key", apps_certificate().key_pem()}};
  }
  nlohmann::json run(const std::string& scenario) const { return run_for(host, scenario); }
  nlohmann::json run_for(const std::string& name, const std::string& scenario) const {
    nlohmann::json all{
      {"port", here().under_test.port()}, {"host", name}, {"patience_ms", slowed(1500ms).count()}};
    if (GetParam().client_tls)
      all.update({{"port", here().under_test.tls_port()}, {"ca", apps_certificate().pem()}});
    return run_node(script, scenario, all);
  }
  static void expect_ok(const nlohmann::json& status) { EXPECT_EQ(status["code"], "OK") << status; }

  node_program there{"grpc_server.mjs", "serve", serving(GetParam().backend_tls)};
  std::string host;
};

const auto grpc_ways = testing::Values(grpc_way{"TlsToTls", true, true}, grpc_way{"TlsToPlain", true, false},
                                       grpc_way{"PlainToPlain", false, false});

class Grpc : public GrpcCalls<Grpc> {
public:
  static nlohmann::json configuration() { return apps_front(); }
};

INSTANTIATE_TEST_SUITE_P(Over, Grpc, grpc_ways, [](const auto& each) { return each.param.name; });

TEST_P(Grpc, UnaryCallsAreAnswered) {
  const auto facts = run("unary");
  ASSERT_EQ(facts["facts"].size(), 4u);
  for (const auto& each : facts["facts"]) {
    EXPECT_EQ(each["same"], true);
    expect_ok(each["status"]);
    EXPECT_EQ(each["status"]["answered_by"], "grpc-js") << "in the trailers";
    EXPECT_EQ(each["status"]["raw"], "0001ff");
  }
  EXPECT_EQ(facts["at_once"], 100);
}

TEST_P(Grpc, ClientsMayStream) {
  const auto facts = run("client_streaming");
  EXPECT_EQ(facts["same"], true);
  expect_ok(facts["status"]);
}

TEST_P(Grpc, BackendsMayStream) {
  const auto facts = run("server_streaming");
  EXPECT_EQ(facts["good"], 200);
  expect_ok(facts["status"]);
}

TEST_P(Grpc, BothMayTalkInTurn) {
  const auto facts = run("talk");
  EXPECT_EQ(facts["good"], 100);
  expect_ok(facts["status"]);
}

TEST_P(Grpc, ErrorsOfTheBackendArrive) {
  EXPECT_EQ(run("error"), (nlohmann::json{{"code", "FAILED_PRECONDITION"},
                                          {"details", "not now, 100% “sure”"},
                                          {"answered_by", "grpc-js"},
                                          {"raw", "0001ff"}}));
}

TEST_P(Grpc, TheBackendIsToldWhenTheDeadlineIsOver) {
  EXPECT_EQ(run("deadline")["code"], "DEADLINE_EXCEEDED");
  EXPECT_NO_THROW(there.wait_for("cancelled", "answer"));
}

TEST_P(Grpc, TheBackendIsToldOfCancelledCallsAndOthersGoOn) {
  const auto facts = run("cancel");
  EXPECT_EQ(facts["cancelled"]["code"], "CANCELLED");
  EXPECT_EQ(facts["goes_on"], "still here");
  EXPECT_NO_THROW(there.wait_for("cancelled", "talk"));
}

TEST_P(Grpc, IsUnavailableWithoutABackend) {
  const refusing_port dead;
  const auto name = apps_name("dead-" + std::to_string(dead.port()));
  here().map(name, dead.port(), {{"protocol", "h2c"}});
  EXPECT_EQ(run_for(name, "call")["code"], "UNAVAILABLE");
  EXPECT_THAT(here().under_test.wait_for_access(name + " - ["), HasSubstr(" 502 "));
}

TEST_P(Grpc, IsUnavailableWhenTheRouteIsEmpty) {
  const refusing_port gone;
  const auto name = apps_name("gone-" + std::to_string(gone.port()));
  here().map(name, gone.port(), {{"protocol", "h2c"}});
  here().unmap(name, gone.port());
  EXPECT_EQ(run_for(name, "call")["code"], "UNAVAILABLE");
  EXPECT_THAT(here().under_test.wait_for_access(name + " - ["), HasSubstr(" 503 "));
}

// -- Each call on a connection of its own to the backend, as by default.

class GrpcByDefault : public GrpcCalls<GrpcByDefault> {
public:
  static nlohmann::json configuration() { return apps_front({{"disable_keep_alives", true}}); }
};

INSTANTIATE_TEST_SUITE_P(Over, GrpcByDefault, grpc_ways, [](const auto& each) { return each.param.name; });

TEST_P(GrpcByDefault, UnaryCallsAreAnswered) {
  const auto facts = run("unary");
  ASSERT_EQ(facts["facts"].size(), 4u);
  for (const auto& each : facts["facts"]) {
    EXPECT_EQ(each["same"], true);
    expect_ok(each["status"]);
  }
  EXPECT_EQ(facts["at_once"], 100);
}

TEST_P(GrpcByDefault, BothSidesMayStream) {
  const auto upwards = run("client_streaming");
  EXPECT_EQ(upwards["same"], true);
  expect_ok(upwards["status"]);
  const auto downwards = run("server_streaming");
  EXPECT_EQ(downwards["good"], 200);
  expect_ok(downwards["status"]);
  const auto in_turn = run("talk");
  EXPECT_EQ(in_turn["good"], 100);
  expect_ok(in_turn["status"]);
}

TEST_P(GrpcByDefault, TheBackendIsToldOfCancelledCallsAndOthersGoOn) {
  const auto facts = run("cancel");
  EXPECT_EQ(facts["cancelled"]["code"], "CANCELLED");
  EXPECT_EQ(facts["goes_on"], "still here");
  EXPECT_NO_THROW(there.wait_for("cancelled", "talk"));
}

} // namespace
} // namespace shunt::test
