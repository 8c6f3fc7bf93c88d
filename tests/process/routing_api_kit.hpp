// What tests say of routes to the Routing API, and to routers of where it is.
#pragma once

#include "tests/net/routing_api_server.hpp"
#include "tests/net/tls_test_kit.hpp"
#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <string>

namespace shunt::test {

inline nlohmann::json api_route(const backend& to, const std::string& uri, int index = 1) {
  return {{"route", uri},
          {"ip", "127.0.0.1"},
          {"port", to.port()},
          {"ttl", 120},
          {"log_guid", "app-guid"},
          {"modification_tag", {{"guid", "g"}, {"index", index}}}};
}

inline std::string api_event(const std::string& type, const nlohmann::json& route) {
  return "id: 1\nevent: " + type + "\ndata: " + route.dump() + "\n\n";
}

inline std::string api_list(std::initializer_list<nlohmann::json> routes) {
  auto all = nlohmann::json::array();
  for (const auto& each : routes)
    all.push_back(each);
  return all.dump();
}

/// Of a router that asks this one. A file for it goes into `files`.
inline nlohmann::json asking(const net::routing_api_server& api, const net::test_certificates& certificates,
                             const temporary_directory& files) {
  write_file(files.path_of("uaa-ca.pem"), certificates.ca());
  return {{"routing_api",
           {{"uri", "https://localhost"},
            {"port", api.api_port()},
            {"ca_certs", certificates.ca()},
            {"cert_chain", certificates.client()},
            {"private_key", certificates.client_key()}}},
          {"oauth",
           {{"token_endpoint", "localhost"},
            {"port", api.uaa_port()},
            {"client_name", "router"},
            {"client_secret", "secret"},
            {"ca_certs", files.path_of("uaa-ca.pem")}}},
          {"token_fetcher_max_retries", 0}};
}

} // namespace shunt::test
