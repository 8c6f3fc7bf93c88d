#include "net/deadline.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

void deadline::expires_after(std::chrono::nanoseconds delay) {
  if (delay.count() <= 0) {
    disarm();
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  const bool endless = delay >= steady_time::max() - now;
  expires_at(endless ? steady_time::max() : now + delay);
}

void deadline::expires_at(steady_time when) {
  at_ = when;
  if (when == steady_time::max())
    return;
  if (link_ == nullptr) {
    wheel_.link(*this);
  } else if (wheel_.tick_of(when) < tick_) { // Sooner than its slot comes round.
    unlink();
    wheel_.link(*this);
  }
}

void deadline::unlink() noexcept {
  if (link_ == nullptr)
    return;
  *link_ = next_;
  if (next_ != nullptr)
    next_->link_ = link_;
  link_ = nullptr;
  next_ = nullptr;
  --wheel_.linked_;
}

std::uint64_t deadline_wheel::tick_of(steady_time when) const noexcept {
  if (when <= epoch_)
    return 0;
  return static_cast<std::uint64_t>((when - epoch_) / tick) + 1; // Late rather than early.
}

void deadline_wheel::link(deadline& entry) {
  entry.tick_ = std::clamp(tick_of(entry.at_), current_ + 1, current_ + slot_count - 1);
  auto& head = slots_[entry.tick_ % slot_count];
  entry.next_ = head;
  if (head != nullptr)
    head->link_ = &entry.next_;
  entry.link_ = &head;
  head = &entry;
  ++linked_;
}

void deadline_wheel::advance(steady_time now) {
  const auto due = now <= epoch_ ? 0 : static_cast<std::uint64_t>((now - epoch_) / tick);
  // After a long stop one turn visits every slot; more turns would find nothing new.
  if (due > current_ + slot_count)
    current_ = due - slot_count;
  while (current_ < due)
    fire_slot(++current_ % slot_count, now);
}

void deadline_wheel::fire_slot(std::uint64_t slot, steady_time now) {
  // The slot is emptied first: what is not due may come back into it. Entries are then taken off
  // one by one, because a callback may destroy its neighbours.
  deadline* due = std::exchange(slots_[slot], nullptr);
  if (due != nullptr)
    due->link_ = &due;
  while (auto* entry = due) {
    entry->unlink();
    if (!entry->armed())
      continue;
    if (entry->at_ > now) {
      link(*entry);
      continue;
    }
    entry->disarm();
    entry->on_expiry_(entry->owner_);
  }
}

} // namespace shunt::net
