// A router for foreign clients: HTTP, HTTPS and HTTP/2 with and without TLS, and a certificate for
// every name below apps.test. Backends with that certificate are trusted, too.
#pragma once

#include "tests/process/harness/tls_settings.hpp"

namespace shunt::test {

inline const tls_kit::minted& apps_certificate() {
  static const auto own =
    tls_kit::mint({.common_name = "app.internal", .dns = {"app.internal", "*.apps.test"}});
  return own;
}

inline nlohmann::json apps_front(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{
    {"enable_http2", true}, {"enable_h2c", true}, {"ca_certs", {apps_certificate().pem()}}};
  all.merge_patch(more);
  return tls_front({&apps_certificate()}, all);
}

inline std::string apps_name(const std::string& label) {
  return label + ".apps.test";
}

/// The registration of a backend that serves TLS with the certificate, in `protocol`.
inline nlohmann::json apps_registration(std::uint16_t tls_port, const std::string& protocol) {
  return {{"port", nullptr},
          {"tls_port", tls_port},
          {"server_cert_domain_san", "app.internal"},
          {"protocol", protocol}};
}

} // namespace shunt::test
