// What the NATS bus needs to know, in its own terms. The defaults are gorouter's, but for how soon a server that was away
// is found again: until then, and for as long as it takes to hear everybody after it, nothing is denied.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::net {

struct nats_host {
  std::string hostname;
  std::uint16_t port = 4222;
  bool operator==(const nats_host&) const = default;
};

/// What `router.start` and the answer to `router.greet` say.
struct router_start {
  std::string id; ///< `<index>-<uuid>`, stable for the life of the process.
  std::string host;
  std::chrono::seconds register_interval{20};
  std::chrono::seconds prune_threshold{120};
  bool operator==(const router_start&) const = default;
};

struct nats_options {
  std::vector<nats_host> hosts; ///< Tried in random order.
  std::string user;             ///< Empty: no credentials are sent.
  std::string pass;
  bool tls_enabled = false;
  std::string ca_certs;    ///< PEM. Nothing else is trusted.
  std::string cert_chain;  ///< PEM, of this client; empty: none.
  std::string private_key; ///< PEM
  std::chrono::milliseconds ping_interval{20'000};
  int pings_unanswered_max = 2;
  std::chrono::milliseconds connect_timeout{2000}; ///< Per server.
  std::chrono::milliseconds write_timeout{1000};   ///< Without a byte taken; then it is gone.
  int connect_rounds = 3;                          ///< Through all servers, at first.
  std::chrono::milliseconds connect_pause{100};    ///< Between those rounds.
  std::chrono::milliseconds reconnect_wait{500}; ///< After all servers were tried; and at most so much more:
  std::chrono::milliseconds reconnect_jitter{100};
  std::chrono::milliseconds reconnect_jitter_tls{300};
  int reconnect_buffer_bytes = 8 * 1024 * 1024; ///< Published while disconnected.
  int pending_messages_max = 131'072;
  int pending_bytes_max = 134'217'728;
  std::size_t batch_messages_max = 1024;
  std::size_t batches_alive_max = 32;
  std::string beacon_subject; ///< Heard besides, for `on_beacon`. Empty: nothing is.
  std::string discover_subject; ///< Heard besides, for `on_discover`. Empty: nothing is.
  bool starts_without = false; ///< If no server can be reached at first, the bus starts and goes on trying.
  bool notice_pauses = false; ///< Of the process; batches then tell what waited for it.
  std::chrono::milliseconds drops_over_after{10'000}; ///< Without a drop: the episode has ended.
  std::chrono::milliseconds overlap{1000}; ///< Of a connection and the one that takes its place.
  std::chrono::milliseconds renew_again{5000}; ///< After that one could not be made.
  router_start start;
  bool operator==(const nats_options&) const = default;
};

/// RouterStart as JSON.
std::string to_json(const router_start& start);

} // namespace shunt::net
