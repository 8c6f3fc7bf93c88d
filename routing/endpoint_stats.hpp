// What the node counts about a backend address. One object per host:port and process, shared by all
// routes and loops and untouched by re-registrations; it lives as long as somebody holds it, so a
// count outlives the pool it was taken from. Thread-safe.
#pragma once

#include "routing/intrusive_ptr.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::routing {

class endpoint_stats;
using endpoint_stats_ptr = intrusive_ptr<endpoint_stats>;

class endpoint_stats {
public:
  std::atomic<std::uint32_t> in_flight{0};        ///< Requests whose response has not ended.
  std::atomic<std::uint32_t> awaiting_headers{0}; ///< Of these, without a response head so far.

  /// The statistics of `address`; made if nobody holds them.
  static endpoint_stats_ptr intern(std::string_view address);
  /// How many addresses are held right now. For tests and gauges.
  static std::size_t interned_count();

  std::string_view address() const { return address_; }

private:
  template <class T>
  friend class intrusive_ptr;
  friend class endpoint_stats_table;

  endpoint_stats(std::string_view address, std::uint64_t hash) : hash_{hash}, address_{address} {}
  void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept;

  std::atomic<std::uint32_t> refs_{0};
  std::uint64_t hash_;
  std::string address_;
};

} // namespace shunt::routing
