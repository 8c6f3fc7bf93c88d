// Lets actors publish for as long as there is a bus: they may outlive it.
#pragma once

#include "actors/demand_publisher.hpp"
#include "net/nats_bus.hpp"

#include <memory>
#include <mutex>
#include <string_view>

namespace shunt::app {

class nats_outlet {
public:
  explicit nats_outlet(net::nats_bus& bus) { behind_->bus = &bus; }
  nats_outlet(const nats_outlet&) = delete;
  nats_outlet& operator=(const nats_outlet&) = delete;
  ~nats_outlet() { close(); }

  /// Nothing is published from here on; waits for what is being published.
  void close() {
    const std::lock_guard lock{behind_->mutex};
    behind_->bus = nullptr;
  }
  publish_function publisher() const {
    return [behind = behind_](std::string_view subject, std::string_view payload) {
      const std::lock_guard lock{behind->mutex};
      // While there is no connection it would wait in a buffer, and be said when it is not true any more.
      return behind->bus != nullptr && behind->bus->connected()
             && behind->bus->publish(subject, payload);
    };
  }

private:
  struct state {
    std::mutex mutex;
    net::nats_bus* bus = nullptr;
  };
  std::shared_ptr<state> behind_ = std::make_shared<state>();
};

} // namespace shunt::app
