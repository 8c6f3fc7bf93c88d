// What an operator may set, typed. Members are named and nested exactly as the keys of the file,
// and a default-constructed `settings` is what an empty file gives. Members hold what the file says;
// where 0 or "absent" stands for something else, a member function at the end says what.
#pragma once

#include "config/sections.hpp"

#include <optional>

namespace shunt::config {

struct settings {
  // -- Listeners and protocol
  std::uint16_t port = 8081; ///< 0 = any free port.
  bool disable_http = false;
  bool enable_ssl = false;
  std::uint16_t ssl_port = 443;
  bool enable_http2 = true;
  bool enable_h2c = false; ///< HTTP/2 without TLS, for clients that begin with it.
  bool enable_http1_concurrent_read_write = false;
  bool enable_proxy = false;
  std::vector<std::string> proxy_senders; ///< Prefixes whose PROXY headers are believed; empty = all.
  nanoseconds frontend_idle_timeout = 900s;   ///< Between requests; 0 = none.
  nanoseconds read_header_timeout = 60s;      ///< For a whole request head; 0 = none.
  nanoseconds read_body_timeout = 60s;        ///< Silence in the middle of a body; 0 = none.
  nanoseconds write_timeout = 60s;            ///< A peer taking no bytes; 0 = none.
  std::int64_t max_request_header_bytes = 0;  ///< See request_header_bytes_max().
  std::int64_t max_request_headers = 0;       ///< 0 = no limit.
  std::int64_t max_response_header_bytes = 0; ///< See response_header_bytes_max().
  std::int64_t max_response_headers = 0;      ///< 0 = no limit.
  std::vector<std::string> hop_by_hop_headers_to_filter;
  bool force_forwarded_proto_https = false;
  bool sanitize_forwarded_proto = false;
  config::forwarded_client_cert forwarded_client_cert = forwarded_client_cert::always_forward;
  http_rewrite_settings http_rewrite;
  std::string html_error_template_file;
  std::string healthcheck_user_agent = "HTTP-Monitor/1.1";
  std::string trace_key;
  tracing_settings tracing;
  limits_settings limits;

  // -- TLS
  std::vector<key_pair> tls_pem;
  std::vector<std::string> cipher_suites; ///< One string in the file; empty unless `enable_ssl`.
  tls_version min_tls_version = tls_version::tls_1_2;
  tls_version max_tls_version = tls_version::tls_1_2;
  config::client_cert_validation client_cert_validation = client_cert_validation::unset;
  std::vector<std::string> ca_certs; ///< PEM texts; trust for backends and route services.
  std::string client_ca_certs;       ///< PEM text.
  bool only_trust_client_ca_certs = false;
  bool enable_verify_client_certificate_metadata = false;
  std::vector<certificate_rule> verify_client_certificate_metadata;
  bool skip_ssl_validation = false; ///< Of route services only.
  nanoseconds tls_handshake_timeout = 10s;
  std::vector<mtls_domain> domains;

  // -- Backends, balancing, cookies
  backends_settings backends;
  nanoseconds endpoint_timeout = 60s;       ///< See endpoint_timeout_for().
  nanoseconds http_1_endpoint_timeout = 0s; ///< 0 = endpoint_timeout.
  nanoseconds http_2_endpoint_timeout = 0s; ///< 0 = endpoint_timeout.
  nanoseconds endpoint_dial_timeout = 5s;
  nanoseconds websocket_dial_timeout = 5s; ///< Absent: endpoint_dial_timeout.
  nanoseconds endpoint_keep_alive_probe_interval = 1s;
  bool disable_keep_alives = true;
  std::int64_t max_idle_conns = 100;        ///< 0 = no limit.
  std::int64_t max_idle_conns_per_host = 2; ///< 0 acts as 2: idle_conns_per_host_max().
  bool keep_alive_100_continue_requests = false;
  config::balancing_algorithm balancing_algorithm = balancing_algorithm::round_robin;
  config::balancing_algorithm_az_preference balancing_algorithm_az_preference =
    balancing_algorithm_az_preference::none;
  std::string zone;
  bool secure_cookies = false;
  std::vector<std::string> sticky_session_cookie_names = {"JSESSIONID"};
  bool sticky_sessions_for_auth_negotiate = false;
  std::optional<bool> empty_pool_response_code_503; ///< Empty: not in the file.
  nanoseconds empty_pool_timeout = 0s;
  empty_pool_settings empty_pool;
  hold_settings hold;
  outlier_ejection_settings outlier_ejection;
  health_checks_settings health_checks;

  // -- Route table, NATS
  nats_settings nats;
  nats_pending_settings nats_pending;
  nanoseconds nats_client_ping_interval = 20s;
  std::uint64_t index = 0;
  nanoseconds publish_start_message_interval = 30s;
  nanoseconds publish_active_apps_interval = 0s;
  nanoseconds prune_stale_droplets_interval = 30s; ///< 0 = no pruning.
  nanoseconds droplet_stale_threshold = 120s;      ///< At least start_response_delay_interval.
  bool suspend_pruning_if_nats_unavailable = false;
  std::vector<std::string> isolation_segments;
  config::routing_table_sharding_mode routing_table_sharding_mode =
    routing_table_sharding_mode::all;

  reservations_settings reservations;
  store_settings store;

  cluster_settings cluster;

  // -- Route services
  std::string route_services_secret;
  std::string route_services_secret_decrypt_only;
  nanoseconds route_services_timeout = 60s;
  bool route_services_recommend_https = false;
  bool route_services_hairpinning = false;
  std::vector<std::string> route_services_hairpinning_allowlist;
  std::uint16_t route_services_internal_server_port = 7070;
  route_services_settings route_services;

  // -- Routing API
  routing_api_settings routing_api;
  oauth_settings oauth;
  std::uint32_t token_fetcher_max_retries = 3;
  nanoseconds token_fetcher_retry_interval = 5s;
  nanoseconds token_fetcher_expiration_buffer_time = 30s; ///< A bare number of seconds in the file.

  // -- Status, lifecycle, logs, metrics
  status_settings status;
  nanoseconds start_response_delay_interval = 5s;
  nanoseconds load_balancer_healthy_threshold = 0s;
  nanoseconds drain_wait = 0s;
  nanoseconds drain_timeout = 60s; ///< Absent: endpoint_timeout.
  std::string pid_file;
  std::int64_t go_max_procs = -1; ///< Number of loops; -1 and 0 = one per CPU.
  std::string debug_addr;
  nanoseconds healthcheck_poll_interval = 10s;
  nanoseconds healthcheck_timeout = 5s;
  logging_settings logging;
  access_log_settings access_log;
  std::vector<std::string> extra_headers_to_log;
  prometheus_settings prometheus;
  bool per_request_metrics_reporting = true;
  bool enable_envelope_v1_metrics = true;
  bool send_http_start_stop_server_event = true;
  bool send_http_start_stop_client_event = true;
  bool per_app_prometheus_http_metrics_reporting = false;
  nanoseconds route_latency_metric_muzzle_duration = 20s;

  /// Whether a pool that loses its last endpoint follows gorouter's rules (mostly: 404 at once)
  /// instead of `empty_pool`. Yes when `empty_pool.keep` is 0 or the 503 was switched off by name.
  bool legacy_empty_pools() const;

  /// Bytes a request head may have: 1 MiB unless the file asks for less.
  std::int64_t request_header_bytes_max() const;

  /// Bytes a response head may have: 10 MiB unless the file says otherwise.
  std::int64_t response_header_bytes_max() const;

  /// Attempts a request gets, the first included; at least 1.
  std::int64_t backend_attempts_max() const;

  /// Idle connections kept per endpoint; at least 1.
  std::int64_t idle_conns_per_host_max() const;

  /// How long a backend may take, by the major version of the *client's* HTTP; 0 = no limit.
  nanoseconds endpoint_timeout_for(int http_major) const;

  /// Event loops to run on a machine of `cpus` CPUs; at least 1.
  std::size_t loop_count(std::size_t cpus) const;

  /// Whether routes are to be fetched from the Routing API.
  bool routing_api_enabled() const;

  /// Whether there is a port for metrics.
  bool prometheus_served() const;
};

} // namespace shunt::config
