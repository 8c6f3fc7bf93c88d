// That nothing a stranger may send in a frame does harm.
#include "cluster/peer_frame.hpp"

#include "cluster/msgpack.hpp"
#include "cluster/replica_codec.hpp"
#include "cluster/told_codec.hpp"
#include "tests/cluster/allocation_watch.hpp"
#include "tests/cluster/frame_values.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace shunt::cluster {
namespace {

using namespace test_values;
using testing::HasSubstr;

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

} // namespace
} // namespace shunt::cluster
