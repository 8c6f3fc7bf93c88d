// Routes that are bound to route services: what the router has to be told, and a certificate that it
// trusts for services at 127.0.0.1.
#pragma once

#include "tests/net/tls_test_kit.hpp"

#include <nlohmann/json.hpp>

#include <string_view>

namespace shunt::test {

namespace tls_kit = net::tls_kit;

namespace bound_routes {

inline constexpr std::string_view secret = "the-secret";
inline constexpr std::string_view old_secret = "the-old-secret";

inline const tls_kit::minted& service_ca() {
  static const auto ca = tls_kit::mint_ca("service-ca");
  return ca;
}

inline const tls_kit::minted& service_certificate() {
  static const auto own =
    tls_kit::mint({.common_name = "service", .ips = {"127.0.0.1"}, .issuer = &service_ca()});
  return own;
}

inline nlohmann::json settings(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"route_services_secret", secret},
                     {"route_services_secret_decrypt_only", old_secret},
                     {"route_services_recommend_https", true},
                     {"route_services", {{"max_attempts", 3}}},
                     {"disable_keep_alives", false},
                     {"max_tls_version", "TLSv1.3"},
                     {"ca_certs", {service_ca().pem()}}};
  all.merge_patch(more);
  return all;
}

} // namespace bound_routes
} // namespace shunt::test
