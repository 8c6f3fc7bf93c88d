// The nested sections of the configuration file, one struct each. Members are named exactly as the
// keys are, so `nats.hosts[0].port` in the file is `s.nats.hosts[0].port` in the program. Plain
// values: what is allowed in them is said in schema.cpp and check.cpp.
#pragma once

#include "config/choices.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::config {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

/// A certificate chain and its private key, both PEM text.
struct key_pair {
  std::string cert_chain;
  std::string private_key;
  bool operator==(const key_pair&) const = default;
};

// -- Listeners and protocol

struct added_header {
  std::string name;
  std::string value;
  bool operator==(const added_header&) const = default;
};

struct removed_header {
  std::string name;
  bool operator==(const removed_header&) const = default;
};

struct response_rewrite {
  std::vector<added_header> add_headers_if_not_present;
  std::vector<removed_header> remove_headers;
};

struct http_rewrite_settings {
  response_rewrite responses;
};

struct tracing_settings {
  bool enable_zipkin = false;
  bool enable_w3c = false;
  std::string w3c_tenant_id;
};

/// Caps for the whole process. Over them the router sheds load with 503 instead of dying.
struct limits_settings {
  std::int64_t connections = 100'000;                   ///< Accepted client connections.
  std::int64_t connection_buffer_bytes = 1'073'741'824; ///< Memory for connections' buffers.
};

// -- Client certificates

/// A certificate subject; compared field by field, empty fields included.
struct certificate_subject {
  std::vector<std::string> country;
  std::vector<std::string> organization;
  std::vector<std::string> organizational_unit;
  std::string common_name;
  std::string serial_number;
  std::vector<std::string> locality;
  std::vector<std::string> province;
  std::vector<std::string> street_address;
  std::vector<std::string> postal_code;
  bool operator==(const certificate_subject&) const = default;
};

/// A client whose chain holds `issuer_in_chain` must have one of `valid_cert_subjects`.
struct certificate_rule {
  certificate_subject issuer_in_chain;
  std::vector<certificate_subject> valid_cert_subjects;
  bool operator==(const certificate_rule&) const = default;
};

/// A domain whose clients must show a certificate.
struct mtls_domain {
  std::string name;     ///< May be a wildcard for one label.
  std::string ca_certs; ///< PEM text.
  config::forwarded_client_cert forwarded_client_cert = forwarded_client_cert::sanitize_set;
  config::xfcc_format xfcc_format = xfcc_format::raw;
  bool operator==(const mtls_domain&) const = default;
};

// -- Backends

struct backends_settings {
  std::int64_t max_conns = 0;    ///< Per endpoint; 0 = unlimited.
  std::int64_t max_attempts = 0; ///< 0 acts as 1: see settings::backend_attempts_max().
  config::max_conns_counts max_conns_counts = max_conns_counts::awaiting_headers;
  std::string cert_chain;  ///< Used only together with `private_key`.
  std::string private_key; ///< PEM text.
};

/// When an endpoint that fails request after request, or too many of them, is left out for a while.
struct outlier_ejection_settings {
  std::int64_t consecutive_failures = 0; ///< That many in a row; 0 = they never eject.
  std::int64_t error_rate_percent = 0;   ///< Of the requests of an interval; 0 = it never ejects.
  std::int64_t requests_min = 100;       ///< In an interval, before its error rate means anything.
  nanoseconds interval = 10s;
  nanoseconds base_ejection_time = 30s; ///< Times the number of ejections in a row.
  nanoseconds max_ejection_time = 300s;
  std::int64_t max_ejected_percent = 10; ///< Of a pool; at least one endpoint, never all.
};

/// How the endpoints of routes that ask for it are checked.
struct health_checks_settings {
  bool enabled = true; ///< Whether routes may ask.
  nanoseconds interval = 10s; ///< For routes that name none.
  nanoseconds timeout = 2s;   ///< For a check as a whole, connecting included.
  std::int64_t unhealthy_after = 3; ///< Failures in a row.
  std::int64_t healthy_after = 2;   ///< Successes in a row.
};

/// What a request gets whose route is known but has no endpoint, and for how long it is known.
struct empty_pool_settings {
  std::uint16_t status = 503;
  std::string body;                       ///< Empty: the usual plain error text.
  std::string content_type;               ///< Of `body`; empty: text/plain; charset=utf-8.
  nanoseconds retry_after = 5s;           ///< 0 = no Retry-After header.
  nanoseconds keep = 24h;                 ///< 0 = gorouter's rules: settings::legacy_empty_pools().
  std::int64_t keep_routes_max = 100'000; ///< Empty routes kept at most; the oldest go first.
};

/// How much may wait for the first backend of a route whose option `hold` asks for that.
struct hold_settings {
  std::int64_t requests_per_route = 1'000;
  std::int64_t bytes_per_route = 64 << 20; ///< What the requests may occupy in the router's memory.
  std::int64_t requests = 10'000;          ///< Of the node.
  std::int64_t bytes = 512 << 20;          ///< Of the node.
};

// -- Reservations

/// Routes that exist by `router.reserve`, with or without endpoints.
struct reservations_settings {
  std::int64_t max = 100'000;
};

/// Where what people asked for outlives the process.
struct store_settings {
  std::string path; ///< Of a file; empty: it does not.
};

// -- NATS

struct nats_host {
  std::string hostname;
  std::uint16_t port = 0; ///< Must be given.
  bool operator==(const nats_host&) const = default;
};

struct nats_settings {
  std::vector<nats_host> hosts = {{"localhost", 4222}};
  std::string user;
  std::string pass;
  bool tls_enabled = false;
  std::string ca_certs;    ///< PEM text.
  std::string cert_chain;  ///< PEM text.
  std::string private_key; ///< PEM text.
};

/// What the subscription to `router.*` may queue before messages are dropped.
struct nats_pending_settings {
  std::int64_t messages = 131'072;
  std::int64_t bytes = 134'217'728;
};

// -- Route services, Routing API

struct route_services_settings {
  std::int64_t max_attempts = 0; ///< 0 acts as 1.
  bool strict_signature_validation = false;
  bool enable_websockets = false;
  nanoseconds session_timeout = 0s;   ///< For a route service to answer or send the request back; 0 = none.
  std::int64_t max_signature_uses = 0; ///< Requests that may come back with one signature; 0 = any number.
  bool without_backends = true; ///< A bound route without backends still goes to its route service.
  std::vector<std::string> block_CIDRs = {"169.254.0.0/16", "fe80::/10"}; ///< No route service lives there.
  std::string cert_chain;  ///< PEM text.
  std::string private_key; ///< PEM text.
};

struct routing_api_settings {
  std::string uri; ///< Without port. Enabled when both uri and port are set.
  std::int64_t port = 0;
  bool auth_disabled = false;
  std::string ca_certs;    ///< PEM text.
  std::string cert_chain;  ///< PEM text.
  std::string private_key; ///< PEM text.
};

struct oauth_settings {
  std::string token_endpoint; ///< A host name.
  std::uint16_t port = 0;
  std::string client_name;
  std::string client_secret;
  bool skip_ssl_validation = false;
  std::string ca_certs; ///< A file's path, unlike everywhere else.
};

// -- Cluster

struct cluster_node_settings {
  std::string name; ///< Unique in the cluster; a DNS name in lower case, for the certificate names it.
  std::string host; ///< Where others reach it: a name or an address, IPv6 in brackets.
  std::uint16_t port = 7946;
};

/// Between nodes, for both ends: all PEM text.
struct cluster_tls_settings {
  std::string cert_chain; ///< Names `node.name`.
  std::string private_key;
  std::string ca_certs; ///< Whom to believe that it is a node.
  bool operator==(const cluster_tls_settings&) const = default;
  bool active() const { return *this != cluster_tls_settings{}; }
};

/// This node among others. Without the section it is alone.
struct cluster_settings {
  std::string name;
  cluster_node_settings node;
  std::vector<std::string> peers; ///< "host:port" of nodes, perhaps of this one, too.
  cluster_discovery discovery = cluster_discovery::none;
  std::int64_t shards = 256; ///< Fixed for a cluster.
  std::int64_t holders = 3;  ///< Of each shard; 0 = all nodes.
  std::string zone;          ///< Absent: `zone` of the router.
  cluster_tls_settings tls;
  std::string snapshot; ///< Path of a file; empty: none is kept.
  nanoseconds suspect_after = 1s;
  nanoseconds remove_after = 5s;
  nanoseconds rebalance_after = 60s;
  nanoseconds confirm_timeout = 5s;
  cluster_isolated isolated = cluster_isolated::serve;

  /// Whether the file has the section: a name must be given then.
  bool enabled() const { return !name.empty(); }
};

// -- Status

struct status_routes_settings {
  std::uint16_t port = 8082; ///< On 127.0.0.1; 0 = any free port.
};

struct status_tls_settings {
  std::uint16_t port = 8443;
  std::string certificate; ///< PEM text.
  std::string key;         ///< PEM text.
  bool operator==(const status_tls_settings&) const = default;
  /// Any of the three differing from its default asks for TLS.
  bool active() const { return *this != status_tls_settings{}; }
};

struct status_settings {
  std::string host = "0.0.0.0"; ///< Of the deprecated endpoints only.
  std::uint16_t port = 8080;    ///< 0 = any free port.
  bool enable_nontls_health_checks = true;
  bool enable_deprecated_varz_healthz_endpoints = false;
  std::string user;
  std::string pass;
  status_routes_settings routes;
  status_tls_settings tls;
};

// -- Logs and metrics

struct log_format_settings {
  timestamp_format timestamp = timestamp_format::unix_epoch;
};

struct logging_settings {
  log_level level = log_level::debug;
  std::string syslog;                        ///< Log source and APP-NAME.
  std::string syslog_network = "udp";        ///< Begins with tcp or udp.
  std::string syslog_addr = "127.0.0.1:514"; ///< host:port
  std::int64_t syslog_truncate = 0;          ///< Bytes of the message part; 0 = no truncation.
  bool loggregator_enabled = false;
  std::string metron_address = "localhost:3457";
  bool disable_log_forwarded_for = false;
  bool disable_log_source_ip = false;
  config::redact_query_params redact_query_params = redact_query_params::none;
  log_format_settings format;
  std::vector<std::string> extra_access_log_fields; ///< Known names only, no duplicates.
};

struct access_log_settings {
  std::string file; ///< Empty: no file.
  bool enable_streaming = false;
  std::int64_t queue_records = 65'536; ///< Records waiting for the writer, at most.
};

struct prometheus_meters_settings {
  std::vector<double> route_lookup_time_histogram_buckets = {10000, 20000, 30000, 40000, 50000,
                                                             60000, 70000, 80000, 90000, 100000};
  std::vector<double> gorouter_time_histogram_buckets = {1,  2,  4,  6,   8,   10,
                                                         20, 40, 50, 100, 500, 1000};
  std::vector<double> route_registration_latency_histogram_buckets = {0.1, 0.5, 1,   1.5, 2,
                                                                      2.5, 3,   3.5, 4};
  std::vector<double> routing_response_latency_histogram_buckets = {1,  2,  4,  6,   8,   10,
                                                                    20, 40, 50, 100, 500, 1000};
  std::vector<double> http_latency_histogram_buckets = {0.1, 0.2, 0.4,  0.8, 1.6,
                                                        3.2, 6.4, 12.8, 25.6};
};

struct prometheus_settings {
  bool enabled = false;
  std::uint16_t port = 0;
  std::string cert_path;
  std::string key_path;
  std::string ca_path;
  prometheus_meters_settings meters;
};

} // namespace shunt::config
