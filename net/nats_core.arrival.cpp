// How the bus comes to its first connection: before it starts, or, where it may start without one, whenever a server
// can be reached.
#include "net/nats_core.hpp"

#include "net/component_log.hpp"
#include "net/nats_bus.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 200ms; // Also how soon stop() is noticed.

/// Tries once. Who starts without a connection does not wait for rounds, and comes again anyway.
nats_options in_one_round(nats_options options) {
  options.connect_rounds = 1;
  return options;
}

} // namespace

void nats_core::connect() {
  check_nats_options(options_);
  auto made = std::make_shared<nats_link>(options_.starts_without ? in_one_round(options_) : options_,
                                          shared_from_this());
  try {
    made->connect();
  } catch (const nats_refusal&) {
    throw;
  } catch (const nats_error& failed) {
    if (!options_.starts_without)
      throw;
    return note_not_reached(failed.what());
  }
  const std::lock_guard lock{mutex_};
  link_ = std::move(made);
}

/// Until there is a connection that is heard. False: there will be none.
bool nats_core::arrive() noexcept try {
  open_next_at_ = clock::now() + options_.reconnect_wait;
  while (!stopping_ && !link_) {
    const auto now = clock::now();
    take_wish_unconnected(now);
    publish_waiting(); // To nobody.
    tend_absence(now);
    seek_connection(now);
    if (!link_)
      pause(std::min<std::chrono::milliseconds>(look_every, options_.reconnect_wait));
  }
  const std::lock_guard lock{mutex_};
  if (stopping_)
    return false;
  log_.info(log_source, "nats-connection-established", {{"nats-host", link_->address()}});
  if (link_->connected()) // Else the library has told of its end, and will tell of the next one.
    handler_.on_connected();
  return true;
} catch (const std::exception& failed) { // No memory.
  log_.error(log_source, "nats-connection-closed", {{"error", failed.what()}});
  if (!stopping_)
    handler_.on_closed();
  return false;
}

void nats_core::seek_connection(clock::time_point now) try {
  if (!next_) {
    if (now < open_next_at_)
      return;
    auto link = std::make_shared<nats_link>(in_one_round(options_), shared_from_this());
    link->open_soon();
    next_ = std::move(link);
    opened_next_at_ = now;
    return;
  }
  const auto opened = next_->opened();
  if (takes_too_long(now) || next_->ended()) {
    const auto late = std::exchange(next_, nullptr);
    if (late->opened() != nats_link::opening::failed)
      late->close_soon();
    throw nats_error{late->ended() ? "the server closed the connection" : "no NATS server answered in time"};
  }
  if (opened == nats_link::opening::dialled && !next_->may_subscribe()) {
    next_->publish("router.start", start_json()); // Before it listens, as in `begin_to_hear`.
    next_->let_subscribe();
  } else if (opened == nats_link::opening::failed) {
    throw nats_error{std::exchange(next_, nullptr)->problem()};
  } else if (opened == nats_link::opening::done) {
    const std::lock_guard lock{mutex_};
    link_ = std::exchange(next_, nullptr);
  }
} catch (const std::exception& failed) { // Even if it refuses: what is known is served, and an operator may mend it.
  open_next_at_ = now + options_.reconnect_wait;
  note_not_reached(failed.what());
}

/// The library bounds the dialling, but neither the name's lookup nor the TLS handshake: a server that stalls in the
/// middle of these must not keep the bus from others.
bool nats_core::takes_too_long(clock::time_point now) const {
  const auto& by = wanted_ ? *wanted_ : options_;
  const auto attempts = static_cast<int>(by.hosts.size()) * std::max(by.connect_rounds, 1);
  return next_->opened() == nats_link::opening::under_way
         && now - opened_next_at_ > 2 * attempts * by.connect_timeout + 3s;
}

/// With no connection to take the place of, other options are simply used.
void nats_core::take_wish_unconnected(clock::time_point now) {
  std::unique_lock lock{mutex_};
  if (!wished_)
    return;
  options_ = *std::exchange(wished_, nullptr);
  lock.unlock();
  if (next_ && next_->opened() != nats_link::opening::failed)
    next_->close_soon();
  next_ = nullptr;
  open_next_at_ = now;
}

/// One line for each reason, not for each attempt.
void nats_core::note_not_reached(const std::string& why) {
  if (std::exchange(not_reached_, why) != why)
    log_.warn(log_source, "nats-not-reached",
              {{"error", why},
               {"advice", "the router goes on trying; meanwhile it serves what its snapshot and its peers know, prunes "
                          "nothing, and says 503 instead of 404"}});
}

} // namespace shunt::net
