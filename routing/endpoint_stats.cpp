// The intern table of endpoint statistics: shards with a mutex each, taken when a holder comes that
// knows only the address, and when the last one leaves; never on the request path.
#include "routing/endpoint_stats.hpp"

#include "routing/text_hash.hpp"

#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace shunt::routing {

/// One table per process. It is never destroyed: threads may release statistics while main returns.
class endpoint_stats_table {
public:
  static endpoint_stats_table& get() {
    static auto* table = new endpoint_stats_table;
    return *table;
  }

  endpoint_stats_ptr intern(std::string_view address) {
    const auto hash = text_hash(address, seed);
    shard& s = shard_for(hash);
    const std::lock_guard lock{s.mutex};
    auto found = s.by_address.find(address);
    if (found == s.by_address.end()) {
      std::unique_ptr<endpoint_stats> made{new endpoint_stats{address, hash}};
      const std::string_view key = made->address();
      found = s.by_address.emplace(key, std::move(made)).first;
    }
    return endpoint_stats_ptr{found->second.get()}; // Counted before the lock is let go.
  }

  /// The count may have fallen to zero: under the lock nobody can raise it from there.
  void release_last(endpoint_stats& stats) {
    shard& s = shard_for(stats.hash_);
    const std::lock_guard lock{s.mutex};
    if (stats.refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      s.by_address.erase(s.by_address.find(stats.address()));
  }

  std::size_t count() {
    std::size_t sum = 0;
    for (shard& s : shards_) {
      const std::lock_guard lock{s.mutex};
      sum += s.by_address.size();
    }
    return sum;
  }

private:
  struct shard {
    std::mutex mutex;
    std::unordered_map<std::string_view, std::unique_ptr<endpoint_stats>> by_address;
  };
  static constexpr std::uint64_t seed = 0x2545f4914f6cdd1d;
  shard& shard_for(std::uint64_t hash) { return shards_[hash % shards_.size()]; }

  std::array<shard, 64> shards_;
};

endpoint_stats_ptr endpoint_stats::intern(std::string_view address) {
  return endpoint_stats_table::get().intern(address);
}

std::size_t endpoint_stats::interned_count() {
  return endpoint_stats_table::get().count();
}

void endpoint_stats::release() noexcept {
  auto refs = refs_.load(std::memory_order_relaxed);
  while (refs > 1)
    if (refs_.compare_exchange_weak(refs, refs - 1, std::memory_order_acq_rel))
      return;
  endpoint_stats_table::get().release_last(*this);
}

} // namespace shunt::routing
