// HTTP/2 as node's own client speaks it, with TLS and without: many streams of one connection, and
// what becomes of the others when one ends badly.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/node_program.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>

namespace shunt::test {
namespace {

using testing::HasSubstr;

constexpr int internal_error = 2; // RFC 9113, section 7.
constexpr const char* script = "http2_client.mjs";

/// What a client needs to know to speak to the router over TLS, or without if not `tls`.
nlohmann::json address(const router& to, const std::string& host, bool tls = true) {
  nlohmann::json all{{"port", tls ? to.tls_port() : to.port()}, {"host", host}};
  if (tls)
    all["ca"] = apps_certificate().pem();
  return all;
}

nlohmann::json with(nlohmann::json all, const nlohmann::json& more) {
  all.merge_patch(more);
  return all;
}

/// 200 with the target of the request.
void tell_target(backend_session& session) {
  session.read_body();
  answers::ok(session.request.target)(session);
}

class NodeHttp2 : public SharedStage<NodeHttp2> {
public:
  static nlohmann::json configuration() { return apps_front(); }

protected:
  std::string mapped(const std::string& label) {
    here().map(apps_name(label), there);
    return apps_name(label);
  }
  nlohmann::json run(const std::string& scenario, const std::string& host,
                     const nlohmann::json& more = nlohmann::json::object(), bool tls = true) {
    return run_node(script, scenario, with(address(here().under_test, host, tls), more));
  }

  backend there{tell_target};
};

TEST_F(NodeHttp2, ItsStreamsGetTheirOwnAnswers) {
  const auto host = mapped("streams");
  for (const bool tls : {true, false}) {
    const auto facts = run("requests", host, {{"count", 100}}, tls);
    EXPECT_EQ(facts["alpn"], tls ? "h2" : "h2c");
    ASSERT_EQ(facts["answers"].size(), 100u);
    for (const auto& each : facts["answers"]) {
      EXPECT_EQ(each["status"], 200);
      EXPECT_EQ(each["body"], each["path"]);
      EXPECT_EQ(each["code"], 0);
    }
    EXPECT_EQ(facts["head"]["headers"]["content-length"], "5");
    EXPECT_EQ(facts["head"]["body"], "");
  }
}

TEST_F(NodeHttp2, ItsIdleConnectionsTakeLessMemoryAndGoOn) {
  constexpr int count = 300;
  constexpr long least_kib = 12; // Of each connection: its blocks take 20 KiB while they are awake.
  const auto host = mapped("idle");
  const gate rested;
  const backend until{rested.holding("/")};
  node_program node{script, "idle",
                    with(address(here().under_test, host), {{"count", count}, {"until", until.port()}})};
  node.wait_for("idle");
  const auto resident = [] { return here().under_test.process().resident_kib(); };
  long most = resident(); // Some may rest already.
  EXPECT_TRUE(eventually([&] {
    most = std::max(most, resident());
    return most - resident() >= count * least_kib;
  })) << most << " KiB, then " << resident();
  rested.open();
  const auto facts = node.result();
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(facts["first"][i], "/first/" + std::to_string(i));
    EXPECT_EQ(facts["second"][i], "/second/" + std::to_string(i));
  }
}

TEST_F(NodeHttp2, TrailersPassBothWays) {
  there.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTrailer: Grpc-Status\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                                   "Grpc-Status: 7\r\nX-Other: a b\r\n\r\n"));
  const auto host = mapped("trailers");
  for (const bool tls : {true, false}) {
    const auto facts = run("trailers", host, nlohmann::json::object(), tls);
    EXPECT_EQ(facts["body"], "hello");
    EXPECT_EQ(facts["trailers"], (nlohmann::json{{"grpc-status", "7"}, {"x-other", "a b"}}));
    const auto seen = there.last_request();
    EXPECT_EQ(seen.body, "counted");
    EXPECT_EQ(seen.trailers, (std::vector<http_field>{{"x-checksum", "17"}, {"x-empty", ""}}));
  }
}

TEST_F(NodeHttp2, MuchPassesBothWaysThroughSmallWindows) {
  there.answer_with(answers::echo());
  const auto host = mapped("large");
  for (const bool tls : {true, false}) {
    const auto facts = run("large", host, {{"bytes", 4 << 20}}, tls);
    EXPECT_EQ(facts["same"], (nlohmann::json{true, true, true}));
    EXPECT_EQ(facts["codes"], (nlohmann::json{0, 0, 0}));
  }
}

TEST_F(NodeHttp2, AStreamThatNobodyReadsHoldsUpNoOther) {
  constexpr std::size_t size = 16 << 20;
  there.answer_with([](backend_session& session) {
    answers::ok(session.request.target == "/large" ? std::string(size, 'x') : "small")(session);
  });
  const auto facts = run("unread", mapped("unread"));
  ASSERT_EQ(facts["others"].size(), 20u);
  for (const auto& each : facts["others"])
    EXPECT_EQ(each["body"], "small");
  EXPECT_EQ(facts["received"], size);
  EXPECT_EQ(facts["code"], 0);
}

TEST_F(NodeHttp2, ResettingOneStreamLeavesTheOthers) {
  gate held;
  there.answer_with([held](backend_session& session) {
    if (session.request.target == "/victim") {
      session.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
      session.wait_for_close();
    } else {
      held.wait(session);
      tell_target(session);
    }
  });
  const auto host = mapped("reset");
  node_program node{script, "reset", address(here().under_test, host)};
  EXPECT_THAT(here().under_test.wait_for_access("GET /victim HTTP/2.0\""), HasSubstr(host));
  held.open();
  const auto facts = node.result();
  ASSERT_EQ(facts["answers"].size(), 4u);
  for (const auto& each : facts["answers"])
    EXPECT_EQ(each["body"], each["path"]);
  EXPECT_EQ(facts["closed"], false);
}

TEST_F(NodeHttp2, AnswersOfTheRouterItselfEndTheirStreamOnly) {
  const auto facts = run("requests", apps_name("nobody"), {{"count", 20}});
  for (const auto& each : facts["answers"]) {
    EXPECT_EQ(each["status"], 404);
    EXPECT_EQ(each["headers"]["x-cf-routererror"], "unknown_route");
    EXPECT_EQ(each["code"], 0);
  }
}

// -- Times.

class NodeHttp2Times : public testing::Test {
protected:
  backend there{tell_target};
  stage hasty{apps_front(
    {{"endpoint_timeout", slowed_text(500ms)}, {"read_body_timeout", slowed_text(500ms)}})};
};

TEST_F(NodeHttp2Times, OfAStreamEndThatStreamAndNoOther) {
  there.answer_with([](backend_session& session) {
    if (session.request.target == "/quick")
      return tell_target(session);
    if (session.request.target == "/half")
      session.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    session.wait_for_close();
  });
  hasty.map(apps_name("times"), there);
  for (const bool tls : {true, false}) {
    const auto facts =
      run_node(script, "timeouts", address(hasty.under_test, apps_name("times"), tls));
    EXPECT_EQ(facts["silent"]["status"], 502);
    EXPECT_EQ(facts["silent"]["code"], 0);
    EXPECT_EQ(facts["half"]["status"], 200);
    EXPECT_EQ(facts["half"]["body"], "half");
    EXPECT_EQ(facts["half"]["code"], internal_error);
    EXPECT_EQ(facts["half"]["failed"], true) << "or half of an answer looks like all of it";
    EXPECT_EQ(facts["after"]["body"], "/quick");
    EXPECT_EQ(facts["closed"], false);
  }
}

TEST_F(NodeHttp2Times, OfABodyThatStopsEndThatStreamAndNoOther) {
  hasty.map(apps_name("stuck"), there);
  const auto facts = run_node(script, "stuck", address(hasty.under_test, apps_name("stuck")));
  EXPECT_EQ(facts["stuck"]["status"], 0);
  EXPECT_EQ(facts["stuck"]["failed"], true);
  EXPECT_EQ(facts["other"]["body"], "/other");
  EXPECT_EQ(facts["closed"], false);
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
  there.take_faults(); // What reached it of that request is no whole one.
}

TEST(NodeHttp2Drain, SaysGoodbyeAndFinishesWhatIsOpen) {
  stage whole{apps_front()};
  gate held;
  backend there{held.holding("/held")};
  whole.map(apps_name("drain"), there);
  node_program node{script, "goodbye", address(whole.under_test, apps_name("drain"))};
  ASSERT_TRUE(there.wait_for_requests(1));
  whole.under_test.process().signal(SIGUSR1);
  EXPECT_EQ(node.wait_for("goodbye").at("goodbye"), 0);
  held.open();
  EXPECT_EQ(node.result()["answer"]["body"], "hello");
  EXPECT_EQ(whole.under_test.process().wait_for_exit(), 0);
}

} // namespace
} // namespace shunt::test
