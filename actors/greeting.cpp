#include "actors/greeting.hpp"

#include "net/client_cert_header.hpp"
#include "net/front_tls.hpp"
#include "net/proxy_protocol.hpp"
#include "net/tls_engine.hpp"
#include "net/tls_peer.hpp"
#include "net/tls_subject.hpp"

namespace shunt {

namespace {

using net::error_code;
using namespace std::chrono_literals;

/// As in gorouter: whoever is silent for longer has no header to send.
constexpr auto proxy_header_patience = 100ms;

constexpr std::string_view plain_http = "Client sent an HTTP request to an HTTPS server.";

/// As gorouter's library answers it, unless the operator has a page for errors.
std::string plain_http_answer(loop_context& here, const policy& rules) {
  if (!rules.error_page)
    return std::string{"HTTP/1.0 400 Bad Request\r\n\r\n"}.append(plain_http).append("\n");
  const auto id = here.ids.next();
  net::error_response refused;
  refused.status = 400;
  refused.form = net::error_body::plain;
  refused.message = plain_http;
  here.dress(refused, net::view(id), rules);
  std::string answer;
  net::append_response(answer, refused, {.request_id = net::view(id), .date = {}, .http_1_0 = true});
  return answer;
}

void name_client(client_identity& who, const net::tcp::endpoint& peer) {
  auto ip = peer.address();
  if (ip.is_v6() && ip.to_v6().is_v4_mapped())
    ip = net::asio::ip::make_address_v4(net::asio::ip::v4_mapped, ip.to_v6());
  who.ip = ip.to_string();
  who.address = who.ip;
  if (ip.is_v6())
    who.address.insert(0, 1, '[').append(1, ']');
  who.address.append(":").append(std::to_string(peer.port()));
}

net::task<bool> read_proxy_header(loop_context& here, net::wire& wire, client_identity& who) {
  net::deadline patience{here.home.events().deadlines(),
                         [](void* w) { static_cast<net::wire*>(w)->interrupt(); }, &wire};
  patience.expires_after(proxy_header_patience);
  for (;;) {
    const auto parsed = net::parse_proxy_header(wire.bytes());
    switch (parsed.outcome) {
      case net::proxy_outcome::absent: co_return true;
      case net::proxy_outcome::malformed:
        here.requests.proxy_header_refused(who.address, net::describe(parsed.error));
        co_return false;
      case net::proxy_outcome::complete:
        wire.consume(parsed.header.bytes);
        if (parsed.header.subject == net::proxy_subject::client)
          name_client(who, parsed.header.source);
        co_return true;
      case net::proxy_outcome::need_more: break;
    }
    const auto failed = co_await wire.receive();
    if (!failed)
      continue;
    if (wire.ended())
      co_return false;
    if (net::has_proxy_signature(wire.bytes())) {
      here.requests.proxy_header_refused(who.address, "it came too slowly");
      co_return false;
    }
    co_return true;
  }
}

void report_failed_handshake(loop_context& here, const client_identity& who,
                             const net::tls_engine& engine, error_code failed) {
  if (net::refused_by_subject_rule(engine.session()))
    here.requests.invalid_subject(who.address);
  else if (engine.failure())
    here.requests.handshake_failed(who.address, engine.failure()->text);
  else if (failed == net::asio::error::timed_out)
    here.requests.handshake_failed(who.address, "the client was too slow");
}

/// A certificate is only ever vouched for when it was verified.
std::string client_cert_value_of(const SSL* session, config::xfcc_format format) {
  const auto* certificate = SSL_get0_peer_certificate(session);
  return certificate == nullptr ? std::string{} : net::client_cert_value(*certificate, format);
}

/// What is known of the client's own certificate.
void note_certificate(const SSL* session, const policy& rules, client_identity& who) {
  who.mutual_tls = net::is_mutual_tls(session);
  if (!who.mutual_tls)
    return;
  auto format = config::xfcc_format::raw;
  if (const auto found = rules.domains.find(net::requested_name(session))) {
    const auto& domain = rules.settings.domains[*found];
    who.domain = domain.name;
    const auto subject = net::subject_of(SSL_get0_peer_certificate(session));
    who.caller = routing::caller_of(subject.organizational_unit);
    who.client_cert_mode = domain.forwarded_client_cert;
    format = domain.xfcc_format;
  }
  // The router's rule may be another by the time of a request.
  using enum config::forwarded_client_cert;
  if (who.client_cert_mode.value_or(sanitize_set) == sanitize_set)
    who.certificate = client_cert_value_of(session, format);
}

/// Whose certificates the client is met with.
const net::front_tls* tls_for(const client_identity& who, const loop_context& here, const policy& rules) {
  return who.internal ? here.router.internal->server.get() : rules.front_tls.get();
}

net::task<bool> shake_hands(loop_context& here, net::wire& wire, client_identity& who) {
  const auto rules = here.rules;
  const auto* tls = tls_for(who, here, *rules);
  auto session = tls == nullptr ? nullptr : tls->new_session(wire.loop().index());
  if (!session)
    co_return false;
  std::chrono::nanoseconds patience = rules->settings.read_header_timeout;
  if (here.draining)
    patience = draining_patience;
  const auto failed =
    co_await wire.secure(std::make_unique<net::tls_engine>(std::move(session)), patience);
  const auto& engine = *wire.tls();
  if (failed) {
    loop_counters::add(here.counters.failed_handshakes);
    if (engine.heard_plain_http()) {
      wire.answer_in_plain(plain_http_answer(here, *rules));
    } else {
      report_failed_handshake(here, who, engine, failed);
      wire.answer_in_plain({});
    }
    co_return false;
  }
  who.speaks_http2 = net::speaks_http2(engine.session());
  if (rules->log_requested_name)
    who.requested_name = net::requested_name(engine.session());
  note_certificate(engine.session(), *rules, who);
  co_return true;
}

/// Anybody can write a header of the PROXY protocol; an empty list means everybody, as gorouter has it.
bool believes(const net::address_prefixes& senders, const net::asio::ip::address& sender) {
  return senders.empty() || senders.contains(sender);
}

} // namespace

net::task<bool> greet(loop_context& here, net::wire& wire, client_identity& who) {
  error_code unknown;
  const auto peer = wire.socket().remote_endpoint(unknown);
  if (unknown)
    co_return false;
  name_client(who, peer);
  if (here.rules->settings.enable_proxy && !who.internal
      && believes(here.rules->proxy_senders, peer.address())) {
    const bool fine = co_await read_proxy_header(here, wire, who);
    if (!fine)
      co_return false;
  }
  if (who.tls) {
    const bool fine = co_await shake_hands(here, wire, who);
    if (!fine)
      co_return false;
  }
  co_return true;
}

} // namespace shunt
