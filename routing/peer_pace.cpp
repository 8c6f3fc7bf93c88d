#include "routing/peer_pace.hpp"

namespace shunt::routing {

namespace {

constexpr std::size_t bytes_of_member = 300; ///< With its endpoint's texts, once it is written.

std::size_t weight_of(const told_path& path) {
  std::size_t bytes = sizeof path + path.path.size() + path.members.size() * bytes_of_member;
  for (const auto& each : path.ended)
    bytes += sizeof each + each.address.size();
  return bytes;
}

std::size_t weight_of(const std::vector<told_host>& hosts) {
  std::size_t bytes = 0;
  for (const auto& host : hosts) {
    bytes += sizeof host + host.host.size();
    for (const auto& path : host.paths)
      bytes += weight_of(path);
  }
  return bytes;
}

template <class Message>
std::size_t contents_of(const Message& m) {
  if constexpr (requires { m.appeared; })
    return weight_of(m.hosts) + m.appeared.size() * sizeof m.appeared[0];
  else if constexpr (requires(std::vector<told_host> hosts) { hosts = m.hosts; })
    return weight_of(m.hosts);
  else if constexpr (requires { m.hosts; })
    return m.hosts.size() * sizeof m.hosts[0];
  else if constexpr (requires { m.sums; })
    return m.sums.size() * sizeof m.sums[0];
  else if constexpr (requires { m.ages; })
    return m.ages.size() * sizeof m.ages[0];
  else if constexpr (requires { m.filter; })
    return m.filter.size();
  else
    return 0;
}

} // namespace

std::size_t weight_of(const replica_message& message) {
  return sizeof message + std::visit([](const auto& m) { return contents_of(m); }, message);
}

} // namespace shunt::routing
