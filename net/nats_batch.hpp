// Some messages in arrival order, and the credit they took. The bus hands over only so many batches
// at a time; destroying a batch, wherever it has got to by then, gives its credit back.
#pragma once

#include "net/nats_message.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace shunt::net {

/// How many more batches may be on their way. Shared by the bus and all its batches; from any
/// thread.
class nats_credit {
public:
  explicit nats_credit(std::size_t batches) noexcept : free_(batches) {}

  /// Takes one if there is one within `patience`.
  template <class Duration>
  bool take(Duration patience) {
    std::unique_lock lock{mutex_};
    if (!returned_.wait_for(lock, patience, [this] { return free_ > 0; }))
      return false;
    --free_;
    return true;
  }

  void give_back() noexcept {
    {
      std::lock_guard lock{mutex_};
      ++free_;
    }
    returned_.notify_one();
  }

private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t free_;
};

class nats_batch {
public:
  nats_batch() = default;
  /// `credit` may be null (tests); else one was taken for this batch.
  explicit nats_batch(std::vector<nats_message> those, std::shared_ptr<nats_credit> credit = {})
    : messages(std::move(those)), credit_(std::move(credit)) {}
  nats_batch(nats_batch&&) noexcept = default;
  nats_batch& operator=(nats_batch&& other) noexcept {
    release();
    messages = std::move(other.messages);
    pulled_at = other.pulled_at;
    waited_since = other.waited_since;
    turn = std::move(other.turn);
    credit_ = std::move(other.credit_);
    return *this;
  }
  ~nats_batch() { release(); }

  /// Gives the credit back before the messages themselves end. Harmless when repeated.
  void release() noexcept {
    if (const auto credit = std::exchange(credit_, nullptr))
      credit->give_back();
  }

  /// `router.register` and `router.unregister`, or `router.reserve` and `router.unreserve`.
  std::vector<nats_message> messages;

  /// Unset: these are not from NATS.
  std::optional<std::chrono::steady_clock::time_point> pulled_at{};
  /// Set: this process stood still, and these may have waited for it since then. Otherwise they were said just before.
  std::optional<std::chrono::steady_clock::time_point> waited_since{};
  /// Held until the messages are applied: the bus's word that they are. Null: nobody asks.
  std::shared_ptr<const void> turn{};

private:
  std::shared_ptr<nats_credit> credit_;
};

} // namespace shunt::net
