// The sending half of a wire, its way to a connection, and the memory of its operations.
#include "tests/net/bytes.hpp"
#include "tests/net/loop_fixture.hpp"

#include <sys/ioctl.h>

#include <linux/sockios.h>

#include <future>
#include <thread>
#include <vector>

namespace shunt::net {
namespace {

class WireSend : public loop_fixture {
protected:
  static constexpr socket_sizes narrow{.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024};

  /// Bytes that the kernel holds and the peer has not acknowledged.
  static int queued(const wire_ptr& wire) {
    int bytes = 0;
    ::ioctl(wire->socket().native_handle(), SIOCOUTQ, &bytes);
    return bytes;
  }
};

TEST_F(WireSend, ArrivesWithoutASuspensionWhenThereIsRoom) {
  auto [near, far] = connect();
  const running<error_code> sending{send(near, "at once")};
  EXPECT_TRUE(sending.done()); // No handler has run.
  EXPECT_FALSE(sending.value());
  EXPECT_EQ(take_until(far, 7), "at once");
}

TEST_F(WireSend, OfNothingEndsAtOnce) {
  auto [near, far] = connect();
  EXPECT_FALSE(finish(send(near, "")));
  EXPECT_FALSE(finish(send_pieces(near, {})));
  EXPECT_FALSE(finish(send_pieces(near, {"", "", ""})));
}

TEST_F(WireSend, KeepsThePiecesInOrder) {
  auto [near, far] = connect();
  EXPECT_FALSE(finish(send_pieces(near, {"a", "", "bc", "", "", "def", ""})));
  EXPECT_EQ(take_until(far, 6), "abcdef");
}

TEST_F(WireSend, GoesOnBeyondTheSocketBufferAsThePeerReads) {
  auto [near, far] = connect(narrow);
  const auto text = pattern(1'000'000);
  running<error_code> sending{send(near, text)};
  settle();
  EXPECT_FALSE(sending.done());
  EXPECT_EQ(take_until(far, text.size()), text);
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  EXPECT_FALSE(sending.value());
}

TEST_F(WireSend, CutsPiecesWhereverTheKernelDoes) {
  auto [near, far] = connect(narrow);
  std::vector<std::string> pieces;
  const auto text = pattern(400'000);
  for (std::size_t at = 0, size = 0; at < text.size(); at += size, size = (size * 7 + 1) % 9'973)
    pieces.push_back(text.substr(at, size)); // Empty ones as well; more than one call can take.
  ASSERT_GT(pieces.size(), 64u);
  running<error_code> sending{send_pieces(near, pieces)};
  EXPECT_EQ(take_until(far, text.size()), text);
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  EXPECT_FALSE(sending.value());
}

TEST_F(WireSend, TakesPiecesByTheHundred) {
  auto [near, far] = connect();
  std::vector<std::string> pieces;
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += pieces.emplace_back(std::to_string(i) + ",");
  EXPECT_FALSE(finish(send_pieces(near, pieces)));
  EXPECT_EQ(take_until(far, text.size()), text);
}

TEST_F(WireSend, ReceivesMeanwhile) {
  auto [near, far] = connect(narrow);
  const auto text = pattern(200'000);
  running<error_code> sending{send(near, text)};
  far.send("while you speak");
  ASSERT_TRUE(receive_until(near, 15));
  EXPECT_EQ(near->bytes(), "while you speak");
  EXPECT_FALSE(sending.done());
  EXPECT_EQ(take_until(far, text.size()), text);
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
}

TEST_F(WireSend, StillWorksAfterThePeerHasSaidItsLast) {
  auto [near, far] = connect();
  far.shutdown_send();
  EXPECT_EQ(finish(receive(near)), asio::error::eof);
  EXPECT_FALSE(finish(send(near, "answer")));
  EXPECT_EQ(take_until(far, 6), "answer");
}

TEST_F(WireSend, FailsWhenThePeerHasGone) {
  auto [near, far] = connect();
  far.reset();
  EXPECT_EQ(finish(receive(near)), asio::error::connection_reset);
  EXPECT_EQ(finish(send(near, "too late")), asio::error::connection_reset);
}

TEST_F(WireSend, FailsWhenThePeerResetsWhileItWaits) {
  auto [near, far] = connect(narrow);
  running<error_code> sending{send(near, pattern(500'000))};
  settle();
  ASSERT_FALSE(sending.done());
  far.reset();
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  EXPECT_TRUE(sending.value() == asio::error::connection_reset
              || sending.value() == asio::error::broken_pipe)
    << sending.value().message();
}

TEST_F(WireSend, SaysItsLastByShuttingDown) {
  auto [near, far] = connect();
  EXPECT_FALSE(finish(send(near, "bye")));
  near->shutdown_send();
  EXPECT_EQ(take_to_end(far), "bye");
  EXPECT_TRUE(far.ended);
  far.send("and you");
  ASSERT_TRUE(receive_until(near, 7)); // The other direction is open.
  EXPECT_EQ(finish(send(near, "more")), asio::error::broken_pipe);
}

TEST_F(WireSend, EndsWhenThePeerTakesNothingForTooLong) {
  auto [near, far] = connect(narrow);
  near->stall_limit(10s);
  running<error_code> sending{send(near, pattern(500'000))};
  running<error_code> waiting{receive(near)};
  pass(9s);
  EXPECT_FALSE(sending.done());
  pass(2s);
  ASSERT_TRUE(sending.done());
  EXPECT_EQ(sending.value(), asio::error::timed_out);
  EXPECT_EQ(near->ended(), asio::error::timed_out);
  EXPECT_EQ(waiting.value(), asio::error::timed_out); // Both directions.
}

TEST_F(WireSend, WaitsForEverWithoutAStallLimit) {
  auto [near, far] = connect(narrow);
  running<error_code> sending{send(near, pattern(500'000))};
  pass(24h);
  EXPECT_FALSE(sending.done());
  near->abort(asio::error::operation_aborted);
}

TEST_F(WireSend, ForgetsTheStallLimitWhenAllIsSent) {
  auto [near, far] = connect(narrow);
  near->stall_limit(10s);
  const auto text = pattern(100'000);
  running<error_code> sending{send(near, text)};
  EXPECT_EQ(take_until(far, text.size()), text);
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  pass(1h);
  EXPECT_FALSE(near->ended());
}

TEST_F(WireSend, IsPatientWithAPeerThatReadsSlowly) {
  // The kernel reports room only once a third of its buffer is free. A slow reader of a large
  // buffer takes bytes all the time without ever freeing as much within one limit.
  auto [near, far] = connect({.wire_send_bytes = 1'000'000, .peer_receive_bytes = 16 * 1024});
  near->stall_limit(10s);
  const auto text = pattern(8'000'000);
  running<error_code> sending{send(near, text)};
  settle();
  std::string got;
  for (int turn = 0; turn < 5; ++turn) {
    const auto armed = std::chrono::steady_clock::now(); // Or a little before.
    const auto before = queued(near);
    ASSERT_TRUE(drive_until([&] {
      got += far.take(4'096);
      return queued(near) < before
             && std::chrono::steady_clock::now() > armed + 4 * deadline_wheel::tick;
    }));
    pass_to(armed + 10s + deadline_wheel::tick); // And not so far that the next limit is over, too.
    ASSERT_FALSE(sending.done()) << "cut off after " << got.size() << " bytes";
  }
  pass(11s); // Not a byte more: that is a stall.
  ASSERT_TRUE(sending.done());
  EXPECT_EQ(sending.value(), asio::error::timed_out);
  EXPECT_EQ(got, text.substr(0, got.size()));
}

TEST_F(WireSend, AbortedWhileItWaitsTellsWhy) {
  auto [near, far] = connect(narrow);
  running<error_code> sending{send(near, pattern(500'000))};
  near->abort(asio::error::access_denied);
  settle();
  ASSERT_TRUE(sending.done());
  EXPECT_EQ(sending.value(), asio::error::access_denied);
}

TEST_F(WireSend, ClosedWhileItWaitsEndsTheWait) {
  auto [near, far] = connect(narrow);
  running<error_code> sending{send(near, pattern(500'000))};
  near->close();
  settle();
  ASSERT_TRUE(sending.done());
  EXPECT_EQ(sending.value(), asio::error::operation_aborted);
  EXPECT_EQ(finish(send(near, "x")), asio::error::operation_aborted);
}

TEST_F(WireSend, OutlivesItsOwner) {
  auto [near, far] = connect(narrow);
  const auto text = pattern(300'000);
  running<error_code> sending{send(near, text)};
  near = nullptr; // The operation holds the wire.
  EXPECT_EQ(take_until(far, text.size()), text);
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  EXPECT_FALSE(sending.value());
}

// -- Connecting.

task<error_code> connect_to(wire_ptr wire, tcp::endpoint peer, std::chrono::nanoseconds limit) {
  const auto code = co_await wire->connect(peer, limit);
  co_return code;
}

class WireConnect : public loop_fixture {
protected:
  wire_ptr unconnected() {
    tcp_socket socket{loop.get_executor(), tcp::v4()};
    return wire_ptr{new wire{loop, std::move(socket)}};
  }
};

TEST_F(WireConnect, ReachesAListenerAndLeavesNoDeadlineBehind) {
  asio::basic_socket_acceptor<tcp, executor> acceptor{
    loop.get_executor(), tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  auto wire = unconnected();
  EXPECT_FALSE(finish(connect_to(wire, acceptor.local_endpoint(), 10s)));
  pass(1h);
  EXPECT_FALSE(wire->ended());
  peer_socket far{acceptor.accept().release()};
  EXPECT_FALSE(finish(send(wire, "hello")));
  EXPECT_EQ(take_until(far, 5), "hello");
  far.send("you");
  EXPECT_TRUE(receive_until(wire, 3));
}

TEST_F(WireConnect, IsRefusedWhereNobodyListens) {
  // Bound but not listening: nobody else can take the port meanwhile.
  tcp_socket bound{loop.get_executor(), tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  auto wire = unconnected();
  EXPECT_EQ(finish(connect_to(wire, bound.local_endpoint(), 10s)), asio::error::connection_refused);
}

// -- The memory of operations.

TEST(OperationMemory, IsInsideForOneOperationAndOutsideForMore) {
  const auto memory = std::make_unique<operation_memory>();
  const auto inside = [&](void* at) {
    const auto* begin = reinterpret_cast<const char*>(memory.get());
    return at >= begin && at < begin + sizeof(operation_memory);
  };
  auto* first = memory->allocate(100);
  auto* second = memory->allocate(100);
  EXPECT_TRUE(inside(first));
  EXPECT_FALSE(inside(second));
  memory->release(first);
  auto* third = memory->allocate(100);
  EXPECT_EQ(third, first);
  memory->release(second);
  memory->release(third);
}

TEST(OperationMemory, IsOutsideForWhatDoesNotFit) {
  operation_memory memory;
  auto* large = static_cast<char*>(memory.allocate(10'000));
  large[9'999] = 'x';
  memory.release(large);
}

// -- The loop that everything lives on.

TEST(EventLoop, RunsWorkOnAThreadOfItsOwnUntilItIsStopped) {
  buffer_budget budget{1 << 20};
  event_loop loop{3, budget};
  EXPECT_EQ(loop.index(), 3u);
  loop.start();
  std::thread::id there;
  loop.run([&] { there = std::this_thread::get_id(); });
  EXPECT_NE(there, std::this_thread::get_id());
  loop.stop();
  loop.stop();
}

TEST(EventLoop, TurnsItsWheel) {
  buffer_budget budget{1 << 20};
  event_loop loop{0, budget};
  std::promise<void> rang;
  deadline alarm{loop.deadlines(),
                 [](void* to) { static_cast<std::promise<void>*>(to)->set_value(); }, &rang};
  loop.start();
  loop.run([&] { alarm.expires_after(1ms); });
  EXPECT_EQ(rang.get_future().wait_for(20s), std::future_status::ready);
  loop.stop();
}

TEST(EventLoop, DestroysTheWiresThatWereStillInUseWhenItStopped) {
  // Handlers that never ran hold wires, and wires give back to the loop what they borrowed from it.
  buffer_budget budget{1 << 20};
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const peer_socket far{ends[1]};
  {
    event_loop loop{0, budget};
    loop.start();
    loop.run([&] {
      tcp_socket socket{loop.get_executor()};
      socket.assign(tcp::v4(), ends[0]);
      const wire_ptr wire{new net::wire{loop, std::move(socket)}};
      wire->rest(1h);
    });
    EXPECT_EQ(budget.used(), buffer_store::block_bytes);
    loop.stop();
  }
  EXPECT_EQ(budget.used(), 0u);
}

} // namespace
} // namespace shunt::net
