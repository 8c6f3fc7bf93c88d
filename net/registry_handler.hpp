// What the NATS bus tells whoever keeps the routes. Implementations pass it on and return at once:
// while a call lasts, nothing else arrives.
#pragma once

#include "net/nats_batch.hpp"

#include <cstdint>
#include <string_view>

namespace shunt::net {

class registry_handler {
public:
  virtual ~registry_handler() = default;

  /// Registrations and unregistrations in arrival order, at least one. On the bus's thread. The bus
  /// waits while too many batches are alive, so keep one no longer than it takes.
  virtual void on_messages(nats_batch batch) noexcept = 0;

  /// What asks to reserve routes, or to give them up (`router.reserve`, `router.unreserve`), in arrival
  /// order, at least one; the order between these and the others is not kept. On the bus's thread, which
  /// waits for nobody here: while a few batches are alive it collects, within bounds.
  virtual void on_reservations(nats_batch batch) noexcept { batch.release(); }

  /// What came on `nats_options::beacon_subject`; only a few wait, and the others are lost. On the bus's thread.
  virtual void on_beacon(std::string_view payload) noexcept { (void)payload; }

  /// Something came on `nats_options::discover_subject`, from somebody who waits for an answer at `reply`, or, where that
  /// is empty, does not. Only a few wait, and the others are lost. On the bus's thread.
  virtual void on_discover(std::string_view reply) noexcept { (void)reply; }

  /// That many more messages were lost for want of room: what is known may be out of date. When
  /// nothing was lost for a while, `on_connected` follows. On the bus's thread.
  virtual void on_dropped(std::uint64_t messages) noexcept = 0;

  /// There is a connection, and everybody was asked over it to register (`router.start`):
  /// subscribed for the first time, connected again, or no more messages are lost. On the thread
  /// that called start(), later on the client library's or the bus's; may overlap the two above,
  /// but never itself nor the next one.
  virtual void on_connected() noexcept = 0;

  /// The connection was lost, or there is none yet, and it is being sought. On the client library's thread, or on that
  /// which called start().
  virtual void on_disconnected() noexcept = 0;

  /// No server will ever be tried again (each refused the credentials): the process must end. Not
  /// called for stop(). On the client library's thread, or the bus's.
  virtual void on_closed() noexcept = 0;
};

} // namespace shunt::net
