// The router's ear on NATS: stays connected, announces the router, and hands registrations over in
// batches and in arrival order. When the handler is slow, messages wait in the client library's
// bounded queue; what does not fit there is lost, counted and told, with one warning per episode,
// and when the episode is over everybody is asked to register again.
#pragma once

#include "net/nats_options.hpp"
#include "net/registry_handler.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace shunt::net {

class component_log;
class nats_core;
class standstill;

/// No server could be used, or the options cannot work. Says why, for a person.
class nats_error : public std::runtime_error {
public:
  using runtime_error::runtime_error;
};

/// A server is there, and takes neither these credentials nor this TLS. It would say the same again.
struct nats_refusal : nats_error {
  using nats_error::nats_error;
};

/// Throws nats_error if they cannot work, for example because a certificate is not one.
void check_nats_options(const nats_options& options);

class nats_bus {
public:
  /// Does nothing yet. `handler` and `log` outlive the bus. `pauses` is told when what NATS said meanwhile has been
  /// applied; null: nobody asks.
  nats_bus(nats_options options, registry_handler& handler, component_log& log,
           std::shared_ptr<standstill> pauses = {});
  /// Stops.
  ~nats_bus();
  nats_bus(const nats_bus&) = delete;
  nats_bus& operator=(const nats_bus&) = delete;

  /// Tries every server, several rounds. Throws nats_error; the caller logs `nats-connection-error`
  /// and exits 1. Blocks for some seconds at worst. With `starts_without` it tries once, and throws only if a server
  /// refuses the router, or the options cannot work; from start() on servers are tried again and again.
  void connect();

  /// Once, after connect(): publishes `router.start`, subscribes, and begins to hand over; without a connection as soon
  /// as there is one. Throws nats_error.
  void start();

  /// Hands nothing over from here on and closes the connection. Within a second, reachable server
  /// or not; harmless when repeated. Neither from a handler nor from two threads at once.
  void stop() noexcept;

  /// From any thread, after start(). Connections that are made from now on go by these options. If they differ in more
  /// than what the router says of itself, a second connection is made beside the first, and takes its place
  /// once it has heard the same for a while, so that nothing is lost or heard twice; as long as none can be made, the
  /// first stays, and the log says why.
  void use(nats_options options);

  // From any thread, between connect() and stop():

  bool connected() const noexcept;
  /// Publishes `router.start`: everybody is to register again. May wait as publish() does.
  bool announce() noexcept;
  /// False if the message cannot even be buffered. Waits while the client library dials a server
  /// that does not answer, so never call it on a loop.
  bool publish(std::string_view subject, std::string_view payload) noexcept;
  /// Has the bus's own thread publish it, within a fifth of a second: never waits. False if too much waits already.
  /// While there is no connection it is dropped.
  bool publish_soon(std::string_view subject, std::string_view payload) noexcept;
  /// True if the server has everything published so far. May wait as publish() does.
  bool flush(std::chrono::milliseconds patience) noexcept;
  /// The connected server as host:port; empty if there is none.
  std::string address() const;

  // Counters, from any thread at any time:

  /// Waiting in the client library's queue.
  std::uint64_t buffered_messages() const noexcept;
  /// Lost for want of room since start().
  std::uint64_t total_dropped_messages() const noexcept;
  /// Registrations and unregistrations handed over since start().
  std::uint64_t received_messages() const noexcept;

private:
  std::shared_ptr<nats_core> core_;
};

} // namespace shunt::net
