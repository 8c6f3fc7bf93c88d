// The NATS client library's objects, owned, and its options built from ours.
#pragma once

#include "net/nats_options.hpp"

#include <nats/nats.h>

#include <memory>
#include <string>

namespace shunt::net {

struct nats_release {
  void operator()(natsOptions* options) const noexcept { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const noexcept { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const noexcept {
    natsSubscription_Destroy(subscription);
  }
};

using nats_options_ptr = std::unique_ptr<natsOptions, nats_release>;
using nats_connection_ptr = std::unique_ptr<natsConnection, nats_release>;
using nats_subscription_ptr = std::unique_ptr<natsSubscription, nats_release>;

/// What the library says about a failure, the latest on this thread included.
std::string describe(natsStatus status);

/// Everything but the callbacks. Throws nats_error if the options cannot work, for example because
/// a certificate is not one.
nats_options_ptr make_client_options(const nats_options& options);

/// `scheme://host:port` without its scheme and anything but host and port.
std::string host_and_port(std::string_view url);

/// Whom it is connected to, as host:port; empty if to nobody.
std::string server_of(natsConnection* connection);

} // namespace shunt::net
