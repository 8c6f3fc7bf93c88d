// The operator's page (`html_error_template_file`) for the errors that the router makes: whoever
// makes them, and whatever the client speaks.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/http2_peer.hpp"
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

/// A page that shows all that a template is told.
const std::string& page_file() {
  static const temporary_directory files;
  static const auto path = [] {
    auto made = files.path_of("error.html");
    std::ofstream{made}
      << "<p>{{ .Status }}|{{ .StatusText }}|{{ .Message }}|"
         "{{ .Header.Get \"X-Cf-RouterError\" }}|{{ .Header.Get \"X-Vcap-Request-Id\" }}</p>";
    return made;
  }();
  return path;
}

struct certificates {
  tls_kit::minted ca = tls_kit::mint_ca("domain-ca");
  tls_kit::minted front =
    tls_kit::mint({.common_name = "front", .dns = {"*.apps.test", "*.closed.test"}});
};
const certificates& owned() {
  static const certificates all;
  return all;
}

/// One way to ask: what curl is told besides, and where it asks.
struct way {
  std::string version;
  bool tls;
};
const way ways[] = {
  {"--http1.1", false}, {"--http1.1", true}, {"--http2-prior-knowledge", false}, {"--http2", true}};

struct told {
  std::string head; ///< In lower case.
  std::string body;
};

class ErrorPages : public SharedStage<ErrorPages> {
public:
  static nlohmann::json configuration() {
    return tls_front({&owned().front},
                     {{"html_error_template_file", page_file()},
                      {"enable_http2", true},
                      {"enable_h2c", true},
                      {"max_request_header_bytes", 2'000},
                      {"domains", {{{"name", "*.closed.test"}, {"ca_certs", owned().ca.pem()}}}}});
  }

protected:
  static told ask(const way& by, const std::string& host, std::vector<std::string> more = {}) {
    const auto to = std::to_string(by.tls ? here().under_test.tls_port() : port());
    const auto at = std::string{"open.apps.test:"} + to;
    std::vector<std::string> argv{"curl",      "-sSki",           by.version, "--max-time",   "20",
                                  "--resolve", at + ":127.0.0.1", "-H",       "Host: " + host};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back((by.tls ? "https://" : "http://") + at + "/");
    const auto result = run_tool(argv);
    const auto end = result.output.find("\r\n\r\n");
    told made{result.output.substr(0, end),
              end == std::string::npos ? "" : result.output.substr(end + 4)};
    std::transform(made.head.begin(), made.head.end(), made.head.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return made;
  }
  /// `said` = status, its text, message and X-Cf-RouterError, as the page shows them.
  static void expect_page(const told& answer, const std::string& said) {
    EXPECT_THAT(answer.head, HasSubstr(" " + said.substr(0, 3)));
    EXPECT_THAT(answer.head, HasSubstr("content-type: text/html; charset=utf-8"));
    EXPECT_THAT(answer.body, StartsWith("<p>" + said + "|"));
    const auto at = answer.head.find("x-vcap-request-id: ");
    ASSERT_NE(at, answer.head.npos) << answer.head;
    EXPECT_EQ(answer.body, "<p>" + said + "|" + answer.head.substr(at + 19, 36) + "</p>");
  }
};

TEST_F(ErrorPages, TellWhatIsWrongInEveryProtocol) {
  backend there;
  const refusing_port dead;
  here().map("dead.apps.test", dead.port());
  here().map("empty.apps.test", there);
  here().unmap("empty.apps.test", there);
  here().map("large.apps.test", there);
  here().map("private.apps.test", there,
             {{"options", {{"route_policy_scope", "any"}, {"route_policy_sources", "cf:any"}}}});
  for (const auto& by : ways) {
    SCOPED_TRACE(by.version + (by.tls ? " with TLS" : " without TLS"));
    expect_page(
      ask(by, "nobody.apps.test"),
      "404|Not Found|Requested route (&#39;nobody.apps.test&#39;) does not exist.|unknown_route");
    expect_page(ask(by, "dead.apps.test"), "502|Bad Gateway|Registered endpoint failed to handle "
                                           "the request.|endpoint_failure (dial tcp "
                                             + dead.address() + ": connect: connection refused)");
    expect_page(ask(by, "empty.apps.test"),
                "503|Service Unavailable|Requested route (&#39;empty.apps.test&#39;) "
                "has no available endpoints.|no_endpoints");
    expect_page(ask(by, "large.apps.test", {"-H", "X-CF-App-Instance: nonsense"}),
                "400|Bad Request|Invalid X-CF-App-Instance Header|invalid_cf_app_instance_header");
    expect_page(ask(by, "large.apps.test", {"-H", "x: " + std::string(2'000, 'v')}),
                "431|Request Header Fields Too Large||max-request-size-exceeded");
    expect_page(
      ask(by, "private.apps.test"),
      "403|Forbidden|Requested route (&#39;private.apps.test&#39;) is not open to this client.|"
      "route_policy_denied");
    if (by.tls)
      expect_page(ask(by, "app.closed.test"), "421|Misdirected Request||");
    expect_page(ask(by, "large.apps.test", {"-H", "Expect: 200-ok"}), "417|Expectation Failed||");
  }
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(ErrorPages, HaveNoBodyForHead) {
  for (const auto& by : ways) {
    const auto answer = ask(by, "nobody.apps.test", {"-I"});
    EXPECT_THAT(answer.head, HasSubstr(" 404"));
    EXPECT_THAT(answer.head, HasSubstr("content-type: text/html; charset=utf-8"));
    EXPECT_EQ(answer.body, "");
  }
}

TEST_F(ErrorPages, AreGivenToWhoeverSpeaksHttpToThePortOfHttps) {
  const auto to = std::to_string(here().under_test.tls_port());
  const auto result =
    run_tool({"curl", "-sSi", "--max-time", "20", "http://127.0.0.1:" + to + "/"});
  EXPECT_THAT(result.output, StartsWith("HTTP/1.0 400 Bad Request\r\n"));
  EXPECT_THAT(result.output, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(result.output,
              HasSubstr("<p>400|Bad Request|Client sent an HTTP request to an HTTPS server.||"));
}

TEST_F(ErrorPages, AreGivenToRequestsThatAreNone) {
  const auto answer = here().ask("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(answer.one("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(answer.body, "<p>400|Bad Request|missing required Host header||"
                           + answer.one("X-Vcap-Request-Id") + "</p>");
  const auto coded = here().ask("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(coded.one("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(coded.body, "<p>501|Not Implemented|Unsupported transfer encoding||"
                          + coded.one("X-Vcap-Request-Id") + "</p>");
  auto peer = http2_peer::client_of(port());
  auto large = http2_request("GET", "large.apps.test");
  for (int i = 0; i < 18; ++i)
    large.emplace_back("x", std::string(60'000, 'v'));
  auto tunnel = http2_request("CONNECT", "large.apps.test");
  tunnel.emplace(tunnel.begin(), ":protocol", "connect-udp");
  peer.send(large_headers(1, large) + frame::headers(3, tunnel, false));
  for (const auto& [stream, said] : {std::pair{1, "431|Request Header Fields Too Large||"},
                                     {3, "501|Not Implemented|Unsupported protocol|"}}) {
    const auto& got = peer.finished(static_cast<std::uint32_t>(stream));
    ASSERT_FALSE(got.heads.empty());
    EXPECT_EQ(field_of(got.heads[0], "content-type"), "text/html; charset=utf-8");
    EXPECT_EQ(got.data,
              "<p>" + (said + ("|" + field_of(got.heads[0], "x-vcap-request-id"))) + "</p>");
  }
  // Who asks for the head alone gets it.
  large[0].second = "HEAD";
  peer.send(large_headers(5, large));
  EXPECT_EQ(peer.finished(5).data, "");
  EXPECT_EQ(peer.finished(5).reset, -1);
  EXPECT_THAT(peer.finished(5).heads.at(0), StartsWith(":status: 431\n"));
}

TEST(ErrorPagesUnderLoad, AreGivenToWhoComesTooMuch) {
  stage full{{{"html_error_template_file", page_file()}, {"limits", {{"connections", 1}}}}};
  client first{full.under_test.port()};
  first.send(get_request("nobody.test"));
  EXPECT_EQ(first.response().status, 404); // It is counted by now, and stays.
  client second{full.under_test.port()};
  const auto answer = second.response();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "overloaded");
  EXPECT_EQ(answer.one("Retry-After"), "1");
  EXPECT_EQ(answer.one("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(answer.body,
            "<p>503|Service Unavailable|The router has reached its own limits.|overloaded|"
              + answer.one("X-Vcap-Request-Id") + "</p>");
}

} // namespace
} // namespace shunt::test
