// Routes as a platform has them: with all the data that a Cloud Foundry registration carries.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/random.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

namespace shunt::bench {

inline std::string guid(std::uint64_t kind, std::uint64_t n) {
  routing::rng random{kind * 0x9e3779b97f4a7c15 + n};
  const auto a = random(), b = random();
  char text[40];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(a),
                static_cast<unsigned>(a >> 32 & 0xffff), static_cast<unsigned>(a >> 48),
                static_cast<unsigned>(b & 0xffff), static_cast<unsigned long long>(b >> 16));
  return text;
}

inline std::string host_of(std::uint64_t n) {
  std::string host{"app-"};
  return host.append(std::to_string(n)).append(".apps.example.com");
}

inline routing::endpoint_ptr endpoint_of(std::uint64_t n, std::uint64_t generation = 0) {
  std::string address = "10";
  for (const int shift : {16, 8, 0})
    address.append(1, '.').append(std::to_string(n >> shift & 255));
  const std::string app = guid(1, n), instance = guid(2, n), zone{static_cast<char>('x' + n % 3)};
  const std::array values{guid(3, n), guid(4, n), guid(5, n), guid(6, n), guid(7, n + generation)};
  const std::array<routing::endpoint_spec::tag_view, 5> tags{{{"organization_id", values[0]},
                                                     {"process_id", values[1]},
                                                     {"process_instance_id", values[2]},
                                                     {"source_id", values[3]},
                                                     {"space_id", values[4]}}};
  routing::endpoint_spec spec;
  spec.host = address;
  spec.port = static_cast<std::uint16_t>(61'000 + (n >> 24));
  spec.tls = true;
  spec.app = app;
  spec.instance_id = spec.server_cert_domain_san = instance;
  spec.instance_index = "0";
  spec.availability_zone = zone;
  spec.tags = tags;
  return routing::endpoint::make(spec);
}

} // namespace shunt::bench
