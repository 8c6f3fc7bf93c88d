// The lines of the component log that operators and their alarms look for, one request each.
#include "tests/process/harness/stage.hpp"
#include "tests/process/route_service_kit.hpp"

#include <gmock/gmock.h>

#include <algorithm>

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
  auto trace = id;
  trace.erase(std::remove(trace.begin(), trace.end(), '-'), trace.end());
  EXPECT_EQ(data.at("trace-id"), trace) << "nobody traces it";
  EXPECT_EQ(data.at("span-id"), trace.substr(16));
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

TEST_F(ComponentLog, NamesInstanceHeadersThatCannotBeUnderstood) {
  const auto host = here().mapped(backend{});
  const auto app = here().get(host, "/", "X-CF-App-Instance: nobody:0\r\n");
  EXPECT_EQ(app.status, 400);
  EXPECT_EQ(data_of("invalid-app-instance-header", "vcap_request_id", id_of(app)).at("error"),
            "Incorrect X-CF-App-Instance header : nobody:0");
  const auto process = here().get(host, "/", "X-CF-Process-Instance: :7\r\n");
  EXPECT_EQ(process.status, 400);
  EXPECT_EQ(data_of("invalid-process-instance-header", "vcap_request_id", id_of(process)).at("error"),
            "Incorrect X-CF-Process-Instance header : :7");
}

TEST_F(ComponentLog, NamesARouteServiceThatNobodyMayAsk) {
  const backend app;
  const auto host = here().mapped(app, {{"route_service_url", "https://127.0.0.1:1/"}});
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_unsupported");
  data_of("route-service-unsupported", "vcap_request_id", id_of(answer));
  const auto back = here().get(host, "/", "X-CF-Proxy-Signature: x\r\n");
  EXPECT_EQ(back.one("X-Cf-RouterError"), "route_service_unsupported");
  data_of("route-service-unsupported", "vcap_request_id", id_of(back));
  EXPECT_EQ(app.request_count(), 0u);
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

class RouteServiceLog : public SharedStage<RouteServiceLog> {
public:
  static nlohmann::json configuration() {
    return service_settings({{"route_services_secret_decrypt_only", "an older one"}, {"max_response_headers", 5}});
  }

protected:
  static std::string error_of(const std::string& message, const http_response& answer) {
    std::string error;
    EXPECT_TRUE(eventually([&] {
      for (const auto& entry : here().under_test.log())
        if (entry.value("message", "") == message
            && entry["data"]["vcap_request_id"] == answer.one("X-Vcap-Request-Id")) {
          EXPECT_EQ(entry.at("log_level"), 3) << message;
          error = entry["data"]["error"];
          return true;
        }
      return false;
    })) << message << "\n" << here().under_test.log_tail();
    return error;
  }
};

TEST_F(RouteServiceLog, NamesWhichSecretDidNotOpenASignature) {
  const backend app;
  const auto host = here().mapped(app, bound_to(1));
  const auto answer = here().get(host, "/", "X-CF-Proxy-Signature: eHg=\r\nX-CF-Proxy-Metadata: e30=\r\n");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(error_of("proxy-route-service-current-key", answer), "incorrect nonce length");
  EXPECT_EQ(error_of("proxy-route-service-previous-key", answer), "incorrect nonce length");
  EXPECT_EQ(error_of("signature-validation-failed", answer), "incorrect nonce length");
}

TEST_F(RouteServiceLog, NamesAServiceWithTooManyHeaders) {
  const backend app;
  backend logic{answers::ok("x", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n")};
  const tls_backend service{logic, {.own = &services_certificate()}};
  const auto answer = here().get(here().mapped(app, bound_to(service.port())));
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(error_of("route-service-too-many-response-headers", answer), "Too many response headers");
}

} // namespace
} // namespace shunt::test
