// The bus's thread, and what is heard of its link. This object's own lock is never held while the library is called.
#include "net/nats_core.hpp"

#include "net/background_thread.hpp"
#include "net/component_log.hpp"
#include "net/nats_bus.hpp"
#include "net/request_id.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr auto pull_patience = 200ms; // Also how soon stop() and a disconnection are noticed.
constexpr auto gather_time = 4ms; // Handing over wakes the registrar, and it all shards.
constexpr std::string_view marker_subject = "router.marker"; // Comes back to who sent it, behind what waited.
constexpr char short_pause = 's'; // Before the number of such a marker: of any pause, however short.
constexpr std::size_t reservation_batches_max = 4; // Alive; whoever takes them waits for a disk.
constexpr std::size_t reservations_waiting_max = 20'000;
constexpr std::size_t reservation_bytes_max = std::size_t{32} << 20; // Waiting.
constexpr auto loss_line_every = 1s;
constexpr std::size_t published_soon_max = 16; // That wait for the bus's thread.
constexpr int heard_together = 64;

} // namespace

nats_core::nats_core(nats_options options, registry_handler& handler, component_log& log,
                     std::shared_ptr<standstill> pauses)
  : options_(std::move(options)),
    marker_prefix_(std::string{options_.start.id}.append(1, ' ')),
    handler_(handler),
    log_(log),
    credit_(std::make_shared<nats_credit>(std::max<std::size_t>(options_.batches_alive_max, 1))),
    reservation_credit_(std::make_shared<nats_credit>(reservation_batches_max)),
    catch_up_(std::move(pauses)),
    drops_(options_.drops_over_after),
    overlap_(request_ids{}.random()),
    start_json_(to_json(options_.start)) {
}

// -- Starting and stopping

void nats_core::start() {
  if (thread_.joinable() || !(link() || options_.starts_without))
    throw nats_error{"start() comes once, after connect()"};
  if (link())
    begin_to_hear();
  std::lock_guard lock{mutex_};
  started_ = true;
  if (link_ && link_->connected())
    handler_.on_connected();
  else
    handler_.on_disconnected(); // Not yet; or since connect(), and the library told it before anybody listened.
  thread_ = std::thread{[this] { run(); }};
}

void nats_core::begin_to_hear() {
  // Announced first, as gorouter does: who hears it registers a moment later, and finds an ear.
  if (!announce())
    throw nats_error{"cannot publish router.start"};
  link()->subscribe();
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
  if (next_ && next_->opened() != nats_link::opening::failed)
    next_->close_soon();
  if (const auto last = link())
    last->close();
}

// -- Publishing and counting

std::shared_ptr<nats_link> nats_core::link() const {
  const std::lock_guard lock{mutex_};
  return link_;
}

std::string nats_core::start_json() const {
  const std::lock_guard lock{mutex_};
  return start_json_;
}

bool nats_core::connected() const noexcept {
  const auto over = link();
  return over && over->connected();
}

bool nats_core::publish(std::string_view subject, std::string_view payload) noexcept {
  const auto over = link();
  return over && over->publish(subject, payload);
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
  const auto over = link();
  return over && over->flush(patience);
}

std::string nats_core::address() const {
  const auto over = link();
  return over && over->connected() ? over->address() : std::string{};
}

std::uint64_t nats_core::buffered_messages() const noexcept {
  const auto over = link();
  return over ? over->buffered_messages() : 0;
}

std::uint64_t nats_core::dropped_messages() const noexcept {
  const auto over = link();
  const auto now = dropped_before_.load() + (over ? over->dropped_messages() : 0);
  return std::max(now, dropped_seen_.load());
}

// -- The bus's thread

void nats_core::run() noexcept {
  yield_to_loops();
  if (!link() && !arrive())
    return;
  while (!stopping_) {
    tend(clock::now());
    if (!credit_->take(pull_patience))
      continue;
    const auto waited_before = pause_.since(); // What waited comes before what ends this.
    auto turn = catch_up_.present_turn(); // As well.
    std::vector<nats_message> messages;
    pull(messages);
    const auto now = clock::now();
    tend_pause(now);
    tend_renewal(now); // While messages pour in, the queue is empty now or never.
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
    batch.turn = std::move(turn);
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
  hear_besides();
  tend_absence(now);
}

void nats_core::tend_absence(clock::time_point now) {
  if (link_ && (link_->connected() || link_->ended())) {
    away_ = false;
  } else if (!std::exchange(away_, true)) {
    next_notice_ = now + options_.ping_interval;
  } else if (now >= next_notice_) {
    log_.info(log_source, "nats-connection-still-disconnected");
    next_notice_ += options_.ping_interval;
  }
}

void nats_core::tend_pause(clock::time_point now) {
  if (const auto number = catch_up_.look(now, link_->connected()))
    publish(marker_subject, std::string{marker_prefix_}.append(1, short_pause).append(std::to_string(*number)));
  const bool gave_up = catch_up_.has_given_up();
  if (!options_.notice_pauses)
    return;
  const auto seen = pause_.look(now, link_->connected());
  if (seen.stood_still)
    log_.warn(log_source, "stood-still",
              {{"milliseconds", std::chrono::duration_cast<std::chrono::milliseconds>(*seen.stood_still).count()},
               {"advice", "the process was stopped, or got no CPU; what NATS kept for it counts as heard before"}});
  if (seen.gave_up || gave_up)
    log_.error(log_source, "markers-do-not-come-back",
               {{"subject", marker_subject},
                {"advice", "let nats.user publish this subject and subscribe to router.*; without it, a router that was "
                           "stopped may bring back for a moment what was unregistered meanwhile, and deny what was registered"}});
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
  if (!link_->connected())
    return; // Whoever is asked is asked when the connection is back.
  announce();
  std::lock_guard lock{mutex_};
  if (link_->connected() && !stopping_)
    handler_.on_connected();
}

/// Waits a little for the first message, for the others not at all.
void nats_core::pull(std::vector<nats_message>& into) {
  natsMsg* raw = nullptr;
  auto* from = link_->registrations();
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
  if (overlap_.repeats(message))
    return;
  const auto subject = message.subject();
  if (subject == "router.register" || subject == "router.unregister")
    into.push_back(std::move(message));
  else if (subject == "router.reserve" || subject == "router.unreserve")
    collect_reservation(std::move(message));
  else if (subject == marker_subject)
    hear_marker(message.payload());
  else if (subject == "router.greet" && !message.reply().empty())
    publish(message.reply(), start_json());
}

void nats_core::hear_marker(std::string_view payload) {
  std::uint64_t number = 0;
  if (!payload.starts_with(marker_prefix_))
    return; // Another router's.
  auto digits = payload.substr(marker_prefix_.size());
  const bool is_short = digits.starts_with(short_pause);
  digits.remove_prefix(is_short ? 1 : 0);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc{})
    return;
  if (is_short)
    catch_up_.came_back(number);
  else
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
  if (link_ && link_->connected())
    for (const auto& [subject, payload] : all)
      publish(subject, payload);
}

/// What has arrived, some at a time: registrations wait meanwhile.
void nats_core::hear_besides() {
  const auto hear = [](natsSubscription* from, auto&& hand_over) {
    natsMsg* raw = nullptr;
    for (int i = 0; from != nullptr && i < heard_together && natsSubscription_NextMsg(&raw, from, 0) == NATS_OK; ++i)
      hand_over(nats_message{raw});
  };
  hear(link_->beacons(), [this](const nats_message& message) { handler_.on_beacon(message.payload()); });
  hear(link_->discoveries(), [this](const nats_message& message) { handler_.on_discover(message.reply()); });
}

void nats_core::pause(std::chrono::milliseconds time) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, time, [this] { return stopping_.load(); });
}

// -- The library's threads

void nats_core::link_lost(nats_link& which) noexcept {
  std::lock_guard lock{mutex_};
  which.note_connected(false);
  if (stopping_ || &which != link_.get())
    return;
  const auto where = which.address();
  log_.info(log_source, "nats-connection-disconnected", {{"nats-host", where}, {"nats-addr", where}});
  if (started_)
    handler_.on_disconnected();
}

void nats_core::link_is_back(nats_link& which) noexcept {
  std::unique_lock lock{mutex_};
  const bool announces = started_ && !stopping_ && &which == link_.get();
  const auto json = start_json_;
  lock.unlock();
  if (announces)
    which.publish("router.start", json);
  const auto where = which.address();
  lock.lock();
  which.note_connected(true);
  if (stopping_ || &which != link_.get())
    return;
  log_.info(log_source, "nats-connection-reconnected", {{"nats-host", where}, {"nats-addr", where}});
  if (started_)
    handler_.on_connected();
}

void nats_core::link_ended(nats_link& which, const std::string& error) noexcept {
  const std::lock_guard lock{mutex_};
  which.note_connected(false);
  if (stopping_ || &which != link_.get())
    return;
  const auto where = which.address();
  log_.error(log_source, "nats-connection-closed",
             {{"error", "unexpected close"}, {"last_error", error}, {"nats-host", where}});
  if (!renewing_ && !wished_) // Otherwise another connection is to take its place anyway.
    handler_.on_closed();
}

void nats_core::link_failed(nats_link& which, natsStatus status, const std::string& error) noexcept {
  if (status == NATS_SLOW_CONSUMER) // The bus's thread makes one line of many of these.
    return;
  // Not being allowed to subscribe comes this way too, and leaves the router deaf.
  // But for what the router can do without.
  const bool dispensable = !options_.discover_subject.empty() && error.find(options_.discover_subject) != error.npos;
  if (status == NATS_NOT_PERMITTED && !dispensable)
    which.note_refused();
  const std::lock_guard lock{mutex_};
  if (!stopping_ && !which.unwanted())
    log_.error(log_source, "nats-error", {{"error", error}, {"status", natsStatus_GetText(status)}});
}

} // namespace shunt::net
