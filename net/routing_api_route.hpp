// Reads a route of the Routing API, alone in an event or one of a list, and makes of it what the
// route table takes. As strict as the reading of NATS messages: a field of the wrong type or out of
// range refuses the whole route, and so do control characters in what finds its way into header
// fields or routes.
#pragma once

#include "routing/registration.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::net {

inline constexpr std::size_t routing_api_route_bytes_max = 1024 * 1024;

/// A route, read. Views end with the next use of its reader. Absent fields keep their zero value.
struct routing_api_route {
  std::string_view route; ///< Host and perhaps path, as it was spelt.
  std::string_view ip;
  std::uint16_t port = 0;
  std::int64_t ttl_seconds = 0; ///< 0: none was given.
  std::string_view log_guid;
  std::string_view route_service_url;
  std::string_view modification_guid;
  std::uint32_t modification_index = 0;
};

/// A route, or why there is none.
class routing_api_result {
public:
  explicit routing_api_result(const routing_api_route& route) : route_(route) {}
  explicit routing_api_result(std::string reason) : reason_(std::move(reason)) {}

  explicit operator bool() const noexcept { return reason_.empty(); }
  const routing_api_route& operator*() const noexcept { return route_; }
  const routing_api_route* operator->() const noexcept { return &route_; }
  /// For example `port: expected an integer from 0 to 65535`; empty: there is a route.
  const std::string& reason() const noexcept { return reason_; }

private:
  routing_api_route route_;
  std::string reason_;
};

/// What tells a route from others, for one that could not be read as a whole.
struct routing_api_name {
  std::optional<routing::registration> of; ///< Without anything else. None: no route can have it.
  bool address_known = true; ///< Else its address means nothing.
};

/// Keeps the memory that reading needs from one route to the next. One a thread.
class routing_api_reader {
public:
  routing_api_reader();
  ~routing_api_reader();

  /// Reads `json`, one object. Never throws but std::bad_alloc.
  routing_api_result read(std::string_view json);
  /// None: not even its uri can be read, so it may be any.
  std::optional<routing_api_name> read_name(std::string_view json);

private:
  struct memory; // Hides the JSON library.
  struct object;
  object parse(std::string_view json);
  std::unique_ptr<memory> memory_;
};

/// None if the uri cannot be a route (no host, too long, too deep) or the texts exceed
/// routing::endpoint's bounds.
std::optional<routing::registration> make_registration(const routing_api_route& route,
                                                       bool unregister);

} // namespace shunt::net
