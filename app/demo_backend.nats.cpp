// Publishing and listening with the NATS client library. Its callbacks are C functions on threads
// of its own: nothing may be thrown through them, and each owns a share of what it touches.
#include "app/demo_backend.nats.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

void check(natsStatus status, const char* doing) {
  if (status != NATS_OK)
    throw std::runtime_error(std::string{"nats: "} + doing + ": " + natsStatus_GetText(status));
}

/// The interval that a RouterStart message asks for; 0 if it asks for none that makes sense.
milliseconds announced_interval(std::string_view payload) {
  const auto json = nlohmann::json::parse(payload, nullptr, false);
  if (!json.is_object())
    return 0ms;
  const auto seconds = json.find("minimumRegisterIntervalInSeconds");
  if (seconds == json.end() || !seconds->is_number_unsigned())
    return 0ms;
  return 1000ms * std::min<std::uint64_t>(seconds->get<std::uint64_t>(), 3600);
}

} // namespace

demo_nats_link::demo_nats_link(const std::string& url, const std::string& name, listener tell)
  : box_{std::make_shared<announcement_box>()} {
  box_->tell = std::move(tell);
  connect(url, name);
  natsInbox* raw = nullptr;
  check(natsInbox_Create(&raw), "inbox");
  const std::unique_ptr<natsInbox, destroyer<natsInbox_Destroy>> inbox{raw};
  listen(greeted_, raw);
  listen(started_, "router.start");
  check(natsConnection_PublishRequestString(connection_.get(), "router.greet", raw, ""), "greet");
}

demo_nats_link::~demo_nats_link() {
  const std::lock_guard lock{box_->guard}; // Waits for a callback that is telling right now.
  box_->tell = nullptr;
}

void demo_nats_link::publish(const char* subject, const std::string& payload) {
  const auto status = natsConnection_PublishString(connection_.get(), subject, payload.c_str());
  if (status != NATS_OK)
    std::fprintf(stderr, "nats: %s: %s\n", subject, natsStatus_GetText(status));
}

bool demo_nats_link::flush(milliseconds patience) {
  return natsConnection_FlushTimeout(connection_.get(), patience.count()) == NATS_OK;
}

void demo_nats_link::connect(const std::string& url, const std::string& name) {
  natsOptions* raw = nullptr;
  check(natsOptions_Create(&raw), "options");
  const std::unique_ptr<natsOptions, destroyer<natsOptions_Destroy>> options{raw};
  check(natsOptions_SetURL(raw, url.c_str()), "URL");
  check(natsOptions_SetName(raw, name.c_str()), "name");
  check(natsOptions_SetTimeout(raw, 2000), "timeout");
  check(natsOptions_SetMaxReconnect(raw, -1), "reconnect");
  check(natsOptions_SetReconnectWait(raw, 500), "reconnect");
  auto box = std::make_unique<box_ptr>(box_);
  check(natsOptions_SetReconnectedCB(raw, on_reconnected, box.get()), "callback");
  check(natsOptions_SetClosedCB(raw, on_closed, box.get()), "callback");
  natsConnection* connection = nullptr;
  if (const auto status = natsConnection_Connect(&connection, raw); status != NATS_OK)
    throw std::runtime_error("nats: cannot connect to " + url + ": " + natsStatus_GetText(status));
  box.release(); // Now on_closed's.
  connection_.reset(connection);
}

void demo_nats_link::listen(subscription& slot, const char* subject) {
  auto box = std::make_unique<box_ptr>(box_);
  natsSubscription* raw = nullptr;
  check(natsConnection_Subscribe(&raw, connection_.get(), subject, on_router_start, box.get()),
        subject);
  slot.reset(raw);
  check(natsSubscription_SetOnCompleteCB(raw, on_complete, box.get()), subject);
  box.release(); // Now on_complete's, which comes after the last message.
}

void demo_nats_link::announcement_box::announce(milliseconds interval) {
  const std::lock_guard lock{guard};
  if (tell)
    tell(interval);
}

void demo_nats_link::on_router_start(natsConnection*, natsSubscription*, natsMsg* message,
                                     void* box) noexcept {
  try {
    const auto size = static_cast<std::size_t>(natsMsg_GetDataLength(message));
    const auto interval = announced_interval({natsMsg_GetData(message), size});
    (*static_cast<box_ptr*>(box))->announce(interval);
  } catch (...) { // Out of memory; the next heartbeat does what this message asked for.
  }
  natsMsg_Destroy(message);
}

/// What was published while the connection was away may be lost: start over.
void demo_nats_link::on_reconnected(natsConnection*, void* box) noexcept {
  try {
    (*static_cast<box_ptr*>(box))->announce(0ms);
  } catch (...) { // As above.
  }
}

void demo_nats_link::on_closed(natsConnection*, void* box) noexcept {
  on_complete(box);
}

void demo_nats_link::on_complete(void* box) noexcept {
  delete static_cast<box_ptr*>(box);
}

} // namespace shunt::app
