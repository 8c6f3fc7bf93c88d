// The receiving half of a wire: what arrives and stays where it is, who is told of it and of the
// end, when the wire dozes, and what happens to operations that are under way when others let go.
#include "net/open_sockets.hpp"
#include "tests/net/bytes.hpp"
#include "tests/net/loop_fixture.hpp"

#include <set>

namespace shunt::net {
namespace {

constexpr auto one_block = buffer_store::block_bytes;

/// Counts what a wire says to nobody in particular.
struct watching {
  explicit watching(const wire_ptr& wire) {
    wire->watch([](void* self) { ++static_cast<watching*>(self)->told; }, this);
  }
  int told = 0;
};

class Wire : public loop_fixture {};

// -- Receiving.

TEST_F(Wire, ReceivesWhatThePeerSends) {
  auto [near, far] = connect();
  far.send("hello");
  EXPECT_FALSE(finish(receive(near)));
  EXPECT_EQ(near->bytes(), "hello");
  near->consume(2);
  EXPECT_EQ(near->bytes(), "llo");
  near->consume(3);
  EXPECT_EQ(near->bytes(), "");
  EXPECT_FALSE(near->ended());
}

TEST_F(Wire, WaitsUntilThereIsMore) {
  auto [near, far] = connect();
  far.send("a");
  EXPECT_FALSE(finish(receive(near)));
  running<error_code> more{receive(near)};
  settle();
  EXPECT_FALSE(more.done());
  far.send("b");
  ASSERT_TRUE(drive_until([&] { return more.done(); }));
  EXPECT_FALSE(more.value());
  EXPECT_EQ(near->bytes(), "ab");
}

TEST_F(Wire, ReceivesTheEndAfterTheBytesBeforeIt) {
  auto [near, far] = connect();
  far.send("last");
  far.close();
  EXPECT_FALSE(finish(receive(near)));
  EXPECT_EQ(near->bytes(), "last");
  EXPECT_EQ(finish(receive(near)), asio::error::eof);
  EXPECT_EQ(near->ended(), asio::error::eof);
  EXPECT_EQ(finish(receive(near)), asio::error::eof); // And ever after.
  EXPECT_EQ(near->bytes(), "last");
}

TEST_F(Wire, TellsAResetFromAnEnd) {
  auto [near, far] = connect();
  far.reset();
  EXPECT_EQ(finish(receive(near)), asio::error::connection_reset);
  EXPECT_EQ(near->ended(), asio::error::connection_reset);
}

TEST_F(Wire, ReceivesAStreamOfAnyLengthThroughOneBuffer) {
  auto [near, far] = connect();
  const auto sent = pattern(300'000);
  std::size_t given = 0;
  std::string got;
  while (got.size() < sent.size()) {
    given += far.send(std::string_view{sent}.substr(given, 7'001));
    ASSERT_FALSE(finish(receive(near)));
    const auto part = near->bytes().substr(0, near->bytes().size() / 2 + 1); // Never all of it.
    got += part;
    near->consume(part.size());
    ASSERT_EQ(near->buffer_bytes(), one_block);
    if (given == sent.size() && got.size() + near->bytes().size() == sent.size()) {
      got += near->bytes();
      break;
    }
  }
  EXPECT_EQ(got, sent);
}

TEST_F(Wire, TakesNoMoreThanItsBufferHolds) {
  auto [near, far] = connect();
  const auto sent = pattern(3 * one_block);
  far.send(sent);
  ASSERT_TRUE(receive_until(near, one_block));
  EXPECT_EQ(near->bytes(), std::string_view{sent}.substr(0, one_block));
  EXPECT_EQ(near->buffer_bytes(), one_block);
}

TEST_F(Wire, SaysThatItIsFullRatherThanWaitForNothing) {
  auto [near, far] = connect();
  far.send(pattern(2 * one_block));
  ASSERT_TRUE(receive_until(near, one_block));
  EXPECT_EQ(finish(receive(near)), asio::error::no_buffer_space);
  EXPECT_FALSE(near->ended()); // The caller's mistake, not the connection's end.
  near->consume(1'024);
  EXPECT_FALSE(finish(receive(near)));
  EXPECT_EQ(near->bytes().size(), one_block);
}

TEST_F(Wire, GrowsItsBufferWhenAskedAndKeepsWhatIsThere) {
  auto [near, far] = connect();
  const auto sent = pattern(100'000);
  far.send(sent);
  ASSERT_TRUE(receive_until(near, one_block));
  near->consume(100);
  for (std::size_t wanted = 2 * one_block; wanted <= 128 * 1024; wanted *= 2) {
    near->want_buffer(wanted);
    ASSERT_FALSE(finish(receive(near)));
    EXPECT_GE(near->buffer_bytes(), wanted);
    EXPECT_EQ(near->bytes(), std::string_view{sent}.substr(100, near->bytes().size()));
  }
  ASSERT_TRUE(receive_until(near, sent.size() - 100));
  EXPECT_EQ(near->bytes(), std::string_view{sent}.substr(100));
}

TEST_F(Wire, HoldsOneBufferAtMostAndGivesItBackWhenItDies) {
  auto [near, far] = connect();
  EXPECT_EQ(budget.used(), 0u);
  far.send("x");
  ASSERT_TRUE(receive_until(near, 1));
  EXPECT_EQ(budget.used(), one_block);
  near->want_buffer(4 * one_block);
  far.send("y");
  ASSERT_TRUE(receive_until(near, 2));
  EXPECT_EQ(budget.used(), 4 * one_block);
  near->close();
  near = nullptr;
  settle();
  EXPECT_EQ(budget.used(), 0u);
}

// -- Pinning.

TEST_F(Wire, LeavesAPinnedHeadWhereItIsWhileMoreArrives) {
  for (const std::size_t head_bytes :
       {std::size_t{10}, one_block - 1'500, one_block - 500, one_block - 1, one_block}) {
    auto [near, far] = connect();
    const auto head = pattern(head_bytes, 2);
    const auto body = pattern(200'000, 3);
    far.send(head);
    ASSERT_TRUE(receive_until(near, head_bytes));
    const auto kept = near->bytes().substr(0, head_bytes);
    near->pin();
    near->consume(head_bytes);
    std::string got;
    std::size_t given = 0;
    while (got.size() < body.size()) {
      given += far.send(std::string_view{body}.substr(given));
      ASSERT_FALSE(finish(receive(near)));
      got += near->bytes();
      near->consume(near->bytes().size());
      ASSERT_EQ(kept, head) << "moved or overwritten after " << got.size();
      ASSERT_LE(budget.used(), 2 * one_block);
    }
    EXPECT_EQ(got, body);
    near->unpin();
    EXPECT_LE(budget.used(), one_block);
    near->close();
  }
}

TEST_F(Wire, KeepsUnconsumedBytesTogetherWhenAPinMakesThemMove) {
  auto [near, far] = connect();
  const auto sent = pattern(one_block + 5'000);
  far.send(sent);
  ASSERT_TRUE(receive_until(near, one_block));
  const auto head = near->bytes().substr(0, 100);
  near->pin();
  near->consume(100);
  near->want_buffer(2 * one_block);
  ASSERT_TRUE(receive_until(near, sent.size() - 100));
  EXPECT_EQ(near->bytes(), std::string_view{sent}.substr(100));
  EXPECT_EQ(head, std::string_view{sent}.substr(0, 100));
  near->unpin();
  EXPECT_EQ(near->bytes(), std::string_view{sent}.substr(100));
}

TEST_F(Wire, PinsAgainForTheNextHead) {
  auto [near, far] = connect();
  for (int message = 0; message < 20; ++message) {
    const auto head = pattern(9'000, static_cast<unsigned>(message) + 7);
    const auto body = pattern(12'000, static_cast<unsigned>(message) + 70);
    far.send(head + body);
    while (near->bytes().size() < head.size())
      ASSERT_FALSE(finish(receive(near)));
    const auto kept = near->bytes().substr(0, head.size());
    near->pin();
    near->consume(head.size());
    ASSERT_TRUE(receive_until(near, body.size()));
    EXPECT_EQ(kept, head);
    EXPECT_EQ(near->bytes(), body);
    near->consume(body.size());
    near->unpin();
  }
}

// -- Deadlines and dozing.

TEST_F(Wire, EndsWhenThePeerIsSilentForTooLong) {
  auto [near, far] = connect();
  near->receive_within(10s);
  running<error_code> waiting{receive(near)};
  pass(9s);
  EXPECT_FALSE(waiting.done());
  pass(1s);
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.value(), asio::error::timed_out);
  EXPECT_EQ(near->ended(), asio::error::timed_out);
}

TEST_F(Wire, MovesItsLimitWithEveryCall) {
  auto [near, far] = connect();
  running<error_code> waiting{receive(near)};
  near->receive_within(10s);
  near->receive_within(1h);
  pass(20s);
  EXPECT_FALSE(waiting.done());
  near->receive_within(0s);
  pass(2h);
  EXPECT_FALSE(waiting.done());
  near->receive_until(std::chrono::steady_clock::now());
  pass(0s);
  EXPECT_TRUE(waiting.done());
}

TEST_F(Wire, GivesItsBufferBackWhileItIsIdle) {
  auto [near, far] = connect();
  running<error_code> waiting{receive_idle(near, 1h)};
  EXPECT_EQ(budget.used(), one_block);
  pass(2s);
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_FALSE(waiting.done());
}

TEST_F(Wire, WakesFromItsDozeForBytes) {
  auto [near, far] = connect();
  running<error_code> waiting{receive_idle(near, 0s)};
  pass(2s);
  EXPECT_EQ(budget.used(), 0u);
  far.send("morning");
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_FALSE(waiting.value());
  EXPECT_EQ(near->bytes(), "morning");
  near->consume(7);
  running<error_code> again{receive_idle(near, 0s)}; // And dozes off again.
  pass(2s);
  EXPECT_EQ(budget.used(), 0u);
  near->abort(asio::error::operation_aborted);
}

TEST_F(Wire, WakesFromItsDozeForTheEndAndForAReset) {
  for (const bool reset : {false, true}) {
    auto [near, far] = connect();
    running<error_code> waiting{receive_idle(near, 0s)};
    pass(2s);
    ASSERT_EQ(budget.used(), 0u);
    if (reset)
      far.reset();
    else
      far.close();
    ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
    const error_code expected =
      reset ? error_code{asio::error::connection_reset} : error_code{asio::error::eof};
    EXPECT_EQ(waiting.value(), expected);
    near->close();
  }
}

TEST_F(Wire, DoesNotDozeWhenBytesArriveFirst) {
  auto [near, far] = connect();
  running<error_code> waiting{receive_idle(near, 0s)};
  far.send("x");
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  pass(1h); // The deadline went with the wait.
  EXPECT_FALSE(near->ended());
  EXPECT_EQ(near->bytes(), "x");
}

TEST_F(Wire, EndsWhenItIsIdleForTooLong) {
  auto [near, far] = connect();
  running<error_code> waiting{receive_idle(near, 20ms)};
  // Idling asks the clock itself, so this once time has to pass in earnest.
  ASSERT_TRUE(drive_until([&] {
    pass(0s);
    return waiting.done();
  }));
  EXPECT_EQ(waiting.value(), asio::error::timed_out);
}

TEST_F(Wire, KeepsUnreadBytesThroughADoze) {
  auto [near, far] = connect();
  far.send("kept");
  ASSERT_TRUE(receive_until(near, 4));
  near->rest(0s);
  pass(2s);
  EXPECT_EQ(near->bytes(), "kept");
  near->resume_use();
  far.send(" and more");
  ASSERT_TRUE(receive_until(near, 13));
  EXPECT_EQ(near->bytes(), "kept and more");
}

TEST_F(Wire, IsUsedAgainWhileItDozes) {
  auto [near, far] = connect();
  near->rest(1h);
  pass(2s);
  near->resume_use();
  running<error_code> waiting{receive(near)};
  pass(2h);
  EXPECT_FALSE(waiting.done()); // The idle limit is gone.
  EXPECT_FALSE(finish(send(near, "question")));
  EXPECT_EQ(take_until(far, 8), "question");
  far.send("answer");
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_EQ(near->bytes(), "answer");
}

TEST_F(Wire, IsUsedAgainInTheVeryMomentInWhichItDozesOff) {
  auto [near, far] = connect();
  near->rest(1h);
  settle();
  // The read has been cancelled, but its handler has not run yet.
  loop.deadlines().advance(std::chrono::steady_clock::now() + 2s);
  near->resume_use();
  running<error_code> waiting{receive(near)};
  settle();
  EXPECT_FALSE(waiting.done());
  far.send("answer");
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_FALSE(waiting.value());
  EXPECT_EQ(near->bytes(), "answer");
}

TEST_F(Wire, DozingNeverCancelsASendThatWaits) {
  auto [near, far] = connect({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  const auto sent = pattern(300'000);
  running<error_code> sending{send(near, sent)};
  running<error_code> waiting{receive_idle(near, 0s)};
  ASSERT_FALSE(sending.done());
  for (int second = 0; second < 5; ++second)
    pass(1s);
  EXPECT_FALSE(sending.done());
  EXPECT_EQ(take_until(far, sent.size()), sent);
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  EXPECT_FALSE(sending.value());
  pass(2s); // Now that nothing is being sent, it does.
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_FALSE(waiting.done());
  near->abort(asio::error::operation_aborted);
}

// -- Who is told.

TEST_F(Wire, TellsItsWatcherOfTheEndThatNobodyAwaits) {
  auto [near, far] = connect();
  watching watcher{near};
  near->listen();
  settle();
  EXPECT_EQ(watcher.told, 0);
  far.close();
  ASSERT_TRUE(drive_until([&] { return watcher.told > 0; }));
  EXPECT_EQ(near->ended(), asio::error::eof);
  EXPECT_EQ(watcher.told, 1);
}

TEST_F(Wire, TellsItsWatcherOfBytesThatNobodyAwaits) {
  auto [near, far] = connect();
  watching watcher{near};
  near->listen();
  far.send("unasked");
  ASSERT_TRUE(drive_until([&] { return watcher.told > 0; }));
  EXPECT_EQ(near->bytes(), "unasked");
  EXPECT_FALSE(near->ended());
}

TEST_F(Wire, TellsWhoeverAwaitsInsteadOfItsWatcher) {
  auto [near, far] = connect();
  watching watcher{near};
  far.send("awaited");
  EXPECT_FALSE(finish(receive(near)));
  EXPECT_EQ(watcher.told, 0);
  near->watch(nullptr, nullptr);
  near->listen();
  far.close();
  ASSERT_TRUE(drive_until([&] { return near->ended() == asio::error::eof; }));
  EXPECT_EQ(watcher.told, 0);
}

TEST_F(Wire, TellsItsWatcherWhenRestTakesTooLong) {
  auto [near, far] = connect();
  watching watcher{near};
  near->rest(1ms);
  ASSERT_TRUE(drive_until([&] {
    pass(0s);
    return watcher.told > 0;
  }));
  EXPECT_EQ(near->ended(), asio::error::timed_out);
}

TEST_F(Wire, GoesOnAfterAnInterruptedWait) {
  auto [near, far] = connect();
  running<error_code> waiting{receive(near)};
  near->interrupt();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.value(), asio::error::operation_aborted);
  EXPECT_FALSE(near->ended());
  near->interrupt(); // With nobody waiting it is nothing.
  far.send("still here");
  ASSERT_TRUE(receive_until(near, 10)); // By the read that was under way all the time.
  EXPECT_EQ(near->bytes(), "still here");
}

// -- Ending.

TEST_F(Wire, AbortedTellsWhoeverAwaitsWhy) {
  auto [near, far] = connect();
  running<error_code> waiting{receive(near)};
  near->abort(asio::error::access_denied);
  settle();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.value(), asio::error::access_denied);
  EXPECT_EQ(finish(receive(near)), asio::error::access_denied);
  EXPECT_EQ(finish(send(near, "late")), asio::error::access_denied);
}

TEST_F(Wire, AbortedKeepsItsFirstReasonButOverAnEnd) {
  auto [near, far] = connect();
  far.close();
  EXPECT_EQ(finish(receive(near)), asio::error::eof);
  near->abort(asio::error::timed_out);
  near->abort(asio::error::access_denied);
  EXPECT_EQ(near->ended(), asio::error::timed_out);
}

TEST_F(Wire, AbortedWhileItDozesTellsWhoeverAwaits) {
  auto [near, far] = connect();
  running<error_code> waiting{receive_idle(near, 0s)};
  pass(2s);
  near->abort(asio::error::access_denied);
  settle();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.value(), asio::error::access_denied);
}

TEST_F(Wire, ClosedEndsTheWaitAndTheConnection) {
  auto [near, far] = connect();
  watching watcher{near};
  running<error_code> waiting{receive(near)};
  near->close();
  near->close(); // Twice is once.
  settle();
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.value(), asio::error::operation_aborted);
  EXPECT_EQ(watcher.told, 0);
  take_to_end(far);
  EXPECT_TRUE(far.ended);
}

TEST_F(Wire, LivesUntilItsReadHasEndedWhenItsOwnerLetsGo) {
  auto [near, far] = connect();
  near->listen();
  near->close();
  near = nullptr;
  EXPECT_EQ(budget.used(), one_block); // The kernel may still write into it.
  settle();
  EXPECT_EQ(budget.used(), 0u);
}

TEST_F(Wire, ClosesItsSocketWhenNobodyHoldsItAnyMore) {
  auto [near, far] = connect();
  near = nullptr;
  take_to_end(far);
  EXPECT_TRUE(far.ended);
}

// -- Descriptors.

TEST_F(Wire, IsCountedForAsLongAsItsSocketIsOpen) {
  const auto before = open_sockets.open();
  auto [near, far] = connect();
  auto [other, peer] = connect();
  EXPECT_EQ(open_sockets.open(), before + 2);
  near->close();
  EXPECT_EQ(open_sockets.open(), before + 1);
  near = other = nullptr; // Once is enough.
  EXPECT_EQ(open_sockets.open(), before);
}

TEST(SocketCount, LeavesRoomForClientsWhenBackendsHaveMuch) {
  socket_count of;
  EXPECT_TRUE(of.client_fits() && of.upstream_fits());
  of.set_most(32);
  for (int i = 0; i < 29; ++i)
    of.opened();
  EXPECT_TRUE(of.upstream_fits());
  of.opened();
  EXPECT_FALSE(of.upstream_fits());
  EXPECT_TRUE(of.client_fits());
  of.opened();
  of.opened();
  EXPECT_FALSE(of.client_fits());
  of.closed();
  EXPECT_TRUE(of.client_fits());
}

TEST(SocketCount, IsCrowdedForAsLongAsNoBackendFits) {
  socket_count of;
  for (int i = 0; i < 29; ++i)
    of.opened();
  EXPECT_FALSE(of.crowded());
  of.set_most(32);
  EXPECT_FALSE(of.crowded());
  of.opened();
  EXPECT_TRUE(of.crowded());
  of.opened();
  of.closed();
  EXPECT_TRUE(of.crowded());
  of.closed();
  EXPECT_FALSE(of.crowded());
  of.set_most(16);
  EXPECT_TRUE(of.crowded());
}

} // namespace
} // namespace shunt::net
