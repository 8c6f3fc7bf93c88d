// The access log, line by line: other programs parse it, so every byte counts.
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace shunt::test {
namespace {

const std::string time_pattern = R"(\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\])";
const std::string uuid_pattern = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const std::string seconds_pattern = R"(\d+\.\d{6})";

/// A line as it must be, after its host.
struct expected_line {
  std::string request = R"("GET / HTTP/1\.1")";
  std::string status = "200";
  std::string received = "0";
  std::string sent = "5";
  std::string referer = R"("-")";
  std::string agent = R"("-")";
  std::string backend = R"("-")";
  std::string forwarded_for = R"("127\.0\.0\.1")";
  std::string forwarded_proto = R"("http")";
  std::string gorouter_time = seconds_pattern;
  std::string app = R"("-")";
  std::string app_index = R"("-")";
  std::string instance = R"("-")";
  std::string extra = "";
  std::string error = R"("-")";
  std::string extra_headers = "";

  std::regex pattern(const std::string& host, const client& from) const {
    return std::regex{
      std::regex_replace(host, std::regex{"\\."}, "\\.") + " - " + time_pattern + " " + request
      + " " + status + " " + received + " " + sent + " " + referer + " " + agent
      + R"( "127\.0\.0\.1:)" + std::to_string(from.local_port()) + "\" " + backend
      + " x_forwarded_for:" + forwarded_for + " x_forwarded_proto:" + forwarded_proto
      + " vcap_request_id:\"" + uuid_pattern + "\" response_time:" + seconds_pattern
      + " gorouter_time:" + gorouter_time + " app_id:" + app + " app_index:" + app_index
      + " instance_id:" + instance + " " + extra + "x_cf_routererror:" + error + extra_headers};
  }
};

class AccessLog : public SharedStage<AccessLog> {
protected:
  client one{port()};

  void expect(const std::string& host, const expected_line& line) {
    const auto found = here().under_test.wait_for_access(host + " - [");
    EXPECT_TRUE(std::regex_match(found, line.pattern(host, one))) << found;
  }
  static std::string quoted(const std::string& text) { return "\"" + text + "\""; }
};

TEST_F(AccessLog, TellsAllAboutAnOrdinaryRequest) {
  const backend there;
  const auto host = here().mapped(
    there, {{"app", "app-guid"}, {"private_instance_index", "3"}, {"private_instance_id", "ins"}});
  one.send("POST /v1/x?y=1 HTTP/1.1\r\nHost: " + host
           + "\r\nContent-Length: 4\r\nReferer: http://r/\r\nUser-Agent: a \"b\"\\\r\n"
             "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\nbody");
  ASSERT_EQ(one.response("POST").status, 200);
  expect(host, {.request = R"("POST /v1/x\?y=1 HTTP/1\.1")",
                .received = "4",
                .referer = R"("http://r/")",
                .agent = R"("a \\"b\\"\\\\")",
                .backend = quoted(there.address()),
                .forwarded_for = R"("1\.2\.3\.4, 127\.0\.0\.1")",
                .forwarded_proto = R"("https")",
                .app = R"("app-guid")",
                .app_index = R"("3")",
                .instance = R"("ins")"});
}

TEST_F(AccessLog, LeavesOutQuestionsToTheServerAsAWhole) {
  const auto host = fresh_host();
  EXPECT_EQ(one.send("OPTIONS * HTTP/1.1\r\nHost: " + host + "\r\n\r\n").response("OPTIONS").status, 200);
  const auto of_checker = "OPTIONS * HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: HTTP-Monitor/1.1\r\n\r\n";
  EXPECT_EQ(one.send(of_checker).response("OPTIONS").body, "") << "no health check, which says ok";
  EXPECT_EQ(one.send(get_request(host)).response().status, 404);
  here().under_test.wait_for_access(host + " - [");
  for (const auto& line : here().under_test.access_log())
    EXPECT_EQ(line.find("OPTIONS *"), line.npos) << line;
}

TEST_F(AccessLog, CarriesTheIdThatTheResponseHad) {
  const auto answer = one.send(get_request("id.test")).response();
  const auto line = here().under_test.wait_for_access("id.test - [");
  EXPECT_NE(line.find("vcap_request_id:\"" + answer.one("X-Vcap-Request-Id") + "\""), line.npos)
    << line;
}

TEST_F(AccessLog, CountsBodiesAndNotTheirFraming) {
  const backend there{[](backend_session& session) {
    session.read_body();
    session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0"
                 "\r\n\r\n");
  }};
  const auto host = here().mapped(there);
  one.send("POST / HTTP/1.1\r\nHost: " + host
           + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
  ASSERT_EQ(one.response("POST").status, 200);
  expect(host, {.request = R"("POST / HTTP/1\.1")",
                .received = "2",
                .sent = "7",
                .backend = quoted(there.address())});
}

TEST_F(AccessLog, TellsAboutAnUnknownRoute) {
  const auto answer = one.send(get_request("nowhere.test", "/p")).response();
  ASSERT_EQ(answer.status, 404);
  expect("nowhere.test", {.request = R"("GET /p HTTP/1\.1")",
                          .status = "404",
                          .sent = std::to_string(answer.body.size()),
                          .forwarded_for = R"("-")",
                          .forwarded_proto = R"("-")",
                          .gorouter_time = "0\\.000000",
                          .error = R"("unknown_route")"});
}

TEST_F(AccessLog, TellsAboutAFailingBackend) {
  const refusing_port dead;
  const auto host = fresh_host();
  here().map(host, dead.port(), {{"app", "app-guid"}});
  ASSERT_EQ(one.send(get_request(host)).response().status, 502);
  expect(host, {.status = "502",
                .sent = "67",
                .backend = quoted(dead.address()),
                .app = R"("app-guid")",
                .error = "\"endpoint_failure \\(dial tcp " + dead.address()
                         + ": connect: connection refused\\)\""});
}

TEST_F(AccessLog, HasALineForAResponseThatWasCutShort) {
  const backend there{
    answers::bytes_then_close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")};
  const auto host = here().mapped(there);
  one.send(get_request(host));
  EXPECT_THROW(one.response(), socket_error);
  expect(host, {.backend = quoted(there.address()), .error = R"("[^-"].*")"});
}

TEST_F(AccessLog, HasALineForAClientThatWentAway) {
  const backend there{answers::silent()};
  const auto host = here().mapped(there);
  const auto line = [&] {
    client impatient{port()};
    impatient.send(get_request(host));
    EXPECT_TRUE(there.wait_for_requests(1));
    impatient.socket().reset();
    return here().under_test.wait_for_access(host + " - [");
  }();
  EXPECT_NE(line.find("\"GET / HTTP/1.1\" 499 0 "), line.npos) << line;
  EXPECT_NE(line.find("x_cf_routererror:\"endpoint_failure (context canceled)\""), line.npos)
    << line;
}

TEST_F(AccessLog, HasNoLineForWhatIsNoRequest) {
  client bad{port()};
  bad.send("GET / HTTP/1.1\r\nHost: bad.test\r\nBad Name: x\r\n\r\n");
  EXPECT_EQ(bad.response().status, 400);
  one.send(get_request("marker.test"));
  EXPECT_EQ(one.response().status, 404);
  here().under_test.wait_for_access("marker.test - [");
  for (const auto& line : here().under_test.access_log())
    EXPECT_EQ(line.find("bad.test"), line.npos) << line;
}

TEST_F(AccessLog, CannotBeForgedByAClient) {
  one.send(get_request("forge.test", "/a%0ab", "User-Agent: x\xc3\xa4\xff\ty\r\n"));
  ASSERT_EQ(one.response().status, 404);
  const auto line = here().under_test.wait_for_access("forge.test - [");
  EXPECT_NE(line.find("\"GET /a%0ab HTTP/1.1\""), line.npos) << line;
  EXPECT_NE(line.find("\"x\xc3\xa4\\xff\\ty\""), line.npos) << line;
}

class AccessLogExtras : public SharedStage<AccessLogExtras> {
public:
  static nlohmann::json configuration() {
    return {{"extra_headers_to_log", {"X-First", "Accept", "x-first"}},
            {"logging",
             {{"extra_access_log_fields",
               {"failed_attempts", "backend_time", "dial_time", "dns_time", "tls_time",
                "failed_attempts_time", "local_address", "nonsense"}},
              {"redact_query_params", "hash"}}}};
  }
};

TEST_F(AccessLogExtras, StandWhereTheyShould) {
  const refusing_port dead;
  const backend there;
  const auto host = here().mapped(there);
  here().map(host, dead.port());
  client one{port()};
  for (int i = 0; i < 2; ++i) // One of the two first attempts goes to the dead one.
    EXPECT_EQ(one.send(get_request(host, "/p?secret=1", "x-first: 1\r\n")).response().status, 200);
  const auto line = here().under_test.wait_for_access("failed_attempts:1 ");
  const expected_line expected{
    .request = R"("GET /p\?hash=0388aba9c3f4267342942bb88acbf6e4ad9307f2 HTTP/1\.1")",
    .backend = "\"" + there.address() + "\"",
    .extra = "failed_attempts:1 backend_time:" + seconds_pattern + " dial_time:(" + seconds_pattern
             + R"(|"-") dns_time:("-"|)" + seconds_pattern
             + R"() tls_time:"-" failed_attempts_time:)" + seconds_pattern
             + R"( local_address:"127\.0\.0\.1:\d+" )",
    .extra_headers = R"( x_first:"1" accept:"-")"};
  EXPECT_TRUE(std::regex_match(line, expected.pattern(host, one))) << line;
}

class AccessLogDiscretion : public SharedStage<AccessLogDiscretion> {
public:
  static nlohmann::json configuration() {
    return {{"logging",
             {{"disable_log_forwarded_for", true},
              {"disable_log_source_ip", true},
              {"redact_query_params", "all"}}}};
  }
};

TEST_F(AccessLogDiscretion, HidesWhatTheOperatorWantsHidden) {
  EXPECT_EQ(here().get("quiet.test", "/p?secret=1", "X-Forwarded-For: 1.2.3.4\r\n").status, 404);
  const auto line = here().under_test.wait_for_access("quiet.test - [");
  EXPECT_NE(line.find(R"("GET /p HTTP/1.1" 404 0 )"), line.npos) << line;
  EXPECT_NE(line.find(R"( "-" "-" "-" "-" x_forwarded_for:"-" )"), line.npos) << line;
  EXPECT_EQ(line.find("127.0.0.1"), line.npos) << line;
  EXPECT_EQ(line.find("1.2.3.4"), line.npos) << line;
}

} // namespace
} // namespace shunt::test
