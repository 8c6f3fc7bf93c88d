// What the Routing API client needs to know, in its own terms. The defaults are gorouter's where it
// has any.
#pragma once

#include "net/http_fetch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace shunt::config {
struct settings;
}

namespace shunt::net {

struct routing_api_options {
  std::string url; ///< `https://host:port`
  http_tls tls;
  bool auth_disabled = false; ///< Then an empty token is sent.

  std::string token_url; ///< Of the UAA.
  std::string client_name;
  std::string client_secret;
  http_tls token_tls;
  std::uint32_t token_retries_max = 3;
  std::chrono::milliseconds token_retry_interval{5000};
  std::chrono::seconds token_expiry_buffer{30};

  std::chrono::milliseconds list_interval{15'000};
  std::chrono::milliseconds connect_patience{5000};
  std::chrono::milliseconds token_patience{30'000};
  std::chrono::milliseconds list_patience{60'000};
  /// A route that is registered again and again makes an event each time, so that only an API
  /// without routes is silent; and reconnecting costs little.
  std::chrono::milliseconds silence_patience{300'000};
  std::chrono::milliseconds retry_min{1000}; ///< Until the stream is sought again; doubles.
  std::chrono::milliseconds retry_max{30'000};

  std::uint64_t list_bytes_max = 1024 * 1024 * 1024;
  std::size_t event_bytes_max = 1024 * 1024;
  std::size_t batch_routes_max = 1024;
  std::size_t batches_alive_max = 32;
};

/// Throws std::runtime_error that names the key at fault, if it can be told without asking anybody.
void check_routing_api_options(const routing_api_options& options);

/// Only if `settings.routing_api_enabled()`.
routing_api_options routing_api_options_of(const config::settings& settings);

} // namespace shunt::net
