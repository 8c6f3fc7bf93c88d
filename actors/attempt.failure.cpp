// How an attempt failed: which class that is, in gorouter's words, and whether the very same
// request may go out once more.
#include "actors/attempt.hpp"

#include "net/tls_engine.hpp"

namespace shunt {

using net::error_code;
namespace asio = net::asio;

namespace {

/// The backend surely did nothing with the request (RFC 9113, section 8.7).
bool refused_stream(error_code ended) {
  return ended == asio::error::connection_refused;
}

/// Whether the connection goes on that a stream came by: then what went wrong with the stream says nothing about
/// its age, and another would fare no better.
bool goes_on(const net::http2_link_ptr& connection) {
  return connection && connection->can_open();
}

} // namespace

bool attempt::was_refused() const {
  return up_ && refused_stream(up_->ended());
}

bool attempt::may_resend() const {
  if (!reused_ || of_.client_gone_ || pumping_ || !up_->bytes().empty())
    return false;
  // What the backend said before it stayed open, it meant.
  const auto ended = up_->ended();
  return ended != asio::error::timed_out
         && (!written_ || was_refused() || (ended && idempotent() && !goes_on(link_)));
}

bool attempt::idempotent() const {
  if (of_.head.framing != net::body_framing::none)
    return false;
  const auto method = of_.head.method;
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE"
         || net::find_field(of_.head.fields, net::field_id::idempotency_key) != nullptr
         || net::find_field(of_.head.fields, net::field_id::x_idempotency_key) != nullptr;
}

attempt_result attempt::failed(routing::failure_class why, std::string detail) const {
  if (of_.client_gone_)
    return {attempt_result::kind::failed, routing::rule_of_cancelled(why), "context canceled",
            routing::failure_class::client_cancelled};
  return {attempt_result::kind::failed, routing::rule_of(why), std::move(detail), why};
}

attempt_result attempt::failed_unsent(routing::failure_class why, std::string detail) const {
  if (of_.client_gone_)
    return failed(why, std::move(detail));
  return {attempt_result::kind::failed, routing::rule_of_incomplete_request(why), std::move(detail),
          why};
}

/// Nothing was sent: any attempt elsewhere may follow.
attempt_result attempt::handshake_failure(error_code code) const {
  const auto* engine = carrier().tls();
  if (of_.client_gone_)
    return failed(routing::failure_class::client_cancelled, "context canceled");
  if (engine != nullptr && engine->failure())
    return tls_failure(*engine->failure());
  if (code == asio::error::timed_out)
    return tls_failure(net::tls_handshake_timed_out());
  if (code == asio::error::eof)
    return failed_unsent(routing::failure_class::eof, "EOF");
  if (code == asio::error::connection_reset)
    return failed_unsent(routing::failure_class::reset_on_read, peer_text("read", code));
  return failed_unsent(routing::failure_class::other, peer_text("read", code));
}

attempt_result attempt::tls_failure(const net::tls_failure& why) const {
  return written_ ? failed(why.reason, why.text) : failed_unsent(why.reason, why.text);
}

attempt_result attempt::write_failure(error_code code) const {
  if (refused_stream(code))
    return receive_failure(code);
  if (carrier().tls() != nullptr && carrier().tls()->failure())
    return tls_failure(*carrier().tls()->failure());
  const bool late = code == asio::error::timed_out;
  const auto why = late ? routing::failure_class::timeout : routing::failure_class::other;
  auto detail = late ? std::string{"context deadline exceeded"} : peer_text("write", code);
  // A backend that has the whole head may act on it, whatever became of the body.
  return written_ ? failed(why, std::move(detail)) : failed_unsent(why, std::move(detail));
}

std::string attempt::local_address() const {
  error_code unknown;
  const auto local = carrier().socket().local_endpoint(unknown);
  if (unknown)
    return {};
  return local.address().to_string() + ":" + std::to_string(local.port());
}

/// As Go words it: `read tcp 10.0.0.9:51234->10.0.0.1:8080: read: connection reset by peer`.
std::string attempt::peer_text(std::string_view operation, error_code code) const {
  std::string text{operation};
  text.append(" tcp ")
    .append(local_address())
    .append("->")
    .append(address_)
    .append(": ")
    .append(operation)
    .append(": ");
  return text.append(net::go_words(code));
}

attempt_result attempt::receive_failure(error_code code) const {
  using enum routing::failure_class;
  if (of_.client_gone_)
    return failed(client_cancelled, {});
  if (pumping_ && pump_ended_.is_open() && pumped_.end == net::relay_end::source_malformed)
    return {.ended = attempt_result::kind::malformed_request};
  if (pumping_ && pump_ended_.is_open() && pumped_.end == net::relay_end::source_failed) {
    if (pumped_.code == asio::error::timed_out)
      return {.ended = attempt_result::kind::late_request};
    of_.client_gone_ = true;
    return failed(client_cancelled, {});
  }
  if (carrier().tls() != nullptr && carrier().tls()->failure())
    return tls_failure(*carrier().tls()->failure());
  if (refused_stream(code))
    return failed_unsent(reset_on_read, "http2: the backend refused the stream");
  if (code == asio::error::eof)
    return failed(idempotent() ? idempotent_eof : eof,
                  up_->bytes().empty() ? "EOF" : "unexpected EOF");
  if (code == asio::error::timed_out)
    return failed(timeout, "context deadline exceeded");
  if (goes_on(link_))
    return failed(other, "http2: stream error");
  return failed(reset_on_read, peer_text("read", code));
}

attempt_result attempt::head_failure(net::parse_error error) const {
  using enum routing::failure_class;
  std::string broken{"net/http: HTTP/1.x transport connection broken: "};
  const auto limit = of_.rules_->settings.response_header_bytes_max();
  switch (net::kind_of(error)) {
    case net::parse_error_kind::too_large:
      broken.append("net/http: server response headers exceeded ").append(std::to_string(limit)).append(" bytes; aborted");
      return failed(response_header_limits, std::move(broken));
    case net::parse_error_kind::too_many:
      return failed(response_header_limits, "Too many response headers");
    case net::parse_error_kind::malformed: break;
  }
  broken.append("malformed HTTP response: ").append(net::describe(error));
  return failed(other, std::move(broken));
}

} // namespace shunt
