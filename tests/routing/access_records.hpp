// A record and its line, for the tests of the access log.
#pragma once

#include "routing/access_line.hpp"
#include "routing/access_record.hpp"

#include <cstdint>
#include <string>

namespace shunt::routing::test {

/// 2025-01-02T03:04:05.123456789Z
inline constexpr std::int64_t receipt_ns = 1'735'787'045'123'456'789;

/// The request of the example line.
inline access_record example() {
  access_record record;
  record.host = "a.example.com";
  record.method = "GET";
  record.target = "/v1/x?y=1";
  record.protocol = "HTTP/1.1";
  record.user_agent = "curl/8.5.0";
  record.remote_address = "10.0.0.4:51514";
  record.backend_address = "10.0.1.11:61006";
  record.x_forwarded_for = "198.51.100.7, 10.0.0.4";
  record.x_forwarded_proto = "https";
  record.vcap_request_id = "6f1c0c0e-6b1d-4d0b-5b57-0a4b6a6a4b0e";
  record.app_id = "d45e4b57-3420-40b3-b13d-9ef0562d58c5";
  record.app_index = "0";
  record.instance_id = "ins-1";
  record.started_at_ns = receipt_ns;
  record.response_time_ns = 12'345'000;
  record.gorouter_time_ns = 210'000;
  record.tx_bytes = 5120;
  record.status = 200;
  return record;
}

inline std::string line_of(const access_record& record, const access_format& format = {}) {
  std::string line;
  append_line(line, record, format);
  return line;
}

} // namespace shunt::routing::test
