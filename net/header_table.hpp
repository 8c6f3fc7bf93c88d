// What becomes of every header that the router treats specially, on its way through: two tables,
// header x situation, and two small ones for the headers whose fate hangs on more than that. Every
// other header is passed on. Sources: gorouter's rules, RFC 9110, section 7.6.1 for hop-by-hop
// fields. Nothing but constants; who carries them out is `net/forwarding`.
#pragma once

#include "net/http_fields.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace shunt::net {

/// What is done with one header in one situation. "Named" means listed in the sender's Connection,
/// which asks that a header go no further.
enum class handling : std::uint8_t {
  // The sender's lines, where they stand:
  pass, ///< Passed on unless named.
  keep, ///< Passed on, even if named.
  // Not the sender's lines:
  drop,  ///< Not passed on.
  renew, ///< Hop by hop: not passed on, said anew where the next hop needs it.
  set,   ///< The router's line instead, unless named: what gorouter sets before it obeys Connection.
  stamp, ///< The router's line instead, even if named.
  // Both:
  fill,   ///< As `pass`; without one, the router's line unless named.
  append, ///< The sender's values (unless named) and the router's, in one line.
  length, ///< Framing: once, as it was understood.
  // What hangs on more than the situation:
  scheme,      ///< See `scheme_table`.
  client_cert, ///< See `client_cert_table`.
  trace,       ///< As `pass`, but a line of the request's trace record replaces it: `set`.
  way,         ///< As `pass`, but `stamp` for who may see which way a request took.
};

// -- Requests.

/// Where a request goes, and whence it came. The columns of the table of requests.
enum class situation : std::uint8_t {
  unbound,            ///< To an app, on a route without a route service.
  to_route_service,   ///< To the route service of its route.
  from_route_service, ///< Back from that, its signature verified, to an app.
};
inline constexpr std::size_t situation_count = 3;

/// One header of a table, spelled as the router writes it.
template <std::size_t Columns>
struct header_row {
  field_id id;
  std::string_view name;
  std::array<handling, Columns> in; ///< By column.
};

// clang-format off
/// The router's own lines are written in this order, behind those of the client (Host: first).
inline constexpr auto request_headers = [] {
  using enum field_id;
  using enum handling;
  return std::to_array<header_row<situation_count>>({
    //                                                    unbound      to_route_service  from_route_service
    {host,                    "Host",                    {keep,        stamp,            keep}},
    {content_length,          "Content-Length",          {length,      length,           length}},
    // Hop by hop.
    {connection,              "Connection",              {renew,       renew,            renew}},
    {te,                      "TE",                      {renew,       renew,            renew}},
    {trailer,                 "Trailer",                 {renew,       renew,            renew}},
    {transfer_encoding,       "Transfer-Encoding",       {renew,       renew,            renew}},
    {upgrade,                 "Upgrade",                 {renew,       renew,            renew}},
    {keep_alive,              "Keep-Alive",              {drop,        drop,             drop}},
    {proxy_connection,        "Proxy-Connection",        {drop,        drop,             drop}},
    {proxy_authenticate,      "Proxy-Authenticate",      {drop,        drop,             drop}},
    {proxy_authorization,     "Proxy-Authorization",     {drop,        drop,             drop}},
    // Who asks, and how.
    {x_forwarded_for,         "X-Forwarded-For",         {append,      append,           append}},
    {x_forwarded_proto,       "X-Forwarded-Proto",       {scheme,      scheme,           scheme}},
    {x_forwarded_host,        "X-Forwarded-Host",        {pass,        pass,             pass}},
    {forwarded,               "Forwarded",               {pass,        pass,             pass}},
    {x_request_start,         "X-Request-Start",         {fill,        fill,             fill}},
    // Even if named: a client could else hide who it is (differs from gorouter).
    {x_forwarded_client_cert, "X-Forwarded-Client-Cert", {client_cert, client_cert,      client_cert}},
    {x_vcap_request_id,       "X-Vcap-Request-Id",       {set,         set,              set}},
    // Tracing.
    {b3,                      "b3",                      {trace,       trace,            trace}},
    {x_b3_traceid,            "X-B3-TraceId",            {trace,       trace,            trace}},
    {x_b3_spanid,             "X-B3-SpanId",             {trace,       trace,            trace}},
    {x_b3_parentspanid,       "X-B3-ParentSpanId",       {pass,        pass,             pass}},
    {x_b3_sampled,            "X-B3-Sampled",            {pass,        pass,             pass}},
    {x_b3_flags,              "X-B3-Flags",              {pass,        pass,             pass}},
    {traceparent,             "traceparent",             {trace,       trace,            trace}},
    {tracestate,              "tracestate",              {trace,       trace,            trace}},
    // Which instance. A route service is none, and a client may not claim to know of one.
    {x_cf_applicationid,      "X-CF-ApplicationID",      {stamp,       drop,             stamp}},
    {x_cf_instanceid,         "X-CF-InstanceID",         {stamp,       drop,             stamp}},
    {x_cf_instanceindex,      "X-CF-InstanceIndex",      {stamp,       drop,             stamp}},
    {x_cf_app_instance,       "X-CF-App-Instance",       {drop,        drop,             drop}},
    {x_cf_process_instance,   "X-CF-Process-Instance",   {pass,        pass,             pass}},
    // The way back. Even if named: a client could else have its request reach the service unsigned
    // (differs from gorouter). An unbound route may be that of a route service, which needs them.
    {x_cf_forwarded_url,      "X-CF-Forwarded-Url",      {pass,        stamp,            drop}},
    {x_cf_proxy_signature,    "X-CF-Proxy-Signature",    {pass,        stamp,            drop}},
    {x_cf_proxy_metadata,     "X-CF-Proxy-Metadata",     {pass,        stamp,            drop}},
  });
}();

/// Who says what X-Forwarded-Proto is. The rows of `scheme_table`.
enum class proto_source : std::uint8_t {
  client,     ///< The client, if it says anything; else the connection.
  connection, ///< `sanitize_forwarded_proto`
  https,      ///< `force_forwarded_proto_https`: always https.
  signer,     ///< Nobody here: the request carries a valid route-service signature.
};
enum class scheme_handling : std::uint8_t {
  pass,       ///< As for other headers; nothing is written.
  connection, ///< Replaced by the scheme of the connection.
  https,      ///< Replaced by `https`.
};
/// By proto_source, and by whether the header is there and not empty.
inline constexpr auto scheme_table = [] {
  using enum scheme_handling;
  return std::array<std::array<scheme_handling, 2>, 4>{{
    //             absent or empty   given
    /* client */     {connection,      pass},
    /* connection */ {connection,      connection},
    /* https */      {https,           https},
    /* signer */     {pass,            pass},
  }};
}();

/// What becomes of the client's X-Forwarded-Client-Cert, all lines of it.
enum class client_cert_action : std::uint8_t {
  pass,    ///< They stay as they are.
  remove,  ///< They are dropped.
  replace, ///< They are dropped, and one about this client's certificate is added.
};
/// What the router knows of who asks. The columns of `client_cert_table`.
enum class client_proof : std::uint8_t {
  none,         ///< No TLS, or no client certificate; nor a signature over TLS.
  certificate,  ///< Mutual TLS.
  signature,    ///< Over TLS, a valid route-service signature; on an unbound route.
  own_signature ///< The same, on a route with a route service: a `from_route_service`.
};
/// By config::forwarded_client_cert, and by client_proof.
inline constexpr auto client_cert_table = [] {
  using enum client_cert_action;
  return std::array<std::array<client_cert_action, 4>, 3>{{
    //                  none     certificate  signature  own_signature
    /* always_forward */ {pass,    pass,        pass,      pass},
    /* forward */        {remove,  pass,        pass,      remove},
    /* sanitize_set */   {remove,  replace,     pass,      pass},
  }};
}();

// -- Responses.

/// The columns of the table of responses, whether they come from an app or a route service.
enum class response_kind : std::uint8_t {
  last,      ///< The final one.
  interim,   ///< 1xx but 101.
  switching, ///< 101: a tunnel begins.
};
inline constexpr std::size_t response_kind_count = 3;

inline constexpr auto response_headers = [] {
  using enum field_id;
  using enum handling;
  return std::to_array<header_row<response_kind_count>>({
    //                                               last     interim  switching
    {content_length,       "Content-Length",        {length,  drop,    drop}},
    {connection,           "Connection",            {renew,   drop,    renew}},
    {te,                   "TE",                    {drop,    drop,    drop}},
    {trailer,              "Trailer",               {renew,   drop,    drop}},
    {transfer_encoding,    "Transfer-Encoding",     {renew,   drop,    drop}},
    {upgrade,              "Upgrade",               {drop,    drop,    renew}},
    {keep_alive,           "Keep-Alive",            {drop,    drop,    drop}},
    {proxy_connection,     "Proxy-Connection",      {drop,    drop,    drop}},
    {proxy_authenticate,   "Proxy-Authenticate",    {drop,    drop,    drop}},
    {proxy_authorization,  "Proxy-Authorization",   {drop,    drop,    drop}},
    {x_vcap_router,        "X-Vcap-Router",         {way,     pass,    way}},
    {x_vcap_backend,       "X-Vcap-Backend",        {way,     pass,    way}},
    {x_cf_routeendpoint,   "X-Cf-RouteEndpoint",    {way,     pass,    way}},
    {x_vcap_request_id,    "X-Vcap-Request-Id",     {fill,    pass,    fill}},
    {date,                 "Date",                  {fill,    pass,    pass}},
    {x_cf_proxy_signature, "X-CF-Proxy-Signature",  {drop,    drop,    drop}},
    {x_cf_proxy_metadata,  "X-CF-Proxy-Metadata",   {pass,    pass,    pass}},
    {x_cf_forwarded_url,   "X-CF-Forwarded-Url",    {pass,    pass,    pass}},
    {x_cf_routererror,     "X-Cf-RouterError",      {pass,    pass,    pass}},
  });
}();
// clang-format on

// -- For the request path: a column by field_id.

/// One column of a table of at most `Rows` rows. Headers that have no row are passed on.
template <std::size_t Rows>
class header_column {
public:
  struct own_line {
    field_id id = field_id::other;
    handling how = handling::pass;
    std::string_view name;
  };

  template <std::size_t Columns>
  constexpr header_column(const std::array<header_row<Columns>, Rows>& table, std::size_t column) {
    for (const auto& row : table) {
      const auto how = row.in[column];
      by_id_[static_cast<std::size_t>(row.id)] = how;
      if (may_write(how) && row.id != field_id::host)
        own_[own_count_++] = {row.id, how, row.name};
    }
  }

  constexpr handling operator[](field_id id) const noexcept {
    return by_id_[static_cast<std::size_t>(id)];
  }
  /// The headers of which the router may write a line of its own, in the order of the table. Not
  /// what frames and connects (`length`, `renew`), nor traces, nor Host, which comes first.
  constexpr std::span<const own_line> own() const noexcept {
    return std::span{own_}.first(own_count_);
  }

private:
  static constexpr bool may_write(handling how) noexcept {
    using enum handling;
    return how == set || how == stamp || how == fill || how == append || how == scheme
           || how == client_cert || how == way;
  }

  std::array<handling, field_count> by_id_{};
  std::array<own_line, Rows> own_{};
  std::size_t own_count_ = 0;
};

inline constexpr std::array request_columns{header_column{request_headers, 0},
                                            header_column{request_headers, 1},
                                            header_column{request_headers, 2}};
inline constexpr std::array response_columns{header_column{response_headers, 0},
                                             header_column{response_headers, 1},
                                             header_column{response_headers, 2}};

constexpr const auto& column_of(situation where) noexcept {
  return request_columns[static_cast<std::size_t>(where)];
}
constexpr const auto& column_of(response_kind kind) noexcept {
  return response_columns[static_cast<std::size_t>(kind)];
}

} // namespace shunt::net
