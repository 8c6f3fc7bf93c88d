// One endpoint in one route of a slice, and when it was last heard. Sixteen bytes: there are
// millions.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/time.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace shunt::routing {

/// Holds an endpoint in a route, and has the endpoint know that it is held.
class placed_endpoint {
public:
  placed_endpoint() = default;
  explicit placed_endpoint(endpoint_ptr held) : held_{std::move(held)} {
    if (held_)
      held_->place();
  }
  placed_endpoint(placed_endpoint&&) noexcept = default;
  placed_endpoint& operator=(placed_endpoint&& other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~placed_endpoint() {
    if (held_)
      held_->displace();
  }

  operator const endpoint_ptr&() const noexcept { return held_; }
  const endpoint* get() const noexcept { return held_.get(); }
  const endpoint& operator*() const noexcept { return *held_; }
  const endpoint* operator->() const noexcept { return held_.get(); }

private:
  endpoint_ptr held_;
};

class slice_member {
public:
  slice_member() = default;
  slice_member(endpoint_ptr heard, time_point now, bool stamp_counts, bool provisional = false)
    : target{std::move(heard)} {
    touch(now, stamp_counts, provisional);
  }

  const endpoint* about() const { return target.get(); }
  time_point heard() const {
    return target.get() == nullptr ? told() : std::max(told(), target->heard());
  }
  /// When the endpoint was heard, whether its stamp was too far in the future to be believed: it
  /// must not come to count later, just because time passes.
  std::int64_t stamp_ns() const { return (packed_ & 1) != 0 ? target->updated_at_ns() : 0; }
  /// Whether this node knows it only from others, or in doubt, and has not heard it since: it is not spared for its TLS then.
  bool provisional() const { return (packed_ & 2) != 0 && target.get()->heard() <= told(); }
  void set_provisional() { set(2); }
  /// Whether an attempt failed on it since it was last heard: it is not spared for its TLS then, either.
  bool failed() const { return (packed_ & 4) != 0 && target.get()->heard() <= told(); }
  void set_failed() { set(4); }
  void touch(time_point now, bool stamp_counts, bool provisional = false) {
    const std::uint64_t flags = (provisional ? 2 | (failed() ? 4 : 0) : 0) | (stamp_counts ? 1 : 0);
    packed_ = static_cast<std::int64_t>(packed_of(now) | flags);
  }

  placed_endpoint target;

private:
  /// Until it is heard again.
  void set(std::uint64_t flag) {
    const std::uint64_t flags = (packed_ & 1) | (provisional() ? 2 : 0) | (failed() ? 4 : 0) | flag;
    packed_ = static_cast<std::int64_t>(packed_of(heard()) | flags);
  }
  static std::uint64_t packed_of(time_point when) {
    return static_cast<std::uint64_t>(nanoseconds{when.time_since_epoch()}.count()) << 3;
  }
  time_point told() const { return time_point{nanoseconds{packed_ >> 3}}; }

  std::int64_t packed_ = 0; ///< Nanoseconds; below them whether it failed, is provisional, and its stamp counts.
};

} // namespace shunt::routing
