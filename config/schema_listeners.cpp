// Keys of listeners and of the protocol: headers, limits, rewriting, tracing.
#include "config/schema.hpp"

#define KEY(member, ...) SHUNT_CONFIG_KEY(settings, member, __VA_ARGS__)

namespace shunt::config {

namespace {

const schema_of<added_header>& added_header_fields() {
  static const schema_of<added_header> fields{
    SHUNT_CONFIG_KEY(added_header, name, text{}),
    SHUNT_CONFIG_KEY(added_header, value, text{}),
  };
  return fields;
}

const schema_of<removed_header>& removed_header_fields() {
  static const schema_of<removed_header> fields{
    SHUNT_CONFIG_KEY(removed_header, name, text{}),
  };
  return fields;
}

/// Any number, because below 1 means the default.
constexpr number header_bytes{std::numeric_limits<std::int32_t>::min()};

} // namespace

schema_of<settings> listener_fields() {
  return {
    KEY(port, any_port),
    KEY(disable_http, flag{}),
    KEY(enable_ssl, flag{}),
    KEY(ssl_port, any_port),
    KEY(enable_http2, flag{}),
    KEY(enable_h2c, flag{}),
    KEY(enable_http1_concurrent_read_write, flag{}),
    KEY(enable_proxy, flag{}),
    KEY(proxy_senders, texts{}),
    KEY(frontend_idle_timeout, period{}),
    KEY(read_header_timeout, period{}),
    KEY(read_body_timeout, period{}),
    KEY(write_timeout, period{}),
    // The older name sets the same member; it comes first, so that the newer one wins.
    make_field<settings>(
      "max_header_bytes", [](auto& s) -> auto& { return s.max_request_header_bytes; },
      header_bytes),
    KEY(max_request_header_bytes, header_bytes),
    KEY(max_request_headers, number{}),
    KEY(max_response_header_bytes, number{}),
    KEY(max_response_headers, number{}),
    KEY(hop_by_hop_headers_to_filter, texts{}),
    KEY(force_forwarded_proto_https, flag{}),
    KEY(sanitize_forwarded_proto, flag{}),
    KEY(forwarded_client_cert, choice<forwarded_client_cert>{}),
    KEY(http_rewrite.responses.add_headers_if_not_present,
        list_of<added_header>{added_header_fields}),
    KEY(http_rewrite.responses.remove_headers, list_of<removed_header>{removed_header_fields}),
    KEY(html_error_template_file, text{}),
    KEY(healthcheck_user_agent, text{}),
    KEY(trace_key, text{}),
    KEY(tracing.enable_zipkin, flag{}),
    KEY(tracing.enable_w3c, flag{}),
    KEY(tracing.w3c_tenant_id, text{}),
    KEY(limits.connections, number{1, 10'000'000}),
    KEY(limits.connection_buffer_bytes, number{1 << 20, std::int64_t{1} << 50}),
  };
}

} // namespace shunt::config
