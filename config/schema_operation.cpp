// Keys of running the router: status, lifecycle, logs, metrics.
#include "config/schema.hpp"

#define KEY(member, ...) SHUNT_CONFIG_KEY(settings, member, __VA_ARGS__)

namespace shunt::config {

namespace {

schema_of<settings> lifecycle_fields() {
  return {
    KEY(status.host, text{}),
    KEY(status.port, any_port),
    KEY(status.enable_nontls_health_checks, flag{}),
    KEY(status.enable_deprecated_varz_healthz_endpoints, flag{}),
    KEY(status.user, text{}),
    KEY(status.pass, text{}),
    KEY(status.routes.port, any_port),
    KEY(status.tls.port, any_port),
    KEY(status.tls.certificate, text{}),
    KEY(status.tls.key, text{}),
    KEY(start_response_delay_interval, period{}),
    // Negative values are refused in check.cpp, in gorouter's words.
    KEY(load_balancer_healthy_threshold, period{-period_max}),
    KEY(drain_wait, period{}),
    KEY(drain_timeout, period{}),
    KEY(pid_file, text{}),
    KEY(go_max_procs, number{-1, 1024}),
    KEY(debug_addr, text{}),
    KEY(healthcheck_poll_interval, period{}),
    KEY(healthcheck_timeout, period{}),
  };
}

schema_of<settings> log_fields() {
  return {
    KEY(logging.level, choice<log_level>{}),
    KEY(logging.syslog, text{}),
    KEY(logging.syslog_network, text{}),
    KEY(logging.syslog_addr, text{}),
    KEY(logging.syslog_truncate, number{}),
    KEY(logging.loggregator_enabled, flag{}),
    KEY(logging.metron_address, text{}),
    KEY(logging.disable_log_forwarded_for, flag{}),
    KEY(logging.disable_log_source_ip, flag{}),
    KEY(logging.redact_query_params, choice<redact_query_params>{}),
    KEY(logging.format.timestamp, timestamp_name{}),
    KEY(logging.extra_access_log_fields, texts{}),
    KEY(access_log.file, text{}),
    KEY(access_log.enable_streaming, flag{}),
    KEY(access_log.queue_records, number{1, 10'000'000}),
    KEY(extra_headers_to_log, texts{}),
  };
}

schema_of<settings> metric_fields() {
  return {
    KEY(prometheus.enabled, flag{}),
    KEY(prometheus.port, any_port),
    KEY(prometheus.cert_path, text{}),
    KEY(prometheus.key_path, text{}),
    KEY(prometheus.ca_path, text{}),
    KEY(prometheus.meters.route_lookup_time_histogram_buckets, buckets{}),
    KEY(prometheus.meters.gorouter_time_histogram_buckets, buckets{}),
    KEY(prometheus.meters.route_registration_latency_histogram_buckets, buckets{}),
    KEY(prometheus.meters.routing_response_latency_histogram_buckets, buckets{}),
    KEY(prometheus.meters.http_latency_histogram_buckets, buckets{}),
    KEY(per_request_metrics_reporting, flag{}),
    KEY(enable_envelope_v1_metrics, flag{}),
    KEY(send_http_start_stop_server_event, flag{}),
    KEY(send_http_start_stop_client_event, flag{}),
    KEY(per_app_prometheus_http_metrics_reporting, flag{}),
    KEY(route_latency_metric_muzzle_duration, period{}),
  };
}

} // namespace

schema_of<settings> operation_fields() {
  auto fields = lifecycle_fields();
  for (auto* part : {log_fields, metric_fields})
    for (auto& row : part())
      fields.push_back(std::move(row));
  return fields;
}

} // namespace shunt::config
