// HTTP/2 in all four combinations with HTTP/1.1: real clients at the front, and a second router, which
// speaks HTTP/2 to whoever asks for it, as the backend.
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/pattern.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <fstream>
#include <future>
#include <set>
#include <sstream>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const tls_kit::minted& certificate() {
  static const auto own =
    tls_kit::mint({.common_name = "app.internal", .dns = {"app.internal", "*.apps.test"}});
  return own;
}

nlohmann::json settings(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"enable_http2", true},
                     {"enable_h2c", true},
                     {"ca_certs", {certificate().pem()}},
                     {"backends", {{"max_attempts", 2}}}};
  all.merge_patch(more);
  return tls_front({&certificate()}, all);
}

std::string large_text() {
  pattern from;
  std::string text;
  while (text.size() < 3u << 20)
    text += from.next(1u << 20);
  return text;
}

std::string contents(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

class Http2Front : public SharedStage<Http2Front> {
public:
  static nlohmann::json configuration() { return settings(); }

protected:
  Http2Front() { std::ofstream{files.path_of("ca.pem")} << certificate().pem(); }

  /// curl over TLS, which offers both protocols unless `more` says otherwise.
  tool_result curl(const std::string& host, std::vector<std::string> more,
                   const std::string& path = "/") const {
    const auto port = std::to_string(here().under_test.tls_port());
    std::vector<std::string> argv{"curl", "-sS", "--http2", "--max-time", "20", "--cacert",
                                  files.path_of("ca.pem"), "--resolve",
                                  host + ":" + port + ":127.0.0.1"};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back("https://" + host + ":" + port + path);
    return run_tool(argv);
  }
  static std::string name(const std::string& label) { return label + ".apps.test"; }

  temporary_directory files;
  backend there;
};

TEST_F(Http2Front, IsServedToClientsThatOfferIt) {
  here().map(name("one"), there);
  const auto result = curl(name("one"), {"-i"});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("HTTP/2 200"));
  EXPECT_THAT(result.output, HasSubstr("x-vcap-request-id: "));
  EXPECT_THAT(result.output, HasSubstr("hello"));
  const auto seen = there.last_request();
  EXPECT_EQ(seen.one("Host"), name("one") + ":" + std::to_string(here().under_test.tls_port()));
  EXPECT_EQ(seen.one("X-Forwarded-Proto"), "https");
  EXPECT_EQ(seen.one("X-Forwarded-For"), "127.0.0.1");
  EXPECT_THAT(here().under_test.wait_for_access("\"GET / HTTP/2.0\" 200 0 5"), HasSubstr(name("one")));
  const auto old = curl(name("one"), {"--http1.1", "-i"});
  EXPECT_THAT(old.output, HasSubstr("HTTP/1.1 200"));
}

TEST_F(Http2Front, IsServedWithoutTlsToThoseWhoKnow) {
  const auto host = here().mapped(there);
  const auto port = std::to_string(here().under_test.port());
  const auto result =
    run_tool({"curl", "-sS", "--http2-prior-knowledge", "--max-time", "20", "-H", "Host: " + host, "-w",
              "|%{http_version}", "http://127.0.0.1:" + port + "/"});
  EXPECT_EQ(result.output, "hello|2");
  EXPECT_EQ(here().get(host).status, 200) << "others are served as before";
}

TEST_F(Http2Front, GivesTheRoutersOwnErrors) {
  const auto result = curl(name("nobody"), {"-i"});
  EXPECT_THAT(result.output, HasSubstr("HTTP/2 404"));
  EXPECT_THAT(result.output, HasSubstr("x-cf-routererror: unknown_route"));
  EXPECT_THAT(result.output, Not(HasSubstr("connection:")));
}

TEST_F(Http2Front, CarriesLargeBodiesBothWays) {
  here().map(name("large"), there);
  there.answer_with(answers::echo());
  const auto body = large_text();
  std::ofstream{files.path_of("up"), std::ios::binary} << body;
  for (const std::string how : {"-T", "--data-binary"}) {
    const auto source = how == "-T" ? files.path_of("up") : "@" + files.path_of("up");
    const auto result = curl(name("large"), {how, source, "-o", files.path_of("down"), "-w",
                                             "%{http_code}|%{http_version}"});
    EXPECT_EQ(result.output, "200|2");
    EXPECT_TRUE(contents(files.path_of("down")) == body) << how;
  }
}

TEST_F(Http2Front, CarriesManyStreamsAtOnce) {
  here().map(name("many"), there);
  const auto port = std::to_string(here().under_test.tls_port());
  const auto result =
    run_tool({"h2load", "-n", "2000", "-c", "4", "-m", "25", "--connect-to=127.0.0.1:" + port,
              "https://" + name("many") + "/"});
  EXPECT_THAT(result.output, HasSubstr("2000 succeeded, 0 failed, 0 errored")) << result.output;
}

TEST_F(Http2Front, ATimeOutIsOneStreamsAlone) {
  gate never;
  there.answer_with(never.holding("/slow"));
  here().map(name("slow"), there);
  const auto port = std::to_string(here().under_test.tls_port());
  const auto base = "https://" + name("slow") + ":" + port;
  // One connection, two streams at once.
  const auto result = run_tool({"curl", "-sS", "--http2", "--parallel", "--max-time", "30", "--cacert",
                                files.path_of("ca.pem"), "--resolve",
                                name("slow") + ":" + port + ":127.0.0.1", "-w",
                                "[%{url_effective} %{http_code}]", base + "/slow", base + "/fast"});
  EXPECT_THAT(result.output, HasSubstr("/fast 200]")) << result.output;
  EXPECT_THAT(result.output, HasSubstr("/slow 502]")) << result.output;
  never.open();
}

TEST_F(Http2Front, AClientThatLeavesIsNoticed) {
  gate never;
  there.answer_with(never.holding("/slow"));
  here().map(name("gone"), there);
  const auto result = curl(name("gone"), {"--max-time", "1"}, "/slow");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(here().under_test.wait_for_access("GET /slow HTTP/2.0\" 499"), HasSubstr(name("gone")));
  never.open();
}

TEST_F(Http2Front, TrailersArrive) {
  here().map(name("trailers"), there);
  there.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTrailer: Grpc-Status\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                                   "Grpc-Status: 7\r\n\r\n"));
  const auto port = std::to_string(here().under_test.tls_port());
  const auto result = run_tool({"nghttp", "-v", "--no-verify-peer", "-H", ":authority: " + name("trailers"),
                                "https://127.0.0.1:" + port + "/"});
  EXPECT_THAT(result.output, HasSubstr("grpc-status: 7")) << result.output;
}

// -- HTTP/2 to backends.

/// A second router, reached over TLS and HTTP/2, in front of the backend.
class Http2Backends : public Http2Front {
protected:
  void SetUp() override {
    behind.map(name("inner"), there);
    map_to_behind(name("inner"), "http2");
  }
  void map_to_behind(const std::string& host, const std::string& protocol) {
    here().map(host, behind.under_test.tls_port(),
               {{"port", nullptr},
                {"tls_port", behind.under_test.tls_port()},
                {"server_cert_domain_san", "app.internal"},
                {"protocol", protocol}});
  }
  stage behind{settings()};
};

TEST_F(Http2Backends, AreSpokenToInHttp2WhenTheyRegisteredForIt) {
  for (const std::string version : {"--http2", "--http1.1"}) {
    const auto result = curl(name("inner"), {version, "-w", "|%{http_code}"});
    EXPECT_EQ(result.output, "hello|200");
    EXPECT_THAT(behind.under_test.wait_for_access("\"GET / HTTP/2.0\" 200"), HasSubstr(name("inner")));
  }
  EXPECT_EQ(here().get(name("inner")).status, 200);
  EXPECT_THAT(here().get(name("inner")).raw_head, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  map_to_behind(name("inner"), "http1");
  ASSERT_TRUE(eventually([&] {
    (void)here().get(name("inner"), "/older");
    for (const auto& line : behind.under_test.access_log())
      if (line.find("GET /older HTTP/1.1") != line.npos)
        return true;
    return false;
  }));
}

TEST_F(Http2Backends, GetBodiesAndGiveThem) {
  there.answer_with(answers::echo());
  const auto body = large_text();
  std::ofstream{files.path_of("up"), std::ios::binary} << body;
  for (const std::string version : {"--http2", "--http1.1"})
    for (const std::string how : {"-T", "--data-binary"}) {
      const auto source = how == "-T" ? files.path_of("up") : "@" + files.path_of("up");
      const auto result = curl(name("inner"), {version, how, source, "-o", files.path_of("down"),
                                               "-w", "%{http_code}"});
      EXPECT_EQ(result.output, "200");
      EXPECT_TRUE(contents(files.path_of("down")) == body) << version << how;
    }
}

TEST_F(Http2Backends, GiveTrailersToClientsOfEitherKind) {
  there.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "5\r\nhello\r\n0\r\nGrpc-Status: 7\r\n\r\n"));
  const auto port = std::to_string(here().under_test.tls_port());
  const auto result = run_tool({"nghttp", "-v", "--no-verify-peer", "-H", ":authority: " + name("inner"),
                                "https://127.0.0.1:" + port + "/"});
  EXPECT_THAT(result.output, HasSubstr("grpc-status: 7")) << result.output;
}

TEST_F(Http2Backends, ShareAConnection) {
  const auto port = std::to_string(here().under_test.tls_port());
  const auto result =
    run_tool({"h2load", "-n", "2000", "-c", "4", "-m", "25", "--connect-to=127.0.0.1:" + port,
              "https://" + name("inner") + "/"});
  EXPECT_THAT(result.output, HasSubstr("2000 succeeded, 0 failed, 0 errored")) << result.output;
  std::set<std::string> clients;
  for (const auto& line : behind.under_test.access_log())
    if (const auto at = line.find("\"127.0.0.1:"); at != line.npos)
      clients.insert(line.substr(at, line.find('"', at + 1) - at));
  EXPECT_LE(clients.size(), 4u);
}

TEST_F(Http2Backends, AreReplacedWhenTheyGo) {
  EXPECT_EQ(here().get(name("inner")).status, 200);
  behind.under_test.process().signal(SIGUSR1); // Says goodbye on its connections.
  ASSERT_EQ(behind.under_test.process().wait_for_exit(), 0);
  const auto answer = here().get(name("inner"));
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.one("X-Cf-RouterError"), HasSubstr("connection refused"));
}

// -- The end.

TEST(Http2Lifecycle, ADrainFinishesTheStreamsThatAreOpen) {
  stage whole{settings()};
  backend there;
  gate held;
  there.answer_with(held.holding("/held"));
  whole.map("a.test", there);
  const auto port = std::to_string(whole.under_test.tls_port());
  auto asked = std::async(std::launch::async, [&] {
    return run_tool({"curl", "-sSk", "--http2", "--max-time", "30", "--resolve",
                     "a.test:" + port + ":127.0.0.1", "-w", "|%{http_code}|%{http_version}",
                     "https://a.test:" + port + "/held"});
  });
  ASSERT_TRUE(there.wait_for_requests(1));
  whole.under_test.process().signal(SIGUSR1);
  ASSERT_FALSE(whole.under_test.wait_for_log("gorouter-draining").is_null());
  held.open();
  EXPECT_EQ(asked.get().output, "hello|200|2");
  EXPECT_EQ(whole.under_test.process().wait_for_exit(), 0);
}

} // namespace
} // namespace shunt::test
