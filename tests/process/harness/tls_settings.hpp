// The TLS part of a router's configuration, as tests write it.
#pragma once

#include "tests/net/tls_test_kit.hpp"

#include <nlohmann/json.hpp>

#include <initializer_list>

namespace shunt::test {

namespace tls_kit = net::tls_kit;

inline nlohmann::json pair_json(const tls_kit::minted& own) {
  return {{"cert_chain", own.pem()}, {"private_key", own.key_pem()}};
}

/// An HTTPS listener with these certificates, beside the HTTP one; `more` is merged into it.
inline nlohmann::json tls_front(std::initializer_list<const tls_kit::minted*> own,
                                const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"enable_ssl", true},
                     {"enable_http2", false},
                     {"max_tls_version", "TLSv1.3"},
                     {"client_cert_validation", "none"},
                     {"cipher_suites", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                       "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"},
                     {"tls_pem", nlohmann::json::array()}};
  for (const auto* each : own)
    all["tls_pem"].push_back(pair_json(*each));
  all.merge_patch(more);
  return all;
}

} // namespace shunt::test
