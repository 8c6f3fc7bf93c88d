// Everything that the client library must be told before it connects. What it gets wrong by itself
// is put right here: it copies credentials into its JSON without escaping them.
#include "net/nats_client.hpp"

#include "net/log_field.hpp"
#include "net/nats_bus.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace shunt::net {

namespace {

/// The suites of TLS 1.2 that gorouter offers. None of them exists in older versions, so these are
/// ruled out too; those of TLS 1.3 are chosen separately by OpenSSL.
constexpr const char* tls12_suites = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";

void check(natsStatus status, const char* what) {
  if (status != NATS_OK)
    throw nats_error{std::string{what} + ": " + describe(status)};
}

std::string json_escaped(std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string url_of(const nats_host& host) {
  const bool ipv6 = host.hostname.find(':') != std::string::npos && host.hostname.front() != '[';
  return "nats://" + (ipv6 ? '[' + host.hostname + ']' : host.hostname) + ':'
         + std::to_string(host.port);
}

void set_servers(natsOptions* to, const nats_options& from) {
  if (from.hosts.empty())
    throw nats_error{"nats.hosts: there must be at least one"};
  std::vector<std::string> urls;
  for (const auto& host : from.hosts)
    urls.push_back(url_of(host));
  std::vector<const char*> pointers;
  for (const auto& url : urls)
    pointers.push_back(url.c_str());
  // The library shuffles them itself.
  check(natsOptions_SetServers(to, pointers.data(), static_cast<int>(pointers.size())),
        "nats.hosts");
  if (from.user.empty())
    return;
  const auto user = json_escaped(from.user);
  const auto pass = json_escaped(from.pass);
  check(natsOptions_SetUserInfo(to, user.c_str(), from.pass.empty() ? nullptr : pass.c_str()),
        "nats.user");
}

void set_tls(natsOptions* to, const nats_options& from) {
  if (!from.tls_enabled)
    return;
  if (from.ca_certs.empty())
    throw nats_error{"nats.ca_certs: TLS needs something to trust"};
  check(natsOptions_SetSecure(to, true), "nats.tls_enabled");
  check(natsOptions_SetCiphers(to, tls12_suites), "nats.tls_enabled");
  check(natsOptions_SetCATrustedCertificates(to, from.ca_certs.c_str()), "nats.ca_certs");
  if (!from.cert_chain.empty())
    check(natsOptions_SetCertificatesChain(to, from.cert_chain.c_str(), from.private_key.c_str()),
          "Error loading NATS key pair");
}

void set_times(natsOptions* to, const nats_options& from) {
  check(natsOptions_SetTimeout(to, from.connect_timeout.count()), "connect timeout");
  check(natsOptions_SetPingInterval(to, from.ping_interval.count()), "nats_client_ping_interval");
  check(natsOptions_SetMaxPingsOut(to, from.pings_unanswered_max), "pings");
  // Else a server that takes no more holds up whoever publishes for ever, and with it the pings by which
  // it would be found to be gone.
  check(natsOptions_SetWriteDeadline(to, from.write_timeout.count()), "write timeout");
  check(natsOptions_SetAllowReconnect(to, true), "reconnect");
  check(natsOptions_SetMaxReconnect(to, -1), "reconnect");
  check(natsOptions_SetReconnectWait(to, from.reconnect_wait.count()), "reconnect wait");
  check(natsOptions_SetReconnectJitter(to, from.reconnect_jitter.count(),
                                       from.reconnect_jitter_tls.count()),
        "reconnect jitter");
}

} // namespace

std::string describe(natsStatus status) {
  natsStatus last = NATS_OK;
  const char* detail = nats_GetLastError(&last);
  std::string text = natsStatus_GetText(status);
  if (last == status && detail != nullptr && *detail != '\0' && text != detail)
    text += std::string{" ("} + detail + ')';
  return text;
}

nats_options_ptr make_client_options(const nats_options& options) {
  natsOptions* raw = nullptr;
  check(natsOptions_Create(&raw), "NATS options");
  nats_options_ptr made{raw};
  set_servers(raw, options);
  set_tls(raw, options);
  set_times(raw, options);
  check(natsOptions_SetReconnectBufSize(raw, options.reconnect_buffer_bytes), "reconnect buffer");
  check(natsOptions_SetMaxPendingMsgs(raw, options.pending_messages_max), "nats_pending.messages");
  return made;
}

std::string host_and_port(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  if (const auto at = url.rfind('@'); at != std::string_view::npos)
    url.remove_prefix(at + 1);
  return std::string{url.substr(0, url.find('/'))};
}

std::string server_of(natsConnection* connection) {
  char url[512] = {};
  if (natsConnection_GetConnectedUrl(connection, url, sizeof url) != NATS_OK)
    return {};
  return host_and_port(url);
}

} // namespace shunt::net
