// What nodes write for each other: that everything arrives as it was, and that versions understand each other.
#include "cluster/peer_frame.hpp"

#include "cluster/msgpack.hpp"
#include "cluster/told_codec.hpp"
#include "tests/cluster/frame_values.hpp"

#include <gmock/gmock.h>

#include <limits>

namespace shunt::cluster {
namespace {

using namespace test_values;
using testing::HasSubstr;

// -- Everything arrives as it was.

TEST(PeerFrame, CarriesAHello) {
  const hello_frame hello{1, 2, link_lane::slices, 0xffff'ffff'ffff'ffff, some_node()};
  EXPECT_EQ(decoded<hello_frame>(payload_of(encode(hello))), hello);
}

TEST(PeerFrame, WritesForThePeersOfTheVersionBefore) {
  const routing::lease_granted granted{.sequence = 3, .complete = true, .lease = 9};
  message_packer old{1}, present;
  for (auto* packer : {&old, &present})
    ASSERT_TRUE(packer->add(5, granted, {}));
  EXPECT_EQ(old.bytes() + 1, present.bytes()) << "without the number";
  const auto frame = decoded<messages_frame>(payload_of(old.take()));
  ASSERT_EQ(frame.messages.size(), 1);
  const auto& read = std::get<routing::lease_granted>(frame.messages[0].what);
  EXPECT_EQ(read.sequence, 3);
  EXPECT_TRUE(read.complete);
  EXPECT_EQ(read.lease, 0);
}

TEST(PeerFrame, CarriesAWelcome) {
  const welcome_frame welcome{1, 42, some_node()};
  EXPECT_EQ(decoded<welcome_frame>(payload_of(encode(welcome))), welcome);
}

TEST(PeerFrame, CarriesARefusalAndCutsItsReason) {
  const refusal_frame refusal{refusal_code::version, "too old", "router-2"};
  EXPECT_EQ(decoded<refusal_frame>(payload_of(encode(refusal))), refusal);
  std::string umlauts;
  while (umlauts.size() < 2 * reason_bytes_max)
    umlauts += umlauts.empty() ? "a" : "\xc3\xa4";
  const auto cut = decoded<refusal_frame>(payload_of(encode(refusal_frame{{}, umlauts, "router-2"})));
  EXPECT_TRUE(umlauts.starts_with(cut.reason));
  EXPECT_GE(cut.reason.size(), reason_bytes_max - 1);
}

TEST(PeerFrame, CarriesAHeartbeatWithABitForEachShard) {
  EXPECT_EQ(decoded<node_heartbeat>(payload_of(encode(some_beat()))), some_beat());
  node_heartbeat large;
  large.in_sync.assign(256, true);
  EXPECT_LT(encode(large).size(), 64);
  EXPECT_EQ(decoded<node_heartbeat>(payload_of(encode(large))), large);
  EXPECT_EQ(decoded<node_heartbeat>(payload_of(encode(node_heartbeat{}))), node_heartbeat{});
}

TEST(PeerFrame, CarriesNewsOfAllNodes) {
  EXPECT_EQ(decoded<routing::node_news>(payload_of(encode(some_news(3)))), some_news(3));
  EXPECT_EQ(decoded<routing::node_news>(payload_of(encode(routing::node_news{}))), routing::node_news{});
  const auto all = some_news(routing::peers_max);
  EXPECT_EQ(decoded<routing::node_news>(payload_of(encode(all))), all);
  EXPECT_FALSE(decode(payload_of(encode(some_news(routing::peers_max + 1)))).frame);
}

TEST(PeerFrame, CarriesCounts) {
  const table_counts some{1'000'000, ~std::uint64_t{0}};
  EXPECT_EQ(decoded<table_counts>(payload_of(encode(some))), some);
  EXPECT_LT(encode(some).size(), 24u);
}

TEST(PeerFrame, CarriesEveryKindOfMessageWithAllItsFields) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    value_source source{seed};
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      const auto message = source.message(kind);
      ASSERT_EQ(message.index(), kind);
      EXPECT_TRUE(same(round_trip(message), message)) << "seed " << seed << ", kind " << kind;
    }
  }
}

TEST(PeerFrame, CarriesManyMessagesInTheirOrder) {
  value_source source{3};
  message_packer packer;
  std::vector<routing::replica_message> sent;
  for (std::size_t i = 0; i < 200; ++i) {
    sent.push_back(source.message(i % kinds));
    ASSERT_TRUE(packer.add(i, sent.back(), {}));
  }
  EXPECT_EQ(packer.count(), 200);
  const auto frame = decoded<messages_frame>(payload_of(packer.take()));
  ASSERT_THAT(frame.messages, SizeIs(200));
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(frame.messages[i].shard, i);
    EXPECT_TRUE(same(frame.messages[i].what, sent[i]));
  }
  EXPECT_TRUE(packer.empty());
  EXPECT_EQ(packer.take(), "");
}

TEST(PeerFrame, IsReadByAnotherImplementationOfMsgpack) {
  const auto hello = unpacked(encode(hello_frame{1, 2, link_lane::main, 9, some_node()}));
  EXPECT_EQ(hello, json::parse(R"([1, 1, 2, 0, 9, ["prod", "router-1", "z1", "10.0.0.1:7000",
                                   1700000000123, 256, 3, 1000, 5000, 60000]])"));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    value_source source{seed};
    for (const std::size_t kind : {0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 13, 15, 16, 17}) // It wants texts for keys.
      EXPECT_EQ(unpacked(frame_with({{5, source.message(kind)}}))[1][0][1], kind);
  }
}

TEST(PeerFrame, TakesAbout400BytesForAUsualEndpoint) {
  EXPECT_LT(encoded_bytes(*usual_endpoint()), 420);
}

TEST(PeerFrame, KnowsTheSizeOfAHostBeforehand) {
  value_source source{11};
  for (int i = 0; i < 50; ++i) {
    const auto host = source.told_host();
    std::string written;
    msgpack_writer out{&written};
    write(out, host);
    EXPECT_EQ(encoded_bytes(host), written.size());
  }
}

TEST(PeerFrame, SaysWhenTheFirstOfItsMessagesWasComposed) {
  const routing::time_point early{std::chrono::seconds{5}}, later{std::chrono::seconds{7}};
  message_packer packer;
  for (const auto when : {later, early, later})
    EXPECT_TRUE(packer.add(0, routing::lease_end{}, when));
  EXPECT_EQ(decoded<messages_frame>(payload_of(packer.take())).composed_ms, 5'000u);
  EXPECT_EQ(decoded<messages_frame>(payload_of(frame_with({{0, routing::lease_end{}}}, later))).composed_ms, 7'000u);
  std::string before_that;
  msgpack_writer out{&before_that};
  out.array(2);
  out.put(std::uint64_t{5});
  out.array(0);
  EXPECT_EQ(decoded<messages_frame>(before_that).composed_ms, std::nullopt);
}

TEST(PeerFrame, IsKnownForAHeartbeatByItsKind) {
  EXPECT_TRUE(is_heartbeat(payload_of(encode(some_beat()))));
  EXPECT_FALSE(is_heartbeat(payload_of(encode(table_counts{}))));
  EXPECT_FALSE(is_heartbeat(payload_of(frame_with({{0, routing::lease_end{}}}))));
  for (const std::string_view broken : {"", "\x95", "\x04", "\xdd\x00\x00", "\x90\x04"})
    EXPECT_FALSE(is_heartbeat(broken));
  auto cut_off = payload_of(encode(some_beat()));
  cut_off.pop_back();
  EXPECT_FALSE(is_heartbeat(cut_off)) << "what cannot be read is no sign of life";
}

TEST(PeerFrame, TellsOfNoNodeThatWasHeardBeforeTheWorldBegan) {
  routing::node_news news;
  news.nodes.emplace_back();
  news.nodes.back().node = "old";
  news.nodes.back().age = routing::nanoseconds::max();
  EXPECT_EQ(decoded<routing::node_news>(payload_of(encode(news))).nodes.at(0).age, routing::oldest);
}

TEST(PeerFrame, AddsNoMessageThatWouldMakeItTooLong) {
  message_packer packer;
  const routing::known_hosts half{std::string(frame_bytes_max / 2, 'x')};
  EXPECT_TRUE(packer.add(0, half, {}));
  EXPECT_FALSE(packer.add(1, half, {}));
  const auto frame = decoded<messages_frame>(payload_of(packer.take()));
  EXPECT_THAT(frame.messages, SizeIs(1));
  EXPECT_FALSE(packer.add(0, routing::known_hosts{std::string(frame_bytes_max, 'x')}, {}));
  EXPECT_TRUE(packer.empty());
}

// -- Versions.

TEST(PeerFrame, SettlesOnTheHighestVersionThatBothSpeak) {
  const auto speaks = [](std::uint32_t lowest, std::uint32_t highest) {
    return hello_frame{lowest, highest, {}, 0, {}};
  };
  EXPECT_EQ(common_version(speaks(1, 1), 1, 1), 1);
  EXPECT_EQ(common_version(speaks(1, 2), 2, 3), 2);
  EXPECT_EQ(common_version(speaks(3, 4), 2, 3), 3);
  EXPECT_EQ(common_version(speaks(1, 1), 2, 3), std::nullopt);
  EXPECT_EQ(common_version(speaks(4, 5), 2, 3), std::nullopt);
}

/// Appends something of each type to every array whose places mean something.
json of_the_next_version(json frame) {
  const auto grow = [](json& record) {
    record.push_back({{"new", {1, 2.5, nullptr, "text"}}});
    record.push_back(-77);
  };
  for (auto& field : frame)
    if (field.is_array() && !field.empty() && field[0].is_string()) // A node.
      grow(field);
  if (frame[0] == 5)
    for (auto& message : frame[1]) {
      grow(message[2]);
      grow(message);
    }
  grow(frame);
  return frame;
}

TEST(PeerFrame, PassesOverFieldsOfALaterVersion) {
  const hello_frame hello{1, 2, link_lane::main, 3, some_node()};
  EXPECT_EQ(decoded<hello_frame>(packed(of_the_next_version(unpacked(encode(hello))))), hello);
  const welcome_frame welcome{1, 42, some_node()};
  EXPECT_EQ(decoded<welcome_frame>(packed(of_the_next_version(unpacked(encode(welcome))))), welcome);
  const refusal_frame refusal{refusal_code::busy, "later", "router-2"};
  EXPECT_EQ(decoded<refusal_frame>(packed(of_the_next_version(unpacked(encode(refusal))))), refusal);
  EXPECT_EQ(decoded<node_heartbeat>(packed(of_the_next_version(unpacked(encode(some_beat()))))), some_beat());
  value_source source{5};
  for (const std::size_t kind : {2, 6, 8, 13}) { // Without endpoints, whose keys are numbers.
    const auto message = source.message(kind);
    const auto later = packed(of_the_next_version(unpacked(frame_with({{1, message}}))));
    const auto frame = decoded<messages_frame>(later);
    ASSERT_THAT(frame.messages, SizeIs(1));
    EXPECT_TRUE(same(frame.messages[0].what, message));
  }
}

TEST(PeerFrame, PassesOverFieldsOfAnEndpointThatItDoesNotKnow) {
  std::string written;
  msgpack_writer out{&written};
  out.map(3);
  out.put(std::uint64_t{0});
  out.put(std::string_view{"10.0.0.1"});
  out.put(std::uint64_t{1});
  out.put(std::uint64_t{8080});
  out.put(std::uint64_t{200});
  out.array(2);
  out.nil();
  out.put(std::string_view{"later"});
  msgpack_reader in{written, 4096};
  const auto read = read_endpoint(in);
  ASSERT_TRUE(read) << in.reason();
  EXPECT_EQ(read->address(), "10.0.0.1:8080");
}

TEST(PeerFrame, GivesMissingFieldsTheirDefaults) {
  const auto hello = decoded<hello_frame>(packed({1, 1, 1, 0, 0, {"prod", "router-1"}}));
  EXPECT_EQ(hello.node.cluster, "prod");
  EXPECT_EQ(hello.node.node, "router-1");
  EXPECT_EQ(hello.node.address, "");
  EXPECT_EQ(decoded<node_heartbeat>(packed({4, 9})).sequence, 9);
  const auto frame = decoded<messages_frame>(packed({5, {{3, 12, json::array()}}}));
  ASSERT_THAT(frame.messages, SizeIs(1));
  EXPECT_TRUE(std::get<routing::slice_told>(frame.messages[0].what).last);
  const auto piece = decoded<messages_frame>(packed({5, {{3, 14, {1, 2, true, json::array()}}}}));
  ASSERT_THAT(piece.messages, SizeIs(1));
  EXPECT_TRUE(std::get<routing::transfer_piece>(piece.messages[0].what).held);
}

TEST(PeerFrame, CountsMessagesOfAKindThatItDoesNotKnow) {
  const json body = {{"any", {1, 2, {{"thing", json::binary({1, 2, 3})}}}}, 1.5};
  const auto frame = decoded<messages_frame>(
    packed({5, {{3, 6, {8}}, {3, kinds, body}, {3, 100'000, body}, {4, 6, {9}}}}));
  EXPECT_EQ(frame.skipped, 2);
  ASSERT_THAT(frame.messages, SizeIs(2));
  EXPECT_EQ(std::get<routing::lease_applied>(frame.messages[1].what).sequence, 9);
}

TEST(PeerFrame, PassesOverAFrameOfAKindThatItDoesNotKnow) {
  EXPECT_EQ(decoded<unknown_frame>(packed({77, {{"x", 1}}, "y"})), unknown_frame{77});
}

TEST(PeerFrame, TakesAnUnknownRefusalForOneThatNeedsAPerson) {
  EXPECT_EQ(decoded<refusal_frame>(packed({3, 99, "why", "n"})).code, refusal_code::unfit);
}

} // namespace
} // namespace shunt::cluster
