#include "net/forwarding.hpp"

#include "net/response_rewrite.hpp"
#include "net/router_error.hpp"
#include "net/tracing.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace shunt::net {

namespace {

using enum field_id;

/// Appends with one check of the capacity per line instead of one per part.
class writer {
public:
  explicit writer(std::string& out) : out_{out} {}

  void line(std::string_view name, std::string_view value) {
    const auto at = out_.size();
    out_.resize(at + name.size() + value.size() + 4);
    char* p = out_.data() + at;
    p = put(p, name);
    *p++ = ':';
    *p++ = ' ';
    p = put(p, value);
    *p++ = '\r';
    *p = '\n';
  }
  void line(std::string_view name, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    line(name, std::string_view{digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

private:
  static char* put(char* to, std::string_view text) {
    return to + text.copy(to, text.size()); // Which, unlike memcpy, may be given nothing at all.
  }
  std::string& out_;
};

/// What a field of that id becomes in either direction. Everything else is decided where it is
/// used.
bool hop_by_hop(field_id id) noexcept {
  switch (id) {
    case connection:
    case proxy_connection:
    case keep_alive:
    case te:
    case trailer:
    case transfer_encoding:
    case upgrade:
    case proxy_authenticate:
    case proxy_authorization: return true;
    default: return false;
  }
}

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
      if (iequals(names_[i], name))
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
        names_[count_++] = name;
    }
  }

  std::array<std::string_view, connection_options_max> names_; ///< A parsed head has no more.
  std::size_t count_ = 0;
};

/// Fields that the router writes itself, whatever the client sent.
bool written_by_router(field_id id) noexcept {
  switch (id) {
    case x_forwarded_for:
    case x_vcap_request_id:
    case x_cf_applicationid:
    case x_cf_instanceid:
    case x_cf_instanceindex:
    case x_cf_app_instance: return true;
    default: return false;
  }
}

bool has_value(const request_head& head, field_id id) noexcept {
  const auto* found = find_field(head.fields, id);
  return found != nullptr && !found->value.empty();
}

bool keeps_proto(const request_head& head, proto_source source) noexcept {
  return source == proto_source::client && has_value(head, x_forwarded_proto);
}

std::string_view own_proto(bool tls, proto_source source) noexcept {
  return tls || source == proto_source::https ? "https" : "http";
}

/// Keeps the client's fields, with the exceptions above.
void append_kept_fields(std::string& out, const request_head& head, const request_facts& request,
                        const nominated& dropped, bool& length_written) {
  writer to{out};
  const bool proto_kept = keeps_proto(head, request.proto);
  for (const auto& each : head.fields) {
    if (each.id == host) { // Never to be removed by naming it in Connection.
      to.line(each.name, each.value);
      continue;
    }
    if (each.id == content_length) { // Framing: ours to say, but once and in its place.
      if (!std::exchange(length_written, true))
        to.line(each.name, head.content_length);
      continue;
    }
    if (hop_by_hop(each.id) || written_by_router(each.id))
      continue;
    if (each.id == x_forwarded_proto && !proto_kept)
      continue;
    if (each.id == x_forwarded_client_cert && request.client_cert != client_cert_action::pass)
      continue;
    if (request.trace != nullptr && request.trace->replaces(each.id))
      continue;
    if (dropped(each.name))
      continue;
    to.line(each.name, each.value);
  }
}

/// The framing of a chunked body, and which trailers it announces.
void append_chunked(writer& to, std::span<const field> fields) {
  to.line("Transfer-Encoding", "chunked");
  for (const auto& each : fields)
    if (each.id == trailer)
      to.line(each.name, each.value);
}

/// Backends may answer 411 to these when nothing says that they have none (RFC 9110, section 8.6).
bool usually_has_body(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

void append_framing(writer& to, const request_head& head, bool length_written) {
  if (head.framing == body_framing::chunked)
    append_chunked(to, head.fields);
  else if (!length_written && (head.has_content_length || usually_has_body(head.method)))
    to.line("Content-Length", head.content_length);
}

void append_connection(writer& to, const request_head& head, bool close_after) {
  if (has_token(head.fields, te, "trailers"))
    to.line("TE", "trailers");
  if (head.upgrade) {
    to.line("Connection", "Upgrade");
    to.line("Upgrade", head.upgrade_protocol);
  } else if (close_after) {
    to.line("Connection", "close");
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

void append_forwarding_fields(std::string& out, const request_head& head,
                              const request_facts& request, const nominated& dropped) {
  writer to{out};
  out.append("X-Forwarded-For: ");
  append_forwarded_for(out, head, request.client_ip, dropped);
  out.append("\r\n");
  if (!keeps_proto(head, request.proto) && !dropped("X-Forwarded-Proto"))
    to.line("X-Forwarded-Proto", own_proto(request.tls, request.proto));
  if (find_field(head.fields, x_request_start) == nullptr && !dropped("X-Request-Start"))
    to.line("X-Request-Start", static_cast<std::uint64_t>(request.received_unix_ms));
  if (request.client_cert == client_cert_action::replace && !request.client_cert_value.empty())
    to.line("X-Forwarded-Client-Cert", request.client_cert_value);
  if (!dropped("X-Vcap-Request-Id"))
    to.line("X-Vcap-Request-Id", request.request_id);
  if (request.trace != nullptr)
    request.trace->for_each_line([&](std::string_view name, std::string_view value) {
      if (!dropped(name))
        to.line(name, value);
    });
}

} // namespace

void append_request_head(std::string& out, const request_head& head, const request_facts& request,
                         const instance_facts& instance) {
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  writer to{out};
  const nominated dropped{head.fields, request.protected_names};
  if (find_field(head.fields, host) == nullptr && !head.host.empty())
    to.line("Host", head.host); // From the target of an HTTP/1.0 request.
  bool length_written = false;
  append_kept_fields(out, head, request, dropped, length_written);
  append_forwarding_fields(out, head, request, dropped);
  to.line("X-CF-ApplicationID", instance.app);
  to.line("X-CF-InstanceID", instance.instance_id);
  to.line("X-CF-InstanceIndex", instance.instance_index);
  append_framing(to, head, length_written);
  append_connection(to, head, request.close_after);
  out.append("\r\n");
}

void append_forwarded_for(std::string& out, const request_head& head, std::string_view client_ip,
                          std::span<const std::string> protected_names) {
  append_forwarded_for(out, head, client_ip, nominated{head.fields, protected_names});
}

std::string_view forwarded_proto(const request_head& head, bool tls, proto_source source,
                                 std::span<const std::string> protected_names) {
  if (nominated{head.fields, protected_names}("X-Forwarded-Proto"))
    return {};
  return keeps_proto(head, source) ? find_field(head.fields, x_forwarded_proto)->value
                                   : own_proto(tls, source);
}

// -- Responses.

namespace {

void append_status_line(std::string& out, const response_head& head, bool http_1_0) {
  out.append(http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  const std::array<char, 4> status{static_cast<char>('0' + head.status / 100 % 10),
                                   static_cast<char>('0' + head.status / 10 % 10),
                                   static_cast<char>('0' + head.status % 10), ' '};
  out.append(status.data(), status.size());
  if (head.reason.empty()) // HTTP/2 has none, and some clients of HTTP/1.1 want one.
    out.append(reason_of(head.status));
  else
    out.append(head.reason);
  out.append("\r\n");
}

struct kept {
  bool date = false;
  bool request_id = false;
};

/// The way of a response, which the router tells to who may ask.
bool tells_the_way(field_id id) noexcept {
  return id == x_vcap_router || id == x_vcap_backend || id == x_cf_routeendpoint;
}

/// Keeps the backend's fields but for those between it and us, its framing, which is ours to say
/// anew unless `with_length`, and, when `traced`, the way that it claims.
kept append_kept_fields(std::string& out, const response_head& head, bool with_length,
                        bool traced = false) {
  kept seen;
  writer to{out};
  const nominated dropped{head.fields, {}};
  bool length_written = !with_length;
  for (const auto& each : head.fields) {
    if (each.id == content_length) {
      if (!std::exchange(length_written, true))
        to.line(each.name, each.value);
      continue;
    }
    if (hop_by_hop(each.id) || each.id == x_cf_proxy_signature || dropped(each.name)
        || (traced && tells_the_way(each.id)))
      continue;
    seen.date = seen.date || each.id == date;
    seen.request_id = seen.request_id || each.id == x_vcap_request_id;
    to.line(each.name, each.value);
  }
  return seen;
}

void append_added_fields(std::string& out, const response_facts& facts, kept seen) {
  writer to{out};
  if (!facts.trace_router.empty())
    to.line("X-Vcap-Router", facts.trace_router);
  if (!facts.trace_backend.empty()) {
    to.line("X-Vcap-Backend", facts.trace_backend);
    to.line("X-Cf-RouteEndpoint", facts.trace_backend);
  }
  if (!seen.request_id)
    to.line("X-Vcap-Request-Id", facts.request_id);
  if (!seen.date)
    to.line("Date", facts.date);
}

void append_framing(std::string& out, const response_head& head, const response_facts& facts) {
  writer to{out};
  if (facts.framing == body_framing::chunked)
    append_chunked(to, head.fields);
  if (!facts.keep_alive)
    to.line("Connection", "close");
  else if (facts.http_1_0)
    to.line("Connection", "keep-alive");
}

} // namespace

void append_response_head(std::string& out, const response_head& head,
                          const response_facts& facts) {
  const auto begin = out.size();
  append_status_line(out, head, facts.http_1_0);
  // A length is said when it is true: also for what is not sent, after HEAD and with 304. Never
  // with 204, where some clients would wait for that many bytes (RFC 9110, section 8.6).
  const bool with_length =
    head.status != 204
    && (facts.framing == body_framing::length || facts.framing == body_framing::none);
  const auto seen = append_kept_fields(out, head, with_length, !facts.trace_backend.empty());
  append_added_fields(out, facts, seen);
  out.append(facts.cookie_line);
  if (facts.rewrite != nullptr)
    facts.rewrite->apply(out, begin);
  append_framing(out, head, facts);
  out.append("\r\n");
}

void append_interim_head(std::string& out, const response_head& head,
                         const response_rewrite* rewrite) {
  const auto begin = out.size();
  append_status_line(out, head, false);
  append_kept_fields(out, head, false);
  if (rewrite != nullptr)
    rewrite->apply(out, begin);
  out.append("\r\n");
}

void append_upgrade_head(std::string& out, const response_head& head, std::string_view request_id,
                         std::string_view cookie_line) {
  append_status_line(out, head, false);
  const auto seen = append_kept_fields(out, head, false);
  writer to{out};
  to.line("Connection", "Upgrade");
  to.line("Upgrade", head.upgrade_protocol);
  if (!seen.request_id)
    to.line("X-Vcap-Request-Id", request_id);
  out.append(cookie_line).append("\r\n");
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
