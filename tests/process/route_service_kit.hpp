// Route services as tests write them: a certificate, the part of a configuration, and the ways of a service
// to send a request on.
#pragma once

#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/client.hpp"
#include "tests/process/harness/tls_backend.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace shunt::test {

inline const tls_kit::minted& services_ca() {
  return bound_routes::service_ca();
}

inline const tls_kit::minted& services_certificate() {
  return bound_routes::service_certificate();
}

inline nlohmann::json service_settings(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"route_services_secret", "the-secret"},
                     {"route_services", {{"max_attempts", 2}}},
                     {"disable_keep_alives", false},
                     {"max_tls_version", "TLSv1.3"},
                     {"ca_certs", {services_ca().pem()}}};
  all.merge_patch(more);
  return all;
}

/// The fields of a request, as lines, that bring it back from its route service.
inline std::string fields_back(const http_request& asked) {
  std::string fields;
  for (const auto* name : {"X-CF-Forwarded-Url", "X-CF-Proxy-Signature", "X-CF-Proxy-Metadata"})
    fields.append(name).append(": ").append(asked.one(name)).append("\r\n");
  return fields;
}

/// The host of the URL that the service shall send the request to.
inline std::string host_back(const http_request& asked) {
  const auto url = asked.one("X-CF-Forwarded-Url");
  const auto begin = url.find("://") + 3;
  return url.substr(begin, std::min(url.find('/', begin), url.size()) - begin);
}

/// Sends the request of a service's session to `host` at that router, and returns the answer.
inline http_response send_back(const backend_session& session, std::uint16_t router_port, std::string_view host) {
  return client{router_port}.send(get_request(host, "/", fields_back(session.request))).response();
}

/// Answers with a status and a body.
inline void answer(backend_session& session, int status, std::string_view body) {
  std::string out = "HTTP/1.1 ";
  out.append(std::to_string(status)).append(" Whatever\r\nContent-Length: ");
  out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  session.send(out);
}

/// A service that sends each request back, and the answer on.
inline backend::script sending_back(std::uint16_t router_port) {
  return [router_port](backend_session& session) {
    const auto answered = send_back(session, router_port, host_back(session.request));
    answer(session, answered.status, answered.body);
  };
}

/// A bound route's registration.
inline nlohmann::json bound_to(std::uint16_t service_port, const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"route_service_url", "https://127.0.0.1:" + std::to_string(service_port) + "/"}};
  all.merge_patch(more);
  return all;
}

} // namespace shunt::test
