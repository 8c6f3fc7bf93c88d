// A client's connection to NATS, of the client library, that ends with its owner. Used by what
// speaks to routers as route emitters do.
#pragma once

#include "tests/process/harness/patience.hpp"

#include <memory>
#include <optional>
#include <string>

#include <nats/nats.h>

namespace shunt::test {

struct nats_closer {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
using nats_connection = std::unique_ptr<natsConnection, nats_closer>;
using nats_subscription = std::unique_ptr<natsSubscription, nats_closer>;

/// Throws std::runtime_error that says what failed, unless it was well.
void check_nats(natsStatus status, const char* what);

/// Connects again for ever when the server goes, so often. What is published meanwhile waits in it.
nats_connection connect_to_nats(const std::string& url, milliseconds reconnect_wait);

std::string text_of(natsMsg* message);

/// The answer to a request. Empty if there is none within `time`.
std::optional<std::string> ask_nats(natsConnection& connection, const char* subject,
                                    const std::string& payload, milliseconds time);

} // namespace shunt::test
