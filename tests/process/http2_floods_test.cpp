// Clients of HTTP/2 that mean harm, one after the other, against a real router. Each is sent away
// with GOAWAY, costs a bounded amount of memory, and another client on connections of its own is
// served all the while.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/http2_peer.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <thread>

namespace shunt::test {
namespace {

using namespace std::string_literals;

constexpr long mebibyte = 1024; ///< In KiB.
constexpr int stays_open = -1;

/// An honest client with a connection of HTTP/1.1 and one of HTTP/2, which asks and asks.
class bystander {
public:
  bystander(std::uint16_t port, std::string host)
    : host_{std::move(host)}, old_{port}, young_{http2_peer::client_of(port)}, thread_{[this] {
        ask();
      }} {}
  ~bystander() { stop(); }

  /// How many times it was served. Fails the test if ever it was not.
  std::size_t stop() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
    EXPECT_EQ(failure_, "") << "after " << served_ << " times";
    return served_;
  }
  std::size_t served() const { return served_; }

private:
  void ask() {
    try {
      for (std::uint32_t stream = 1; !stopping_; stream += 2) {
        if (const auto answer = old_.send(get_request(host_)).response(); answer.body != "hello")
          throw std::runtime_error{answer.raw_head};
        young_.send(frame::headers(stream, http2_request("GET", host_)));
        if (young_.finished(stream).data != "hello")
          throw std::runtime_error{"stream " + std::to_string(stream)};
        young_.seen().streams.clear();
        young_.send(frame::window_update(0, 5)); // Else its window narrows for ever.
        ++served_;
      }
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  }

  std::string host_;
  client old_;
  http2_peer young_;
  std::string failure_;
  std::atomic<std::size_t> served_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class Http2Floods : public SharedStage<Http2Floods> {
public:
  static nlohmann::json configuration() {
    return apps_front({{"write_timeout", slowed_text(2s)}, {"go_max_procs", 2}});
  }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    host = here().mapped(there);
    other = std::make_unique<bystander>(port(), here().mapped(beside));
    ASSERT_TRUE(eventually([&] { return other->served() > 0; }));
    before_kib = here().under_test.process().resident_kib();
  }
  void TearDown() override {
    const auto during = other->served();
    EXPECT_TRUE(eventually([&] { return other->served() > during; }))
      << "nobody else is served any more";
    other->stop();
    EXPECT_LT(most_kib - before_kib, 48 * mebibyte);
    EXPECT_TRUE(here().under_test.process().running());
  }
  void weigh() { most_kib = std::max(most_kib, here().under_test.process().resident_kib()); }

  /// Sends `make(0)`, `make(1)` and so on, some at a time, until the router ends that. The code of
  /// its GOAWAY.
  int flood(std::uint32_t times, const std::function<std::string(std::uint32_t)>& make,
            const std::string& begin = {}) {
    auto attacker = http2_peer::client_of(port());
    attacker.send(begin);
    constexpr std::uint32_t at_once = 100;
    for (std::uint32_t i = 0; i < times;) {
      std::string frames;
      for (const auto end = std::min(i + at_once, times); i < end; ++i)
        frames += make(i);
      const bool taken = attacker.try_send(frames);
      weigh();
      if (!taken || !attacker.answers_a_ping())
        return attacker.read_to_end();
    }
    return stays_open;
  }

  backend there;
  backend beside;
  std::string host;
  std::unique_ptr<bystander> other;
  long before_kib = 0;
  long most_kib = 0;
};

std::uint32_t stream_of(std::uint32_t number) {
  return 2 * number + 1;
}

TEST_F(Http2Floods, OfStreamsThatAreResetAtOnce) {
  const auto attack = [&](std::uint32_t i) {
    return frame::headers(stream_of(i), http2_request("GET", host))
           + frame::rst_stream(stream_of(i), NGHTTP2_CANCEL);
  };
  EXPECT_EQ(flood(20'000, attack), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_LT(there.request_count(), 2'000u) << "a backend is not made to do what nobody waits for";
}

TEST_F(Http2Floods, OfStreamsThatTheRouterMustReset) {
  const auto malformed = [&](std::uint32_t i) {
    return frame::headers(stream_of(i), {{":method", "GET"}, {":path", "/"}});
  };
  EXPECT_EQ(flood(20'000, malformed), NGHTTP2_ENHANCE_YOUR_CALM);
  const auto overflowing = [&](std::uint32_t i) {
    return frame::headers(stream_of(i), http2_request("POST", host), false)
           + frame::window_update(stream_of(i), 0x7fff'ffff);
  };
  EXPECT_EQ(flood(20'000, overflowing), NGHTTP2_ENHANCE_YOUR_CALM);
  const auto refused = [&](std::uint32_t i) {
    return frame::headers(stream_of(i), {{":method", "CONNECT"}, {":authority", host}}, false);
  };
  // Or for more streams than there may be, since what is answered early is not closed to at once.
  EXPECT_THAT(flood(20'000, refused),
              testing::AnyOf(NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_PROTOCOL_ERROR));
  EXPECT_LT(there.request_count(), 100u) << "hardly any got anywhere";
}

TEST_F(Http2Floods, OfContinuations) {
  const auto begin =
    frame::any(NGHTTP2_HEADERS, frame::end_stream, 1, frame::block(http2_request("GET", host)));
  for (const auto& piece :
       {""s, frame::block({{"x", "y"}}), frame::block({{"x", std::string(16'000, 'y')}})}) {
    auto attacker = http2_peer::client_of(port());
    attacker.send(begin);
    for (int i = 0; i < 10'000 && attacker.try_send(frame::any(NGHTTP2_CONTINUATION, 0, 1, piece));
         ++i)
      if (i % 100 == 0)
        weigh();
    EXPECT_EQ(attacker.read_to_end(), NGHTTP2_ENHANCE_YOUR_CALM) << piece.size();
  }
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(Http2Floods, OfHeadsThatGrowOutOfTheTable) {
  // A field of 4 KB enters the table; each further byte names it again.
  auto block = frame::block(http2_request("GET", host));
  block += "\x40"s + frame::length(1) + "x" + frame::length(3'900) + std::string(3'900, 'v');
  block += std::string(10'000, '\xbe');
  EXPECT_EQ(
    flood(1'000,
          [&](std::uint32_t i) { return frame::any(NGHTTP2_HEADERS, 5, stream_of(i), block); }),
    NGHTTP2_ENHANCE_YOUR_CALM);
  // Just small enough to be no attack by itself, on as many streams as there may be: what is beyond
  // the memory for heads is refused.
  there.answer_with([](backend_session& session) { session.wait_for_close(); });
  auto large = frame::block(http2_request("POST", host));
  large += "\x40"s + frame::length(1) + "x" + frame::length(3'900) + std::string(3'900, 'v');
  large += std::string(250, '\xbe');
  auto attacker = http2_peer::client_of(port());
  for (std::uint32_t i = 0; i < 200; ++i) // Their bodies never come.
    attacker.try_send(frame::any(NGHTTP2_HEADERS, frame::end_headers, stream_of(i), large));
  EXPECT_TRUE(attacker.answers_a_ping());
  weigh();
  EXPECT_LE(there.request_count(), 4u);
}

TEST_F(Http2Floods, OfFramesThatCarryNothing) {
  const auto open = frame::headers(1, http2_request("POST", host), false);
  const std::string frames[] = {
    frame::data(1, ""),
    frame::any(NGHTTP2_DATA, 8, 1, "\x05\0\0\0\0\0"s), // Nothing but padding.
    frame::settings(),
    frame::ping(),
    frame::any(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\x10"s),
    frame::window_update(0, 1),
    frame::window_update(1, 1),
  };
  for (const auto& each : frames)
    EXPECT_EQ(flood(
                50'000, [&](std::uint32_t) { return each; }, open),
              NGHTTP2_ENHANCE_YOUR_CALM)
      << int{each[3]};
}

TEST_F(Http2Floods, OfEmptyHeads) {
  EXPECT_EQ(
    flood(20'000, [](std::uint32_t i) { return frame::any(NGHTTP2_HEADERS, 5, stream_of(i), ""); }),
    NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Floods, OfAnswersThatNobodyReads) {
  for (const auto& each : {frame::ping(), frame::settings()}) {
    auto attacker = http2_peer::client_of(port());
    std::string many;
    for (int i = 0; i < 1'000; ++i)
      many += each;
    for (int i = 0; i < 100 && attacker.try_send(many); ++i)
      weigh();
    EXPECT_EQ(attacker.read_to_end(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/// One that is stuck with the answer to its first request never hears of the limit, nor of what is refused.
TEST_F(Http2Floods, OfStreamsBeyondTheirNumberThatNobodyReadsOf) {
  const std::string large(4 << 20, 'x');
  there.answer_with([&large](backend_session& session) {
    session.read_body();
    try {
      answers::ok(large)(session);
    } catch (const socket_error&) {
      session.close(); // As it must come.
    }
  });
  constexpr std::uint32_t all = 0x7fff'0000;
  auto attacker = http2_peer::client_of(port(), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, all}});
  attacker.send(frame::window_update(0, all) + frame::headers(1, http2_request("GET", host)));
  ASSERT_TRUE(there.wait_for_requests(1));
  bool taken = true;
  for (std::uint32_t i = 1; i < 1'000'000 && taken;) {
    std::string frames;
    for (const auto end = i + 1'000; i < end; ++i)
      frames += frame::headers(stream_of(i), http2_request("GET", host));
    taken = attacker.try_send(frames);
    weigh();
  }
  EXPECT_FALSE(taken) << "it is not read from for ever";
  EXPECT_LE(there.request_count(), 250u);
  EXPECT_TRUE(eventually([&] { return there.ended_count() == there.connection_count(); }));
}

/// Interim heads are not held back by windows: what a client does not read stays with the backend all the same.
TEST_F(Http2Floods, OfInterimHeadsThatNobodyReads) {
  there.answer_with([](backend_session& session) {
    session.read_body();
    const auto hints = "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(200'000, 'x') + "\r\n\r\n";
    try {
      for (int i = 0; i < 60; ++i)
        session.send(hints);
    } catch (const socket_error&) {
      session.close(); // As it must come.
    }
  });
  constexpr std::uint32_t streams = 8;
  auto attacker = http2_peer::client_of(port());
  for (std::uint32_t i = 0; i < streams; ++i)
    attacker.send(frame::headers(stream_of(i), http2_request("GET", host)));
  ASSERT_TRUE(there.wait_for_requests(streams));
  EXPECT_TRUE(eventually([&] {
    weigh();
    return there.ended_count() == there.connection_count();
  })) << "`write_timeout` ends it";
}

/// Streams whose answers may not be sent, each held as long as it goes.
TEST_F(Http2Floods, OfStreamsWithoutAWindow) {
  const std::string large(4 << 20, 'x');
  there.answer_with([&large](backend_session& session) {
    session.read_body();
    try {
      answers::ok(large)(session);
    } catch (const socket_error&) {
      session.close(); // As it must come.
    }
  });
  const auto open_streams = [&] {
    auto attacker = http2_peer::client_of(port(), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
    for (std::uint32_t i = 0; i < 50; ++i)
      attacker.send(frame::headers(stream_of(i), http2_request("GET", host)));
    return attacker;
  };
  std::vector<http2_peer> attackers;
  for (int i = 0; i < 3; ++i)
    attackers.push_back(open_streams());
  ASSERT_TRUE(there.wait_for_requests(150));
  weigh();
  for (auto& each : attackers) {
    EXPECT_TRUE(each.answers_a_ping()) << "the connection itself is honest";
    weigh();
    // `write_timeout` ends what nobody takes.
    EXPECT_TRUE(each.read_until([&] {
      std::size_t reset = 0;
      for (const auto& [id, stream] : each.seen().streams)
        reset += stream.reset == NGHTTP2_INTERNAL_ERROR;
      return reset == 50;
    }));
  }
  EXPECT_TRUE(eventually([&] { return there.ended_count() == there.connection_count(); }))
    << "backends are not held either";
}

TEST_F(Http2Floods, OfStreamsBeyondTheirNumber) {
  gate held;
  there.answer_with(held.holding("/held"));
  auto attacker = http2_peer::client_of(port());
  ASSERT_TRUE(attacker.answers_a_ping()); // It has heard of the limit, and said so.
  std::string frames;
  for (std::uint32_t i = 0; i < 300; ++i)
    frames += frame::headers(stream_of(i), http2_request("GET", host, "/held"));
  attacker.try_send(frames);
  EXPECT_EQ(attacker.read_to_end(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_LE(there.request_count(), 250u);
  held.open();
}

} // namespace
} // namespace shunt::test
