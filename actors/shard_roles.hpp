// Which shards this node holds: written by each shard, read by the registrar, which spares itself the messages
// of others. Late news do no harm: a shard that does not hold ignores what it is sent, and one that begins to
// takes over what others heard.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace shunt {

class shard_roles {
public:
  explicit shard_roles(std::size_t shards) : held_(shards) {
    for (auto& each : held_)
      each.store(true, std::memory_order_relaxed);
  }
  bool holds(std::size_t shard) const { return held_[shard].load(std::memory_order_relaxed); }
  void set(std::size_t shard, bool held) { held_[shard].store(held, std::memory_order_relaxed); }

private:
  std::vector<std::atomic<bool>> held_;
};

} // namespace shunt
