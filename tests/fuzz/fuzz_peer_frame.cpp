// Frames come from whoever reaches the port of the cluster. Whatever the bytes: a frame, or a reason; and
// what was read can be written, read again, and is the same.
#include "cluster/peer_frame.hpp"

#include "cluster/replica_codec.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace shunt;

void require(bool holds) {
  if (!holds)
    std::abort();
}

std::string_view payload_of(std::string_view frame) {
  require(cluster::frame_length(frame) == frame.size() - cluster::frame_length_bytes);
  return frame.substr(cluster::frame_length_bytes);
}

/// Empty: it does not fit, because it was written shorter than we would.
std::string written(const cluster::messages_frame& frame) {
  cluster::message_packer packer;
  const routing::time_point composed{std::chrono::milliseconds{frame.composed_ms.value_or(0)}};
  for (const auto& [shard, what] : frame.messages)
    if (!packer.add(shard, what, composed))
      return {};
  return packer.take();
}

void look_at(const cluster::messages_frame& frame) {
  const auto first = written(frame);
  if (first.empty())
    return;
  const auto again = cluster::decode(payload_of(first));
  require(again.frame.has_value());
  require(written(std::get<cluster::messages_frame>(*again.frame)) == first);
  for (const auto& each : frame.messages)
    require(!cluster::in_parts(each.what, 1024).empty());
}

template <class Frame>
void look_at(const Frame& frame) {
  const auto again = cluster::decode(payload_of(cluster::encode(frame)));
  require(again.frame && std::get<Frame>(*again.frame) == frame);
}

void look_at(const cluster::unknown_frame&) {}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = cluster::decode({reinterpret_cast<const char*>(data), size}, 256);
  require(read.frame.has_value() == read.error.empty());
  if (read.frame)
    std::visit([](const auto& frame) { look_at(frame); }, *read.frame);
  return 0;
}
