// Peers are who their certificates say, and may be broken all the same. Whatever they say to a shard, what it says back
// in answer to one message is its table once, at most, and otherwise in proportion to what it was told; and who asks
// for more has to wait (routing/peer_pace.hpp).
#include "cluster/peer_frame.hpp"
#include "routing/peer_pace.hpp"
#include "routing/shard_replica.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace shunt;
using namespace std::chrono_literals;

constexpr routing::time_point now{24h};
constexpr routing::peer_id lender = 1, other = 2;
constexpr std::size_t table_bytes_max = 1 << 20; ///< Told whole, with its filter.
constexpr std::size_t bytes_of_byte_max = 512;   ///< A host that is named and not there is told as such.

void require(bool holds) {
  if (!holds)
    std::abort();
}

void fill(routing::slice& table) {
  for (int host = 0; host < 30; ++host)
    for (int i = 0; i < (host == 0 ? 300 : 3); ++i) {
      routing::endpoint_spec spec;
      const auto address = "10.0.0." + std::to_string(host);
      spec.host = address;
      spec.port = static_cast<std::uint16_t>(1000 + i);
      const auto uri = std::string(1, static_cast<char>('a' + host % 26)) + (host < 26 ? ".com" : ".org");
      table.register_endpoint(routing::registration::make(false, routing::endpoint::make(spec), uri), now, 0);
    }
}

/// As a holder that is in sync, or as a borrower.
void hear(bool holds, const cluster::messages_frame& frame, std::size_t frame_bytes) {
  routing::shard_replica replica{{}, {.clustered = true, .in_sync = holds, .register_interval = 20s}, now};
  fill(replica.table());
  replica.see({.held = holds, .others = {{lender, true, true, true}, {other, true, true, true}}}, now);
  (void)replica.want("a.com", now);
  (void)replica.take_changes(now);
  (void)replica.take_outgoing();
  routing::peer_pace pace;
  std::size_t all = 0;
  for (const auto& [shard, what] : frame.messages) {
    const auto from = shard % 2 == 0 ? lender : other;
    if (pace.is_enough(from, now))
      continue;
    replica.receive(from, what, now);
    (void)replica.take_changes(now);
    std::size_t said = 0;
    for (const auto& each : replica.take_outgoing()) {
      said += routing::weight_of(each.what);
      pace.said(each.to, each.what, now);
    }
    require(said <= table_bytes_max + bytes_of_byte_max * frame_bytes);
    all += said;
  }
  require(all <= 4 * (routing::peer_pace::bytes_max + table_bytes_max) + 3 * bytes_of_byte_max * frame_bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = cluster::decode({reinterpret_cast<const char*>(data), size}, 256);
  if (!read.frame)
    return 0;
  if (const auto* frame = std::get_if<cluster::messages_frame>(&*read.frame)) {
    hear(true, *frame, size);
    hear(false, *frame, size);
  }
  return 0;
}
