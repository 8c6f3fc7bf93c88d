// Links as TCP has them, between nodes that are numbers here: what is sent arrives in order, or the link ends.
// (Of peers' links that is half of it: pieces of slices, on a connection of their own, may come later than the rest.)
// A direction that is cut holds back what is sent until it heals; both ends find out by themselves.
#pragma once

#include "schedule.hpp"

#include "routing/random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace shunt::simulation {

class network {
public:
  network(schedule& time, routing::rng& dice, std::size_t nodes)
    : time_{&time}, dice_{&dice}, nodes_{nodes}, lanes_(nodes * nodes), blocks_(nodes * nodes),
      slow_(nodes) {}

  void block(std::size_t from, std::size_t to) { ++blocks_[from * nodes_ + to]; }
  void unblock(std::size_t from, std::size_t to) {
    if (--blocks_[from * nodes_ + to] > 0)
      return;
    for (auto& each : std::exchange(lane_of(from, to).held, {}))
      send(from, to, std::move(each));
  }
  bool is_open(std::size_t a, std::size_t b) const {
    return blocks_[a * nodes_ + b] == 0 && blocks_[b * nodes_ + a] == 0;
  }
  bool is_blocked(std::size_t from, std::size_t to) const { return blocks_[from * nodes_ + to] > 0; }
  void slow(std::size_t node, int more) { slow_[node] += more; }

  nanoseconds delay(std::size_t from, std::size_t to) {
    using namespace std::chrono_literals;
    const nanoseconds base = std::chrono::microseconds{200 + dice_->below(4'800)};
    return base + (slow_[from] + slow_[to]) * 500ms;
  }
  /// `arrive` is called at the other end, in order.
  void send(std::size_t from, std::size_t to, std::function<void()> arrive) {
    auto& way = lane_of(from, to);
    if (is_blocked(from, to)) {
      way.held.push_back(std::move(arrive));
      return;
    }
    way.last = std::max(way.last, time_->now() + delay(from, to));
    time_->at(way.last, std::move(arrive));
  }

private:
  struct lane {
    nanoseconds last{0};
    std::vector<std::function<void()>> held;
  };
  lane& lane_of(std::size_t from, std::size_t to) { return lanes_[from * nodes_ + to]; }

  schedule* time_;
  routing::rng* dice_;
  std::size_t nodes_;
  std::vector<lane> lanes_;
  std::vector<int> blocks_, slow_;
};

} // namespace shunt::simulation
