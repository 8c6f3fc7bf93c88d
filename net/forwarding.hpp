// How a message head changes on its way through the router, in both directions: which fields are
// kept, dropped, changed and added, as `net/header_table` says. What is kept keeps the spelling and
// the order that the sender gave it. Pure: a parsed head and facts in, bytes out.
#pragma once

#include "net/header_table.hpp"
#include "net/http_head.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace shunt::net {

class response_rewrite;
class trace_record;

/// What a request to a route service carries, and where it asks. All of it valid in a head.
struct route_service_facts {
  std::string_view target;        ///< Path and query of its URL; never empty.
  std::string_view host;          ///< The authority of its URL, as configured.
  std::string_view forwarded_url; ///< X-CF-Forwarded-Url: where the service shall send it.
  std::string_view signature;     ///< X-CF-Proxy-Signature.
  std::string_view metadata;      ///< X-CF-Proxy-Metadata.
};

/// What does not change between the attempts of one request.
struct request_facts {
  std::string_view client_ip;        ///< Appended to X-Forwarded-For.
  std::string_view request_id;       ///< X-Vcap-Request-Id.
  std::int64_t received_unix_ms = 0; ///< X-Request-Start, when the client sent none.
  bool tls = false;                  ///< Of the client's connection.
  proto_source proto = proto_source::client;
  client_cert_action client_cert = client_cert_action::pass; ///< X-Forwarded-Client-Cert.
  std::string_view client_cert_value = {}; ///< For `replace`; empty = none can be vouched for.
  const trace_record* trace = nullptr;     ///< Tracing fields to replace and add; null = none.
  bool close_after = false;                ///< Adds `Connection: close`.
  /// Names that a client may not have removed by listing them in Connection.
  std::span<const std::string> protected_names;
  situation where = situation::unbound;
  const route_service_facts* route_service = nullptr; ///< For `to_route_service`, and only then.
};

/// The instance that an attempt goes to.
struct instance_facts {
  std::string_view app;            ///< X-CF-ApplicationID.
  std::string_view instance_index; ///< X-CF-InstanceIndex.
  std::string_view instance_id;    ///< X-CF-InstanceID; the address when the instance has none.
};

/// Appends the head that goes to the backend, or to the route service: that is sent its own target
/// and Host and nothing of an instance (`instance` is not looked at). Notes it in `outline`, if there is
/// one, for which `out` must be empty.
void append_request_head(std::string& out, const request_head& head, const request_facts& request,
                         const instance_facts& instance, head_outline* outline = nullptr);

/// The X-Forwarded-For that goes to the backend, and the X-Forwarded-Proto (empty = none), for the
/// access log.
void append_forwarded_for(std::string& out, const request_head& head, std::string_view client_ip,
                          std::span<const std::string> protected_names);
std::string_view forwarded_proto(const request_head& head, bool tls, proto_source source,
                                 std::span<const std::string> protected_names);

/// What the router adds to a response, and how its body travels to the client.
struct response_facts {
  std::string_view request_id = {};
  std::string_view date = {};          ///< Added when the backend sent none.
  std::string_view trace_router = {};  ///< X-Vcap-Router, X-Vcap-Backend and X-Cf-RouteEndpoint
  std::string_view trace_backend = {}; ///< are added when these are not empty.
  bool http_1_0 = false;               ///< The client's version.
  bool keep_alive = true;              ///< Whether the connection stays open afterwards.
  body_framing framing = body_framing::none; ///< Towards the client.
  std::string_view cookie_line = {}; ///< A whole Set-Cookie line of the router's; empty = none.
  const response_rewrite* rewrite = nullptr; ///< The operator's rules; null = none.
};

/// Appends the head that goes to the client: a final response. Notes it in `outline` as above, unless
/// the operator's rules change it.
void append_response_head(std::string& out, const response_head& head, const response_facts& facts,
                          head_outline* outline = nullptr);
/// Appends an informational response (1xx but not 101).
void append_interim_head(std::string& out, const response_head& head,
                         const response_rewrite* rewrite);
/// Appends the 101 that begins a tunnel. Of the facts: the id, the trace and the cookie. The operator's rules
/// are not for it.
void append_upgrade_head(std::string& out, const response_head& head, const response_facts& facts);

/// The framing towards a client: chunked needs HTTP/1.1, an unknown length without it ends with
/// the connection.
body_framing framing_for_client(const response_head& head, bool http_1_0) noexcept;

} // namespace shunt::net
