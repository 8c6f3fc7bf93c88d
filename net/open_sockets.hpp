// How many sockets wires have open, and for how many there are descriptors. Those are the process's, whichever
// loop uses them up, so they are counted in one place; only where connections begin and end. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>

namespace shunt::net {

class socket_count {
public:
  void opened() noexcept { note(open_.fetch_add(1, std::memory_order_relaxed) + 1); }
  void closed() noexcept { note(open_.fetch_sub(1, std::memory_order_relaxed) - 1); }
  std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }
  void set_most(std::size_t most) noexcept {
    most_.store(most, std::memory_order_relaxed);
    note(open());
  }

  /// Whether there is room for another client.
  bool client_fits() const noexcept { return open() < most(); }
  /// The same of a connection to a backend. One client can ask for hundreds of those, and others shall still
  /// come in then.
  bool upstream_fits() const noexcept { return open() < most_with_upstreams(); }
  std::size_t most_with_upstreams() const noexcept { return most() - most() / 16; }
  /// Whether `upstream_fits` was false when the latest connection began or ended, give or take one. For the path of
  /// every request: the count itself is written by all loops.
  bool crowded() const noexcept { return crowded_.load(std::memory_order_relaxed); }

private:
  std::size_t most() const noexcept { return most_.load(std::memory_order_relaxed); }
  /// Written only when it changes, so that who reads it keeps its cache line.
  void note(std::size_t open) noexcept {
    const bool now = open >= most_with_upstreams();
    if (crowded() != now) [[unlikely]]
      crowded_.store(now, std::memory_order_relaxed);
  }

  alignas(64) std::atomic<std::size_t> open_{0};
  alignas(64) std::atomic<std::size_t> most_{std::numeric_limits<std::size_t>::max()}; ///< Hardly ever written.
  std::atomic<bool> crowded_{false};
};

/// The process's.
inline socket_count open_sockets;

} // namespace shunt::net
