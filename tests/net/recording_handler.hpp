// A registry handler that writes down what it is told and lets tests wait for it. On demand it
// keeps its batches, as a slow consumer would.
#pragma once

#include "net/registry_handler.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace shunt::net {

class recording_handler final : public registry_handler {
public:
  struct heard {
    std::string subject;
    std::string reply;
    std::string payload;
    std::optional<std::chrono::steady_clock::time_point> waited_since{};
  };

  void on_messages(nats_batch batch) noexcept override {
    std::unique_lock lock{mutex_};
    for (const auto& message : batch.messages)
      messages_.push_back({std::string{message.subject()}, std::string{message.reply()},
                           std::string{message.payload()}, batch.waited_since});
    if (holding_)
      held_.push_back(std::move(batch));
    most_alive_ = std::max(most_alive_, held_.size());
    changed_.notify_all();
    const auto time = std::exchange(stall_, {});
    changed_.wait(lock, [this] { return !frozen_; });
    lock.unlock();
    std::this_thread::sleep_for(time);
  }
  void on_reservations(nats_batch batch) noexcept override {
    std::lock_guard lock{mutex_};
    for (const auto& message : batch.messages)
      reservations_.push_back({std::string{message.subject()}, std::string{message.reply()},
                               std::string{message.payload()}});
    if (holding_reservations_)
      held_reservations_.push_back(std::move(batch));
    changed_.notify_all();
  }
  void on_discover(std::string_view reply) noexcept override {
    std::lock_guard lock{mutex_};
    discoveries_.emplace_back(reply);
    changed_.notify_all();
  }
  void on_dropped(std::uint64_t messages) noexcept override { add(dropped_, messages); }
  void on_connected() noexcept override { add(connects_, 1); }
  void on_disconnected() noexcept override { add(disconnects_, 1); }
  void on_closed() noexcept override { add(closes_, 1); }

  /// The bus's thread stands still at the next messages, as it does when the process is stopped.
  void stall(std::chrono::milliseconds time) {
    std::lock_guard lock{mutex_};
    stall_ = time;
  }
  /// The same from the next messages on, until it is to go on.
  void freeze(bool frozen) {
    std::lock_guard lock{mutex_};
    frozen_ = frozen;
    changed_.notify_all();
  }
  void hold_batches() { holding_ = true; }
  void hold_reservations() { holding_reservations_ = true; }
  void release_reservations() {
    std::lock_guard lock{mutex_};
    holding_reservations_ = false;
    held_reservations_.clear();
  }
  void release_batches() {
    std::lock_guard lock{mutex_};
    holding_ = false;
    held_.clear();
  }

  /// True once `condition` holds; it runs with the lock held. Looks again at every event, and now
  /// and then besides, for what is not one.
  template <class Condition>
  bool await(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    std::unique_lock lock{mutex_};
    while (!condition())
      if (changed_.wait_for(lock, std::chrono::milliseconds{5}) == std::cv_status::timeout
          && std::chrono::steady_clock::now() > deadline)
        return false;
    return true;
  }
  bool await_messages(std::size_t count) {
    return await([&] { return messages_.size() >= count; });
  }

  std::vector<heard> reservations() { return read(reservations_); }
  std::vector<heard> messages() { return read(messages_); }
  std::size_t most_alive() { return read(most_alive_); }
  std::uint64_t dropped() { return read(dropped_); }
  int connects() { return read(connects_); }
  int closes() { return read(closes_); }

  // For conditions of await():
  std::vector<nats_batch> held_;
  std::vector<nats_batch> held_reservations_;
  std::vector<heard> reservations_;
  std::vector<std::string> discoveries_; ///< Where an answer is waited for.
  std::uint64_t dropped_ = 0;
  int connects_ = 0;
  int disconnects_ = 0;
  int closes_ = 0;

private:
  template <class Number>
  void add(Number& to, std::uint64_t more) noexcept {
    std::lock_guard lock{mutex_};
    to += static_cast<Number>(more);
    changed_.notify_all();
  }
  template <class T>
  T read(const T& from) {
    std::lock_guard lock{mutex_};
    return from;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::milliseconds stall_{};
  bool frozen_ = false;
  bool holding_ = false;
  bool holding_reservations_ = false;
  std::vector<heard> messages_;
  std::size_t most_alive_ = 0;
};

} // namespace shunt::net
