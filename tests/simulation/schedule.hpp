// Virtual time: things happen in the order of their times, and of equal ones in that in which they were planned.
#pragma once

#include "routing/time.hpp"

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace shunt::simulation {

using routing::nanoseconds;

class schedule {
public:
  nanoseconds now() const { return now_; }
  std::uint64_t happened() const { return happened_; }

  void at(nanoseconds when, std::function<void()> what) {
    queue_.push({when < now_ ? now_ : when, ++planned_, std::move(what)});
  }
  void in(nanoseconds delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  void run_until(nanoseconds end) {
    while (!queue_.empty() && queue_.top().when <= end) {
      // Moving out of the top is safe: it is popped before anything can compare it.
      auto what = std::move(const_cast<event&>(queue_.top()).what);
      now_ = queue_.top().when;
      queue_.pop();
      ++happened_;
      what();
    }
    now_ = end;
  }

private:
  struct event {
    nanoseconds when;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  std::priority_queue<event> queue_;
  nanoseconds now_{0};
  std::uint64_t planned_ = 0, happened_ = 0;
};

} // namespace shunt::simulation
