// Beacons come from whoever may publish on NATS. Whatever the bytes: a beacon within its bounds, which is written and read
// again as it is, or nothing; and the ear of a node without TLS hears of loopback alone.
#include "cluster/beacon.hpp"
#include "cluster/beacon_ear.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace shunt::cluster;

void require(bool holds) {
  if (!holds)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view payload{reinterpret_cast<const char*>(data), size};
  const auto said = read_beacon(payload);
  if (said) {
    require(!said->cluster.empty() && said->cluster.size() <= 64);
    require(!said->node.empty() && said->node.size() <= 253);
    require(said->address.size() <= 253 + 6);
    require(read_beacon(to_json(*said)) == said);
  }
  beacon_ear ear{{.cluster = said ? said->cluster : "prod", .node = "router-0", .loopback_only = true}};
  if (const auto address = ear.hear(payload, {}))
    require(said && *address == said->address && is_loopback_address(*address));
  return 0;
}
