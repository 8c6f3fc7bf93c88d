// Notices that this process stood still, stopped or starved. What it hears next may have waited for it all that time,
// until a message comes back that it sent afterwards: a marker. Time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace shunt::net {

class nats_pause {
public:
  using clock = std::chrono::steady_clock;
  static constexpr clock::duration shortest = std::chrono::seconds{1};
  /// Without an answer for so long, markers are taken for lost on principle: NATS may not let them pass.
  static constexpr clock::duration patience = std::chrono::seconds{60};

  struct seen {
    std::optional<clock::duration> stood_still{}; ///< Just so long.
    std::optional<std::uint64_t> send{};          ///< The number of a marker to send.
    bool gave_up = false;                         ///< From now on nothing counts as waiting.
  };

  /// To be called much more often than every `shortest`. Without a connection nothing can be sent, and time does not count.
  seen look(clock::time_point now, bool connected) noexcept {
    seen what;
    if (const auto before = latest_.value_or(now); now - before > shortest) {
      what.stood_still = now - before;
      ran_again_ = now;
      if (!since_ && !hopeless_)
        since_ = before;
    }
    latest_ = now;
    if (!since_ || !connected)
      return what;
    if (!marker_) {
      marker_ = marker{++number_, now, now, std::chrono::seconds{1}};
    } else if (now < marker_->send_at) {
      return what;
    } else if (now - marker_->sent > patience) {
      hopeless_ = what.gave_up = true;
      since_.reset();
      marker_.reset();
      return what;
    }
    what.send = marker_->number;
    marker_->send_at = now + marker_->wait; // It may have been lost.
    marker_->wait *= 2;
    return what;
  }

  /// What is heard from here on was said after that marker was sent first.
  void came_back(std::uint64_t number) noexcept {
    if (!marker_ || number != marker_->number)
      return;
    if (marker_->sent >= ran_again_)
      since_.reset();
    else // It stood still again meanwhile.
      since_ = marker_->sent;
    marker_.reset();
  }

  /// What is heard now may have been said at any time since; nothing: it was said just now.
  std::optional<clock::time_point> since() const noexcept { return since_; }

private:
  struct marker {
    std::uint64_t number;
    clock::time_point sent;
    clock::time_point send_at; ///< Again.
    clock::duration wait;
  };

  std::optional<clock::time_point> latest_;
  std::optional<clock::time_point> since_;
  clock::time_point ran_again_{}; ///< After the last pause.
  std::optional<marker> marker_;  ///< That is on its way.
  std::uint64_t number_ = 0;
  bool hopeless_ = false;
};

} // namespace shunt::net
