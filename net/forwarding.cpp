#include "net/forwarding.hpp"

#include "net/head_writer.hpp"
#include "net/response_rewrite.hpp"
#include "net/router_error.hpp"
#include "net/tracing.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shunt::net {

namespace {

using enum field_id;

constexpr std::size_t room_in_heads = 192; ///< Bytes; more would only be cleared in vain.

/// The names that a sender listed in Connection. Most list nothing but `keep-alive` or `close`,
/// which name no field that is not dropped anyway; so the question is rarely asked in earnest. The
/// list is taken apart once: it is asked about for every field.
class nominated {
public:
  nominated(std::span<const field> fields, std::span<const std::string> protected_names) {
    for (const auto& each : fields)
      if (each.id == connection && !harmless(each.value))
        add_list(each.value, protected_names);
  }
  bool operator()(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < count_; ++i)
      if (iequals({names_[i].data, names_[i].size}, name))
        return true;
    return false;
  }

private:
  static bool harmless(std::string_view value) noexcept {
    return iequals(value, "keep-alive") || iequals(value, "close") || iequals(value, "upgrade");
  }
  void add_list(std::string_view list, std::span<const std::string> protected_names) noexcept {
    while (!list.empty() && count_ < names_.size()) {
      const auto comma = std::min(list.find(','), list.size());
      const auto name = trim(list.substr(0, comma));
      list.remove_prefix(std::min(comma + 1, list.size()));
      const bool kept = std::any_of(protected_names.begin(), protected_names.end(),
                                    [&](const auto& each) { return iequals(each, name); });
      if (!name.empty() && !harmless(name) && !kept)
        names_[count_++] = {name.data(), name.size()};
    }
  }

  struct text { ///< A string_view that costs nothing until there is one.
    const char* data;
    std::size_t size;
  };
  std::array<text, connection_options_max> names_; ///< A parsed head has no more.
  std::size_t count_ = 0;
};

scheme_handling scheme_of(const request_head& head, proto_source source) noexcept {
  const bool given = !value_of(head.fields, x_forwarded_proto).empty();
  return scheme_table[static_cast<std::size_t>(source)][given];
}

std::string_view own_scheme(scheme_handling scheme, bool tls) noexcept {
  return tls || scheme == scheme_handling::https ? "https" : "http";
}

/// The framing of a chunked body, and which trailers it announces.
void append_chunked(head_writer& to, std::span<const field> fields) {
  to.line(transfer_encoding, "Transfer-Encoding", "chunked");
  for (const auto& each : fields)
    if (each.id == trailer)
      to.line(each);
}

/// Backends may answer 411 to these when nothing says that they have none (RFC 9110, section 8.6).
bool usually_has_body(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

/// Of a body that is none, only where somebody would ask for it, whatever the client said.
bool has_length_to_tell(const request_head& head) noexcept {
  return head.content_length > 0 || usually_has_body(head.method);
}

void append_framing(head_writer& to, const request_head& head, bool length_written) {
  if (head.framing == body_framing::chunked)
    append_chunked(to, head.fields);
  else if (!length_written && has_length_to_tell(head))
    to.line(content_length, "Content-Length", head.content_length);
}

void append_connection(head_writer& to, const request_head& head, bool close_after) {
  if (has_token(head.fields, te, "trailers"))
    to.line(te, "TE", "trailers");
  if (head.upgrade) {
    to.line(connection, "Connection", "Upgrade");
    to.line(upgrade, "Upgrade", head.upgrade_protocol);
  } else if (close_after) {
    to.line(connection, "Connection", "close");
  }
}

void append_forwarded_for(std::string& out, const request_head& head, std::string_view client_ip,
                          const nominated& dropped) {
  if (!dropped("X-Forwarded-For"))
    for (const auto& each : head.fields)
      if (each.id == x_forwarded_for && !each.value.empty())
        out.append(each.value).append(", ");
  out.append(client_ip);
}

/// Carries out a column of the table of requests. The column is known when this is compiled, and
/// with it each line that the router writes: looked up at run time, a head costs 6 % more.
template <situation Where>
class request_fields {
public:
  request_fields(head_writer& to, const request_head& head, const request_facts& facts)
    : to_{to},
      head_{head},
      facts_{facts},
      dropped_{head.fields, facts.protected_names},
      scheme_{scheme_of(head, facts.proto)} {}

  void append_start() {
    constexpr bool to_service = Where == situation::to_route_service;
    to_.start(head_.method, to_service ? facts_.route_service->target : head_.target, "HTTP/1.1");
    if (to_service)
      to_.line(host, "Host", facts_.route_service->host);
    else if (find_field(head_.fields, host) == nullptr && !head_.host.empty())
      to_.line(host, "Host", head_.host); // From the target of an HTTP/1.0 request.
  }
  /// The client's, in their order.
  void append_kept() {
    for (const auto& each : head_.fields)
      if (keeps(each))
        to_.line(each);
  }
  void append_own(const instance_facts& instance) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (append_own_line<I>(instance), ...);
    }
    (std::make_index_sequence<column.own().size()>{});
    if (facts_.trace != nullptr)
      facts_.trace->for_each_line([this](std::string_view name, std::string_view value) {
        if (!dropped_(name))
          to_.line(identify(name), name, value);
      });
  }
  void append_framing_and_connection() {
    append_framing(to_, head_, length_written_);
    append_connection(to_, head_, facts_.close_after);
  }

private:
  bool keeps(const field& each) {
    using enum handling;
    switch (column[each.id]) {
      case keep: return true;
      case length: // In its place, but once.
        if (has_length_to_tell(head_) && !std::exchange(length_written_, true))
          to_.line(each.id, each.name, head_.content_length);
        return false;
      case drop:
      case renew:
      case set:
      case stamp:
      case append:
      case way: return false;
      case scheme: return scheme_ == scheme_handling::pass && !dropped_(each.name);
      case client_cert:
        return facts_.client_cert == client_cert_action::pass && !dropped_(each.name);
      case trace:
        return (facts_.trace == nullptr || !facts_.trace->replaces(each.id))
               && !dropped_(each.name);
      case pass:
      case fill: break;
    }
    return !dropped_(each.name);
  }

  template <std::size_t Index>
  void append_own_line(const instance_facts& instance) {
    using enum handling;
    constexpr auto line = column.own()[Index];
    if constexpr (line.how == append) {
      to_.line_by(line.id, line.name, [this](std::string& out) {
        append_forwarded_for(out, head_, facts_.client_ip, dropped_);
      });
    } else if constexpr (line.how == client_cert) {
      if (facts_.client_cert == client_cert_action::replace && !facts_.client_cert_value.empty())
        to_.line(line.id, line.name, facts_.client_cert_value);
    } else if constexpr (line.how == stamp) {
      to_.line(line.id, line.name, own_value<line.id>(instance));
    } else {
      const bool wanted = line.how == scheme ? scheme_ != scheme_handling::pass
                          : line.how == fill ? find_field(head_.fields, line.id) == nullptr
                                             : true;
      if (wanted && !dropped_(line.name))
        to_.line(line.id, line.name, own_value<line.id>(instance));
    }
  }

  template <field_id Id>
  std::string_view own_value(const instance_facts& instance) {
    if constexpr (Id == x_forwarded_proto)
      return own_scheme(scheme_, facts_.tls);
    else if constexpr (Id == x_request_start)
      return start_.of(static_cast<std::uint64_t>(facts_.received_unix_ms));
    else if constexpr (Id == x_vcap_request_id)
      return facts_.request_id;
    else if constexpr (Id == x_cf_applicationid)
      return instance.app;
    else if constexpr (Id == x_cf_instanceid)
      return instance.instance_id;
    else if constexpr (Id == x_cf_instanceindex)
      return instance.instance_index;
    else if constexpr (Id == x_cf_forwarded_url)
      return facts_.route_service->forwarded_url;
    else if constexpr (Id == x_cf_proxy_signature)
      return facts_.route_service->signature;
    else {
      static_assert(Id == x_cf_proxy_metadata, "a row says `set` or `stamp`: its value goes here");
      return facts_.route_service->metadata;
    }
  }

  static constexpr const auto& column = column_of(Where);

  head_writer& to_;
  const request_head& head_;
  const request_facts& facts_;
  nominated dropped_;
  scheme_handling scheme_;
  bool length_written_ = false;
  decimal start_;
};

template <situation Where>
void append_head_for(head_writer& to, const request_head& head, const request_facts& request,
                     const instance_facts& instance) {
  request_fields<Where> fields{to, head, request};
  fields.append_start();
  fields.append_kept();
  fields.append_own(instance);
  fields.append_framing_and_connection();
  to.end();
}

} // namespace

void append_request_head(std::string& out, const request_head& head, const request_facts& request,
                         const instance_facts& instance, head_outline* outline) {
  head_writer to{out, outline, room_in_heads};
  switch (request.where) {
    using enum situation;
    case unbound: return append_head_for<unbound>(to, head, request, instance);
    case to_route_service: return append_head_for<to_route_service>(to, head, request, instance);
    case from_route_service: return append_head_for<from_route_service>(to, head, request, instance);
  }
}

void append_forwarded_for(std::string& out, const request_head& head, std::string_view client_ip,
                          std::span<const std::string> protected_names) {
  append_forwarded_for(out, head, client_ip, nominated{head.fields, protected_names});
}

std::string_view forwarded_proto(const request_head& head, bool tls, proto_source source,
                                 std::span<const std::string> protected_names) {
  if (nominated{head.fields, protected_names}("X-Forwarded-Proto"))
    return {};
  const auto scheme = scheme_of(head, source);
  return scheme == scheme_handling::pass ? value_of(head.fields, x_forwarded_proto)
                                         : own_scheme(scheme, tls);
}

// -- Responses.

namespace {

void append_status_line(head_writer& to, const response_head& head, bool http_1_0) {
  const std::array<char, 3> status{static_cast<char>('0' + head.status / 100 % 10),
                                   static_cast<char>('0' + head.status / 10 % 10),
                                   static_cast<char>('0' + head.status % 10)};
  // HTTP/2 has no reason, and some clients of HTTP/1.1 want one.
  to.start(http_1_0 ? "HTTP/1.0" : "HTTP/1.1", {status.data(), status.size()},
           head.reason.empty() ? reason_of(head.status) : head.reason);
}

/// Carries out a column of the table of responses.
template <response_kind Kind>
class response_fields {
public:
  response_fields(head_writer& to, const response_head& head, const response_facts& facts)
    : to_{to},
      head_{head},
      facts_{facts},

      traced_{!facts.trace_backend.empty()},
      dropped_{head.fields, {}} {}

  /// The backend's, in their order. Its framing is ours to say anew unless `with_length`.
  void append_kept(bool with_length) {
    length_written_ = !with_length;
    for (const auto& each : head_.fields)
      if (keeps(each))
        to_.line(each);
  }
  void append_own() {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (append_own_line<I>(), ...);
    }
    (std::make_index_sequence<column.own().size()>{});
  }

private:
  bool keeps(const field& each) {
    using enum handling;
    switch (column[each.id]) {
      case pass: break;
      case length: return !std::exchange(length_written_, true);
      case fill:
        if (dropped_(each.name))
          return false;
        (each.id == date ? has_date_ : has_id_) = true;
        return true;
      case way:
        if (traced_) // What it claims itself.
          return false;
        break;
      default: return false;
    }
    return !dropped_(each.name);
  }
  template <std::size_t Index>
  void append_own_line() {
    constexpr auto line = column.own()[Index];
    const auto value = own_value<line.id>();
    const bool missing = line.id == date ? !has_date_ : !has_id_;
    if (line.how == handling::way ? !value.empty() : missing)
      to_.line(line.id, line.name, value);
  }
  template <field_id Id>
  std::string_view own_value() const {
    if constexpr (Id == x_vcap_router)
      return facts_.trace_router;
    else if constexpr (Id == x_vcap_backend || Id == x_cf_routeendpoint)
      return facts_.trace_backend;
    else if constexpr (Id == x_vcap_request_id)
      return facts_.request_id;
    else {
      static_assert(Id == date, "a row says `fill` or `way`: its value goes here");
      return facts_.date;
    }
  }

  static constexpr const auto& column = column_of(Kind);

  head_writer& to_;
  const response_head& head_;
  const response_facts& facts_;
  bool traced_;
  nominated dropped_;
  bool length_written_ = false;
  bool has_date_ = false, has_id_ = false;
};

void append_framing(head_writer& to, const response_head& head, const response_facts& facts) {
  if (facts.framing == body_framing::chunked)
    append_chunked(to, head.fields);
  if (!facts.keep_alive)
    to.line(connection, "Connection", "close");
  else if (facts.http_1_0)
    to.line(connection, "Connection", "keep-alive");
}

} // namespace

void append_response_head(std::string& out, const response_head& head, const response_facts& facts,
                          head_outline* outline) {
  const auto begin = out.size();
  head_writer to{out, outline, room_in_heads};
  append_status_line(to, head, facts.http_1_0);
  // A length is said when it is true: also for what is not sent, after HEAD and with 304. Never
  // with 204, where some clients would wait for that many bytes (RFC 9110, section 8.6).
  const bool with_length =
    head.status != 204
    && (facts.framing == body_framing::length || facts.framing == body_framing::none);
  response_fields<response_kind::last> fields{to, head, facts};
  fields.append_kept(with_length);
  fields.append_own();
  to.lines(facts.cookie_line);
  if (facts.rewrite != nullptr && !facts.rewrite->empty())
    to.rewrite([&](std::string& text) { facts.rewrite->apply(text, begin); });
  append_framing(to, head, facts);
  to.end();
}

void append_interim_head(std::string& out, const response_head& head,
                         const response_rewrite* rewrite) {
  const auto begin = out.size();
  head_writer to{out};
  append_status_line(to, head, false);
  response_fields<response_kind::interim>{to, head, {}}.append_kept(false);
  if (rewrite != nullptr)
    to.rewrite([&](std::string& text) { rewrite->apply(text, begin); });
  to.end();
}

void append_upgrade_head(std::string& out, const response_head& head, const response_facts& facts) {
  head_writer to{out};
  append_status_line(to, head, false);
  response_fields<response_kind::switching> fields{to, head, facts};
  fields.append_kept(false);
  to.line(connection, "Connection", "Upgrade");
  to.line(upgrade, "Upgrade", head.upgrade_protocol);
  fields.append_own();
  to.lines(facts.cookie_line);
  to.end();
}

body_framing framing_for_client(const response_head& head, bool http_1_0) noexcept {
  switch (head.framing) {
    case body_framing::none:
    case body_framing::length: return head.framing;
    case body_framing::chunked:
    case body_framing::until_close:
      return http_1_0 ? body_framing::until_close : body_framing::chunked;
  }
  return body_framing::none;
}

} // namespace shunt::net
