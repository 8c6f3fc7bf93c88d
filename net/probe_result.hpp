// How a health check ended: what the network layer tells of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace shunt::net {

/// How a check ended.
enum class probe_outcome : std::uint8_t {
  success,    ///< A status of 2xx or 3xx.
  bad_status, ///< Any other answer.
  timeout,    ///< No answer in time.
  error,      ///< No connection, no TLS, or no HTTP.
  not_asked,  ///< The router lacked the means, which says nothing of the endpoint.
};
inline constexpr std::size_t probe_outcome_count = 5;

struct probe_result {
  probe_outcome outcome = probe_outcome::error;
  std::string problem{}; ///< For a person; empty after success.
};

} // namespace shunt::net
