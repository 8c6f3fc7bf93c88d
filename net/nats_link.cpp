#include "net/nats_link.hpp"

#include "net/background_thread.hpp"
#include "net/nats_bus.hpp"

#include <algorithm>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr auto close_patience = 500ms;
constexpr int beacons_waiting_max = 256;
constexpr int beacon_bytes_waiting_max = 256 * 1024;
constexpr int discoveries_waiting_max = 16;
constexpr int discovery_bytes_waiting_max = 16 * 1024;

/// Makes a member function a callback of the library.
template <class Link, void (Link::*Member)(natsConnection*) noexcept>
void forward(natsConnection* connection, void* self) {
  (static_cast<Link*>(self)->*Member)(connection);
}

std::string last_error(natsConnection* connection) {
  const char* text = nullptr;
  const auto status = natsConnection_GetLastError(connection, &text);
  return text != nullptr && *text != '\0' ? text : natsStatus_GetText(status);
}

bool is_refusal(natsStatus status) {
  return status == NATS_CONNECTION_AUTH_FAILED || status == NATS_SSL_ERROR
         || status == NATS_SECURE_CONNECTION_REQUIRED || status == NATS_SECURE_CONNECTION_WANTED;
}

} // namespace

nats_link::nats_link(nats_options options, std::shared_ptr<nats_link_owner> owner)
  : options_(std::move(options)), owner_(std::move(owner)) {
}

// -- Its beginning

void nats_link::connect() {
  auto client = make_client_options(options_);
  set_callbacks(client.get());
  begin();
  const auto rounds = static_cast<std::size_t>(std::max(options_.connect_rounds, 1));
  // The library bounds the dialling, but neither the name's lookup nor the TLS handshake.
  const auto limit = 2 * rounds * options_.hosts.size() * options_.connect_timeout + 3s;
  std::promise<nats_connection_ptr> promise;
  auto result = promise.get_future();
  std::thread dialler{[self = shared_from_this(), client = std::move(client),
                       promise = std::move(promise)]() mutable {
    yield_to_loops(); // For the library's threads, which begin here.
    try {
      promise.set_value(self->try_all(client.get()));
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }};
  if (result.wait_for(limit) != std::future_status::ready) {
    dialler.detach(); // It may hang for ever, and keeps what it needs.
    throw nats_error{"no NATS server answered in time"};
  }
  dialler.join();
  try {
    adopt(result.get());
  } catch (...) {
    const std::lock_guard lock{mutex_};
    kept_alive_.reset();
    throw;
  }
}

void nats_link::open_soon() {
  std::thread{[self = shared_from_this()] { self->open(); }}.detach(); // It may hang, and keeps what it needs.
}

void nats_link::open() noexcept {
  yield_to_loops();
  try {
    auto client = make_client_options(options_);
    set_callbacks(client.get());
    begin();
    adopt(try_all(client.get()));
    opened_ = opening::dialled;
    may_subscribe_.wait(false);
    if (unwanted_)
      throw nats_error{"not wanted any more"};
    subscribe();
  } catch (const std::exception& failed) {
    problem_ = failed.what();
    opened_ = opening::failed;
    if (!connection_) {
      const std::lock_guard lock{mutex_};
      owner_.reset();
      const auto last_hold = std::move(kept_alive_); // The caller has another.
    }
  }
  if (connection_ && (opened_ == opening::failed || unwanted_))
    close_soon();
}

void nats_link::let_subscribe() noexcept {
  may_subscribe_ = true;
  may_subscribe_.notify_all();
}

/// The library may call back from here on.
void nats_link::begin() {
  const std::lock_guard lock{mutex_};
  kept_alive_ = shared_from_this();
}

void nats_link::set_callbacks(natsOptions* client) {
  natsOptions_SetDisconnectedCB(client, forward<nats_link, &nats_link::disconnected>, this);
  natsOptions_SetReconnectedCB(client, forward<nats_link, &nats_link::reconnected>, this);
  natsOptions_SetClosedCB(client, forward<nats_link, &nats_link::closed>, this);
  natsOptions_SetErrorHandler(client, on_error, this);
}

nats_connection_ptr nats_link::try_all(natsOptions* client) const {
  natsStatus status = NATS_OK;
  for (int round = 0; round < std::max(options_.connect_rounds, 1); ++round) {
    if (round > 0)
      std::this_thread::sleep_for(options_.connect_pause);
    natsConnection* made = nullptr;
    status = natsConnection_Connect(&made, client);
    if (status == NATS_OK)
      return nats_connection_ptr{made};
  }
  if (is_refusal(status))
    throw nats_refusal{describe(status)};
  throw nats_error{describe(status)};
}

void nats_link::adopt(nats_connection_ptr connection) {
  connection_ = std::move(connection);
  note_address();
  connected_ = natsConnection_Status(connection_.get()) == NATS_CONN_STATUS_CONNECTED;
}

void nats_link::note_address() {
  auto server = server_of(connection_.get());
  const std::lock_guard lock{mutex_};
  address_ = std::move(server);
}

void nats_link::subscribe() {
  // One subscription for all: two would not keep a register and an unregister in order.
  registrations_ = subscribed("router.*", options_.pending_messages_max, options_.pending_bytes_max);
  counted_ = registrations_.get();
  if (!options_.beacon_subject.empty())
    beacons_ = subscribed(options_.beacon_subject, beacons_waiting_max, beacon_bytes_waiting_max);
  if (!options_.discover_subject.empty())
    discoveries_ = subscribed(options_.discover_subject, discoveries_waiting_max, discovery_bytes_waiting_max);
  flush(options_.connect_timeout); // If this fails, the library subscribes when it is back.
  opened_ = opening::done;
}

/// Throws nats_error.
nats_subscription_ptr nats_link::subscribed(const std::string& subject, int messages_max, int bytes_max) const {
  natsSubscription* raw = nullptr;
  auto status = natsConnection_SubscribeSync(&raw, connection_.get(), subject.c_str());
  nats_subscription_ptr made{raw};
  if (status == NATS_OK)
    status = natsSubscription_SetPendingLimits(raw, messages_max, bytes_max);
  if (status != NATS_OK)
    throw nats_error{std::string{"cannot subscribe to "}.append(subject).append(": ").append(describe(status))};
  return made;
}

// -- Any thread

std::string nats_link::address() const {
  const std::lock_guard lock{mutex_};
  return address_;
}

bool nats_link::publish(std::string_view subject, std::string_view payload) noexcept try {
  return connection_
         && natsConnection_Publish(connection_.get(), std::string{subject}.c_str(), payload.data(),
                                   static_cast<int>(payload.size()))
              == NATS_OK;
} catch (const std::bad_alloc&) {
  return false;
}

bool nats_link::flush(std::chrono::milliseconds patience) noexcept {
  return connection_
         && natsConnection_FlushTimeout(connection_.get(), std::max<std::int64_t>(patience.count(), 1)) == NATS_OK;
}

std::uint64_t nats_link::buffered_messages() const noexcept {
  int messages = 0;
  int bytes = 0;
  if (auto* from = counted_.load())
    natsSubscription_GetPending(from, &messages, &bytes);
  return static_cast<std::uint64_t>(std::max(messages, 0));
}

std::uint64_t nats_link::dropped_messages() const noexcept {
  std::int64_t messages = 0;
  if (auto* from = counted_.load())
    natsSubscription_GetDropped(from, &messages);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(messages, 0));
}

// -- Its end

void nats_link::close() noexcept try {
  unwanted_ = true;
  connected_ = false;
  if (!connection_)
    return;
  std::thread closer{[self = shared_from_this()] { natsConnection_Close(self->connection_.get()); }};
  std::unique_lock lock{mutex_};
  const bool done = changed_.wait_for(lock, close_patience, [this] { return ended_.load(); });
  lock.unlock();
  if (done)
    closer.join();
  else
    closer.detach(); // Dialling just now; it keeps this object as long as it needs it.
} catch (const std::system_error&) { // No thread to be had.
  natsConnection_Close(connection_.get());
}

void nats_link::close_soon() noexcept try {
  unwanted_ = true;
  if (opened_ == opening::under_way || opened_ == opening::dialled)
    return let_subscribe(); // Whoever opens it will see what it is wanted for.
  std::thread{[self = shared_from_this()] {
    self->flush(close_patience);
    natsConnection_Close(self->connection_.get());
  }}.detach();
} catch (const std::system_error&) {
  natsConnection_Close(connection_.get());
}

// -- The library's threads

void nats_link::disconnected(natsConnection*) noexcept {
  owner_->link_lost(*this);
}

void nats_link::reconnected(natsConnection*) noexcept {
  note_address();
  owner_->link_is_back(*this);
}

void nats_link::closed(natsConnection* connection) noexcept {
  owner_->link_ended(*this, last_error(connection));
  std::shared_ptr<nats_link> last_hold; // Released after the lock.
  std::shared_ptr<nats_link_owner> owner;
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
    connected_ = false;
    last_hold = std::move(kept_alive_);
    owner = std::move(owner_);
    changed_.notify_all();
  }
}

void nats_link::on_error(natsConnection* connection, natsSubscription*, natsStatus status,
                         void* self) noexcept {
  auto& here = *static_cast<nats_link*>(self);
  here.owner_->link_failed(here, status, last_error(connection));
}

} // namespace shunt::net
