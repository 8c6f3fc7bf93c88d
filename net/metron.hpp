// The agent of Loggregator on this machine ("metron"), which takes an envelope a datagram. Nothing waits for it: what
// the network does not take is lost and counted, and trouble is reported once until it is over. Nobody tells a sender of
// datagrams that somebody listens; that nobody does, the kernel says at the next datagram.
#pragma once

#include "net/log_sink.descriptor.hpp"
#include "net/log_sink.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

namespace shunt::net {

/// What the settings want sent there. Without `logging.metron_address`: nothing.
struct loggregator_rules {
  explicit loggregator_rules(const config::settings& settings);

  bool lines;    ///< Of the access log, of requests to apps: `logging.loggregator_enabled`.
  bool requests; ///< `send_http_start_stop_server_event`
  bool attempts; ///< `send_http_start_stop_client_event`
  bool metrics;  ///< `enable_envelope_v1_metrics`

  bool anything() const noexcept { return lines || requests || attempts || metrics; }
  bool operator==(const loggregator_rules&) const = default;
};

/// Throws std::runtime_error that names the key unless that is empty or host:port.
void check_metron_address(const std::string& address);

class metron {
public:
  using clock = std::chrono::steady_clock;

  /// How long after a refusal nobody is believed to listen.
  static constexpr std::chrono::seconds quiet{3};

  /// `address`: host:port, looked up by `look_up` alone; empty: there is none. `trouble` is told on the calling
  /// threads, with the lock held.
  metron(std::string address, log_trouble trouble);

  // Any thread. Loops only ask:

  /// Whether it is worth while to tell of single requests: somebody may listen.
  bool hears(clock::time_point now) const noexcept {
    return now.time_since_epoch().count() >= deaf_until_.load(std::memory_order_relaxed);
  }
  /// Never blocks, but takes a system call and a lock.
  void send(std::string_view envelope);
  /// Datagrams known to be lost.
  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

  // One thread:

  /// From the next `look_up` on, that is the address.
  void use(std::string address);
  /// Finds the agent, unless that is done; waits for the resolver, or until it is to `stop`. To be called again and
  /// again.
  void look_up(std::stop_token stop = {});

private:
  using clock_rep = clock::rep;
  static constexpr auto never = std::numeric_limits<clock_rep>::max();

  int try_send(std::string_view envelope);
  void begin_trouble(std::string_view error);
  void lose(std::string_view error, clock::time_point now);

  std::atomic<clock_rep> deaf_until_{never};
  std::atomic<std::uint64_t> lost_{0};
  const log_trouble trouble_;
  std::mutex mutex_; ///< For what follows.
  std::string address_;
  bool found_ = false; ///< `socket_` is that of `address_`.
  descriptor socket_;
  bool in_trouble_ = false;
  clock::time_point last_loss_;
  std::uint64_t lost_before_ = 0; ///< When trouble began.
};

} // namespace shunt::net
