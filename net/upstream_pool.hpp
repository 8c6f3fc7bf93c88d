// The idle connections of one loop to its backends. A pooled connection is watched: one that the
// backend closes, or on which it speaks unasked, leaves the pool at once and is never used again.
// The most recently used goes out first, so the surplus ages and is closed. Loop's thread only.
#pragma once

#include "net/wire.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shunt::net {

struct upstream_limits {
  std::size_t idle_per_backend_max = 2;
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds{90};
};

class upstream_pool {
public:
  explicit upstream_pool(upstream_limits limits) : limits_{limits} {}
  ~upstream_pool() { clear(); }

  /// For what is put from now on.
  void set_limits(upstream_limits limits) noexcept { limits_ = limits; }

  /// A connection to `backend` that was alive a moment ago, or null.
  wire_ptr take(std::string_view backend);
  /// Keeps `connection`, on which nothing is under way, for later; closes it when there are enough.
  void put(std::string_view backend, wire_ptr connection);
  /// Closes all that is idle.
  void clear() noexcept;
  std::size_t idle_count() const noexcept { return idle_count_; }

private:
  struct shelf;
  struct idle_connection {
    upstream_pool* pool;
    shelf* home;
    wire_ptr connection;
  };
  struct shelf {
    std::string backend;
    std::vector<std::unique_ptr<idle_connection>> idle;
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  static void on_event(void* idle);
  void drop(idle_connection& ended);
  /// Forgets backends without idle connections; they come and go by the thousand.
  void sweep();

  static constexpr std::size_t sweep_least = 1024;
  upstream_limits limits_;
  std::size_t idle_count_ = 0;
  std::size_t sweep_at_ = sweep_least;
  std::unordered_map<std::string, shelf, hash, std::equal_to<>> shelves_;
  std::vector<std::unique_ptr<idle_connection>> spare_; ///< Entries for reuse.
};

} // namespace shunt::net
