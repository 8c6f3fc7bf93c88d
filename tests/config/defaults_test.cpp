// The default of every key, written down once more by hand: a changed default must be changed here
// too, knowingly.
#include "config/schema.hpp"
#include "support.hpp"

#include <gtest/gtest.h>

#include <map>

namespace shunt::config::test {
namespace {

const std::map<std::string, std::string>& expected_defaults() {
  // clang-format off
  static const std::map<std::string, std::string> table{
    {"port", "8081"},
    {"disable_http", "false"},
    {"enable_ssl", "false"},
    {"ssl_port", "443"},
    {"enable_http2", "true"},
    {"enable_http1_concurrent_read_write", "false"},
    {"enable_proxy", "false"},
    {"frontend_idle_timeout", "900s"},
    {"read_header_timeout", "60s"},
    {"read_body_timeout", "60s"},
    {"write_timeout", "60s"},
    {"max_header_bytes", "0"},
    {"max_request_header_bytes", "0"},
    {"max_request_headers", "0"},
    {"max_response_header_bytes", "0"},
    {"max_response_headers", "0"},
    {"hop_by_hop_headers_to_filter", "[]"},
    {"force_forwarded_proto_https", "false"},
    {"sanitize_forwarded_proto", "false"},
    {"forwarded_client_cert", "always_forward"},
    {"http_rewrite.responses.add_headers_if_not_present", "[]"},
    {"http_rewrite.responses.remove_headers", "[]"},
    {"html_error_template_file", ""},
    {"healthcheck_user_agent", "HTTP-Monitor/1.1"},
    {"trace_key", ""},
    {"tracing.enable_zipkin", "false"},
    {"tracing.enable_w3c", "false"},
    {"tracing.w3c_tenant_id", ""},
    {"limits.connections", "100000"},
    {"limits.connection_buffer_bytes", "1073741824"},
    {"tls_pem", "[]"},
    {"cipher_suites", "[]"},
    {"min_tls_version", "TLSv1.2"},
    {"max_tls_version", "TLSv1.2"},
    {"client_cert_validation", ""},
    {"ca_certs", "[]"},
    {"client_ca_certs", ""},
    {"only_trust_client_ca_certs", "false"},
    {"enable_verify_client_certificate_metadata", "false"},
    {"verify_client_certificate_metadata", "[]"},
    {"skip_ssl_validation", "false"},
    {"tls_handshake_timeout", "10s"},
    {"domains", "[]"},
    {"backends.max_conns", "0"},
    {"backends.max_attempts", "0"},
    {"backends.max_conns_counts", "awaiting_headers"},
    {"backends.cert_chain", ""},
    {"backends.private_key", ""},
    {"endpoint_timeout", "60s"},
    {"http_1_endpoint_timeout", "0s"},
    {"http_2_endpoint_timeout", "0s"},
    {"endpoint_dial_timeout", "5s"},
    {"websocket_dial_timeout", "5s"},
    {"endpoint_keep_alive_probe_interval", "1s"},
    {"disable_keep_alives", "true"},
    {"max_idle_conns", "100"},
    {"max_idle_conns_per_host", "2"},
    {"keep_alive_100_continue_requests", "false"},
    {"balancing_algorithm", "round-robin"},
    {"balancing_algorithm_az_preference", "none"},
    {"zone", ""},
    {"secure_cookies", "false"},
    {"sticky_session_cookie_names", "[JSESSIONID]"},
    {"sticky_sessions_for_auth_negotiate", "false"},
    {"empty_pool_response_code_503", ""},
    {"empty_pool_timeout", "0s"},
    {"empty_pool.status", "503"},
    {"empty_pool.body", ""},
    {"empty_pool.content_type", ""},
    {"empty_pool.retry_after", "5s"},
    {"empty_pool.keep", "24h0m0s"},
    {"empty_pool.keep_routes_max", "100000"},
    {"nats.hosts", "[localhost:4222]"},
    {"nats.user", ""},
    {"nats.pass", ""},
    {"nats.tls_enabled", "false"},
    {"nats.ca_certs", ""},
    {"nats.cert_chain", ""},
    {"nats.private_key", ""},
    {"nats_pending.messages", "131072"},
    {"nats_pending.bytes", "134217728"},
    {"nats_client_ping_interval", "20s"},
    {"index", "0"},
    {"publish_start_message_interval", "30s"},
    {"publish_active_apps_interval", "0s"},
    {"prune_stale_droplets_interval", "30s"},
    {"droplet_stale_threshold", "120s"},
    {"suspend_pruning_if_nats_unavailable", "false"},
    {"isolation_segments", "[]"},
    {"routing_table_sharding_mode", "all"},
    {"route_services_secret", ""},
    {"route_services_secret_decrypt_only", ""},
    {"route_services_timeout", "60s"},
    {"route_services_recommend_https", "false"},
    {"route_services_hairpinning", "false"},
    {"route_services_hairpinning_allowlist", "[]"},
    {"route_services_internal_server_port", "7070"},
    {"route_services.max_attempts", "0"},
    {"route_services.strict_signature_validation", "false"},
    {"route_services.enable_websockets", "false"},
    {"route_services.cert_chain", ""},
    {"route_services.private_key", ""},
    {"routing_api.uri", ""},
    {"routing_api.port", "0"},
    {"routing_api.auth_disabled", "false"},
    {"routing_api.ca_certs", ""},
    {"routing_api.cert_chain", ""},
    {"routing_api.private_key", ""},
    {"oauth.token_endpoint", ""},
    {"oauth.port", "0"},
    {"oauth.client_name", ""},
    {"oauth.client_secret", ""},
    {"oauth.skip_ssl_validation", "false"},
    {"oauth.ca_certs", ""},
    {"token_fetcher_max_retries", "3"},
    {"token_fetcher_retry_interval", "5s"},
    {"token_fetcher_expiration_buffer_time", "30s"},
    {"status.host", "0.0.0.0"},
    {"status.port", "8080"},
    {"status.enable_nontls_health_checks", "true"},
    {"status.enable_deprecated_varz_healthz_endpoints", "false"},
    {"status.user", ""},
    {"status.pass", ""},
    {"status.routes.port", "8082"},
    {"status.tls.port", "8443"},
    {"status.tls.certificate", ""},
    {"status.tls.key", ""},
    {"start_response_delay_interval", "5s"},
    {"load_balancer_healthy_threshold", "0s"},
    {"drain_wait", "0s"},
    {"drain_timeout", "60s"},
    {"pid_file", ""},
    {"go_max_procs", "-1"},
    {"debug_addr", ""},
    {"healthcheck_poll_interval", "10s"},
    {"healthcheck_timeout", "5s"},
    {"logging.level", "debug"},
    {"logging.syslog", ""},
    {"logging.syslog_network", "udp"},
    {"logging.syslog_addr", "127.0.0.1:514"},
    {"logging.syslog_truncate", "0"},
    {"logging.loggregator_enabled", "false"},
    {"logging.metron_address", "localhost:3457"},
    {"logging.disable_log_forwarded_for", "false"},
    {"logging.disable_log_source_ip", "false"},
    {"logging.redact_query_params", "none"},
    {"logging.format.timestamp", "unix-epoch"},
    {"logging.extra_access_log_fields", "[]"},
    {"access_log.file", ""},
    {"access_log.enable_streaming", "false"},
    {"access_log.queue_records", "65536"},
    {"extra_headers_to_log", "[]"},
    {"prometheus.enabled", "false"},
    {"prometheus.port", "0"},
    {"prometheus.cert_path", ""},
    {"prometheus.key_path", ""},
    {"prometheus.ca_path", ""},
    {"prometheus.meters.route_lookup_time_histogram_buckets", "[10000, 20000, 30000, 40000, 50000, 60000, 70000, 80000, 90000, 100000]"},
    {"prometheus.meters.gorouter_time_histogram_buckets", "[1, 2, 4, 6, 8, 10, 20, 40, 50, 100, 500, 1000]"},
    {"prometheus.meters.route_registration_latency_histogram_buckets", "[0.1, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]"},
    {"prometheus.meters.routing_response_latency_histogram_buckets", "[1, 2, 4, 6, 8, 10, 20, 40, 50, 100, 500, 1000]"},
    {"prometheus.meters.http_latency_histogram_buckets", "[0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6]"},
    {"per_request_metrics_reporting", "true"},
    {"enable_envelope_v1_metrics", "true"},
    {"send_http_start_stop_server_event", "true"},
    {"send_http_start_stop_client_event", "true"},
    {"per_app_prometheus_http_metrics_reporting", "false"},
    {"route_latency_metric_muzzle_duration", "20s"},
  };
  // clang-format on
  return table;
}

TEST(Defaults, AreTheDocumentedOnesForEveryKey) {
  const auto s = loaded("");
  for (const auto& row : settings_schema()) {
    const auto expected = expected_defaults().find(row.path);
    ASSERT_NE(expected, expected_defaults().end()) << row.path << " has no expected default";
    EXPECT_EQ(row.shown_text(s), expected->second) << row.path;
  }
  EXPECT_EQ(settings_schema().size(), expected_defaults().size());
}

TEST(Defaults, AreThoseOfADefaultConstructedSettings) {
  const settings constructed;
  const auto s = loaded("");
  for (const auto& row : settings_schema())
    EXPECT_TRUE(row.same(s, constructed)) << row.path;
}

TEST(Defaults, NoKeyStandsTwiceInTheSchema) {
  EXPECT_EQ(paths_of(settings_schema()).size(), settings_schema().size());
}

} // namespace
} // namespace shunt::config::test
