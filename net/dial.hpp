// Opens a TCP connection to a backend: an address as it stands in a registration, or a DNS name,
// which is resolved anew each time. Runs on the loop's thread.
#pragma once

#include "net/address_prefixes.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace shunt::net {

struct dial_options {
  std::chrono::nanoseconds timeout;              ///< For all of it; 0 = none.
  std::chrono::nanoseconds keep_alive_interval;  ///< Between TCP keep-alive probes; 0 = no probes.
  const address_prefixes* refused = nullptr; ///< Not connected to, whatever name led there; null = none.
  /// Of several addresses of a name another is tried first in each turn, so that in time each is; 0 = the best one.
  std::size_t turn = 0;
};

struct dial_result {
  wire_ptr connection;   ///< Null when it failed.
  error_code code;       ///< Why.
  bool refused = false;   ///< No address was left but such as are refused.
  bool resolving = false; ///< The name could not be resolved (else: could not be connected to).
  std::chrono::nanoseconds resolve_time{-1}; ///< -1 for an address literal.
  std::chrono::nanoseconds connect_time{0};
};

/// Connects to `host` (an IP literal or a DNS name, no brackets) and `port`.
task<dial_result> dial(event_loop& loop, std::string host, std::uint16_t port, dial_options options);

/// How long a host may acknowledge nothing before it is gone: as the kernel has it for idle connections, which are probed
/// nine times.
constexpr std::chrono::nanoseconds lost_after(std::chrono::nanoseconds keep_alive_interval) {
  return 10 * keep_alive_interval;
}

/// The error text that gorouter reports for a failed dial, for example
/// `dial tcp 10.0.0.1:8080: connect: connection refused`.
std::string describe(const dial_result& failed, std::string_view host, std::string_view address);

/// Whether dialling failed for want of something of the router's own, such as a descriptor.
bool lacks_means(error_code code) noexcept;

/// An error as Go words it, for example `connection reset by peer`.
std::string go_words(error_code code);

} // namespace shunt::net
