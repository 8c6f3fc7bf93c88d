// How the bus comes to its connection: before it starts, or, where it starts without one, whenever a server can be
// reached. The library bounds the dialling, but neither the name's lookup nor the TLS handshake; hence a thread of
// its own, which can be left behind.
#include "net/nats_core.hpp"

#include "net/background_thread.hpp"
#include "net/component_log.hpp"
#include "net/nats_bus.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view log_source = ".nats";
constexpr auto look_every = 200ms; // Also how soon stop() is noticed.

/// A server is there, and takes neither these credentials nor this TLS. It would say the same again.
struct nats_refusal : nats_error {
  using nats_error::nats_error;
};

bool is_refusal(natsStatus status) {
  return status == NATS_CONNECTION_AUTH_FAILED || status == NATS_SSL_ERROR
         || status == NATS_SECURE_CONNECTION_REQUIRED || status == NATS_SECURE_CONNECTION_WANTED;
}

/// Makes a member function a callback of the library.
template <void (nats_core::*Member)(natsConnection*) noexcept>
void forward(natsConnection* connection, void* self) {
  (static_cast<nats_core*>(self)->*Member)(connection);
}

} // namespace

void nats_core::connect() {
  const int rounds = options_.starts_without ? 1 : std::max(options_.connect_rounds, 1);
  begin_dialling(rounds);
  const auto attempts = rounds * static_cast<int>(options_.hosts.size());
  const std::chrono::milliseconds limit =
    options_.starts_without ? options_.connect_timeout : 2 * attempts * options_.connect_timeout + 3s;
  if (dialled_.wait_for(limit) != std::future_status::ready) {
    if (options_.starts_without)
      return; // It goes on; see arrive().
    dialler_.detach(); // It may hang for ever; the caller is about to exit.
    throw nats_error{"no NATS server answered in time"};
  }
  try {
    end_dialling();
  } catch (const nats_refusal&) {
    throw;
  } catch (const nats_error& failed) {
    if (!options_.starts_without)
      throw;
    note_failed_dialling(failed.what());
  }
}

/// `dialled_` gets a connection, or why there is none.
void nats_core::begin_dialling(int rounds) {
  auto client = make_client_options(options_);
  set_callbacks(client.get());
  std::promise<nats_connection_ptr> promise;
  dialled_ = promise.get_future();
  dialler_ = std::thread{[self = shared_from_this(), rounds, client = std::move(client),
                          promise = std::move(promise)]() mutable {
    yield_to_loops(); // For the library's threads, which begin here.
    try {
      promise.set_value(self->try_all(client.get(), rounds));
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }};
}

/// Once `dialled_` is ready. Throws nats_error.
void nats_core::end_dialling() {
  dialler_.join();
  adopt(dialled_.get());
}

void nats_core::set_callbacks(natsOptions* client) {
  natsOptions_SetDisconnectedCB(client, forward<&nats_core::disconnected>, this);
  natsOptions_SetReconnectedCB(client, forward<&nats_core::reconnected>, this);
  natsOptions_SetClosedCB(client, forward<&nats_core::closed>, this);
  natsOptions_SetErrorHandler(client, on_error, this);
}

nats_connection_ptr nats_core::try_all(natsOptions* client, int rounds) {
  natsStatus status = NATS_OK;
  for (int round = 0; round < rounds; ++round) {
    if (round > 0)
      std::this_thread::sleep_for(options_.connect_pause);
    natsConnection* made = nullptr;
    status = natsConnection_Connect(&made, client);
    if (status != NATS_OK)
      continue;
    const std::lock_guard lock{mutex_};
    if (!library_done_)
      kept_alive_ = shared_from_this();
    return nats_connection_ptr{made};
  }
  if (is_refusal(status))
    throw nats_refusal{describe(status)};
  throw nats_error{describe(status)};
}

void nats_core::adopt(nats_connection_ptr connection) {
  std::lock_guard lock{mutex_};
  connection_ = std::move(connection);
  usable_ = connection_.get();
  address_ = server_of(connection_.get());
  connected_ = natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

// -- On the bus's thread, which began without a connection

/// Until there is one that is heard. False: there will be none.
bool nats_core::arrive() noexcept try {
  auto next = clock::now() + options_.reconnect_wait;
  while (!stopping_ && !connection_) {
    tend(clock::now());
    if (dialled_.valid()) {
      if (dialled_.wait_for(look_every) == std::future_status::ready)
        dial_on();
    } else if (clock::now() >= next) {
      next = clock::now() + options_.reconnect_wait;
      begin_dialling(1);
    } else {
      pause(std::min<std::chrono::milliseconds>(look_every, options_.reconnect_wait));
    }
  }
  if (stopping_)
    return false;
  begin_to_hear();
  const std::lock_guard lock{mutex_};
  if (stopping_)
    return false;
  log_.info(log_source, "nats-connection-established", {{"nats-host", address_}});
  if (connected_) // Else the library has told of its end, and will tell of the next one.
    handler_.on_connected();
  return true;
} catch (const std::exception& failed) { // No thread, no memory, or closed already.
  log_.error(log_source, "nats-connection-closed", {{"error", failed.what()}});
  if (!stopping_)
    handler_.on_closed();
  return false;
}

void nats_core::dial_on() {
  try {
    end_dialling();
  } catch (const nats_error& failed) { // Even if it refuses: what is known is served, and an operator may mend it.
    note_failed_dialling(failed.what());
  }
}

/// One line for each reason, not for each attempt.
void nats_core::note_failed_dialling(const std::string& why) {
  if (std::exchange(dial_error_, why) != why)
    log_.warn(log_source, "nats-not-reached",
              {{"error", why},
               {"advice", "the router goes on trying; meanwhile it serves what its snapshot and its peers know, prunes "
                          "nothing, and says 503 instead of 404"}});
}

} // namespace shunt::net
