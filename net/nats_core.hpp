// What the NATS bus is inside: the link, the thread that pulls messages from it, and the change from one link
// to another when the options change. Lives until both the bus and its links are done with it, because the
// library may be stuck in a connection attempt when the bus has to go.
#pragma once

#include "net/nats_batch.hpp"
#include "net/nats_catch_up.hpp"
#include "net/nats_drops.hpp"
#include "net/nats_link.hpp"
#include "net/nats_overlap.hpp"
#include "net/nats_pause.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace shunt::net {

class component_log;
class registry_handler;

class nats_core : public nats_link_owner, public std::enable_shared_from_this<nats_core> {
public:
  nats_core(nats_options options, registry_handler& handler, component_log& log,
            std::shared_ptr<standstill> pauses);

  void connect();
  void start();
  void stop() noexcept;
  void use(nats_options options);

  bool connected() const noexcept;
  bool announce() noexcept { return publish("router.start", start_json()); }
  bool publish(std::string_view subject, std::string_view payload) noexcept;
  bool publish_soon(std::string_view subject, std::string_view payload) noexcept;
  bool flush(std::chrono::milliseconds patience) noexcept;
  std::string address() const;

  std::uint64_t buffered_messages() const noexcept;
  std::uint64_t dropped_messages() const noexcept;
  std::uint64_t received_messages() const noexcept { return received_; }

private:
  using clock = std::chrono::steady_clock;

  std::shared_ptr<nats_link> link() const;
  std::string start_json() const;

  void begin_to_hear();

  // On the bus's thread:
  void run() noexcept;
  void tend(clock::time_point now);
  void tend_absence(clock::time_point now);
  void tend_drops(clock::time_point now);
  void tend_pause(clock::time_point now);
  bool may_ask_again(clock::time_point now) const;
  void ask_again(clock::time_point now);
  void pull(std::vector<nats_message>& into);
  void hear_marker(std::string_view payload);
  void collect_reservation(nats_message message);
  void hand_over_reservations();
  void take(nats_message message, std::vector<nats_message>& into);
  void publish_waiting();
  void hear_besides();
  void pause(std::chrono::milliseconds time);

  // Of the same thread, in nats_core.arrival.cpp, while there has been no connection yet:
  bool arrive() noexcept;
  void seek_connection(clock::time_point now);
  void take_wish_unconnected(clock::time_point now);
  void note_not_reached(const std::string& why);
  bool takes_too_long(clock::time_point now) const;

  // Of the same thread, in nats_core.renewal.cpp:
  void tend_renewal(clock::time_point now);
  void take_wish(clock::time_point now);
  void begin_renewal(clock::time_point now);
  void renewal_failed(const std::string& problem, clock::time_point now);
  void switch_over();

  // On the library's threads:
  void link_lost(nats_link& which) noexcept override;
  void link_is_back(nats_link& which) noexcept override;
  void link_ended(nats_link& which, const std::string& error) noexcept override;
  void link_failed(nats_link& which, natsStatus status, const std::string& error) noexcept override;

  static constexpr std::string_view log_source = ".nats";

  nats_options options_; // The bus's thread alone, once there is one.
  const std::string marker_prefix_; // Of the payloads of this router's own markers.
  registry_handler& handler_; // Both only while not stopping_, with the lock held
  component_log& log_;        // (or on the bus's thread, which stop() joins).
  std::shared_ptr<nats_credit> credit_;
  std::shared_ptr<nats_credit> reservation_credit_;
  std::vector<nats_message> reservations_; // The bus's thread alone, and the next two: not handed over yet.
  std::size_t reservation_bytes_ = 0;
  std::uint64_t reservations_lost_ = 0; // Since it was logged.

  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> dropped_seen_{0}; // Still true when the library has forgotten.
  std::atomic<std::uint64_t> dropped_before_{0}; // By links that there were before.
  nats_pause pause_;                           // The bus's thread alone, and the next five.
  nats_catch_up catch_up_;
  nats_drops drops_;
  clock::time_point next_loss_line_{};
  bool asking_is_due_ = false; // Messages were lost: everybody is to register again.
  clock::time_point ask_not_before_{};
  clock::time_point next_notice_; // The bus's thread alone: still disconnected.
  bool away_ = false;             // The bus's thread alone, and the next seven.
  std::shared_ptr<const nats_options> wanted_; // Of a link that is to take the place of the present one; null: none is.
  std::shared_ptr<nats_link> next_;            // That link, being opened.
  clock::time_point open_next_at_{};
  clock::time_point opened_next_at_{};
  std::optional<clock::time_point> overlap_ends_;
  std::string not_reached_; // Why, as it was logged last.
  nats_overlap overlap_;

  mutable std::mutex mutex_; // Guards what follows, and calls from the library's threads.
  std::condition_variable changed_;
  std::atomic<bool> stopping_{false};
  bool started_ = false;
  std::vector<std::pair<std::string, std::string>> to_publish_; // Subjects and payloads, a few.
  std::shared_ptr<nats_link> link_; // Changed by the bus's thread alone, once there is one.
  std::string start_json_;
  std::unique_ptr<nats_options> wished_; // Not seen by the bus's thread yet.
  bool renewing_ = false;                // It has seen some, and is not done with them.
  std::thread thread_;
};

} // namespace shunt::net
