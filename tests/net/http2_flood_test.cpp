// A server session and clients that make it work for nothing: every flood that has a name, and the
// traffic of honest clients that must not be taken for one.
#include "net/http2_session.hpp"
#include "tests/net/http2_kit.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace shunt::net {

namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

TEST(Http2Flood, RefusesStreamsBeyondTheLimit) {
  http2_limits limits;
  limits.streams_max = 3;
  const auto open_too_many = [](owner& server) {
    for (std::uint32_t id = 1; id <= 9; id += 2)
      server.receive(frame::headers(id, frame::get(), false));
    EXPECT_EQ(server.opened.size(), 3u);
  };
  owner unaware{http2_role::server, limits};
  unaware.receive(frame::preface());
  open_too_many(unaware);
  frame_reader sent;
  sent.take(unaware.collect());
  EXPECT_EQ(sent.streams[7].reset, NGHTTP2_REFUSED_STREAM);
  served told{limits}; // Who has acknowledged the limit breaks the connection.
  open_too_many(told);
  told.sent.take(told.collect());
  EXPECT_EQ(told.goaway_code(), NGHTTP2_PROTOCOL_ERROR);
}

TEST(Http2Flood, RefusesStreamsWhileTheOwnerIsBusyWithOldOnes) {
  http2_limits limits;
  limits.streams_max = 3;
  served server{limits};
  for (std::uint32_t id = 1; id <= 19; id += 2)
    server.exchange(frame::headers(id, frame::get(), false)
                    + frame::rst_stream(id, NGHTTP2_CANCEL));
  EXPECT_EQ(server.opened.size(), 6u);
  EXPECT_EQ(server.session.open_streams(), 6u);
  for (const auto id : server.opened)
    server.session.release(id);
  EXPECT_TRUE(server.session.is_idle());
}

/// Repeats `bytes` until the session ends, once per `pause`. How often it went well.
template <class Make>
int flood(served& server, int times, Make make, std::chrono::nanoseconds pause = 0ns) {
  for (int i = 0; i < times; ++i, server.now += pause)
    if (!server.exchange(make(i)))
      return i;
  return times;
}

TEST(Http2Flood, EndsRapidReset) {
  http2_limits limits;
  limits.resets_max = 100;
  const auto attack = [](int i) {
    const auto id = static_cast<std::uint32_t>(2 * i + 1);
    return frame::headers(id, frame::get()) + frame::rst_stream(id, NGHTTP2_CANCEL);
  };
  served server{limits};
  EXPECT_EQ(flood(server, 1'000, attack), 100);
  EXPECT_EQ(server.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
  // All at once as well: what is at hand is gone through, but opens nothing any more.
  served at_once{limits};
  std::string bytes;
  for (int i = 0; i < 1'000; ++i)
    bytes += attack(i);
  EXPECT_FALSE(at_once.exchange(bytes));
  EXPECT_LE(at_once.opened.size(), 101u);
  // At the pace of people it is no attack.
  served slow{limits};
  const auto patient = [&](int i) {
    for (const auto& [id, stream] : slow.streams)
      if (stream.ended)
        slow.session.release(id);
    return attack(i);
  };
  EXPECT_EQ(flood(slow, 1'000, patient, 200ms), 1'000);
}

/// The owner is done with what has ended.
void release_ended(served& server) {
  std::erase_if(server.streams, [&](const auto& each) {
    if (each.second.ended)
      server.session.release(each.first);
    return each.second.ended;
  });
}

/// One request that is answered, then one that is reset, in turn.
auto every_second_answered(served& server) {
  return [&server](int i) {
    const bool resets = i % 2 == 1;
    if (resets && !server.opened.empty())
      server.session.write(server.opened.back(), "HTTP/1.1 204 No Content\r\n\r\n");
    release_ended(server);
    const auto id = static_cast<std::uint32_t>(2 * i + 1);
    return frame::headers(id, frame::get()) + (resets ? frame::rst_stream(id, NGHTTP2_CANCEL) : "");
  };
}

TEST(Http2Flood, AllowsMoreResetsToWhoTakesAnswers) {
  http2_limits limits;
  limits.resets_max = 10;
  served server{limits};
  EXPECT_EQ(flood(server, 180, every_second_answered(server)), 180) << "as many again as there are answers";
  EXPECT_EQ(server.goaway_code(), -1);
}

TEST(Http2Flood, AllowsNoMoreThanTenTimesTheResetsForAnswers) {
  http2_limits limits;
  limits.resets_max = 10;
  served server{limits};
  EXPECT_LT(flood(server, 1'000, every_second_answered(server)), 210);
  EXPECT_EQ(server.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
}

/// At the pace of people, whose balancer keeps one connection for all of them, for minutes.
TEST(Http2Flood, AllowsResetsForAsLongAsTheConnectionLives) {
  served server;
  const auto cancelled = [&](int i) {
    release_ended(server);
    const auto id = static_cast<std::uint32_t>(2 * i + 1);
    return frame::headers(id, frame::get()) + frame::rst_stream(id, NGHTTP2_CANCEL);
  };
  EXPECT_EQ(flood(server, 5'000, cancelled, 25ms), 5'000);
}

TEST(Http2Flood, EndsResetsThatItIsMadeToSend) {
  http2_limits limits;
  limits.resets_max = 100;
  const auto overflow = [](int i) {
    const auto id = static_cast<std::uint32_t>(2 * i + 1);
    return frame::headers(id, frame::post(), false) + frame::window_update(id, 0x7fffffff);
  };
  const auto malformed = [](int i) {
    return frame::headers(static_cast<std::uint32_t>(2 * i + 1), frame::get("bad"));
  };
  const auto too_large = [](int i) {
    return frame::headers(static_cast<std::uint32_t>(2 * i + 1),
                          frame::post({{"x", std::string(2'000, 'v')}}));
  };
  served first{limits}, second{limits};
  EXPECT_LE(flood(first, 1'000, overflow), 101);
  EXPECT_LE(flood(second, 1'000, malformed), 101);
  EXPECT_EQ(second.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
  limits.head_bytes_max = 1'000;
  served third{limits};
  EXPECT_LE(flood(third, 1'000, too_large), 101);
}

TEST(Http2Flood, EndsFloodsOfFramesThatCarryNothing) {
  http2_limits limits;
  limits.idle_frames_max = 1'000;
  const std::string frames[] = {
    frame::ping(),
    frame::settings(),
    frame::any(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\x10"s),
    frame::data(1, ""),
    frame::any(NGHTTP2_DATA, 8, 1, "\x05\0\0\0\0\0"s), // Nothing but padding.
    frame::window_update(1, 1),
    frame::window_update(0, 1),
  };
  for (const auto& each : frames) {
    served server{limits};
    server.exchange(frame::headers(1, frame::post(), false));
    const auto count = flood(server, 5'000, [&](int) { return each; });
    EXPECT_LT(count, 1'100) << int{each[3]};
    EXPECT_EQ(server.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM) << int{each[3]};
  }
  served alive{limits};
  EXPECT_EQ(flood(
              alive, 5'000, [&](int) { return frame::ping(); }, 20ms),
            5'000);
  EXPECT_EQ(alive.sent.ping_acks, 5'000);
}

TEST(Http2Flood, AllowsFramesThatGoWithData) {
  http2_limits limits;
  limits.idle_frames_max = 10;
  served server{limits};
  server.exchange(frame::headers(1, frame::post(), false));
  const auto grpc = [](int) {
    return frame::data(1, "x") + frame::ping() + frame::window_update(0, 1)
           + frame::window_update(1, 1);
  };
  EXPECT_EQ(flood(server, 5'000, grpc), 5'000);
}

TEST(Http2Flood, EndsPeersThatDoNotReadAnswers) {
  served server;
  int pings = 0;
  while (pings < 10'000 && server.receive(frame::ping()))
    ++pings;
  EXPECT_LE(pings, 201);
  server.sent.take(server.collect());
  EXPECT_EQ(server.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
}

/// Nothing of what it sends is ever collected, not even the limit that it goes beyond.
TEST(Http2Flood, EndsPeersThatDoNotReadRefusals) {
  http2_limits limits;
  limits.resets_max = 100;
  owner server{http2_role::server, limits};
  server.receive(frame::preface());
  std::uint32_t streams = 0;
  while (streams < 10'000 && server.receive(frame::headers(2 * streams + 1, frame::get())))
    ++streams;
  EXPECT_EQ(streams, limits.streams_max + limits.resets_max);
  frame_reader sent;
  sent.take(server.collect());
  ASSERT_FALSE(sent.goaways.empty());
  EXPECT_EQ(sent.goaways.back().second, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST(Http2Flood, CountsEachRefusalOnce) {
  http2_limits limits;
  limits.resets_max = 100;
  owner server{http2_role::server, limits};
  server.receive(frame::preface());
  std::uint32_t streams = 0;
  for (; streams < 10'000 && server.receive(frame::headers(2 * streams + 1, frame::get())); ++streams)
    server.collect();
  EXPECT_EQ(streams, limits.streams_max + limits.resets_max);
}

TEST(Http2Flood, EndsFloodsOfContinuations) {
  for (const auto& piece : {""s, frame::block({{"x", "y"}})}) {
    served server;
    std::string bytes =
      frame::any(NGHTTP2_HEADERS, frame::end_stream, 1, frame::block(frame::get()));
    for (int i = 0; i < 200; ++i)
      bytes += frame::any(NGHTTP2_CONTINUATION, 0, 1, piece);
    EXPECT_FALSE(server.exchange(bytes));
    EXPECT_EQ(server.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT_TRUE(server.opened.empty());
  }
}

TEST(Http2Flood, EndsHeadsThatGrowOutOfTheTable) {
  http2_limits limits;
  limits.head_bytes_max = 16'000;
  served server{limits};
  // A field of 4 KB enters the table; each further byte names it again.
  auto block = frame::block(frame::get());
  block += "\x40"s + frame::length(1) + "x" + frame::length(3'900) + std::string(3'900, 'v');
  block += std::string(10'000, '\xbe');
  EXPECT_FALSE(server.exchange(frame::any(NGHTTP2_HEADERS, 5, 1, block)));
  EXPECT_EQ(server.goaway_code(), NGHTTP2_ENHANCE_YOUR_CALM);
}

} // namespace

} // namespace shunt::net
