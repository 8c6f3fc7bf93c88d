// What the Routing API client tells whoever keeps the routes. Implementations pass it on and return
// at once: while a call lasts, nothing else arrives.
#pragma once

#include "net/nats_batch.hpp"
#include "routing/registration.hpp"

#include <vector>

namespace shunt::net {

/// All on the client's thread.
class routing_api_handler {
public:
  virtual ~routing_api_handler() = default;

  /// Registrations and unregistrations in order, at least one. `hold` carries no messages: the
  /// client waits while too many of them are alive, so keep it no longer than it takes.
  virtual void on_registrations(std::vector<routing::registration> registrations,
                                nats_batch hold) noexcept = 0;

  /// All routes of the API were handed over, and each change will be from now on.
  virtual void on_synchronised() noexcept = 0;

  /// Changes may go unheard from now on, until `on_synchronised`. So it is at first, too.
  virtual void on_out_of_date() noexcept = 0;
};

} // namespace shunt::net
