// The demo backend's link to NATS: publishes, and tells when a router wants to hear registrations.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace shunt::app {

/// A connection to NATS that hears of routers. It reconnects for ever.
class demo_nats_link {
public:
  /// Hears that routers want registrations, and how often; 0 = they did not say.
  using listener = std::function<void(std::chrono::milliseconds interval)>;

  /// Connects, and greets the routers that are there. `tell` is called on threads of the NATS
  /// client, never after the destructor has returned. Throws std::runtime_error.
  demo_nats_link(const std::string& url, const std::string& name, listener tell);
  ~demo_nats_link();

  demo_nats_link(const demo_nats_link&) = delete;
  demo_nats_link& operator=(const demo_nats_link&) = delete;

  /// What cannot be published is lost and said on stderr.
  void publish(const char* subject, const std::string& payload);

  /// True once the server has everything published so far.
  bool flush(std::chrono::milliseconds patience);

private:
  /// Where the callbacks of the NATS client find us. They may still run while the link goes away,
  /// so they share this with it, and the destructor takes the listener out.
  struct announcement_box {
    std::mutex guard;
    listener tell;
    void announce(std::chrono::milliseconds interval);
  };
  using box_ptr = std::shared_ptr<announcement_box>;

  template <auto Destroy>
  struct destroyer {
    template <class T>
    void operator()(T* p) const {
      Destroy(p);
    }
  };
  using subscription = std::unique_ptr<natsSubscription, destroyer<natsSubscription_Destroy>>;

  static void on_router_start(natsConnection*, natsSubscription*, natsMsg*, void* box) noexcept;
  static void on_reconnected(natsConnection*, void* box) noexcept;
  static void on_closed(natsConnection*, void* box) noexcept;
  static void on_complete(void* box) noexcept;

  void connect(const std::string& url, const std::string& name);
  void listen(subscription& slot, const char* subject);

  box_ptr box_;
  std::unique_ptr<natsConnection, destroyer<natsConnection_Destroy>> connection_;
  subscription greeted_;
  subscription started_;
};

} // namespace shunt::app
