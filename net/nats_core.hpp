// What the NATS bus is inside: the connection, the thread that pulls messages from it, and what the
// client library calls back. Lives until both the bus and the library are done with it, because the
// library may be stuck in a connection attempt when the bus has to go.
#pragma once

#include "net/nats_batch.hpp"
#include "net/nats_client.hpp"
#include "net/nats_drops.hpp"
#include "net/nats_pause.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace shunt::net {

class component_log;
class registry_handler;

class nats_core : public std::enable_shared_from_this<nats_core> {
public:
  nats_core(nats_options options, registry_handler& handler, component_log& log);

  void connect();
  void start();
  void stop() noexcept;

  bool connected() const noexcept { return connected_; }
  bool publish(std::string_view subject, std::string_view payload) noexcept;
  bool publish_soon(std::string_view subject, std::string_view payload) noexcept;
  bool flush(std::chrono::milliseconds patience) noexcept;
  std::string address() const;

  std::uint64_t buffered_messages() const noexcept;
  std::uint64_t dropped_messages() const noexcept;
  std::uint64_t received_messages() const noexcept { return received_; }

private:
  using clock = std::chrono::steady_clock;

  void set_callbacks(natsOptions* client);
  void begin_dialling(int rounds);
  void end_dialling();
  void note_failed_dialling(const std::string& why);
  nats_connection_ptr try_all(natsOptions* client, int rounds);
  void adopt(nats_connection_ptr connection);
  void begin_to_hear();

  // On the bus's thread:
  void run() noexcept;
  bool arrive() noexcept;
  void dial_on();
  void tend(clock::time_point now);
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
  void hear_beacons();
  void pause(std::chrono::milliseconds time);

  // On the library's threads:
  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status,
                       void* self) noexcept;
  void disconnected(natsConnection* connection) noexcept;
  void reconnected(natsConnection* connection) noexcept;
  void closed(natsConnection* connection) noexcept;

  void close_connection() noexcept;

  const nats_options options_;
  const std::string start_json_;
  const std::string marker_prefix_; // Of the payloads of this router's own markers.
  registry_handler& handler_; // Both only while not stopping_, with the lock held
  component_log& log_;        // (or on the bus's thread, which stop() joins).
  nats_connection_ptr connection_; // Set once; by start()'s caller, or after start() by the bus's thread.
  std::atomic<natsConnection*> usable_{nullptr}; // connection_, once there is one.
  std::thread dialler_; // Both of whoever sets connection_, and of stop().
  std::future<nats_connection_ptr> dialled_;
  std::string dial_error_; // The last one that was logged.
  nats_subscription_ptr subscription_; // Before the connection goes.
  nats_subscription_ptr beacons_;      // So with this. Empty: nobody asked for them.
  std::shared_ptr<nats_credit> credit_;
  std::shared_ptr<nats_credit> reservation_credit_;
  std::vector<nats_message> reservations_; // The bus's thread alone, and the next two: not handed over yet.
  std::size_t reservation_bytes_ = 0;
  std::uint64_t reservations_lost_ = 0; // Since it was logged.

  std::atomic<bool> connected_{false};
  std::atomic<natsSubscription*> counted_{nullptr}; // subscription_, once there is one.
  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> dropped_seen_{0}; // Still true when the library has forgotten.
  nats_pause pause_;                           // The bus's thread alone, and the next four.
  nats_drops drops_;
  clock::time_point next_loss_line_{};
  bool asking_is_due_ = false; // Messages were lost: everybody is to register again.
  clock::time_point ask_not_before_{};
  clock::time_point next_notice_; // The bus's thread alone: still disconnected.
  bool away_ = false;             // The bus's thread alone.

  mutable std::mutex mutex_; // Guards what follows, and calls from the library's threads.
  std::condition_variable changed_;
  std::atomic<bool> stopping_{false};
  bool started_ = false;
  std::vector<std::pair<std::string, std::string>> to_publish_; // Subjects and payloads, a few.
  std::atomic<bool> library_done_{false}; // It is closed for good and calls back no more.
  std::string address_;
  std::shared_ptr<nats_core> kept_alive_; // Until the library has called back for the last time.
  std::thread thread_;
};

} // namespace shunt::net
