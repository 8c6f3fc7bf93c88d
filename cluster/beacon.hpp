// What a node says over NATS so that others find it (`cluster.discovery: nats`): a small JSON object. Anybody may
// have written it. It says where to look, never who may link; that is for the link itself to find out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::cluster {

/// Two tokens behind `router`: whoever subscribes to `router.*`, as routers do, does not hear it.
inline constexpr std::string_view beacon_subject = "router.cluster.beacon";
inline constexpr std::size_t beacon_bytes_max = 1024;

struct beacon {
  std::string cluster; ///< 1 to 64 printable characters.
  std::string node;    ///< 1 to 253 of them.
  std::string address; ///< "host:port", IPv6 in brackets; the port is not 0.
  std::uint64_t incarnation = 0; ///< Of the node's process: for people who look. Nothing rests on it.

  bool operator==(const beacon&) const = default;
};

std::string to_json(const beacon& said);

/// Strict: nothing if it is too long, no JSON object, or any of the four is not there or not as above. Other members are
/// passed over. Throws std::bad_alloc.
std::optional<beacon> read_beacon(std::string_view json);

/// By its text alone: no name but `localhost` is.
bool is_loopback_address(std::string_view host_and_port);

} // namespace shunt::cluster
