// The closed sets of values that some keys of the configuration file choose from. How each value is
// spelt in the file, and how a wrong one is refused, is said once, in choice_text.hpp.
#pragma once

#include <cstdint>

namespace shunt::config {

/// `balancing_algorithm`: how a pool picks the next endpoint.
enum class balancing_algorithm : std::uint8_t { round_robin, least_connection };

/// `balancing_algorithm_az_preference`: whether endpoints of the own zone are tried first.
enum class balancing_algorithm_az_preference : std::uint8_t { none, locally_optimistic };

/// `forwarded_client_cert`: what becomes of X-Forwarded-Client-Cert.
enum class forwarded_client_cert : std::uint8_t { always_forward, forward, sanitize_set };

/// `domains[].xfcc_format`: how a client certificate is written into X-Forwarded-Client-Cert.
enum class xfcc_format : std::uint8_t { raw, envoy };

/// `client_cert_validation`. It has no default: with `enable_ssl` one of the others must be chosen.
enum class client_cert_validation : std::uint8_t { unset, none, request, require };

/// `min_tls_version` and `max_tls_version`; an empty string in the file means TLS 1.2.
enum class tls_version : std::uint8_t { tls_1_0, tls_1_1, tls_1_2, tls_1_3 };

/// `routing_table_sharding_mode`: endpoints of which isolation segments are accepted.
enum class routing_table_sharding_mode : std::uint8_t { all, segments, shared_and_segments };

/// `logging.redact_query_params`: what the access log shows of the query of a GET.
enum class redact_query_params : std::uint8_t { none, all, hash };

/// `logging.level`, in rising order of urgency.
enum class log_level : std::uint8_t { debug, info, warn, error, dpanic, panic, fatal };

/// `logging.format.timestamp`.
enum class timestamp_format : std::uint8_t { unix_epoch, rfc3339 };

/// `backends.max_conns_counts`: until when a request counts against `backends.max_conns`.
enum class max_conns_counts : std::uint8_t {
  awaiting_headers, ///< Until the response head has arrived, as gorouter counts.
  whole_response,   ///< Until the response, or the tunnel, has ended.
};

/// `cluster.discovery`: how nodes find each other besides `cluster.peers`.
enum class cluster_discovery : std::uint8_t { none, nats };

/// `cluster.isolated`: what a node does that hears no other.
enum class cluster_isolated : std::uint8_t {
  serve,     ///< It goes on with what it knows.
  unhealthy, ///< It says so to its load balancer, besides.
};

} // namespace shunt::config
