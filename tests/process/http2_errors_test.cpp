// Requests over HTTP/2 that the router refuses before anybody else hears of them: the client is
// told, and the operator can see, what the same request gets over HTTP/1.1.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/http2_peer.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/temporary_directory.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>
#include <fstream>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t bytes_max = 2'000;
constexpr std::size_t fields_max = 8;

class Http2Errors : public SharedStage<Http2Errors> {
public:
  static nlohmann::json configuration() {
    return apps_front({{"max_request_header_bytes", bytes_max},
                       {"max_request_headers", fields_max},
                       {"prometheus", {{"enabled", true}}}});
  }

protected:
  /// What curl is answered, head included. `more` are its further arguments.
  tool_result curl(const std::string& version, const std::string& host,
                   std::vector<std::string> more) const {
    const auto to = std::to_string(here().under_test.tls_port());
    std::vector<std::string> argv{
      "curl", "-sSki", version, "--max-time", "20", "--resolve", host + ":" + to + ":127.0.0.1"};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back("https://" + host + ":" + to + "/");
    return run_tool(argv);
  }
  http2_peer peer() const { return http2_peer::client_of(port()); }

  backend there;
  const std::vector<std::string> versions{"--http1.1", "--http2"};
};

/// gorouter's sum, of a request for `/` with one field `x` of that many bytes, and no other.
std::size_t sum_of(const std::string& method, const std::string& host, std::size_t padding) {
  return method.size() + 1 + 8 + 4 + host.size() + 8 + 1 + padding + 4;
}
/// Of curl's own fields: `User-Agent: curl` and `Accept: */*`.
constexpr std::size_t curls_fields = 10 + 4 + 4 + 6 + 3 + 4;

TEST_F(Http2Errors, HeadsAreMeasuredAsInHttp1) {
  const auto host = apps_name("measured");
  here().map(host, there);
  const auto authority = host + ":" + std::to_string(here().under_test.tls_port());
  const auto padding = bytes_max - sum_of("GET", authority, 0) - curls_fields;
  for (const auto& version : versions)
    for (const bool fits : {true, false}) {
      const std::string value(padding - (fits ? 1 : 0), 'v');
      const auto result = curl(version, host, {"-A", "curl", "-H", "x: " + value});
      EXPECT_THAT(result.output, HasSubstr(fits ? " 200" : " 431")) << version;
    }
}

/// The coding of a body of unknown length is no field in HTTP/2, and none to gorouter in HTTP/1.1.
TEST_F(Http2Errors, TheCodingOfABodyIsNoPartOfAHead) {
  const auto host = here().mapped(there);
  for (const bool fits : {true, false}) {
    const std::string value(bytes_max - sum_of("POST", host, 0) - (fits ? 1 : 0), 'v');
    const auto old = here().ask("POST / HTTP/1.1\r\nHost: " + host + "\r\nx: " + value
                                  + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                                "POST");
    EXPECT_EQ(old.status, fits ? 200 : 431);
    auto young = peer();
    young.send(frame::headers(1, http2_request("POST", host, "/", {{"x", value}}), false)
               + frame::data(1, "hello", true));
    EXPECT_THAT(young.finished(1).heads.at(0),
                StartsWith(fits ? ":status: 200\n" : ":status: 431\n"));
  }
}

TEST_F(Http2Errors, AHeadBeyondTheOperatorsLimitIsToldAndLoggedAsInHttp1) {
  const auto host = apps_name("large");
  here().map(host, there, {{"app", "the-app"}});
  for (const auto& version : versions) {
    const auto many = curl(version, host,
                           {"-H", "a: 1", "-H", "b: 1", "-H", "c: 1", "-H", "d: 1", "-H", "e: 1",
                            "-H", "f: 1", "-H", "g: 1"});
    const auto large = curl(version, host, {"-H", "x: " + std::string(bytes_max, 'v')});
    for (const auto& each : {many, large}) {
      auto head = each.output;
      std::transform(head.begin(), head.end(), head.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      EXPECT_THAT(head, HasSubstr(" 431")) << version;
      EXPECT_THAT(head, HasSubstr("x-cf-routererror: max-request-size-exceeded\r\n"));
      EXPECT_THAT(head, HasSubstr("content-length: 0\r\n"));
      const auto at = head.find("x-vcap-request-id: ");
      ASSERT_NE(at, head.npos) << head;
      const auto line = here().under_test.wait_for_access(head.substr(at + 19, 36));
      EXPECT_THAT(line, HasSubstr(version == "--http2" ? "\"GET / HTTP/2.0\" 431 0 0"
                                                       : "\"GET / HTTP/1.1\" 431 0 0"));
      EXPECT_THAT(line, HasSubstr("x_cf_routererror:\"max-request-size-exceeded\""));
      EXPECT_THAT(line, HasSubstr("app_id:\"the-app\"")) << "an endpoint was picked";
    }
  }
  EXPECT_EQ(there.request_count(), 0u);
}

/// The answer comes while the client sends its body. It must see that all the same.
TEST_F(Http2Errors, ReachAClientThatIsStillSending) {
  const temporary_directory files;
  const auto body = files.path_of("body");
  for (const std::size_t size : {1'000, 100'000, 200'000}) {
    std::ofstream{body, std::ios::binary} << std::string(size, 'b');
    for (const auto& version : versions)
      for (int i = 0; i < 5; ++i) {
        const auto known =
          curl(version, apps_name("nobody"), {"-H", "Expect:", "--data-binary", "@" + body});
        EXPECT_THAT(known.output, HasSubstr("unknown_route")) << version << " " << size;
        const auto piped =
          curl(version, apps_name("nobody"), {"-H", "Expect:", "-X", "POST", "-T", body});
        EXPECT_THAT(piped.output, HasSubstr("unknown_route")) << version << " " << size;
      }
  }
}

TEST_F(Http2Errors, AnUnknownRouteIsOneWhateverTheSizeOfTheHead) {
  for (const auto& version : versions)
    EXPECT_THAT(
      curl(version, apps_name("nobody"), {"-H", "x: " + std::string(bytes_max, 'v')}).output,
      HasSubstr(" 404"));
}

/// What no operator may allow, and what is not served at all: refused in the words of HTTP/1.1,
/// counted and logged like there; those have no line in the access log.
class Http2Refusals : public Http2Errors {
protected:
  static double refused_so_far() { return value(scrape(here()), "shunt_malformed_requests_total"); }
  void expect_refused(http2_peer& from, std::uint32_t id, int status, const std::string& body,
                      const std::string& why) {
    SCOPED_TRACE(why);
    const auto& answer = from.finished(id);
    ASSERT_FALSE(answer.heads.empty());
    EXPECT_THAT(answer.heads.back(), StartsWith(":status: " + std::to_string(status) + "\n"));
    EXPECT_EQ(field_of(answer.heads.back(), "content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(field_of(answer.heads.back(), "connection"), "");
    EXPECT_EQ(answer.data, body);
    const auto request_id = field_of(answer.heads.back(), "x-vcap-request-id");
    ASSERT_EQ(request_id.size(), 36u);
    EXPECT_TRUE(eventually([&] {
      for (const auto& line : here().under_test.log())
        if (line["message"] == "request-refused" && line["data"]["vcap_request_id"] == request_id)
          return line["data"]["error"] == why;
      return false;
    }));
  }
};

TEST_F(Http2Refusals, GoWithAnIdALineInTheLogAndACount) {
  const auto host = apps_name("refused");
  here().map(host, there);
  const auto before = refused_so_far();
  auto from = peer();
  auto fields = http2_request("GET", host);
  for (int i = 0; i < 18; ++i)
    fields.emplace_back("x" + std::to_string(i), std::string(60'000, 'v'));
  from.send(large_headers(1, fields));
  expect_refused(from, 1, 431, "431 Request Header Fields Too Large", "head too large");
  fields = http2_request("GET", host);
  for (int i = 0; i < 2'001; ++i)
    fields.emplace_back("x", "v");
  from.send(large_headers(3, fields));
  expect_refused(from, 3, 431, "431 Request Header Fields Too Large", "too many fields");
  from.send(frame::headers(5, {{":method", "CONNECT"}, {":authority", host}}, false));
  expect_refused(from, 5, 400, "400 Bad Request", "CONNECT is not supported");
  fields = http2_request("CONNECT", host);
  fields.insert(fields.begin(), {":protocol", "connect-udp"});
  from.send(frame::headers(7, fields, false));
  expect_refused(from, 7, 501, "Unsupported protocol", "unsupported protocol of a CONNECT");
  EXPECT_TRUE(eventually([&] { return refused_so_far() == before + 4; }));
  EXPECT_TRUE(from.answers_a_ping()) << "the connection goes on";
  from.send(frame::headers(9, http2_request("GET", host)));
  EXPECT_EQ(from.finished(9).data, "hello");
  EXPECT_EQ(there.request_count(), 1u);
}

} // namespace
} // namespace shunt::test
