// Frames and what is in them, for the tests of frames.
#pragma once

#include "cluster/peer_frame.hpp"

#include "tests/cluster/replica_values.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace shunt::cluster::test_values {

using nlohmann::json;
using routing::node_heartbeat;
using routing::node_hello;
using testing::SizeIs;

inline constexpr std::size_t kinds = std::variant_size_v<routing::replica_message>;

/// Checks the length, and takes it off.
inline std::string payload_of(const std::string& frame) {
  EXPECT_EQ(frame_length(frame), frame.size() - frame_length_bytes);
  return frame.substr(frame_length_bytes);
}

inline std::string packed(const json& value) {
  std::string bytes;
  json::to_msgpack(value, bytes);
  return bytes;
}

/// By another implementation of msgpack.
inline json unpacked(const std::string& frame) {
  return json::from_msgpack(payload_of(frame));
}

template <class Frame>
Frame decoded(std::string_view payload) {
  auto result = decode(payload);
  EXPECT_EQ(result.error, "");
  if (!result.frame || !std::holds_alternative<Frame>(*result.frame)) {
    ADD_FAILURE() << "another frame";
    return {};
  }
  return std::get<Frame>(std::move(*result.frame));
}

inline node_hello some_node() {
  return {.cluster = "prod",
          .node = "router-1",
          .zone = "z1",
          .address = "10.0.0.1:7000",
          .incarnation = 1'700'000'000'123,
          .shards = 256,
          .holders = 3,
          .suspect_after_ms = 1000,
          .remove_after_ms = 5000,
          .rebalance_after_ms = 60'000};
}

inline node_heartbeat some_beat() {
  return {7, 0xfedcba9876543210, true, true, {true, false, false, true, false, true, true, false, true, true, false}};
}

inline std::string frame_with(const std::vector<shard_message>& messages, routing::time_point composed = {}) {
  message_packer packer;
  for (const auto& [shard, what] : messages)
    EXPECT_TRUE(packer.add(shard, what, composed));
  return packer.take();
}

inline routing::replica_message round_trip(const routing::replica_message& message) {
  auto frame = decoded<messages_frame>(payload_of(frame_with({{5, message}})));
  EXPECT_THAT(frame.messages, SizeIs(1));
  if (frame.messages.empty())
    return routing::lease_end{};
  EXPECT_EQ(frame.messages[0].shard, 5);
  return std::move(frame.messages[0].what);
}

inline routing::endpoint_ptr usual_endpoint() {
  const std::array<routing::endpoint_spec::tag_view, 8> tags{{
    {"app_id", "6d34f9a2-3d2a-4b0c-9f0e-1c8d7a5b2e11"},
    {"app_name", "orders"},
    {"component", "route-emitter"},
    {"instance_id", "0"},
    {"organization_name", "system"},
    {"process_id", "6d34f9a2-3d2a-4b0c-9f0e-1c8d7a5b2e11"},
    {"process_type", "web"},
    {"space_name", "production"},
  }};
  routing::endpoint_spec spec;
  spec.host = "10.0.32.17";
  spec.port = 61002;
  spec.tls = true;
  spec.app = "6d34f9a2-3d2a-4b0c-9f0e-1c8d7a5b2e11";
  spec.instance_id = "0c0b1f61-5f0a-4b0a-6a4b-2f6e";
  spec.instance_index = "0";
  spec.server_cert_domain_san = spec.instance_id;
  spec.availability_zone = "z1";
  spec.tags = tags;
  return routing::endpoint::make(spec);
}

inline routing::node_news some_news(std::size_t nodes) {
  routing::node_news news;
  for (std::size_t i = 0; i < nodes; ++i)
    news.nodes.push_back({"router-" + std::to_string(i), "z1", "10.0.0.1:7000", 5 + i, i,
                          routing::nanoseconds{static_cast<std::int64_t>(i) * 1'000'000}, i % 2 == 0});
  return news;
}

} // namespace shunt::cluster::test_values
