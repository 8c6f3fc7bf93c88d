// What Prometheus and old collectors are told, by a router that serves real requests meanwhile.
#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* credentials = "Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n";

using values = metric_values;

std::string labelled(const std::string& name, const std::string& label, const std::string& text) {
  return name + "{" + label + "=\"" + text + "\"}";
}

json tags(const std::string& component, const std::string& source) {
  return {{"tags", {{"component", component}, {"source_id", source}}}, {"app", source}};
}

class Metrics : public SharedStage<Metrics> {
public:
  static json configuration() {
    return {{"prometheus", {{"enabled", true}}},
            {"per_app_prometheus_http_metrics_reporting", true},
            {"max_request_headers", 30},
            {"status", {{"enable_deprecated_varz_healthz_endpoints", true}}}};
  }

protected:
  /// The router counts when a request is over, which its client cannot see.
  static bool becomes(const std::string& name, double wanted) {
    return eventually([&] { return value(scrape(here()), name) == wanted; });
  }
};

TEST_F(Metrics, CountRequestsToTheirComponentsAndApps) {
  const backend app;
  const auto before = scrape(here());
  const auto host = here().mapped(app, tags("emitter-1", "source-1"));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_TRUE(becomes(labelled("http_latency_seconds_count", "source_id", "source-1"), 3));
  const auto after = scrape(here());
  EXPECT_EQ(value(after, labelled("total_requests", "component", "emitter-1")), 3);
  EXPECT_EQ(value(after, labelled("latency_count", "component", "emitter-1")), 3);
  EXPECT_GT(value(after, labelled("latency_sum", "component", "emitter-1")), 0);
  EXPECT_LT(value(after, labelled("latency_sum", "component", "emitter-1")), 30'000)
    << "milliseconds";
  for (const auto& name : {std::string{"gorouter_time_count"}, std::string{"route_lookup_time_count"},
                           std::string{"shunt_router_duration_seconds_count"},
                           std::string{"shunt_request_duration_seconds_count"},
                           std::string{"shunt_requests_total"},
                           labelled("responses", "status_group", "2xx")})
    EXPECT_EQ(value(after, name) - value(before, name), 3) << name;
}

TEST_F(Metrics, CountAttemptsAndFailures) {
  const refusing_port closed;
  const auto host = fresh_host();
  const auto before = scrape(here());
  here().map(host, closed.port(), tags("emitter-2", "source-2"));
  EXPECT_EQ(here().get(host).status, 502);
  EXPECT_TRUE(becomes("bad_gateways", value(before, "bad_gateways") + 1));
  EXPECT_GE(value(scrape(here()), labelled("total_requests", "component", "emitter-2")), 1);
  EXPECT_TRUE(becomes(labelled("responses", "status_group", "5xx"),
                      value(before, labelled("responses", "status_group", "5xx")) + 1));
}

TEST_F(Metrics, CountTheResponseWhenAnEndpointWasOnlyChosen) {
  const backend app;
  const auto host = here().mapped(app, tags("emitter-5", "source-5"));
  const auto responses = labelled("responses", "status_group", "4xx");
  const auto before = value(scrape(here()), responses);
  std::string fields;
  for (int i = 0; i < 40; ++i)
    fields += "x-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(here().get(host, "/", fields).status, 431);
  EXPECT_TRUE(becomes(responses, before + 1));
  EXPECT_EQ(value(scrape(here()), labelled("total_requests", "component", "emitter-5")), 0)
    << "it was never asked";
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(Metrics, CountWhatCannotBeRouted) {
  const auto before = scrape(here());
  EXPECT_EQ(here().get(fresh_host()).status, 404);
  EXPECT_TRUE(becomes("rejected_requests", value(before, "rejected_requests") + 1));
  EXPECT_EQ(value(scrape(here()), labelled("responses", "status_group", "4xx")),
            value(before, labelled("responses", "status_group", "4xx")))
    << "no endpoint was chosen";
}

TEST_F(Metrics, LeaveOutQuestionsToTheRouterItself) {
  const auto name = "shunt_request_duration_seconds_count";
  const auto before = value(scrape(here()), name);
  EXPECT_EQ(here().get("x", "/", "User-Agent: HTTP-Monitor/1.1\r\n").status, 200);
  EXPECT_EQ(here().ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS").status, 200);
  EXPECT_EQ(here().get(fresh_host()).status, 404);
  EXPECT_TRUE(becomes(name, before + 1)) << "the last alone";
}

TEST_F(Metrics, CountRegistrations) {
  const backend app;
  const auto host = fresh_host();
  const auto more = tags("emitter-3", "source-3");
  const auto counted = [](const std::string& action) {
    return "registry_message{action=\"" + action + "\",component=\"emitter-3\"}";
  };
  here().map(host, app, more);
  EXPECT_TRUE(becomes(counted("added"), 1));
  for (int i = 0; i < 3; ++i)
    here().bus.announce(app.port(), host, more);
  EXPECT_TRUE(becomes(counted("refreshed"), 3)) << "with and without a shard's help";
  here().unmap(host, app.port(), more);
  EXPECT_TRUE(becomes(labelled("unregistry_message", "component", "emitter-3"), 1));
  const auto all = scrape(here());
  EXPECT_GE(value(all, "total_routes"), 1) << "empty, but known";
  EXPECT_GE(value(all, "ms_since_last_registry_update"), 0);
  EXPECT_LT(value(all, "ms_since_last_registry_update"), 60'000);
}

TEST_F(Metrics, HaveAllOfGoroutersNames) {
  const backend app;
  auto with = tags("emitter-6", "source-6");
  with["options"] = {{"loadbalancing", "hash"}, {"hash_header", "X-Tenant"}};
  const auto host = here().mapped(app, with);
  EXPECT_EQ(here().get(host).status, 200);
  here().unmap(host, 1, with); // Of which nothing is known, but which counts.
  EXPECT_TRUE(becomes(labelled("unregistry_message", "component", "emitter-6"), 1));
  EXPECT_TRUE(becomes(labelled("latency_count", "component", "emitter-6"), 1));
  const auto all = scrape(here());
  for (const std::string name :
       {"registry_message{action=\"added\",component=\"emitter-6\"}", "unregistry_message{component=\"emitter-6\"}",
        "routes_registered", "routes_unregistered", "routes_pruned", "total_routes", "ms_since_last_registry_update",
        "route_lookup_time_bucket{le=\"10000\"}", "gorouter_time_bucket{le=\"1\"}",
        "route_registration_latency_bucket{le=\"0.1\"}", "total_requests{component=\"emitter-6\"}",
        "rejected_requests", "bad_gateways", "empty_content_length_header", "backend_invalid_id",
        "backend_invalid_tls_cert", "backend_tls_handshake_failed", "backend_exhausted_conns", "websocket_upgrades",
        "websocket_failures", "responses{status_group=\"2xx\"}", "responses{status_group=\"xxx\"}",
        "responses_route_services{status_group=\"5xx\"}", "latency_bucket{component=\"emitter-6\",le=\"1000\"}",
        "http_latency_seconds_bucket{source_id=\"source-6\",le=\"25.6\"}", "file_descriptors", "buffered_messages",
        "total_dropped_messages", "promhttp_metric_handler_errors_total{cause=\"gathering\"}"})
    EXPECT_TRUE(all.contains(name)) << name;
  EXPECT_EQ(value(all, "endpoints_per_pool{lb_algorithm=\"hash\",route=\"" + host + "\"}"), 1);
}

TEST_F(Metrics, CountRoutesThatComeAndGo) {
  const backend app;
  const auto before = scrape(here());
  const auto since = [&](const std::string& name) { return value(scrape(here()), name) - value(before, name); };
  const auto host = here().mapped(app);
  here().map(host + "/path", app);
  here().map(host, 1); // A second endpoint is no second route.
  EXPECT_TRUE(eventually([&] { return since("routes_registered") == 2; })) << since("routes_registered");
  EXPECT_EQ(since("routes_unregistered"), 0);
  here().unmap(host, 1);
  here().unmap(host, app);
  EXPECT_TRUE(eventually([&] { return since("routes_unregistered") == 1; })) << since("routes_unregistered");
  EXPECT_EQ(since("routes_registered"), 2);
}

TEST_F(Metrics, TellHowManyEndpointsArePickedFromByHash) {
  const auto host = fresh_host();
  const json by_hash{{"options", {{"loadbalancing", "hash"}, {"hash_header", "X-Tenant"}}}};
  const auto name = "endpoints_per_pool{lb_algorithm=\"hash\",route=\"" + host + "/v1\"}";
  here().map(host + "/v1", 1, by_hash);
  here().map(host + "/v1", 2, by_hash);
  here().map(host + "/other", 3);
  EXPECT_TRUE(becomes(name, 2));
  here().unmap(host + "/v1", 1, by_hash);
  EXPECT_TRUE(becomes(name, 1));
  here().unmap(host + "/v1", 2, by_hash);
  EXPECT_TRUE(eventually([&] { return !scrape(here()).contains(name); }));
}

TEST_F(Metrics, TellOfTheProcess) {
  const auto all = scrape(here());
  EXPECT_GT(value(all, "file_descriptors"), 5);
  EXPECT_TRUE(all.contains("buffered_messages"));
  EXPECT_EQ(value(all, "total_dropped_messages"), 0);
  EXPECT_TRUE(all.contains("promhttp_metric_handler_errors_total{cause=\"encoding\"}"));
}

TEST_F(Metrics, AreServedAtOnePathOnly) {
  const auto port = here().under_test.status_listener("prometheus.port");
  for (const auto* path : {"/", "/health", "/routes", "/metrics/x"})
    EXPECT_EQ(client{port}.send(get_request("localhost", path)).response().status, 404) << path;
  EXPECT_EQ(here().under_test.status("/metrics").status, 404);
}

TEST_F(Metrics, AreAlsoInVarz) {
  EXPECT_EQ(here().under_test.status("/varz").status, 401);
  const auto host = here().mapped(backend{}, tags("emitter-4", "source-4"));
  const auto answer = here().under_test.status("/varz", credentials);
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.one("Content-Type"), "application/json");
  const auto document = json::parse(answer.body);
  for (const auto* key :
       {"bad_gateways", "bad_requests", "cpu", "credentials", "droplets", "host", "index", "latency",
        "log_counts", "mem", "ms_since_last_registry_update", "num_cores", "rate", "requests",
        "requests_per_sec", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
        "responses_xxx", "start", "tags", "top10_app_requests", "type", "uptime", "urls", "uuid"})
    EXPECT_TRUE(document.contains(key)) << key;
  EXPECT_EQ(document["type"], "Router");
  EXPECT_GE(document["urls"], 1);
  EXPECT_GE(document["droplets"], 1);
}

/// Whoever registers an app chooses its tags.
TEST(MetricsLabels, AreBounded) {
  const backend app;
  json with;
  with["prometheus"] = {{"enabled", true}};
  stage here{with};
  constexpr int components = 80;
  for (int i = 0; i < components; ++i) {
    const auto name = std::to_string(i);
    here.bus.announce(app.port(), name + ".labels.test", tags("component-" + name, "s"));
  }
  const auto registered = [&](const std::string& component) {
    return value(scrape(here),
                 "registry_message{action=\"added\",component=\"" + component + "\"}");
  };
  EXPECT_TRUE(eventually([&] { return registered("_other") == components - 64; }));
  for (int i = 0; i < components; ++i)
    EXPECT_EQ(here.get(std::to_string(i) + ".labels.test").status, 200);
  EXPECT_TRUE(eventually([&] {
    return value(scrape(here), labelled("total_requests", "component", "_other"))
           == components - 64;
  }));
}

TEST(MetricsOfNobody, AreNotServed) {
  const stage here;
  EXPECT_EQ(here.under_test.status("/varz", credentials).status, 404);
  for (const auto& entry : here.under_test.log())
    EXPECT_FALSE(entry.value("message", "") == "status-listener-started"
                 && entry["data"]["key"] == "prometheus.port");
}

class MetricsOverTls : public testing::Test {
protected:
  MetricsOverTls() {
    for (const auto& [name, text] :
         {std::pair{"ca.pem", ca.pem()}, std::pair{"cert.pem", server.pem()},
          std::pair{"key.pem", server.key_pem()}})
      write_file(files.path_of(name), text);
  }
  json settings() const {
    return {{"prometheus",
             {{"enabled", true},
              {"cert_path", files.path_of("cert.pem")},
              {"key_path", files.path_of("key.pem")},
              {"ca_path", files.path_of("ca.pem")}}}};
  }
  /// 200, or 0 if there is no answer.
  static int status(const stage& here, const tls_kit::minted* own, int version) {
    tls_client_options options{.min = version, .max = version, .own = own};
    try {
      tls_client asking{here.under_test.status_listener("prometheus.port"), options};
      if (!asking.handshake().established)
        return 0;
      return asking->send(get_request("localhost", "/metrics")).response().status;
    } catch (const std::exception&) {
      return 0;
    }
  }
  tool_result check(const json& with) const {
    write_file(files.path_of("check.yml"), with.dump());
    return run_tool({shunt_executable(), "check", "-c", files.path_of("check.yml")});
  }

  tls_kit::minted ca = tls_kit::mint_ca("scrapers");
  tls_kit::minted server = tls_kit::mint(
    {.common_name = "router", .dns = {"localhost"}, .kind = tls_kit::key_kind::rsa});
  tls_kit::minted scraper = tls_kit::mint({.common_name = "scraper", .issuer = &ca});
  tls_kit::minted stranger = tls_kit::mint({.common_name = "stranger"});
  temporary_directory files;
};

TEST_F(MetricsOverTls, AreForThoseWithACertificate) {
  const stage here{settings()};
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_EQ(status(here, &scraper, version), 200) << version;
    EXPECT_EQ(status(here, &stranger, version), 0) << version;
    EXPECT_EQ(status(here, nullptr, version), 0) << version;
  }
  EXPECT_EQ(status(here, &scraper, TLS1_1_VERSION), 0);
}

TEST_F(MetricsOverTls, FollowTheirFilesWhenTheyAreReadAgain) {
  stage here{settings()};
  ASSERT_EQ(status(here, &scraper, TLS1_3_VERSION), 200);
  const auto new_ca = tls_kit::mint_ca("new-scrapers");
  const auto newcomer = tls_kit::mint({.common_name = "newcomer", .issuer = &new_ca});
  const auto renewed = tls_kit::mint({.common_name = "renewed", .kind = tls_kit::key_kind::rsa});
  write_file(files.path_of("cert.pem"), renewed.pem());
  write_file(files.path_of("key.pem"), renewed.key_pem());
  write_file(files.path_of("ca.pem"), new_ca.pem());
  here.under_test.process().signal(SIGHUP);
  here.under_test.wait_for_log("configuration-reloaded");
  EXPECT_TRUE(eventually([&] { return status(here, &newcomer, TLS1_3_VERSION) == 200; }));
  EXPECT_EQ(status(here, &scraper, TLS1_3_VERSION), 0) << "nobody asked its CA any more";
  tls_client asking{here.under_test.status_listener("prometheus.port"), {.own = &newcomer}};
  EXPECT_EQ(asking.handshake().peer_name, "renewed");
}

TEST_F(MetricsOverTls, AreAskedForByCurl) {
  const stage here{settings()};
  write_file(files.path_of("scraper.pem"), scraper.pem());
  write_file(files.path_of("scraper.key"), scraper.key_pem());
  const auto url = "https://localhost:"
                   + std::to_string(here.under_test.status_listener("prometheus.port"))
                   + "/metrics";
  const auto told = run_tool({"curl", "--silent", "--show-error", "--noproxy", "*", "--cacert",
                              files.path_of("cert.pem"), "--cert", files.path_of("scraper.pem"),
                              "--key", files.path_of("scraper.key"), url});
  EXPECT_EQ(told.exit_code, 0) << told.output;
  EXPECT_TRUE(told.says("file_descriptors ")) << told.output;
  const auto refused = run_tool(
    {"curl", "--silent", "--noproxy", "*", "--cacert", files.path_of("cert.pem"), url});
  EXPECT_NE(refused.exit_code, 0);
}

TEST_F(MetricsOverTls, NeedFilesThatCanBeUsed) {
  EXPECT_EQ(check(settings()).exit_code, 0);
  for (const std::string key : {"cert_path", "key_path", "ca_path"}) {
    auto with = settings();
    with["prometheus"][key] = files.path_of("missing.pem");
    auto told = check(with);
    EXPECT_EQ(told.exit_code, 1);
    EXPECT_TRUE(told.says("prometheus." + key)) << told.output;
    write_file(files.path_of("nonsense.pem"), "nonsense");
    with["prometheus"][key] = files.path_of("nonsense.pem");
    told = check(with);
    EXPECT_EQ(told.exit_code, 1);
    EXPECT_TRUE(told.says("prometheus." + key)) << told.output;
  }
}

} // namespace
} // namespace shunt::test
