// What nodes write for each other: that everything arrives as it was, that versions understand each other,
// and that nothing a stranger may send does harm.
#include "cluster/peer_frame.hpp"

#include "cluster/msgpack.hpp"
#include "cluster/replica_codec.hpp"
#include "cluster/told_codec.hpp"
#include "tests/cluster/allocation_watch.hpp"
#include "tests/cluster/replica_values.hpp"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <set>

namespace shunt::cluster {
namespace {

using nlohmann::json;
using routing::node_heartbeat;
using routing::node_hello;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::size_t kinds = std::variant_size_v<routing::replica_message>;

/// Checks the length, and takes it off.
std::string payload_of(const std::string& frame) {
  EXPECT_EQ(frame_length(frame), frame.size() - frame_length_bytes);
  return frame.substr(frame_length_bytes);
}

std::string packed(const json& value) {
  std::string bytes;
  json::to_msgpack(value, bytes);
  return bytes;
}

/// By another implementation of msgpack.
json unpacked(const std::string& frame) {
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

node_hello some_node() {
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

node_heartbeat some_beat() {
  return {7, 0xfedcba9876543210, true, true, {true, false, false, true, false, true, true, false, true, true, false}};
}

std::string frame_with(const std::vector<shard_message>& messages) {
  message_packer packer;
  for (const auto& [shard, what] : messages)
    EXPECT_TRUE(packer.add(shard, what));
  return packer.take();
}

routing::replica_message round_trip(const routing::replica_message& message) {
  auto frame = decoded<messages_frame>(payload_of(frame_with({{5, message}})));
  EXPECT_THAT(frame.messages, SizeIs(1));
  if (frame.messages.empty())
    return routing::lease_end{};
  EXPECT_EQ(frame.messages[0].shard, 5);
  return std::move(frame.messages[0].what);
}

routing::endpoint_ptr usual_endpoint() {
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

// -- Everything arrives as it was.

TEST(PeerFrame, CarriesAHello) {
  const hello_frame hello{1, 2, link_lane::slices, 0xffff'ffff'ffff'ffff, some_node()};
  EXPECT_EQ(decoded<hello_frame>(payload_of(encode(hello))), hello);
}

TEST(PeerFrame, WritesForThePeersOfTheVersionBefore) {
  const routing::lease_granted granted{.sequence = 3, .complete = true, .lease = 9};
  message_packer old{1}, present;
  for (auto* packer : {&old, &present})
    ASSERT_TRUE(packer->add(5, granted));
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

routing::node_news some_news(std::size_t nodes) {
  routing::node_news news;
  for (std::size_t i = 0; i < nodes; ++i)
    news.nodes.push_back({"router-" + std::to_string(i), "z1", "10.0.0.1:7000", 5 + i, i,
                          routing::nanoseconds{static_cast<std::int64_t>(i) * 1'000'000}, i % 2 == 0});
  return news;
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
    ASSERT_TRUE(packer.add(i, sent.back()));
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

TEST(PeerFrame, AddsNoMessageThatWouldMakeItTooLong) {
  message_packer packer;
  const routing::known_hosts half{std::string(frame_bytes_max / 2, 'x')};
  EXPECT_TRUE(packer.add(0, half));
  EXPECT_FALSE(packer.add(1, half));
  const auto frame = decoded<messages_frame>(payload_of(packer.take()));
  EXPECT_THAT(frame.messages, SizeIs(1));
  EXPECT_FALSE(packer.add(0, routing::known_hosts{std::string(frame_bytes_max, 'x')}));
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

// -- What a stranger may send.

std::vector<std::string> samples() {
  std::vector<std::string> all{encode(hello_frame{1, 2, link_lane::slices, 3, some_node()}),
                               encode(welcome_frame{1, 42, some_node()}),
                               encode(refusal_frame{refusal_code::busy, "later", "router-2"}),
                               encode(some_beat()), encode(some_news(3))};
  value_source source{21};
  for (std::size_t kind = 0; kind < kinds; ++kind)
    all.push_back(frame_with({{1, source.message(kind)}, {2, source.message(kind)}}));
  return all;
}

TEST(PeerFrame, RefusesEveryFrameThatIsCutOff) {
  for (const auto& frame : samples()) {
    const auto payload = payload_of(frame);
    for (std::size_t bytes = 0; bytes < payload.size(); ++bytes)
      EXPECT_FALSE(decode(std::string_view{payload}.substr(0, bytes)).frame) << bytes;
  }
}

TEST(PeerFrame, RefusesBytesBehindItsEnd) {
  EXPECT_FALSE(decode(payload_of(encode(some_beat())) + '\0').frame);
}

TEST(PeerFrame, SurvivesBitsThatFlip) {
  for (const auto& frame : samples()) {
    auto payload = payload_of(frame);
    for (std::size_t bit = 0; bit < payload.size() * 8; bit += payload.size() > 2000 ? 7 : 1) {
      auto& byte = payload[bit / 8];
      const auto mask = static_cast<char>(1 << bit % 8);
      byte = static_cast<char>(byte ^ mask);
      const auto result = decode(payload);
      EXPECT_NE(result.frame.has_value(), !result.error.empty());
      byte = static_cast<char>(byte ^ mask);
    }
  }
}

TEST(PeerFrame, AllocatesNothingForSizesThatAreOnlyClaimed) {
  using namespace std::literals;
  const std::string_view huge[] = {
    "\xdd\xff\xff\xff\xff"sv,                                     // The frame itself.
    "\x92\x05\xdd\xff\xff\xff\xff\x93"sv,                         // Its messages.
    "\x92\x05\x91\x93\x01\x00\x91\xdd\x7f\xff\xff\xff\xa1h"sv,    // Hosts.
    "\x92\x05\x91\x93\x01\x07\x91\xc6\xff\xff\xff\xff"sv,         // A filter.
    "\x92\x05\x91\x93\x01\x02\x91\xdb\xff\xff\xff\xff"sv,         // A name.
    "\x92\x05\x91\x93\x01\x7f\xdf\xff\xff\xff\xff\x01"sv,         // What is passed over.
    "\x92\x05\x91\x93\x01\x7f\xdd\xff\xff\xff\xff\xdd\xff\xff\xff\xff"sv,
    "\x96\x04\x01\x01\x00\xce\x00\x01\x00\x00\xc5\xff\xff"sv,      // Shards of a heartbeat.
    "\x93\x03\x01\xdb\x00\x10\x00\x00"sv,                         // A reason.
  };
  for (const auto payload : huge) {
    const test::allocation_watch watch;
    const bool read = decode(payload).frame.has_value();
    EXPECT_FALSE(read);
    EXPECT_LT(watch.peak_bytes(), 4096);
  }
}

/// As many as fit of what takes the most memory for each of its bytes.
std::string frame_full_of(std::string_view before, std::string_view each) {
  std::string payload{before};
  payload += '\xdd';
  const auto count = (frame_bytes_max - payload.size() - 4) / each.size();
  for (int shift = 24; shift >= 0; shift -= 8)
    payload += static_cast<char>(count >> shift);
  for (std::size_t i = 0; i < count; ++i)
    payload += each;
  return payload;
}

TEST(PeerFrame, BoundsTheMemoryThatItIsGiven) {
  using namespace std::literals;
  const std::pair<std::string_view, std::string_view> crammed[] = {
    {"\x92\x05"sv, "\x93\x01\x01\x90"sv},                               // Messages.
    {"\x92\x05\x91\x93\x01\x00\x91"sv, "\xa1h"sv},                      // Names of hosts.
    {"\x92\x05\x91\x93\x01\x0c\x91"sv, "\x91\xa1h"sv},                  // Hosts.
    {"\x92\x05\x91\x93\x01\x0c\x91\x91\x93\xa1h\xc3"sv, "\x91\xa1p"sv}, // Paths.
    {"\x92\x05\x91\x93\x01\x0c\x91\x91\x93\xa1h\xc3\x91\x93\xa1p\x03"sv, "\x91\x80"sv}, // Endpoints.
    {"\x92\x05\x91\x93\x01\x11\x91"sv, "\x93\xa1h\xa0\xa1" "a"sv},      // Keys.
    {"\x92\x05\x91\x93\x01\x10\x92\x01"sv, "\x01"sv},                   // Ages.
    {"\x92\x05\x91\x93\x01\x7f"sv, "\x90"sv},                           // What is passed over.
  };
  for (const auto& [before, each] : crammed) {
    const auto payload = frame_full_of(before, each);
    const test::allocation_watch watch;
    decode(payload);
    EXPECT_LT(watch.peak_bytes(), 4 * frame_memory_bytes_max);
  }
}

TEST(PeerFrame, DoesNotRecurseHoweverDeepItIs) {
  const std::string nested(frame_bytes_max - 16, '\x91');
  EXPECT_FALSE(decode(nested).frame);
  EXPECT_FALSE(decode("\x92\x4d" + nested).frame);
  EXPECT_TRUE(decode("\x92\x4d" + nested + '\x01').frame); // Passed over.
}

TEST(PeerFrame, RefusesALengthBeyondTheBound) {
  EXPECT_EQ(frame_length(std::string_view{"\xff\xff\xff\xff", 4}), 0xffff'ffff);
  EXPECT_EQ(frame_length("abc"), std::nullopt);
  EXPECT_THAT(decode(std::string(frame_bytes_max + 1, '\x01')).error, HasSubstr("longer"));
}

TEST(PeerFrame, RefusesShardsThatTheClusterDoesNotHave) {
  const auto payload = payload_of(frame_with({{8, routing::lease_end{}}}));
  EXPECT_TRUE(decode(payload, 9).frame);
  EXPECT_FALSE(decode(payload, 8).frame);
}

/// nlohmann's objects have texts for keys, so an endpoint comes as bytes.
std::string with_endpoint(const std::function<void(msgpack_writer&)>& fields, std::size_t count) {
  std::string payload;
  msgpack_writer out{&payload};
  out.array(2), out.put(std::uint64_t{5}), out.array(1), out.array(3);
  out.put(std::uint64_t{1}), out.put(std::uint64_t{12}), out.array(1), out.array(1);
  out.array(3), out.put(std::string_view{"h.example"}), out.put(true), out.array(1);
  out.array(3), out.put(std::string_view{"p"}), out.put(std::uint64_t{3}), out.array(1);
  out.array(1), out.map(count);
  fields(out);
  return payload;
}

void put_text(msgpack_writer& out, std::uint64_t key, std::string_view value) {
  out.put(key);
  out.put(value);
}

TEST(PeerFrame, RefusesEndpointsThatNoRegistrationCouldMake) {
  const auto refuses = [](std::size_t count, const std::function<void(msgpack_writer&)>& fields) {
    return !decode(with_endpoint(fields, count)).frame;
  };
  const auto text = [](std::uint64_t key, std::string value) {
    return [=](msgpack_writer& out) { put_text(out, key, value); };
  };
  EXPECT_FALSE(refuses(1, text(0, "10.0.0.1")));
  EXPECT_TRUE(refuses(1, text(0, "10.0.0.1\r\nx")));
  EXPECT_TRUE(refuses(1, text(3, "app\n")));
  EXPECT_TRUE(refuses(1, text(4, "\x7f")));
  EXPECT_TRUE(refuses(1, text(3, "\xff")));
  EXPECT_TRUE(refuses(1, text(10, "http://plain.example")));
  EXPECT_TRUE(refuses(1, text(3, std::string(routing::endpoint::text_bytes_max + 1, 'a'))));
  EXPECT_TRUE(refuses(2, [](auto& out) {
    put_text(out, 3, std::string(40'000, 'a'));
    put_text(out, 4, std::string(40'000, 'a'));
  }));
  EXPECT_TRUE(refuses(2, [](auto& out) { // Twice.
    put_text(out, 3, "a");
    put_text(out, 3, "b");
  }));
  EXPECT_TRUE(refuses(1, [](auto& out) {
    out.put(std::uint64_t{1});
    out.put(std::uint64_t{65'536});
  }));
  EXPECT_TRUE(refuses(1, [](auto& out) {
    out.put(std::uint64_t{14});
    out.put(std::numeric_limits<double>::quiet_NaN());
  }));
  EXPECT_TRUE(refuses(1, [](auto& out) {
    out.put(std::uint64_t{11});
    out.map(routing::endpoint::tags_max + 1);
    for (std::size_t i = 0; i <= routing::endpoint::tags_max; ++i)
      put_text(out, 1, "x");
  }));
  const auto option = [&](std::uint64_t key, auto value) {
    return refuses(1, [=](msgpack_writer& out) {
      out.put(std::uint64_t{19});
      out.map(1);
      out.put(key);
      out.put(value);
    });
  };
  EXPECT_FALSE(option(0, std::uint64_t{503}));
  EXPECT_TRUE(option(0, std::uint64_t{200}));
  EXPECT_TRUE(option(0, std::uint64_t{600}));
  EXPECT_TRUE(option(1, std::uint64_t{400 * 24 * 3600}));
  EXPECT_TRUE(option(2, std::uint64_t{601'000}));
  EXPECT_FALSE(option(5, std::string_view{"line\n"}));
  EXPECT_TRUE(option(5, std::string_view{"\x01"}));
  EXPECT_TRUE(option(6, std::string_view{"text/html\r\n"}));
}

TEST(PeerFrame, RefusesHostsAndPathsThatNoRouteHas) {
  const auto takes = [](const std::string& host, const std::string& path) {
    const auto one = [](json value) { return json::array({std::move(value)}); };
    const auto told = json::array({host, true, one(one(path))});
    return decode(packed(json::array({5, one(json::array({1, 12, one(one(told))}))}))).frame.has_value();
  };
  EXPECT_TRUE(takes("h.example", "p/q"));
  EXPECT_TRUE(takes("*.example", ""));
  EXPECT_TRUE(takes("h.example", "p/")); // From "h.example/p//".
  EXPECT_FALSE(takes("", "p"));
  EXPECT_FALSE(takes("H.example", "p"));
  EXPECT_FALSE(takes("h.example", "P"));
  EXPECT_FALSE(takes("h.example/p", ""));
  EXPECT_FALSE(takes("h.example", "p?q"));
  EXPECT_FALSE(takes("h.example\n", "p"));
  EXPECT_FALSE(takes("h.example", "p\n"));
  EXPECT_FALSE(takes(std::string(256, 'h'), "p"));
  EXPECT_FALSE(takes("h.example", std::string(8192, 'p')));
  EXPECT_FALSE(takes("h.example", std::string(64, '/')));
  EXPECT_FALSE(decode(packed({5, {{1, 2, json::array()}}})).frame);
  EXPECT_FALSE(decode(packed({5, {{1, 2, {"H"}}}})).frame);
}

TEST(PeerFrame, RefusesASpellingOfAnotherRoute) {
  value_source source{4};
  routing::told_host host{"h.example", true, {}};
  routing::told_path path;
  path.path = "p";
  path.members.push_back({source.endpoint(), "H.example/P", {}, false});
  host.paths.push_back(path);
  EXPECT_TRUE(decode(payload_of(frame_with({{0, routing::slice_told{{host}, true}}}))).frame);
  for (const char* other : {"H.example/Q", "H.example", "other/p", "H.example/P/"}) {
    host.paths[0].members[0].spelling = other;
    EXPECT_FALSE(decode(payload_of(frame_with({{0, routing::slice_told{{host}, true}}}))).frame) << other;
  }
}

TEST(PeerFrame, RefusesAHelloThatIsNone) {
  EXPECT_FALSE(decode(packed({1})).frame);
  EXPECT_FALSE(decode(packed({1, 2, 1, 0, 0, {"prod", "router-1"}})).frame); // Versions the wrong way.
  EXPECT_FALSE(decode(packed({1, 1, 1, 2, 0, {"prod", "router-1"}})).frame);
  EXPECT_FALSE(decode(packed({1, 1, 1, 0, 0, {"prod", ""}})).frame);
  EXPECT_FALSE(decode(packed({1, 1, 1, 0, 0, {"prod", "a\nb"}})).frame);
  EXPECT_FALSE(decode(packed({1, 1, 1, 0, 0, {"prod", std::string(node_text_bytes_max + 1, 'a')}})).frame);
  EXPECT_FALSE(decode(packed({2, 1, 1})).frame);
  EXPECT_FALSE(decode(packed(json::object())).frame);
  EXPECT_FALSE(decode("").frame);
}

// -- Messages that are too large.

routing::told_host large_host(std::size_t paths, std::size_t members) {
  routing::told_host host{"large.example", true, {}};
  for (std::size_t i = 0; i < paths; ++i) {
    routing::told_path path;
    path.path = "p" + std::to_string(i);
    for (std::size_t m = 0; m < members; ++m)
      path.members.push_back({usual_endpoint(), {}, routing::nanoseconds{static_cast<std::int64_t>(m)}, m % 2 == 0});
    path.ended.push_back({"10.0.0.9:80", routing::nanoseconds{5}});
    host.paths.push_back(std::move(path));
  }
  return host;
}

/// As whoever reads them applies them.
std::vector<routing::told_host> joined(std::vector<std::vector<routing::told_host>> pieces) {
  std::vector<routing::told_host> hosts;
  for (auto& piece : pieces)
    for (auto& host : piece) {
      if (host.whole || hosts.empty()) {
        hosts.push_back(std::move(host));
        continue;
      }
      EXPECT_EQ(hosts.back().host, host.host);
      for (auto& path : host.paths) {
        if (path.whole) {
          hosts.back().paths.push_back(std::move(path));
          continue;
        }
        auto& known = hosts.back().paths.back();
        EXPECT_EQ(known.path, path.path);
        std::ranges::move(path.members, std::back_inserter(known.members));
        std::ranges::move(path.ended, std::back_inserter(known.ended));
      }
    }
  return hosts;
}

TEST(PeerFrame, CutsHostsIntoPiecesThatFit) {
  constexpr std::array<std::pair<std::size_t, std::size_t>, 4> sizes{{{3000, 1}, {2, 2000}, {1, 1}, {40, 40}}};
  for (const auto& [paths, members] : sizes) {
    const std::vector hosts{large_host(1, 1), large_host(paths, members), large_host(1, 1)};
    const auto pieces = in_pieces(hosts, 64 * 1024);
    for (const auto& piece : pieces) {
      std::size_t bytes = 0;
      for (const auto& host : piece)
        bytes += encoded_bytes(host);
      EXPECT_LE(bytes, 64 * 1024);
      EXPECT_GT(bytes, 0);
    }
    EXPECT_TRUE(same(joined(pieces), hosts)) << paths << " paths";
  }
}

TEST(PeerFrame, LeavesSmallMessagesWhole) {
  value_source source{13};
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const auto message = source.message(kind);
    const auto parts = in_parts(message);
    ASSERT_THAT(parts, SizeIs(1)) << kind;
    EXPECT_TRUE(same(parts[0], message));
  }
}

TEST(PeerFrame, EndsAGrantThatIsToldInPartsOnlyWithTheLast) {
  const auto parts = in_parts(routing::lease_granted{7, true, true, {large_host(3000, 1)}, 5});
  ASSERT_GT(parts.size(), 3);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = std::get<routing::lease_granted>(parts[i]);
    const bool last = i + 1 == parts.size();
    EXPECT_EQ(part.complete, last);
    EXPECT_EQ(part.sequence, last ? 7 : 6);
    EXPECT_EQ(part.lease, 5);
    EXPECT_TRUE(part.in_sync);
    EXPECT_EQ(part.hosts[0].whole, i == 0);
    message_packer packer;
    EXPECT_TRUE(packer.add(0, parts[i]));
    EXPECT_LE(packer.bytes(), piece_bytes_max + 64);
  }
}

TEST(PeerFrame, TellsAChangeInPartsOfWhichOnlyTheLastCounts) {
  const auto parts = in_parts(routing::lease_changed{7, true, {large_host(3000, 1)}, {1, 2}, 5});
  ASSERT_GT(parts.size(), 3);
  for (const auto& each : parts) {
    const auto& part = std::get<routing::lease_changed>(each);
    const bool last = &each == &parts.back();
    EXPECT_EQ(part.sequence, last ? 7 : 6);
    EXPECT_EQ(part.lease, 5);
    EXPECT_THAT(part.appeared, SizeIs(last ? 2 : 0));
  }
}

TEST(PeerFrame, TellsOfManyHostsThatAppearedInParts) {
  routing::lease_changed change{7, true, {}, {}, 5};
  for (std::uint64_t i = 0; i < 200'000; ++i) // Too many for one frame.
    change.appeared.push_back(~i);
  const auto parts = in_parts(change);
  std::set<std::uint64_t> told;
  for (const auto& each : parts) {
    const auto& part = std::get<routing::lease_changed>(each);
    EXPECT_EQ(part.sequence, &each == &parts.back() ? 7 : 6);
    told.insert(part.appeared.begin(), part.appeared.end());
    message_packer packer;
    EXPECT_TRUE(packer.add(0, each));
    EXPECT_LE(packer.bytes(), piece_bytes_max + 64);
  }
  EXPECT_EQ(told.size(), change.appeared.size());
}

TEST(PeerFrame, EndsASliceThatIsToldInPartsOnlyWithTheLast) {
  const auto parts = in_parts(routing::slice_told{{large_host(3000, 1)}, true});
  for (const auto& each : parts)
    EXPECT_EQ(std::get<routing::slice_told>(each).last, &each == &parts.back());
}

TEST(PeerFrame, TellsWhatDoesNotFitIntoAPieceOfATransferBeforeIt) {
  const auto parts = in_parts(routing::transfer_piece{3, 4, true, {large_host(3000, 1)}});
  ASSERT_GT(parts.size(), 3);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    EXPECT_FALSE(std::get<routing::slice_told>(parts[i]).last);
  const auto& last = std::get<routing::transfer_piece>(parts.back());
  EXPECT_EQ(last.cursor, 3);
  EXPECT_EQ(last.next, 4);
  EXPECT_FALSE(last.hosts.empty());
}

TEST(PeerFrame, LeasesManyHostsInParts) {
  routing::lease_start start;
  for (int i = 0; i < 20'000; ++i)
    start.hosts.push_back("host-" + std::to_string(i) + ".example");
  const auto parts = in_parts(start);
  ASSERT_GT(parts.size(), 1);
  auto hosts = std::get<routing::lease_start>(parts[0]).hosts;
  for (std::size_t i = 1; i < parts.size(); ++i)
    hosts.push_back(std::get<routing::lease_more>(parts[i]).host);
  EXPECT_EQ(hosts, start.hosts);
}

TEST(PeerFrame, PrunesManyEndpointsInParts) {
  routing::endpoints_pruned pruned;
  for (int i = 0; i < 20'000; ++i)
    pruned.which.push_back({"host.example", "p" + std::to_string(i), "10.0.0.1:80"});
  std::vector<routing::endpoint_key> which;
  for (const auto& part : in_parts(pruned))
    std::ranges::copy(std::get<routing::endpoints_pruned>(part).which, std::back_inserter(which));
  EXPECT_EQ(which, pruned.which);
}

} // namespace
} // namespace shunt::cluster
