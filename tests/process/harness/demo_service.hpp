// The route service of the demo, `shunt demo route-service`, as a process of its own.
#pragma once

#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace shunt::test {

class demo_service {
public:
  /// With the certificate of `bound_routes`, and passing on to `router_port`; `more` are options. Throws
  /// if it does not start.
  explicit demo_service(std::uint16_t router_port, const std::vector<std::string>& more = {});
  /// With these options alone.
  explicit demo_service(std::vector<std::string> options);

  std::uint16_t port() const { return port_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/"; }
  child_process& process() { return process_; }

  /// Its lines about requests that contain `text`.
  std::vector<std::string> lines(const std::string& text = {}) const;
  /// The first of them, perhaps not yet there.
  std::string wait_for_line(const std::string& text) const;
  /// Connections that requests came by, which is as many TLS handshakes.
  std::size_t connection_count() const;

private:
  std::vector<std::string> with_certificate(std::uint16_t router_port, const std::vector<std::string>& more);
  void wait_until_it_listens();

  temporary_directory files_;
  child_process process_;
  std::uint16_t port_ = 0;
};

} // namespace shunt::test
