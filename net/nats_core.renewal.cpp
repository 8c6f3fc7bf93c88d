// How a bus comes to another connection while it runs: certificates, credentials or servers have changed. The new one is
// made beside the old, which stays until both have heard the same for a while. So nothing goes unheard, and what came
// twice is heard once (net/nats_overlap).
#include "net/nats_core.hpp"

#include "net/component_log.hpp"
#include "net/nats_bus.hpp"
#include "net/registry_handler.hpp"

#include <exception>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::chrono::milliseconds flush_patience{500};

/// What a router says of itself needs no other connection.
bool same_connection(nats_options a, const nats_options& b) {
  a.start = b.start;
  return a == b;
}

} // namespace

void nats_core::use(nats_options options) {
  const std::lock_guard lock{mutex_};
  start_json_ = to_json(options.start);
  wished_ = std::make_unique<nats_options>(std::move(options));
}

void nats_core::tend_renewal(clock::time_point now) {
  take_wish(now);
  if (!wanted_)
    return;
  if (!next_) {
    if (now >= open_next_at_)
      begin_renewal(now);
    return;
  }
  const auto opened = next_->opened();
  if (takes_too_long(now))
    return renewal_failed("no NATS server answered in time", now);
  if (opened == nats_link::opening::dialled && !next_->may_subscribe()
      && (!overlap_.is_repeating() || link_->ended())) {
    overlap_.begin(); // Before there is anything that could come by both.
    next_->let_subscribe();
  }
  if (opened == nats_link::opening::failed)
    return renewal_failed(next_->problem(), now);
  if (opened != nats_link::opening::done)
    return;
  if (next_->ended() || next_->refused())
    return renewal_failed(next_->refused() ? "this user may not do what a router does" : "the connection was closed", now);
  if (!next_->connected()) { // The library seeks another server.
    overlap_ends_.reset();
    return;
  }
  if (!overlap_ends_)
    overlap_ends_ = now + options_.overlap;
  // What waits was heard by the next one, too; but not what is older than that.
  const bool heard_all = link_->buffered_messages() == 0 && (now >= *overlap_ends_ || !link_->connected());
  // However late the bytes of the next one are read: what this one brought is in its queue then.
  if (link_->ended() || (heard_all && next_->flush(flush_patience)))
    switch_over();
}

/// The latest wish counts.
void nats_core::take_wish(clock::time_point now) {
  std::unique_lock lock{mutex_};
  if (!wished_)
    return;
  const auto wish = std::exchange(wished_, nullptr);
  // Also by the same options, if the library has given the present one up: nobody else would ever replace it.
  const bool differs = !same_connection(*wish, options_) || link_->ended();
  const bool is_wanted_already = differs && wanted_ && same_connection(*wish, *wanted_);
  renewing_ = differs;
  lock.unlock();
  options_.start = wish->start;
  if (is_wanted_already)
    return;
  if (next_ && next_->opened() != nats_link::opening::failed)
    next_->close_soon();
  next_ = nullptr;
  overlap_.call_off();
  overlap_ends_.reset();
  open_next_at_ = now;
  wanted_ = differs ? std::make_shared<const nats_options>(*wish) : nullptr;
}

void nats_core::begin_renewal(clock::time_point now) {
  log_.info(log_source, "renewing-nats-connection");
  try {
    auto link = std::make_shared<nats_link>(*wanted_, shared_from_this());
    link->open_soon();
    next_ = std::move(link);
    opened_next_at_ = now;
  } catch (const std::exception& failed) { // No thread to be had, say.
    renewal_failed(failed.what(), now);
  }
}

void nats_core::renewal_failed(const std::string& problem, clock::time_point now) {
  log_.warn(log_source, "nats-connection-not-renewed",
            {{"error", problem},
             {"nats-host", link_->connected() ? link_->address() : std::string{}},
             {"advice", link_->ended() ? "there is no connection, and the new settings are tried again and again; "
                                         "check nats.* in the file and send HUP"
                                       : "the connection that there was stays in use, and the new settings are tried "
                                         "again and again; check nats.* in the file and send HUP"}});
  if (next_ && next_->opened() != nats_link::opening::failed)
    next_->close_soon();
  next_ = nullptr;
  overlap_.call_off();
  overlap_ends_.reset();
  open_next_at_ = now + options_.renew_again;
}

/// From one pull to the next.
void nats_core::switch_over() {
  const auto old = link_;
  const bool other_servers = wanted_->hosts != options_.hosts;
  dropped_before_ += old->dropped_messages();
  std::unique_lock lock{mutex_};
  const bool was_away = !old->connected();
  link_ = std::exchange(next_, nullptr);
  auto start = std::move(options_.start);
  options_ = *std::exchange(wanted_, nullptr);
  options_.start = std::move(start); // The latest.
  renewing_ = false;
  lock.unlock();
  overlap_.switched(link_->buffered_messages());
  overlap_ends_.reset();
  // Whoever registers over servers that this router did not know has not heard of it either.
  if (was_away || other_servers)
    announce();
  old->close_soon();
  lock.lock();
  if (stopping_)
    return;
  const auto where = link_->address();
  log_.info(log_source, "nats-connection-renewed", {{"nats-host", where}, {"nats-addr", where}});
  if (was_away && link_->connected())
    handler_.on_connected();
  else if (!was_away && !link_->connected())
    handler_.on_disconnected();
}

} // namespace shunt::net
