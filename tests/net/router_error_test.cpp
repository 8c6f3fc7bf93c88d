// The router's own responses: every row of gorouter's table, and how a row becomes bytes.
#include "net/router_error.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

/// A row of the table. `body` is what goes out, to the letter.
struct row {
  router_error error;
  int status;
  const char* name;
  const char* body;
  const char* cache_control;
  std::chrono::seconds retry_after = 0s;
};

TEST(RouterError, SaysWhatTheTableSays) {
  using enum router_error;
  constexpr auto no_store = "no-cache, no-store";
  constexpr auto two_seconds = "public,max-age=2";
  const row rows[] = {
    {empty_host, 400, "empty_host", "400 Bad Request: Request had empty Host header\n",
     two_seconds},
    {invalid_app_instance, 400, "invalid_cf_app_instance_header",
     "400 Bad Request: Invalid X-CF-App-Instance Header\n", no_store},
    {invalid_process_instance, 400, "invalid_cf_process_instance_header",
     "400 Bad Request: Invalid X-CF-Process-Instance Header\n", no_store},
    {policy_denied, 403, "route_policy_denied",
     "403 Forbidden: Requested route ('App.example:80') is not open to this client.\n", no_store},
    {header_too_large, 431, "max-request-size-exceeded", "", ""},
    {unknown_route, 404, "unknown_route",
     "404 Not Found: Requested route ('App.example:80') does not exist.\n", no_store},
    {no_endpoints, 503, "no_endpoints",
     "503 Service Unavailable: Requested route ('App.example:80') has no available endpoints.\n",
     two_seconds},
    {connection_limit, 503, "Connection Limit Reached",
     "503 Service Unavailable: Requested route ('App.example:80') has reached the connection "
     "limit.\n",
     ""},
    {bad_upgrade, 502, "", "", ""},
    {unknown_failure, 502, "unknown_failure", "", ""},
    {endpoint_failure, 502, "endpoint_failure ()",
     "502 Bad Gateway: Registered endpoint failed to handle the request.\n", ""},
    {route_service_unsupported, 502, "route_service_unsupported",
     "502 Bad Gateway: Support for route services is disabled.\n", ""},
    // What gorouter does not know.
    {route_service_timeout, 504, "route_service_timeout",
     "504 Gateway Timeout: Route service did not answer in time.\n", ""},
    {route_service_loop, 508, "route_service_loop",
     "508 Loop Detected: Too many requests with one Route Service Signature are under way at once.\n", ""},
    {not_in_sync, 503, "not_in_sync",
     "503 Service Unavailable: Requested route ('App.example:80') is not known yet.\n", no_store,
     5s},
    {overloaded, 503, "overloaded",
     "503 Service Unavailable: The router has reached its own limits.\n", no_store, 1s},
  };
  for (const auto& each : rows) {
    const auto made = describe(each.error, "App.example:80");
    EXPECT_EQ(made.status, each.status) << each.name;
    EXPECT_EQ(made.router_error, each.name);
    EXPECT_EQ(body_of(made), each.body);
    EXPECT_EQ(made.cache_control, each.cache_control) << each.name;
    EXPECT_EQ(made.retry_after, each.retry_after) << each.name;
    EXPECT_EQ(made.form == error_body::empty, *each.body == '\0') << each.name;
  }
}

/// By gorouter's table; what it does not know is not rejected.
TEST(RouterError, SaysWhichRequestsAreRejected) {
  using enum router_error;
  const std::set rejected{empty_host, invalid_app_instance, invalid_process_instance, unknown_instance,
                          unknown_route};
  for (auto i = 0; i <= static_cast<int>(unknown_failure); ++i) {
    const auto each = static_cast<router_error>(i);
    EXPECT_EQ(describe(each, "app.example").rejected, rejected.contains(each)) << i;
  }
}

TEST(RouterError, LeavesTheMessageOfAnUnknownInstanceToWhoKnowsTheInstance) {
  auto made = describe(router_error::unknown_instance, "app.example");
  EXPECT_EQ(made.status, 400);
  EXPECT_EQ(made.router_error, "unknown_route");
  EXPECT_EQ(made.cache_control, "no-cache, no-store");
  made.message =
    "Requested instance ('1') with guid ('g') does not exist for route ('app.example')";
  EXPECT_EQ(body_of(made),
            "400 Bad Request: Requested instance ('1') with guid ('g') does not exist "
            "for route ('app.example')\n");
}

TEST(RouterError, NamesTheFailureOfABackendByItsStatus) {
  const std::pair<int, const char*> rows[] = {
    {502, "502 Bad Gateway: Registered endpoint failed to handle the request.\n"},
    {503, "503 Service Unavailable\n"},
    {525, "525 SSL Handshake Failed\n"},
    {526, "526 Invalid SSL Certificate\n"},
    {496, "496 SSL Certificate Required\n"},
    {499, "499 Request Cancelled\n"}};
  for (const auto& [status, body] : rows) {
    const auto made = endpoint_failure(status, "dial tcp 10.0.0.1:80: i/o timeout");
    EXPECT_EQ(made.status, status);
    EXPECT_EQ(made.router_error, "endpoint_failure (dial tcp 10.0.0.1:80: i/o timeout)");
    EXPECT_EQ(body_of(made), body);
    EXPECT_EQ(made.cache_control, "");
    EXPECT_EQ(made.retry_after, 0s);
  }
}

TEST(RouterError, NamesReasonsAsTheStandardDoes) {
  const std::pair<int, const char*> rows[] = {{200, "OK"},
                                              {400, "Bad Request"},
                                              {401, "Unauthorized"},
                                              {403, "Forbidden"},
                                              {404, "Not Found"},
                                              {405, "Method Not Allowed"},
                                              {408, "Request Timeout"},
                                              {410, "Gone"},
                                              {413, "Request Entity Too Large"}, // Go's spelling.
                                              {417, "Expectation Failed"},
                                              {418, "I'm a teapot"},
                                              {421, "Misdirected Request"},
                                              {425, "Too Early"},
                                              {429, "Too Many Requests"},
                                              {431, "Request Header Fields Too Large"},
                                              {451, "Unavailable For Legal Reasons"},
                                              {500, "Internal Server Error"},
                                              {501, "Not Implemented"},
                                              {502, "Bad Gateway"},
                                              {503, "Service Unavailable"},
                                              {504, "Gateway Timeout"},
                                              {505, "HTTP Version Not Supported"},
                                              {511, "Network Authentication Required"},
                                              {496, "status code 496"}, // These have none.
                                              {499, "status code 499"},
                                              {525, "status code 525"},
                                              {526, "status code 526"},
                                              {599, "status code 599"}};
  for (const auto& [status, reason] : rows)
    EXPECT_EQ(reason_of(status), reason);
}

class ErrorResponse : public ::testing::Test {
protected:
  std::string response(const error_response& error) const {
    std::string out = "before";
    append_response(out, error, facts);
    EXPECT_EQ(out.substr(0, 6), "before");
    return out.substr(6);
  }
  error_facts facts{.request_id = "id-1",
                    .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                    .http_1_0 = false,
                    .keep_alive = true,
                    .head_request = false};
};

TEST_F(ErrorResponse, OfAPlainRowIsThis) {
  EXPECT_EQ(response(describe(router_error::unknown_route, "a")),
            "HTTP/1.1 404 Not Found\r\n"
            "Cache-Control: no-cache, no-store\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "X-Cf-RouterError: unknown_route\r\n"
            "X-Vcap-Request-Id: id-1\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Length: 53\r\n"
            "\r\n"
            "404 Not Found: Requested route ('a') does not exist.\n");
}

TEST_F(ErrorResponse, OfATextRowIsThis) {
  EXPECT_EQ(response(endpoint_failure(525, "EOF")), "HTTP/1.1 525 status code 525\r\n"
                                                    "Content-Type: text/plain; charset=utf-8\r\n"
                                                    "X-Content-Type-Options: nosniff\r\n"
                                                    "X-Cf-RouterError: endpoint_failure (EOF)\r\n"
                                                    "X-Vcap-Request-Id: id-1\r\n"
                                                    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                                    "Content-Length: 25\r\n"
                                                    "\r\n"
                                                    "525 SSL Handshake Failed\n");
}

TEST_F(ErrorResponse, OfAnEmptyRowHasNoTypeAndNoBody) {
  EXPECT_EQ(response(describe(router_error::header_too_large, "a")),
            "HTTP/1.1 431 Request Header Fields Too Large\r\n"
            "X-Cf-RouterError: max-request-size-exceeded\r\n"
            "X-Vcap-Request-Id: id-1\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Length: 0\r\n"
            "\r\n");
}

TEST_F(ErrorResponse, OfABadUpgradeNamesNoError) {
  EXPECT_EQ(response(describe(router_error::bad_upgrade, "a")).find("X-Cf-RouterError"),
            std::string::npos);
}

TEST_F(ErrorResponse, SaysWhenToComeBack) {
  const auto out = response(describe(router_error::not_in_sync, "a"));
  EXPECT_NE(out.find("\r\nRetry-After: 5\r\n"), out.npos);
}

TEST_F(ErrorResponse, BringsTheOperatorsOwnBodyAsItIs) {
  auto error = describe(router_error::no_endpoints, "a");
  error.status = 410;
  error.form = error_body::custom;
  error.message = "<h1>Gone fishing</h1>";
  error.content_type = "text/html";
  const auto out = response(error);
  EXPECT_EQ(out.find("HTTP/1.1 410 Gone\r\n"), 0u);
  EXPECT_NE(out.find("\r\nContent-Type: text/html\r\n"), out.npos);
  EXPECT_NE(out.find("\r\nContent-Length: 21\r\n"), out.npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n<h1>Gone fishing</h1>"));
}

TEST_F(ErrorResponse, ToAHeadRequestAnnouncesTheBodyAndKeepsIt) {
  facts.head_request = true;
  const auto out = response(describe(router_error::unknown_route, "a"));
  EXPECT_NE(out.find("\r\nContent-Length: 53\r\n"), out.npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST_F(ErrorResponse, SaysWhetherTheConnectionStaysOpen) {
  const struct {
    bool http_1_0, keep_alive;
    const char* begins;
    const char* says;
  } rows[] = {{false, true, "HTTP/1.1 404", ""},
              {false, false, "HTTP/1.1 404", "\r\nConnection: close\r\n"},
              {true, true, "HTTP/1.0 404", "\r\nConnection: keep-alive\r\n"},
              {true, false, "HTTP/1.0 404", "\r\nConnection: close\r\n"}};
  for (const auto& row : rows) {
    facts.http_1_0 = row.http_1_0;
    facts.keep_alive = row.keep_alive;
    const auto out = response(describe(router_error::unknown_route, "a"));
    EXPECT_EQ(out.find(row.begins), 0u);
    EXPECT_NE(out.find(row.says), out.npos);
    EXPECT_EQ(out.find("Connection:") != out.npos, *row.says != '\0');
  }
}

TEST_F(ErrorResponse, LeavesOutWhatIsNotKnown) {
  facts.request_id = facts.date = {};
  const auto out = response(describe(router_error::overloaded, {}));
  EXPECT_EQ(out.find("X-Vcap-Request-Id"), out.npos);
  EXPECT_EQ(out.find("Date"), out.npos);
}

} // namespace
} // namespace shunt::net
