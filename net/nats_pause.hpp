// Notices that this process stood still, stopped or starved. What it hears next may have waited for it all that time,
// until a message comes back that was sent afterwards. Time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace shunt::net {

class nats_pause {
public:
  using clock = std::chrono::steady_clock;
  static constexpr clock::duration shortest = std::chrono::seconds{1};
  static constexpr clock::duration again_after = std::chrono::seconds{1};
  static constexpr int sendings_max = 30; ///< Then a message that does not come back never will.

  struct seen {
    std::optional<clock::duration> stood_still{}; ///< Just so long.
    std::optional<std::uint64_t> send{};          ///< The number of a message that is to come back.
  };

  /// To be called much more often than every `shortest`.
  seen look(clock::time_point now) noexcept {
    seen what;
    if (const auto before = latest_.value_or(now); now - before > shortest) {
      what.stood_still = now - before;
      since_ = since_.value_or(before);
      ++number_;
      send_at_ = now;
      sendings_ = 0;
    }
    latest_ = now;
    if (!since_ || now < send_at_)
      return what;
    send_at_ = now + again_after;
    if (++sendings_ <= sendings_max)
      what.send = number_;
    else
      since_.reset();
    return what;
  }

  void came_back(std::uint64_t number) noexcept {
    if (number == number_)
      since_.reset();
  }

  /// What is heard now may have been said at any time since; nothing: it was said just now.
  std::optional<clock::time_point> since() const noexcept { return since_; }

private:
  std::optional<clock::time_point> latest_;
  std::optional<clock::time_point> since_;
  std::uint64_t number_ = 0;
  clock::time_point send_at_{};
  int sendings_ = 0;
};

} // namespace shunt::net
