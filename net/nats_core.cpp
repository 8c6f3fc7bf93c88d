// The library holds the connection's lock while it dials, for seconds if a server does not answer,
// and most of its functions take that lock. Hence: what must answer at once is kept here, closing
// happens on a thread that can be left behind, and this object's own lock is never held while the
// library is called, but for adopting a connection that nobody else knows yet.
#include "net/nats_core.hpp"

#include "net/background_thread.hpp"
#include "net/component_log.hpp"
#include "net/nats_bus.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr auto pull_patience = 200ms; // Also how soon stop() and a disconnection are noticed.
constexpr auto gather_time = 4ms; // Handing over wakes the registrar, and it all shards.
constexpr auto close_patience = 500ms;
constexpr std::string_view log_source = ".nats";
constexpr std::string_view marker_subject = "router.marker"; // Comes back to who sent it, behind what waited.
constexpr std::size_t reservation_batches_max = 4; // Alive; whoever takes them waits for a disk.
constexpr std::size_t reservations_waiting_max = 20'000;
constexpr std::size_t reservation_bytes_max = std::size_t{32} << 20; // Waiting.
constexpr auto loss_line_every = 1s;
constexpr std::size_t published_soon_max = 16; // That wait for the bus's thread.
constexpr int beacons_waiting_max = 256;
constexpr int beacon_bytes_waiting_max = 256 * 1024;
constexpr int beacons_together = 64;

std::string last_error(natsConnection* connection) {
  const char* text = nullptr;
  const auto status = natsConnection_GetLastError(connection, &text);
  return text != nullptr && *text != '\0' ? text : natsStatus_GetText(status);
}

} // namespace

nats_core::nats_core(nats_options options, registry_handler& handler, component_log& log)
  : options_(std::move(options)),
    start_json_(to_json(options_.start)),
    marker_prefix_(std::string{options_.start.id}.append(1, ' ')),
    handler_(handler),
    log_(log),
    credit_(std::make_shared<nats_credit>(std::max<std::size_t>(options_.batches_alive_max, 1))),
    reservation_credit_(std::make_shared<nats_credit>(reservation_batches_max)),
    drops_(options_.drops_over_after) {
}

// -- Starting and stopping

void nats_core::start() {
  if (started_ || !(connection_ || options_.starts_without))
    throw nats_error{"start() comes once, after connect()"};
  if (connection_)
    begin_to_hear();
  std::lock_guard lock{mutex_};
  started_ = true;
  if (connected_)
    handler_.on_connected();
  else
    handler_.on_disconnected(); // Not yet; or since connect(), and the library told it before anybody listened.
  thread_ = std::thread{[this] { run(); }};
}

void nats_core::begin_to_hear() {
  // Announced first, as gorouter does: who hears it registers a moment later, and finds an ear.
  if (!publish("router.start", start_json_))
    throw nats_error{"cannot publish router.start"};
  natsSubscription* raw = nullptr;
  // One subscription for all: two would not keep a register and an unregister in order.
  auto status = natsConnection_SubscribeSync(&raw, connection_.get(), "router.*");
  subscription_.reset(raw);
  if (status == NATS_OK)
    status = natsSubscription_SetPendingLimits(raw, options_.pending_messages_max,
                                               options_.pending_bytes_max);
  if (status != NATS_OK)
    throw nats_error{"cannot subscribe to router.*: " + describe(status)};
  counted_ = raw;
  if (!options_.beacon_subject.empty()) {
    status = natsConnection_SubscribeSync(&raw, connection_.get(), options_.beacon_subject.c_str());
    beacons_.reset(raw);
    if (status == NATS_OK)
      status = natsSubscription_SetPendingLimits(raw, beacons_waiting_max, beacon_bytes_waiting_max);
    if (status != NATS_OK)
      throw nats_error{std::string{"cannot subscribe to "}.append(options_.beacon_subject).append(": ").append(describe(status))};
  }
  flush(options_.connect_timeout); // If this fails, the library subscribes when it is back.
}

void nats_core::stop() noexcept {
  {
    std::lock_guard lock{mutex_};
    if (stopping_.exchange(true))
      return;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
  if (dialler_.joinable())
    dialler_.detach(); // It keeps this object as long as it needs it.
  dialled_ = {}; // A connection that it still makes ends at once.
  connected_ = false;
  if (connection_)
    close_connection();
}

void nats_core::close_connection() noexcept try {
  std::thread closer{
    [self = shared_from_this()] { natsConnection_Close(self->connection_.get()); }};
  std::unique_lock lock{mutex_};
  const bool done =
    changed_.wait_for(lock, close_patience, [this] { return library_done_.load(); });
  lock.unlock();
  if (done)
    closer.join();
  else
    closer.detach(); // Dialling just now; it keeps this object as long as it needs it.
} catch (const std::system_error&) { // No thread to be had.
  natsConnection_Close(connection_.get());
}

// -- Publishing and counting

bool nats_core::publish(std::string_view subject, std::string_view payload) noexcept try {
  auto* const to = usable_.load();
  if (to == nullptr)
    return false;
  return natsConnection_Publish(to, std::string{subject}.c_str(), payload.data(),
                                static_cast<int>(payload.size()))
         == NATS_OK;
} catch (const std::bad_alloc&) {
  return false;
}

bool nats_core::publish_soon(std::string_view subject, std::string_view payload) noexcept try {
  const std::lock_guard lock{mutex_};
  if (to_publish_.size() >= published_soon_max)
    return false;
  to_publish_.emplace_back(subject, payload);
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

bool nats_core::flush(std::chrono::milliseconds patience) noexcept {
  auto* const to = usable_.load();
  return to != nullptr
         && natsConnection_FlushTimeout(to, std::max<std::int64_t>(patience.count(), 1)) == NATS_OK;
}

std::string nats_core::address() const {
  std::lock_guard lock{mutex_};
  return connected_ ? address_ : std::string{};
}

std::uint64_t nats_core::buffered_messages() const noexcept {
  int messages = 0;
  int bytes = 0;
  if (auto* from = counted_.load())
    natsSubscription_GetPending(from, &messages, &bytes);
  return static_cast<std::uint64_t>(std::max(messages, 0));
}

std::uint64_t nats_core::dropped_messages() const noexcept {
  std::int64_t messages = 0;
  if (auto* from = counted_.load())
    natsSubscription_GetDropped(from, &messages);
  return std::max(static_cast<std::uint64_t>(messages), dropped_seen_.load());
}

// -- The bus's thread

void nats_core::run() noexcept {
  yield_to_loops();
  if (!connection_ && !arrive())
    return;
  while (!stopping_) {
    tend(clock::now());
    if (!credit_->take(pull_patience))
      continue;
    const auto waited_before = pause_.since(); // What waited comes before what ends this.
    std::vector<nats_message> messages;
    pull(messages);
    const auto now = clock::now();
    tend_pause(now);
    hand_over_reservations();
    if (messages.empty()) {
      credit_->give_back();
      continue;
    }
    received_ += messages.size();
    const bool flood = messages.size() >= options_.batch_messages_max;
    nats_batch batch{std::move(messages), credit_};
    batch.pulled_at = now;
    batch.waited_since = waited_before ? waited_before : pause_.since();
    handler_.on_messages(std::move(batch));
    // After a quiet time a message is handed over at once; while they pour in, a batch at a time.
    if (!flood)
      pause(gather_time);
  }
}

void nats_core::tend(clock::time_point now) {
  tend_pause(now);
  tend_drops(now);
  hand_over_reservations();
  publish_waiting();
  hear_beacons();
  if (connected_ || library_done_) {
    away_ = false;
  } else if (!std::exchange(away_, true)) {
    next_notice_ = now + options_.ping_interval;
  } else if (now >= next_notice_) {
    log_.info(log_source, "nats-connection-still-disconnected");
    next_notice_ += options_.ping_interval;
  }
}

void nats_core::tend_pause(clock::time_point now) {
  if (!options_.notice_pauses)
    return;
  const auto seen = pause_.look(now, connected_);
  if (seen.stood_still)
    log_.warn(log_source, "stood-still",
              {{"milliseconds", std::chrono::duration_cast<std::chrono::milliseconds>(*seen.stood_still).count()},
               {"advice", "the process was stopped, or got no CPU; what NATS kept for it counts as heard before"}});
  if (seen.gave_up)
    log_.error(log_source, "markers-do-not-come-back",
               {{"subject", marker_subject},
                {"advice", "let nats.user publish this subject and subscribe to router.*; without it, a router that was "
                           "stopped may bring back for a moment what was unregistered meanwhile"}});
  if (seen.send)
    publish(marker_subject, std::string{marker_prefix_}.append(std::to_string(*seen.send)));
}

void nats_core::tend_drops(clock::time_point now) {
  const auto total = dropped_messages();
  dropped_seen_ = total;
  const auto change = drops_.look(total, now);
  if (change.lost_more > 0) {
    asking_is_due_ = false; // Whoever answered now might be lost as well.
    handler_.on_dropped(change.lost_more);
  }
  if (change.begun)
    log_.warn(log_source, "nats-slow-consumer",
              {{"dropped_messages", change.lost_more},
               {"total_dropped_messages", total},
               {"buffered_messages", buffered_messages()},
               {"advice", "registrations arrive faster than this router takes them, and some are "
                          "lost; give it more CPU or raise nats_pending.messages and "
                          "nats_pending.bytes"}});
  if (change.ended_with) {
    log_.info(log_source, "nats-slow-consumer-over", {{"dropped_messages", *change.ended_with}});
    asking_is_due_ = true;
  }
  if (asking_is_due_ && may_ask_again(now))
    ask_again(now);
}

/// Everybody answers at once. A router that has no room for that, or is asked for it again and again,
/// would bring the next loss upon itself.
bool nats_core::may_ask_again(clock::time_point now) const {
  return now >= ask_not_before_
         && buffered_messages() <= static_cast<std::uint64_t>(options_.pending_messages_max) / 2;
}

/// Lets everybody repeat what was lost.
void nats_core::ask_again(clock::time_point now) {
  asking_is_due_ = false;
  ask_not_before_ =
    now + std::max<clock::duration>(options_.start.register_interval, options_.drops_over_after);
  if (!connected_)
    return; // Whoever is asked is asked when the connection is back.
  publish("router.start", start_json_);
  std::lock_guard lock{mutex_};
  if (connected_ && !stopping_)
    handler_.on_connected();
}

/// Waits a little for the first message, for the others not at all.
void nats_core::pull(std::vector<nats_message>& into) {
  natsMsg* raw = nullptr;
  auto* from = subscription_.get();
  const auto status = natsSubscription_NextMsg(&raw, from, pull_patience.count());
  if (status == NATS_TIMEOUT)
    return;
  if (status != NATS_OK) // Closed for good: this would return at once for ever.
    return pause(pull_patience);
  const auto most = std::max<std::size_t>(options_.batch_messages_max, 1);
  into.reserve(std::min<std::size_t>(most, buffered_messages() + 1));
  for (std::size_t pulled = 1;; ++pulled) {
    take(nats_message{raw}, into);
    if (pulled >= most || natsSubscription_NextMsg(&raw, from, 0) != NATS_OK)
      return;
  }
}

void nats_core::take(nats_message message, std::vector<nats_message>& into) {
  const auto subject = message.subject();
  if (subject == "router.register" || subject == "router.unregister")
    into.push_back(std::move(message));
  else if (subject == "router.reserve" || subject == "router.unreserve")
    collect_reservation(std::move(message));
  else if (subject == marker_subject)
    hear_marker(message.payload());
  else if (subject == "router.greet" && !message.reply().empty())
    publish(message.reply(), start_json_);
}

void nats_core::hear_marker(std::string_view payload) {
  std::uint64_t number = 0;
  if (!payload.starts_with(marker_prefix_))
    return; // Another router's.
  const auto digits = payload.substr(marker_prefix_.size());
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec == std::errc{})
    pause_.came_back(number);
}

/// Registrations go on however long these have to wait; beyond the bounds they are lost.
void nats_core::collect_reservation(nats_message message) {
  const auto bytes = message.payload().size();
  if (reservations_.size() >= reservations_waiting_max
      || reservation_bytes_ + bytes > reservation_bytes_max) {
    ++reservations_lost_;
    return;
  }
  reservation_bytes_ += bytes;
  reservations_.push_back(std::move(message));
}

void nats_core::hand_over_reservations() {
  if (reservations_lost_ > 0 && clock::now() >= next_loss_line_) {
    next_loss_line_ = clock::now() + loss_line_every;
    log_.error(log_source, "reservations-lost",
               {{"messages", std::exchange(reservations_lost_, 0)},
                {"advice", "router.reserve and router.unreserve arrive faster than they can be "
                           "stored, and some are lost; whoever sent them has to send them again"}});
  }
  if (reservations_.empty() || !reservation_credit_->take(0ms))
    return;
  reservation_bytes_ = 0;
  handler_.on_reservations(nats_batch{std::exchange(reservations_, {}), reservation_credit_});
}

/// What would wait for a connection is not true any more when there is one.
void nats_core::publish_waiting() {
  std::vector<std::pair<std::string, std::string>> all;
  {
    const std::lock_guard lock{mutex_};
    all.swap(to_publish_);
  }
  if (connected_)
    for (const auto& [subject, payload] : all)
      publish(subject, payload);
}

/// Those that have arrived, some at a time: registrations wait meanwhile.
void nats_core::hear_beacons() {
  natsMsg* raw = nullptr;
  for (int i = 0; beacons_ && i < beacons_together; ++i) {
    if (natsSubscription_NextMsg(&raw, beacons_.get(), 0) != NATS_OK)
      return;
    const nats_message message{raw};
    handler_.on_beacon(message.payload());
  }
}

void nats_core::pause(std::chrono::milliseconds time) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, time, [this] { return stopping_.load(); });
}

// -- The library's threads

void nats_core::disconnected(natsConnection*) noexcept {
  std::lock_guard lock{mutex_};
  if (stopping_)
    return;
  connected_ = false;
  log_.info(log_source, "nats-connection-disconnected",
            {{"nats-host", address_}, {"nats-addr", address_}});
  if (started_)
    handler_.on_disconnected();
}

void nats_core::reconnected(natsConnection* connection) noexcept {
  std::unique_lock lock{mutex_};
  const bool announce = started_ && !stopping_;
  lock.unlock();
  if (announce)
    natsConnection_PublishString(connection, "router.start", start_json_.c_str());
  auto where = server_of(connection);
  lock.lock();
  if (stopping_)
    return;
  address_ = std::move(where);
  connected_ = true;
  log_.info(log_source, "nats-connection-reconnected",
            {{"nats-host", address_}, {"nats-addr", address_}});
  if (started_)
    handler_.on_connected();
}

void nats_core::closed(natsConnection* connection) noexcept {
  const auto error = last_error(connection);
  std::shared_ptr<nats_core> last_hold; // Released after the lock.
  {
    std::lock_guard lock{mutex_};
    library_done_ = true;
    connected_ = false;
    last_hold = std::move(kept_alive_);
    if (!stopping_) {
      log_.error(log_source, "nats-connection-closed",
                 {{"error", "unexpected close"}, {"last_error", error}, {"nats-host", address_}});
      handler_.on_closed();
    }
    changed_.notify_all();
  }
}

void nats_core::on_error(natsConnection* connection, natsSubscription*, natsStatus status,
                         void* self) noexcept {
  if (status == NATS_SLOW_CONSUMER) // The bus's thread makes one line of many of these.
    return;
  const auto error = last_error(connection);
  auto& here = *static_cast<nats_core*>(self);
  std::lock_guard lock{here.mutex_};
  // Not being allowed to subscribe comes this way too, and leaves the router deaf.
  if (!here.stopping_)
    here.log_.error(log_source, "nats-error",
                    {{"error", error}, {"status", natsStatus_GetText(status)}});
}

} // namespace shunt::net
