// Rules between keys of TLS: what one needs of the others, and whether certificates load.
#include "config/check.hpp"

#include "config/cat.hpp"
#include "config/choice_text.hpp"
#include "config/pem.hpp"

#include <string>
#include <string_view>

namespace shunt::config {

namespace {

/// Refuses a pair that does not load, with `lead` in front of the reason.
void check_pair(const std::string& cert_chain, const std::string& private_key, int line,
                std::string_view path, std::string_view lead, report& out) {
  if (const auto problem = key_pair_problem(cert_chain, private_key); !problem.empty())
    out.error(line, path, cat(lead, ": ", problem));
}

void check_ca(const std::string& pem, int line, std::string_view path, report& out) {
  if (!has_certificate(pem))
    out.error(line, path, "found no certificate that can be read, expected PEM text");
}

void check_front_pairs(const settings& s, const found_keys& keys, report& out) {
  const auto line = keys.line("tls_pem");
  if (s.tls_pem.empty())
    out.error(keys.line("enable_ssl"), "tls_pem",
              "router.tls_pem must be provided if router.enable_ssl is set to true");
  for (std::size_t i = 0; i < s.tls_pem.size(); ++i) {
    const auto& [cert_chain, private_key] = s.tls_pem[i];
    const auto path = element("tls_pem", i);
    if (cert_chain.empty() || private_key.empty())
      out.error(line, path, "Error parsing PEM blocks of router.tls_pem, missing cert or key.");
    else
      check_pair(cert_chain, private_key, line, path, "Error loading key pair", out);
  }
}

void check_client_certificates(const settings& s, const found_keys& keys, report& out) {
  const auto mode = s.client_cert_validation;
  if (mode == client_cert_validation::unset)
    out.error(keys.line("client_cert_validation", "enable_ssl"), "client_cert_validation",
              choice_text<client_cert_validation>::refusal(""));
  if (!s.client_ca_certs.empty())
    check_ca(s.client_ca_certs, keys.line("client_ca_certs"), "client_ca_certs", out);
  else if (s.only_trust_client_ca_certs && mode != client_cert_validation::none)
    out.error(keys.line("only_trust_client_ca_certs"), "client_ca_certs",
              "router.client_ca_certs must be given if router.only_trust_client_ca_certs is true "
              "and router.client_cert_validation is not none");
}

void check_front(const settings& s, const found_keys& keys, report& out) {
  if (!s.enable_ssl)
    return;
  check_front_pairs(s, keys, out);
  check_client_certificates(s, keys, out);
  if (s.cipher_suites.empty())
    out.error(keys.line("cipher_suites", "enable_ssl"), "cipher_suites",
              "must specify list of cipher suite when ssl is enabled");
  if (s.min_tls_version > s.max_tls_version)
    out.error(keys.line("min_tls_version"), "min_tls_version",
              "found a version above router.max_tls_version, so that no client could connect");
}

void check_cas(const settings& s, const found_keys& keys, report& out) {
  for (std::size_t i = 0; i < s.ca_certs.size(); ++i)
    check_ca(s.ca_certs[i], keys.line("ca_certs"), element("ca_certs", i), out);
  for (std::size_t i = 0; i < s.domains.size(); ++i) {
    const auto path = element("domains", i);
    if (s.domains[i].name.empty())
      out.error(keys.line("domains"), path + ".name", "must be given");
    check_ca(s.domains[i].ca_certs, keys.line("domains"), path + ".ca_certs", out);
  }
}

/// Client certificates towards backends and route services count only when both parts are there.
void check_client_pairs(const settings& s, const found_keys& keys, report& out) {
  if (!s.backends.cert_chain.empty() && !s.backends.private_key.empty())
    check_pair(s.backends.cert_chain, s.backends.private_key, keys.line("backends.cert_chain"),
               "backends.cert_chain", "Error loading key pair", out);
  if (!s.route_services.cert_chain.empty() && !s.route_services.private_key.empty())
    check_pair(s.route_services.cert_chain, s.route_services.private_key,
               keys.line("route_services.cert_chain"), "route_services.cert_chain",
               "Error loading key pair", out);
}

void check_status(const settings& s, const found_keys& keys, report& out) {
  const auto& tls = s.status.tls;
  if (!tls.active())
    return;
  if (tls.key.empty())
    out.error(keys.line("status.tls.key"), "status.tls.key",
              "router.status.tls.key must be provided");
  if (tls.certificate.empty())
    out.error(keys.line("status.tls.certificate"), "status.tls.certificate",
              "router.status.tls.certificate must be provided");
  if (tls.port == 0)
    out.error(keys.line("status.tls.port"), "status.tls.port",
              "router.status.tls.port must not be 0");
  if (!tls.key.empty() && !tls.certificate.empty())
    check_pair(tls.certificate, tls.key, keys.line("status.tls.certificate"),
               "status.tls.certificate", "Error loading router.status.tls certificate/key pair",
               out);
}

/// The client certificate may be missing, as in newer gorouters, but then both parts of it.
void check_nats_tls(const settings& s, const found_keys& keys, report& out) {
  if (!s.nats.tls_enabled)
    return;
  const auto line = keys.line("nats.tls_enabled");
  check_ca(s.nats.ca_certs, line, "nats.ca_certs", out);
  if (!s.nats.cert_chain.empty() || !s.nats.private_key.empty())
    check_pair(s.nats.cert_chain, s.nats.private_key, line, "nats.cert_chain",
               "Error loading NATS key pair", out);
}

void check_routing_api(const settings& s, const found_keys& keys, report& out) {
  if (!s.routing_api_enabled())
    return;
  const auto line = keys.line("routing_api.uri");
  check_ca(s.routing_api.ca_certs, line, "routing_api.ca_certs", out);
  check_pair(s.routing_api.cert_chain, s.routing_api.private_key, line, "routing_api.cert_chain",
             "Error loading key pair", out);
  if (!s.routing_api.auth_disabled && s.oauth.port == 0)
    out.error(line, "oauth.port", "must be given unless routing_api.auth_disabled is true");
}

} // namespace

void check_tls(const settings& s, const found_keys& keys, report& out) {
  for (auto* check : {check_front, check_cas, check_client_pairs, check_status, check_nats_tls,
                      check_routing_api})
    check(s, keys, out);
}

} // namespace shunt::config
