// Deadlines for thousands of connections a loop. A connection moves its deadline several times a
// request and almost never reaches it, so moving one later is a plain store: the wheel looks at the
// real time only when the slot comes round. Accurate to one tick (16 ms), late rather than early.
// Belongs to one loop's thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace shunt::net {

using steady_time = std::chrono::steady_clock::time_point;

class deadline_wheel;

/// One point in time at which something of its owner's is called. Disarmed when destroyed.
class deadline {
public:
  using callback = void (*)(void* owner);

  deadline(deadline_wheel& wheel, callback on_expiry, void* owner) noexcept
    : wheel_{wheel}, on_expiry_{on_expiry}, owner_{owner} {}
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline() { unlink(); }

  /// Calls the callback once `delay` from now; zero or less means never.
  void expires_after(std::chrono::nanoseconds delay);
  void expires_at(steady_time when);
  void disarm() noexcept { at_ = steady_time::max(); }
  bool armed() const noexcept { return at_ != steady_time::max(); }
  steady_time at() const noexcept { return at_; }

private:
  friend class deadline_wheel;
  void unlink() noexcept;

  deadline_wheel& wheel_;
  callback on_expiry_;
  void* owner_;
  steady_time at_ = steady_time::max();
  std::uint64_t tick_ = 0; ///< The tick whose slot this is linked into.
  deadline* next_ = nullptr;
  deadline** link_ = nullptr; ///< What points at this; null while not linked.
};

/// The slots, and the hand that goes round them. `advance` is to be called about once a tick.
class deadline_wheel {
public:
  static constexpr auto tick = std::chrono::milliseconds{16};

  explicit deadline_wheel(steady_time now) : epoch_{now} {}

  /// Fires what is due. Callbacks may arm, move and destroy any deadline.
  void advance(steady_time now);
  /// Whether any deadline is linked, that is, whether `advance` has anything to do.
  bool busy() const noexcept { return linked_ > 0; }

private:
  friend class deadline;
  static constexpr std::uint64_t slot_count = 1024;

  std::uint64_t tick_of(steady_time when) const noexcept;
  void link(deadline& entry);
  void fire_slot(std::uint64_t slot, steady_time now);

  steady_time epoch_;
  std::uint64_t current_ = 0; ///< The latest tick that was fired.
  std::size_t linked_ = 0;
  std::array<deadline*, slot_count> slots_{};
};

} // namespace shunt::net
