// After the process stood still: a marker goes to NATS and comes back behind all that was said meanwhile, and when
// whoever applies the batches before it has let go of them, the process has caught up. On the bus's thread; batches
// end anywhere. Time is an argument.
#pragma once

#include "net/nats_pause.hpp"
#include "net/standstill.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace shunt::net {

class nats_catch_up {
public:
  using clock = standstill::clock;

  /// Null: nobody asks.
  explicit nats_catch_up(std::shared_ptr<standstill> of) : of_{std::move(of)}, turn_{std::make_shared<turn>(of_)} {}

  /// The number of a marker to send. While NATS lets none pass, nothing is waited for.
  std::optional<std::uint64_t> look(clock::time_point now, bool connected) {
    if (!of_)
      return std::nullopt;
    const auto pauses = of_->count(now);
    if (pauses == behind_)
      return std::nullopt;
    if (!connected || sent_ <= behind_)
      first_sent_ = now;
    if (!connected)
      hopeless_ = false; // The next connection may let some pass.
    if (!connected || pauses != sent_) {
      send_at_ = now;
      wait_ = std::chrono::seconds{1};
    }
    if (!connected || now < send_at_)
      return std::nullopt;
    if (hopeless_ || now - first_sent_ > nats_pause::patience) {
      gave_up_ = !std::exchange(hopeless_, true);
      end_turn(pauses);
      return std::nullopt;
    }
    sent_ = pauses;
    send_at_ = now + wait_; // It may have been lost.
    wait_ *= 2;
    return pauses;
  }

  /// Once, when no more markers are waited for.
  bool has_given_up() { return std::exchange(gave_up_, false); }

  void came_back(std::uint64_t number) {
    hopeless_ = false;
    if (of_ && number > behind_ && number <= sent_)
      end_turn(number);
  }

  /// To be held by what was heard since the last marker, until it is applied.
  std::shared_ptr<const void> present_turn() const { return turn_; }

private:
  /// Ends when what was heard in it has been applied, and in those before it.
  struct turn {
    explicit turn(std::shared_ptr<standstill> at) : of{std::move(at)} {}
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (of)
        of->caught_up(ends);
    }
    std::shared_ptr<standstill> of;
    std::uint64_t ends = 0; ///< The pause that this brings to an end.
    std::shared_ptr<turn> next;
  };

  void end_turn(std::uint64_t pauses) {
    behind_ = pauses;
    turn_->ends = pauses;
    turn_->next = std::make_shared<turn>(of_);
    turn_ = std::shared_ptr<turn>{turn_->next};
  }

  std::shared_ptr<standstill> of_;
  std::shared_ptr<turn> turn_;
  std::uint64_t behind_ = 0; ///< That marker is back.
  std::uint64_t sent_ = 0;
  clock::time_point first_sent_{}; ///< Of those since then that are not back.
  clock::time_point send_at_{};
  clock::duration wait_{};
  bool hopeless_ = false;
  bool gave_up_ = false;
};

} // namespace shunt::net
