// Bodies on their way through: every framing into every other, cut at every point, and what becomes
// of those that break off, break the rules, or are not wanted.
#include "net/body.hpp"

#include "tests/net/loop_fixture.hpp"

#include <ostream>
#include <vector>

namespace shunt::net {

inline void PrintTo(relay_end end, std::ostream* out) {
  constexpr const char* names[] = {"complete", "source_failed", "source_malformed", "sink_failed"};
  *out << names[static_cast<int>(end)];
}

namespace {

using namespace std::string_literals;

constexpr auto no_limit = std::chrono::nanoseconds{0};

// -- Relaying.

/// How a body looks on the wire.
struct coding {
  body_framing framing;
  std::string wire;
};

/// The data in a chunked body that is complete.
std::string decode(std::string_view wire) {
  body_reader reader;
  reader.begin(body_framing::chunked, 0);
  std::string data;
  while (!reader.done()) {
    const auto step = reader.take(wire);
    for (std::size_t i = 0; i < step.piece_count; ++i)
      data += step.pieces[i];
    wire.remove_prefix(step.consumed);
    if (step.malformed || (wire.empty() && !step.done))
      return "not complete: " + data;
  }
  return wire.empty() ? data : "too much: " + data;
}

std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return std::string{size}.append(data).append("\r\n");
}

class Relay : public loop_fixture {
protected:
  void begin(body_framing framing, std::uint64_t length = 0) { reader.begin(framing, length); }

  running<relay_result> relay(body_framing out, std::string_view head = {},
                              std::chrono::nanoseconds silence_max = no_limit) {
    silence = silence_max;
    return running<relay_result>{relay_body(source.near, reader, sink.near, out, head, &silence)};
  }
  [[nodiscard]] bool ended(const running<relay_result>& work) {
    return drive_until([&] { return work.done(); });
  }

  connection source = connect();
  connection sink = connect();
  body_reader reader;
  std::chrono::nanoseconds silence{0};

  void TearDown() override {
    source.near->close();
    sink.near->close();
    source.near = sink.near = nullptr;
    loop_fixture::TearDown();
  }
};

TEST_F(Relay, PassesEveryFramingOnInEveryOtherWhereverTheBytesAreCut) {
  const auto data = "hello world"s;
  const coding ins[] = {{body_framing::length, data},
                        {body_framing::chunked, chunk("hello") + chunk(" world") + "0\r\n\r\n"},
                        {body_framing::until_close, data}};
  for (const auto& in : ins)
    for (const auto out : {body_framing::length, body_framing::chunked, body_framing::until_close})
      for (std::size_t cut = 0; cut <= in.wire.size(); ++cut) {
        source = connect();
        begin(in.framing, data.size());
        source.far.send(in.wire.substr(0, cut));
        auto work = relay(out, "HEAD ");
        settle();
        source.far.send(in.wire.substr(cut));
        if (in.framing == body_framing::until_close)
          source.far.shutdown_send();
        ASSERT_TRUE(ended(work));
        EXPECT_EQ(work.value().end, relay_end::complete);
        EXPECT_TRUE(reader.done());
        ASSERT_FALSE(finish(send(sink.near, "|"))); // Marks the end of what was relayed.
        std::string got;
        ASSERT_TRUE(drive_until([&] {
          got += sink.far.take();
          return got.ends_with("|");
        }));
        got.pop_back();
        ASSERT_EQ(got.substr(0, 5), "HEAD ");
        got.erase(0, 5);
        if (out == body_framing::chunked)
          got = decode(got);
        ASSERT_EQ(got, data) << in.wire << " cut at " << cut;
      }
}

TEST_F(Relay, SaysChunksAsTheyCome) {
  begin(body_framing::length, 5);
  source.far.send("hello");
  auto work = relay(body_framing::chunked);
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(take_until(sink.far, 15), "5\r\nhello\r\n0\r\n\r\n");
}

TEST_F(Relay, SendsTheHeadAtOnceEvenWhenNoBodyIsThereYet) {
  begin(body_framing::length, 5);
  auto work = relay(body_framing::length, "HEAD");
  EXPECT_EQ(take_until(sink.far, 4), "HEAD");
  EXPECT_FALSE(work.done());
  source.far.send("hello");
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(take_until(sink.far, 5), "hello");
}

TEST_F(Relay, SendsTheHeadAloneWhenThereIsNoBody) {
  begin(body_framing::none);
  auto work = relay(body_framing::none, "HEAD");
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(work.value().end, relay_end::complete);
  EXPECT_EQ(take_until(sink.far, 4), "HEAD");
}

TEST_F(Relay, LeavesWhatFollowsTheBodyToTheNextMessage) {
  begin(body_framing::length, 5);
  source.far.send("helloGET / HTTP/1.1");
  auto work = relay(body_framing::length);
  ASSERT_TRUE(ended(work));
  ASSERT_TRUE(receive_until(source.near, 14));
  EXPECT_EQ(source.near->bytes(), "GET / HTTP/1.1");
}

TEST_F(Relay, PassesTrailersOn) {
  begin(body_framing::chunked);
  source.far.send("1\r\na\r\n0\r\nDigest: x\r\nContent-Length: 7\r\nGrpc-Status: 0\r\n\r\n");
  auto work = relay(body_framing::chunked);
  ASSERT_TRUE(ended(work));
  const auto expected = "1\r\na\r\n0\r\nDigest: x\r\nGrpc-Status: 0\r\n\r\n"s; // And no length.
  EXPECT_EQ(take_until(sink.far, expected.size()), expected);
}

TEST_F(Relay, DropsTrailersWhereTheReceiverHasNoPlaceForThem) {
  begin(body_framing::chunked);
  source.far.send("1\r\na\r\n0\r\nDigest: x\r\n\r\n");
  auto work = relay(body_framing::until_close);
  ASSERT_TRUE(ended(work));
  sink.near->shutdown_send();
  EXPECT_EQ(take_to_end(sink.far), "a");
}

TEST_F(Relay, TakesMoreChunksInOneBufferThanItCanSendAtOnce) {
  std::string wire, data;
  for (int i = 0; i < 1'000; ++i) {
    data += static_cast<char>('a' + i % 26);
    wire += chunk(data.substr(data.size() - 1));
  }
  begin(body_framing::chunked);
  source.far.send(wire + "0\r\n\r\n");
  auto work = relay(body_framing::length);
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(take_until(sink.far, data.size()), data);
}

TEST_F(Relay, StreamsMegabytesThroughOneBufferAtThePaceOfTheReceiver) {
  source = connect({.wire_receive_bytes = 16 * 1024, .peer_send_bytes = 16 * 1024});
  sink = connect({.wire_send_bytes = 16 * 1024, .peer_receive_bytes = 16 * 1024});
  const std::size_t size = 3'000'000;
  for (const auto in : {body_framing::length, body_framing::chunked}) {
    begin(in, size);
    std::string wire;
    for (std::size_t at = 0; at < size; at += 10'000) {
      const std::string part(10'000, static_cast<char>('a' + at / 10'000 % 26));
      wire += in == body_framing::chunked ? chunk(part) : part;
    }
    wire += in == body_framing::chunked ? "0\r\n\r\n" : "";
    auto work = relay(body_framing::length);
    std::size_t given = 0, got = 0;
    while (given < wire.size() && source.far.send(std::string_view{wire}.substr(given, 1)) == 1) {
      given += 1 + source.far.send(std::string_view{wire}.substr(given + 1));
      settle();
    }
    EXPECT_LT(given, wire.size()); // Who does not read stops who sends.
    bool same = true;
    ASSERT_TRUE(drive_until([&] {
      given += source.far.send(std::string_view{wire}.substr(given));
      for (const char c : sink.far.take())
        same = same && c == static_cast<char>('a' + got++ / 10'000 % 26);
      return got == size;
    }));
    EXPECT_TRUE(same);
    ASSERT_TRUE(ended(work));
    EXPECT_EQ(work.value().end, relay_end::complete);
    EXPECT_LE(budget.used(), buffer_store::stream_bytes);
  }
}

// -- Failures.

TEST_F(Relay, SaysThatTheSourceBrokeOff) {
  const coding ins[] = {{body_framing::length, "hel"},
                        {body_framing::chunked, "5\r\nhel"},
                        {body_framing::chunked, "3\r\nhel\r\n"},
                        {body_framing::chunked, "3\r\nhel\r\n0\r\n"}};
  for (const auto& in : ins) {
    source = connect();
    begin(in.framing, 5);
    source.far.send(in.wire);
    source.far.close();
    auto work = relay(body_framing::length);
    ASSERT_TRUE(ended(work));
    EXPECT_EQ(work.value().end, relay_end::source_failed) << in.wire;
    EXPECT_EQ(work.value().code, asio::error::eof);
    EXPECT_EQ(take_until(sink.far, 3), "hel"); // What came is passed on nevertheless.
    EXPECT_FALSE(reader.done());
  }
}

TEST_F(Relay, DoesNotTakeAResetForTheEndOfABody) {
  begin(body_framing::until_close);
  source.far.send("half");
  auto work = relay(body_framing::chunked);
  EXPECT_EQ(take_until(sink.far, 9), "4\r\nhalf\r\n");
  source.far.reset();
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(work.value().end, relay_end::source_failed);
  EXPECT_EQ(work.value().code, asio::error::connection_reset);
  settle();
  EXPECT_EQ(sink.far.take(), ""); // Above all no last chunk.
}

TEST_F(Relay, SaysThatTheSourceBrokeTheCoding) {
  begin(body_framing::chunked);
  source.far.send("3\r\nabc\r\nnonsense\r\n");
  auto work = relay(body_framing::chunked);
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(work.value().end, relay_end::source_malformed);
  EXPECT_EQ(take_until(sink.far, 8), "3\r\nabc\r\n");
  settle();
  EXPECT_EQ(sink.far.take(), "");
}

TEST_F(Relay, SaysThatTheReceiverHasGone) {
  begin(body_framing::length, 1'000'000);
  sink.far.reset();
  EXPECT_EQ(finish(receive(sink.near)), asio::error::connection_reset);
  source.far.send("some");
  auto work = relay(body_framing::length, "HEAD");
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(work.value().end, relay_end::sink_failed);
  EXPECT_EQ(work.value().code, asio::error::connection_reset);
}

TEST_F(Relay, EndsWhenTheSourceIsSilentForTooLong) {
  begin(body_framing::length, 10);
  source.far.send("hel");
  auto work = relay(body_framing::length, {}, 10s);
  EXPECT_EQ(take_until(sink.far, 3), "hel");
  pass(9s);
  EXPECT_FALSE(work.done());
  pass(2s);
  ASSERT_TRUE(work.done());
  EXPECT_EQ(work.value().end, relay_end::source_failed);
  EXPECT_EQ(work.value().code, asio::error::timed_out);
}

TEST_F(Relay, DoesNotBlameTheSourceForASlowReceiver) {
  sink = connect({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  const std::string data(60'000, 'x');
  begin(body_framing::length, data.size());
  auto work = relay(body_framing::length, {}, 10s);
  ASSERT_EQ(source.far.send(data), data.size());
  settle();
  ASSERT_FALSE(work.done());
  pass(1h); // The source has sent everything; it is the sink that does not read.
  EXPECT_FALSE(work.done());
  EXPECT_EQ(take_until(sink.far, data.size()), data);
  ASSERT_TRUE(ended(work));
  EXPECT_EQ(work.value().end, relay_end::complete);
}

TEST_F(Relay, LeavesNoLimitBehind) {
  begin(body_framing::length, 5);
  auto work = relay(body_framing::length, {}, 10s);
  source.far.send("hello");
  ASSERT_TRUE(ended(work));
  pass(1h);
  EXPECT_FALSE(source.near->ended());
}

TEST_F(Relay, KeepsTheWiresOwnDeadlineWhenItHasNone) {
  begin(body_framing::length, 5);
  source.near->receive_within(10s);
  auto work = relay(body_framing::length);
  source.far.send("hel");
  EXPECT_EQ(take_until(sink.far, 3), "hel");
  pass(11s); // As a limit for the whole exchange would.
  ASSERT_TRUE(work.done());
  EXPECT_EQ(work.value().code, asio::error::timed_out);
}

TEST_F(Relay, StopsWhenItsSourceIsInterrupted) {
  begin(body_framing::length, 5);
  auto work = relay(body_framing::length);
  source.near->interrupt();
  ASSERT_TRUE(work.done());
  EXPECT_EQ(work.value().end, relay_end::source_failed);
  EXPECT_EQ(work.value().code, asio::error::operation_aborted);
  EXPECT_FALSE(source.near->ended());
}

// -- Discarding.

class Discard : public Relay {
protected:
  running<bool> discard(std::uint64_t bytes_max, std::chrono::nanoseconds silence_max = no_limit) {
    return running<bool>{discard_body(source.near, reader, bytes_max, silence_max)};
  }
  bool result_of(const running<bool>& work) {
    EXPECT_TRUE(drive_until([&] { return work.done(); }));
    return work.value();
  }
};

TEST_F(Discard, ReadsToTheEndOfTheBodyAndNoFurther) {
  const coding ins[] = {{body_framing::length, "hello"},
                        {body_framing::chunked, "5\r\nhello\r\n0\r\nT: u\r\n\r\n"}};
  for (const auto& in : ins) {
    source = connect();
    begin(in.framing, 5);
    auto work = discard(100);
    source.far.send(in.wire + "NEXT");
    EXPECT_TRUE(result_of(work));
    EXPECT_EQ(source.near->bytes(), "NEXT");
  }
}

TEST_F(Discard, HasNothingToReadOfABodyThatIsDone) {
  begin(body_framing::none);
  const auto work = discard(100);
  EXPECT_TRUE(work.done());
  EXPECT_TRUE(work.value());
}

TEST_F(Discard, ReadsExactlyAsMuchAsItMay) {
  begin(body_framing::length, 100);
  source.far.send(std::string(100, 'x'));
  EXPECT_TRUE(result_of(discard(100)));
}

TEST_F(Discard, GivesUpOverItsLimit) {
  for (const auto framing : {body_framing::length, body_framing::chunked}) {
    source = connect();
    begin(framing, 1'000'000);
    auto work = discard(50'000);
    source.far.send((framing == body_framing::chunked ? "f4240\r\n"s : ""s)
                    + std::string(120'000, 'x'));
    EXPECT_FALSE(result_of(work));
    EXPECT_FALSE(reader.done());
    EXPECT_LE(reader.bytes_taken(), 50'000 + buffer_store::block_bytes);
  }
}

TEST_F(Discard, CountsOnlyWhatItReadsItself) {
  begin(body_framing::length, 150);
  reader.take(std::string(100, 'x')); // Relayed before.
  source.far.send(std::string(50, 'x'));
  EXPECT_TRUE(result_of(discard(60)));
}

TEST_F(Discard, GivesUpOnTheEndSilenceAndNonsense) {
  begin(body_framing::length, 5);
  auto silent = discard(100, 10s);
  pass(11s);
  ASSERT_TRUE(silent.done());
  EXPECT_FALSE(silent.value());
  source = connect();
  source.far.close();
  EXPECT_FALSE(result_of(discard(100)));
  source = connect();
  begin(body_framing::chunked);
  source.far.send("nonsense");
  EXPECT_FALSE(result_of(discard(100)));
}

TEST_F(Discard, LeavesNoLimitBehindWhetherItSucceedsOrNot) {
  for (const auto* wire : {"3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\nnonsense"}) {
    source = connect();
    begin(body_framing::chunked);
    auto work = discard(100, 10s);
    source.far.send("3");
    settle();
    source.far.send(wire + 1);
    ASSERT_TRUE(drive_until([&] { return work.done(); }));
    pass(1h);
    EXPECT_FALSE(source.near->ended());
  }
}

} // namespace
} // namespace shunt::net
