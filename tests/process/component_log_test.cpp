// The lines of the component log that operators and their alarms look for, one request each.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

class ComponentLog : public SharedStage<ComponentLog> {
public:
  static nlohmann::json configuration() {
    return {{"endpoint_timeout", slowed_text(2s)},
            {"endpoint_dial_timeout", slowed_text(1s)},
            {"max_response_headers", 5},
            {"max_request_headers", 20},
            {"backends", {{"max_conns", 1}, {"max_attempts", 2}}}};
  }

protected:
  /// The data of the first such line in which `key` has that value.
  static nlohmann::json data_of(const std::string& message, const std::string& key,
                                const nlohmann::json& value) {
    nlohmann::json found;
    EXPECT_TRUE(eventually([&] {
      for (const auto& entry : here().under_test.log())
        if (entry.value("message", "") == message && entry.contains("data")
            && entry["data"].value(key, nlohmann::json{}) == value) {
          found = entry["data"];
          return true;
        }
      return false;
    }))
      << message << " with " << key << " = " << value << "\n"
      << here().under_test.log_tail();
    return found;
  }
  static std::string id_of(const http_response& answer) { return answer.one("X-Vcap-Request-Id"); }
};

TEST_F(ComponentLog, SaysHowFarAFailedAttemptGot) {
  const backend there{answers::closing()};
  const auto host = fresh_host();
  here().map(host, there,
             {{"app", "guid"}, {"tags", {{"component", "c"}}}, {"availability_zone", "z"}});
  const auto id = id_of(here().get(host));
  const auto data = data_of("backend-endpoint-failed", "vcap_request_id", id);
  const auto endpoint = data.at("route-endpoint");
  EXPECT_EQ(endpoint.at("ApplicationId"), "guid");
  EXPECT_EQ(endpoint.at("Addr"), there.address());
  EXPECT_EQ(endpoint.at("Tags").at("component"), "c");
  EXPECT_EQ(endpoint.at("RouteServiceUrl"), "");
  EXPECT_EQ(endpoint.at("AZ"), "z");
  EXPECT_EQ(data.at("error"), "EOF");
  EXPECT_EQ(data.at("attempt"), 1);
  EXPECT_EQ(data.at("num-endpoints"), 1);
  EXPECT_EQ(data.at("got-connection"), true);
  EXPECT_EQ(data.at("wrote-headers"), true);
  EXPECT_EQ(data.at("conn-reused"), false);
  EXPECT_EQ(data.at("dns-lookup-time"), 0);
  EXPECT_GT(data.at("dial-time"), 0);
  EXPECT_EQ(data.at("tls-handshake-time"), 0);
  EXPECT_THAT(data.at("local-address").get<std::string>(), testing::StartsWith("127.0.0.1:"));
}

TEST_F(ComponentLog, SaysThatAnAttemptGotNoConnection) {
  const refusing_port dead;
  const auto host = fresh_host();
  here().map(host, dead.port());
  const auto data = data_of("backend-endpoint-failed", "vcap_request_id", id_of(here().get(host)));
  EXPECT_EQ(data.at("got-connection"), false);
  EXPECT_EQ(data.at("wrote-headers"), false);
  EXPECT_EQ(data.at("local-address"), "");
}

TEST_F(ComponentLog, NamesABackendThatWasTooSlow) {
  const backend there{answers::silent()};
  const auto data =
    data_of("backend-request-timeout", "vcap_request_id", id_of(here().get(here().mapped(there))));
  EXPECT_EQ(data.at("error"), "context deadline exceeded");
}

TEST_F(ComponentLog, NamesABackendWithTooManyHeaders) {
  const backend there{answers::ok("x", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n")};
  data_of("backend-too-many-response-headers", "vcap_request_id",
          id_of(here().get(here().mapped(there))));
}

TEST_F(ComponentLog, NamesARouteWhoseConnectionsAreUsedUp) {
  const backend there{answers::silent()};
  const auto host = here().mapped(there);
  client first{port()};
  first.send(get_request(host));
  ASSERT_TRUE(there.wait_for_requests(1));
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 503);
  std::string many;
  for (int i = 0; i < 30; ++i)
    many += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(here().get(host, "/", many).status, 503)
    << "how full the route is comes before the size";
  data_of("connection-limit-reached", "vcap_request_id", id_of(answer));
  data_of("status", "body",
          "503 Service Unavailable: Requested route ('" + host
            + "') has reached the connection limit.\n");
}

TEST_F(ComponentLog, ShowsErrorsOfTheRouterButNoUnknownRoute) {
  here().get("unknown-to-the-log.test");
  here().ask("GET / HTTP/1.1\r\nHost:\r\n\r\n");
  data_of("status", "body", "400 Bad Request: Request had empty Host header\n");
  for (const auto& entry : here().under_test.log())
    EXPECT_EQ(entry.dump().find("unknown-to-the-log"), std::string::npos);
}

TEST_F(ComponentLog, WarnsOfSemicolonsAsDoesTheAccessLog) {
  const backend there;
  const auto host = here().mapped(there);
  const auto answer = here().get(host, "/?a=1;b=2");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(there.last_request().target, "/?a=1;b=2");
  EXPECT_FALSE(answer.has("X-Cf-RouterError"));
  data_of("deprecated-semicolon-params", "vcap_request_id",
          there.last_request().one("X-Vcap-Request-Id"));
  EXPECT_THAT(here().under_test.wait_for_access(host),
              testing::HasSubstr("x_cf_routererror:\"deprecated-semicolon-params\""));
}

TEST_F(ComponentLog, TellsWhenNothingIsLeftToSelect) {
  const stuck_port stuck;
  const auto host = fresh_host();
  here().map(host, stuck.port());
  client one{port()};
  one.send(get_request(host));
  ASSERT_TRUE(eventually([&] { return stuck.is_being_dialled(); }));
  here().unmap(host, stuck.port()); // While the first attempt waits for its connection.
  EXPECT_EQ(one.response().status, 502);
  const auto data = data_of("select-endpoint-failed", "host", host);
  EXPECT_EQ(data.at("error"), "dial tcp " + stuck.address() + ": i/o timeout");
}

} // namespace
} // namespace shunt::test
