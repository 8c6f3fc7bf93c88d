// Rules between keys, other than those of TLS. Texts that gorouter has are gorouter's.
#include "config/check.hpp"

#include "config/cat.hpp"
#include "config/duration.hpp"
#include "config/tracestate_tenant.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace shunt::config {

namespace {

/// Fields that the access log knows (reference, section 10.8).
constexpr std::array<std::string_view, 14> known_log_fields{
  "backend_time", "dial_time",       "dns_time",      "failed_attempts_time",
  "tls_time",     "failed_attempts", "local_address", "caller_cf_app",
  "caller_cf_org", "caller_cf_space", "route_policy", "tls_sni",
  "app_time",     "route_service_time"};

/// More cannot be counted, and nothing has so many.
void clamp_connections(settings& s, const found_keys& keys, report& out) {
  constexpr std::int64_t countable = std::numeric_limits<std::uint32_t>::max();
  if (s.backends.max_conns <= countable)
    return;
  s.backends.max_conns = countable;
  out.warn(keys.line("backends.max_conns"), "backends.max_conns",
           cat("lowered to the largest that is allowed, ", std::to_string(countable)));
}

void fill_in(settings& s, const found_keys& keys, report& out) {
  if (!keys.has("drain_timeout"))
    s.drain_timeout = s.endpoint_timeout;
  if (!keys.has("websocket_dial_timeout"))
    s.websocket_dial_timeout = s.endpoint_dial_timeout;
  if (s.cluster.enabled() && !keys.has("cluster.zone"))
    s.cluster.zone = s.zone;
  if (s.droplet_stale_threshold >= s.start_response_delay_interval)
    return;
  // Otherwise routes heard at the start would be gone before the listeners open.
  s.droplet_stale_threshold = s.start_response_delay_interval;
  if (keys.has("droplet_stale_threshold"))
    out.warn(keys.line("droplet_stale_threshold"), "droplet_stale_threshold",
             cat("raised to start_response_delay_interval, ", to_text(s.droplet_stale_threshold)));
}

void check_header_limits(const settings& s, const found_keys& keys, report& out) {
  constexpr std::string_view older = "max_header_bytes";
  constexpr std::string_view newer = "max_request_header_bytes";
  if (keys.has(older) && keys.has(newer))
    out.warn(keys.line(older), older, "ignored, because max_request_header_bytes is set too");
  if (s.max_request_header_bytes > s.request_header_bytes_max()) {
    const auto key = keys.has(newer) ? newer : older;
    out.warn(keys.line(key), key, "lowered to the largest that is allowed, 1048576");
  }
}

void check_listeners(const settings& s, const found_keys& keys, report& out) {
  if (s.disable_http && !s.enable_ssl)
    out.error(keys.line("disable_http"), "disable_http",
              "neither http nor https listener is enabled: router.enable_ssl: false, "
              "router.disable_http: true");
  if (!s.status.enable_nontls_health_checks && !s.status.tls.active())
    out.error(keys.line("status.enable_nontls_health_checks"), "status.enable_nontls_health_checks",
              "Neither TLS nor non-TLS health endpoints are enabled. Refusing to start gorouter.");
}

/// Two listeners on one port would fail later, when one of them is opened.
void check_ports(const settings& s, const found_keys& keys, report& out) {
  std::vector<std::pair<std::string_view, std::uint16_t>> ports;
  if (!s.disable_http)
    ports.emplace_back("port", s.port);
  if (s.status.enable_nontls_health_checks)
    ports.emplace_back("status.port", s.status.port);
  ports.emplace_back("status.routes.port", s.status.routes.port);
  if (s.enable_ssl)
    ports.emplace_back("ssl_port", s.ssl_port);
  if (s.route_services_hairpinning)
    ports.emplace_back("route_services_internal_server_port", s.route_services_internal_server_port);
  if (s.cluster.enabled())
    ports.emplace_back("cluster.node.port", s.cluster.node.port);
  for (std::size_t i = 1; i < ports.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (const auto& [key, port] = ports[i]; port != 0 && port == ports[j].second) {
        const auto message =
          cat("found ", std::to_string(port), ", which is already used by ", ports[j].first);
        out.error(keys.line(key, ports[j].first), key, message);
      }
}

void check_nats(const settings& s, const found_keys& keys, report& out) {
  const auto line = keys.line("nats.hosts");
  if (s.nats.hosts.empty())
    out.error(line, "nats.hosts", "found no server, expected at least one");
  for (std::size_t i = 0; i < s.nats.hosts.size(); ++i) {
    const auto path = element("nats.hosts", i);
    if (s.nats.hosts[i].hostname.empty())
      out.error(line, path + ".hostname", "must be given");
    if (s.nats.hosts[i].port == 0)
      out.error(line, path + ".port", "must be given, allowed is 1 to 65535");
  }
}

void check_sharding(const settings& s, const found_keys& keys, report& out) {
  if (s.routing_table_sharding_mode == routing_table_sharding_mode::segments
      && s.isolation_segments.empty())
    out.error(keys.line("routing_table_sharding_mode"), "routing_table_sharding_mode",
              "Expected isolation segments; routing table sharding mode set to segments and none "
              "provided.");
}

void check_health_threshold(const settings& s, const found_keys& keys, report& out) {
  constexpr std::string_view key = "load_balancer_healthy_threshold";
  if (s.load_balancer_healthy_threshold < 0s)
    out.error(
      keys.line(key), key,
      cat("Invalid load balancer healthy threshold: ", to_text(s.load_balancer_healthy_threshold)));
}

bool is_host_and_port(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return false;
  std::uint16_t port = 0;
  const auto* const end = address.data() + address.size();
  const auto result = std::from_chars(address.data() + colon + 1, end, port);
  return result.ec == std::errc{} && result.ptr == end && port != 0;
}

void check_syslog(const settings& s, const found_keys& keys, report& out) {
  constexpr std::array<std::string_view, 6> networks{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"};
  const auto& network = s.logging.syslog_network;
  if (std::find(networks.begin(), networks.end(), network) == networks.end())
    out.error(keys.line("logging.syslog_network"), "logging.syslog_network",
              cat("found \"", shown(network), "\", allowed are tcp, tcp4, tcp6, udp, udp4, udp6"));
  if (!is_host_and_port(s.logging.syslog_addr))
    out.error(keys.line("logging.syslog_addr"), "logging.syslog_addr",
              cat("found \"", shown(s.logging.syslog_addr), "\", expected host:port"));
  const auto& metron = s.logging.metron_address;
  if (!metron.empty() && !is_host_and_port(metron))
    out.error(keys.line("logging.metron_address"), "logging.metron_address",
              cat("found \"", shown(metron), "\", expected host:port, or nothing"));
}

/// Leaves only known names, each once.
void clean_log_fields(settings& s, const found_keys& keys, report& out) {
  constexpr std::string_view key = "logging.extra_access_log_fields";
  std::vector<std::string> clean;
  for (auto& name : s.logging.extra_access_log_fields) {
    const bool known =
      std::find(known_log_fields.begin(), known_log_fields.end(), name) != known_log_fields.end();
    if (!known)
      out.warn(keys.line(key), key, cat("unknown field ", shown(name), ", ignored"));
    else if (std::find(clean.begin(), clean.end(), name) == clean.end())
      clean.push_back(std::move(name));
  }
  s.logging.extra_access_log_fields = std::move(clean);
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  const auto allowed = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || marks.find(c) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), allowed);
}

bool is_header_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

/// A line break in a header that the router writes would let it say anything.
void check_headers(const settings& s, const found_keys& keys, report& out) {
  constexpr std::string_view added = "http_rewrite.responses.add_headers_if_not_present";
  constexpr std::string_view removed = "http_rewrite.responses.remove_headers";
  for (const auto& header : s.http_rewrite.responses.add_headers_if_not_present)
    if (!is_header_name(header.name) || !is_header_value(header.value))
      out.error(keys.line(added), added,
                cat("\"", shown(header.name), "\" is no valid header name, or its value is none"));
  for (const auto& header : s.http_rewrite.responses.remove_headers)
    if (!is_header_name(header.name))
      out.error(keys.line(removed), removed,
                cat("\"", shown(header.name), "\" is no valid header name"));
  if (!is_header_value(s.empty_pool.content_type))
    out.error(keys.line("empty_pool.content_type"), "empty_pool.content_type",
              "found control characters, expected a media type");
}

void check_tracing(const settings& s, const found_keys& keys, report& out) {
  constexpr std::string_view key = "tracing.w3c_tenant_id";
  const auto& tracing = s.tracing;
  if (tracing.enable_w3c && !tracing.w3c_tenant_id.empty() && !is_tracestate_tenant(tracing.w3c_tenant_id))
    out.error(keys.line(key), key,
              cat("found \"", shown(tracing.w3c_tenant_id),
                  "\", allowed are up to 241 visible characters of ASCII other than comma and =; W3C Trace Context has a-z, "
                  "0-9, _, -, * and / for what stands before @gorouter in tracestate"));
}

} // namespace

void complete_and_check(settings& s, const found_keys& keys, report& out) {
  fill_in(s, keys, out);
  clamp_connections(s, keys, out);
  clean_log_fields(s, keys, out);
  for (auto* check : {check_header_limits, check_listeners, check_ports, check_nats, check_sharding,
                      check_health_threshold, check_syslog, check_headers, check_tracing, check_cluster, check_tls})
    check(s, keys, out);
}

} // namespace shunt::config
