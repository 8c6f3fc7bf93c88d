// One connection to NATS and what is subscribed over it. The library holds the connection's lock while it dials, for
// seconds if a server does not answer, and most of its functions take that lock; so what must answer at once is kept
// here, and whatever may hang happens on threads that can be left behind. A link lives until both its owner and the
// library are done with it.
#pragma once

#include "net/nats_client.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace shunt::net {

class nats_link;

/// Hears what becomes of a connection, on the library's threads. Kept by its links until the library has called back
/// for the last time.
class nats_link_owner {
public:
  virtual ~nats_link_owner() = default;
  virtual void link_lost(nats_link& which) noexcept = 0;
  virtual void link_is_back(nats_link& which) noexcept = 0;
  /// For good. Also after close().
  virtual void link_ended(nats_link& which, const std::string& error) noexcept = 0;
  virtual void link_failed(nats_link& which, natsStatus status, const std::string& error) noexcept = 0;
};

class nats_link : public std::enable_shared_from_this<nats_link> {
public:
  nats_link(nats_options options, std::shared_ptr<nats_link_owner> owner);

  // -- Its beginning

  /// Tries every server, several rounds. Throws nats_error. Blocks for some seconds at worst.
  void connect();
  /// Once connected. Throws nats_error.
  void subscribe();

  enum class opening : std::uint8_t { under_way, dialled, done, failed };
  /// Both, on a thread of its own, which waits in between to be let subscribe. Throws std::system_error if there is
  /// none to be had.
  void open_soon();
  void let_subscribe() noexcept;
  bool may_subscribe() const noexcept { return may_subscribe_; }
  opening opened() const noexcept { return opened_; }
  /// Why it failed. Once it has.
  const std::string& problem() const noexcept { return problem_; }

  // -- Any thread

  /// As whoever hears of it last noted.
  bool connected() const noexcept { return connected_; }
  void note_connected(bool connected) noexcept { connected_ = connected; }
  bool ended() const noexcept { return ended_; }
  /// The server did not let it listen or speak.
  bool refused() const noexcept { return refused_; }
  void note_refused() noexcept { refused_ = true; }
  bool unwanted() const noexcept { return unwanted_; } ///< It is being closed.
  /// host:port of the server that it is, or was last, connected to.
  std::string address() const;
  bool publish(std::string_view subject, std::string_view payload) noexcept;
  bool flush(std::chrono::milliseconds patience) noexcept;
  std::uint64_t buffered_messages() const noexcept;
  std::uint64_t dropped_messages() const noexcept;

  // -- Whoever pulls messages

  natsSubscription* registrations() const noexcept { return registrations_.get(); }
  natsSubscription* beacons() const noexcept { return beacons_.get(); } ///< Null: nobody asked for them.
  natsSubscription* discoveries() const noexcept { return discoveries_.get(); } ///< So with these.

  // -- Its end

  /// Within half a second, reachable server or not.
  void close() noexcept;
  /// On a thread of its own, after everything that was published is out. Nobody waits.
  void close_soon() noexcept;

private:
  nats_connection_ptr try_all(natsOptions* client) const;
  void adopt(nats_connection_ptr connection);
  void begin();
  void open() noexcept;
  nats_subscription_ptr subscribed(const std::string& subject, int messages_max, int bytes_max) const;
  void note_address();
  void set_callbacks(natsOptions* client);

  // On the library's threads:
  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* self) noexcept;
  void disconnected(natsConnection* connection) noexcept;
  void reconnected(natsConnection* connection) noexcept;
  void closed(natsConnection* connection) noexcept;

  const nats_options options_;
  nats_connection_ptr connection_;
  nats_subscription_ptr registrations_; // Before the connection goes.
  nats_subscription_ptr beacons_;       // So with this, and the next.
  nats_subscription_ptr discoveries_;
  std::atomic<natsSubscription*> counted_{nullptr}; // registrations_, once there is one.
  std::atomic<bool> connected_{false};
  std::atomic<bool> ended_{false}; // The library calls back no more.
  std::atomic<bool> refused_{false};
  std::atomic<bool> unwanted_{false};
  std::atomic<bool> may_subscribe_{false};
  std::atomic<opening> opened_{opening::under_way};
  std::string problem_;

  mutable std::mutex mutex_; // Guards what follows. The library is never called with it.
  std::condition_variable changed_;
  std::string address_;
  std::shared_ptr<nats_link_owner> owner_;
  std::shared_ptr<nats_link> kept_alive_; // Until the library has called back for the last time.
};

} // namespace shunt::net
