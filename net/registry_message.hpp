// Reads the payload of `router.register` and `router.unregister`. Strict where gorouter is: a field
// of the wrong type or out of range rejects the whole message, with a reason for the log. Beyond
// that a payload must be valid UTF-8 (gorouter patches it up), hold no control characters in what
// finds its way into header fields or routes, and keep within the bounds below.
// Runs for every message of the cluster, so it allocates nothing once its scratch has grown.
#pragma once

#include "net/parse_scratch.hpp"
#include "routing/endpoint.hpp"
#include "routing/registration.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::net {

inline constexpr std::size_t registry_payload_bytes_max = 1024 * 1024;
inline constexpr std::size_t registry_uris_max = 10'000;
inline constexpr std::size_t registry_depth_max = 32; ///< Of nested arrays and objects.

/// A message, read. All views end with the next use of its scratch.
struct registry_message {
  bool unregister = false;
  routing::endpoint_spec endpoint;        ///< `tls_port` already preferred to `port`.
  std::span<const std::string_view> uris; ///< As they were spelt, in order. None: nothing to do.
  std::string_view invalid_option; ///< Why an option acts as absent, for the log; empty: none does so.
};

/// A message, or why there is none.
class registry_result {
public:
  explicit registry_result(const registry_message& message) : message_(message) {}
  explicit registry_result(std::string reason) : reason_(std::move(reason)) {}

  explicit operator bool() const noexcept { return reason_.empty(); }
  const registry_message& operator*() const noexcept { return message_; }
  const registry_message* operator->() const noexcept { return &message_; }
  /// For example `port: expected an integer from 0 to 65535, found a string`; empty: there is a
  /// message.
  const std::string& reason() const noexcept { return reason_; }

private:
  registry_message message_;
  std::string reason_;
};

/// Reads `payload` (JSON). Never throws but std::bad_alloc. Not thread-safe for the same scratch.
registry_result parse(std::string_view payload, bool unregister, parse_scratch& scratch);

/// What the table takes: one registration a uri, all sharing one endpoint. Uris that cannot be a
/// route (no host, too long, too deep) are left out. False if the texts exceed routing::endpoint's
/// bounds. `out` is emptied first.
bool make_registrations(const registry_message& message, std::vector<routing::registration>& out);

} // namespace shunt::net
