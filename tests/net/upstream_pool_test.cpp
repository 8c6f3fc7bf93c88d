// The pool of idle connections to backends: which one goes out, which are kept, and that none is
// ever used on which something has happened meanwhile.
#include "net/upstream_pool.hpp"

#include "tests/net/loop_fixture.hpp"

#include <vector>

namespace shunt::net {
namespace {

constexpr auto one_peer = "10.0.0.1:8080";
constexpr auto other_peer = "10.0.0.2:8080";

class UpstreamPool : public loop_fixture {
protected:
  /// Puts a fresh connection in; the backend's end of it.
  peer_socket put(upstream_pool& to, const char* backend) {
    auto [near, far] = connect();
    to.put(backend, std::move(near));
    return std::move(far);
  }
  /// Whether the router has closed its end.
  bool closed(peer_socket& far) {
    settle();
    far.take();
    return far.ended;
  }
  void TearDown() override {
    pool.clear();
    loop_fixture::TearDown();
  }

  upstream_pool pool{{.idle_per_backend_max = 2, .idle_timeout = 90s}};
};

TEST_F(UpstreamPool, HasNothingAtFirst) {
  EXPECT_EQ(pool.take(one_peer), nullptr);
  EXPECT_EQ(pool.idle_count(), 0u);
}

TEST_F(UpstreamPool, GivesBackTheConnectionToThatBackendAlone) {
  auto [near, far] = connect();
  const auto* same = near.get();
  pool.put(one_peer, std::move(near));
  EXPECT_EQ(pool.idle_count(), 1u);
  EXPECT_EQ(pool.take(other_peer), nullptr);
  const auto taken = pool.take(one_peer);
  EXPECT_EQ(taken.get(), same);
  EXPECT_EQ(pool.idle_count(), 0u);
  EXPECT_EQ(pool.take(one_peer), nullptr);
  EXPECT_FALSE(finish(send(taken, "GET")));
  EXPECT_EQ(take_until(far, 3), "GET");
  far.send("200");
  EXPECT_TRUE(receive_until(taken, 3));
}

TEST_F(UpstreamPool, GivesTheLatestOutFirst) {
  auto older = connect();
  auto newer = connect();
  const wire_ptr first = older.near, second = newer.near;
  pool.put(one_peer, std::move(older.near));
  pool.put(one_peer, std::move(newer.near));
  EXPECT_EQ(pool.take(one_peer), second);
  EXPECT_EQ(pool.take(one_peer), first);
  first->close();
  second->close();
}

TEST_F(UpstreamPool, ClosesWhatIsTooManyForOneBackend) {
  auto first = put(pool, one_peer);
  auto second = put(pool, one_peer);
  auto third = put(pool, one_peer);
  auto other = put(pool, other_peer);
  EXPECT_EQ(pool.idle_count(), 3u);
  EXPECT_TRUE(closed(third));
  EXPECT_FALSE(closed(first));
  EXPECT_FALSE(closed(second));
  EXPECT_FALSE(closed(other));
}

TEST_F(UpstreamPool, KeepsNothingWhenItMayNot) {
  upstream_pool none{{.idle_per_backend_max = 0, .idle_timeout = 90s}};
  auto far = put(none, one_peer);
  EXPECT_TRUE(closed(far));
  EXPECT_EQ(none.idle_count(), 0u);
  EXPECT_EQ(none.take(one_peer), nullptr);
}

TEST_F(UpstreamPool, KeepsNoConnectionThatHasEndedOrHasUnreadBytes) {
  auto ended = connect();
  ended.far.close();
  EXPECT_EQ(finish(receive(ended.near)), asio::error::eof);
  pool.put(one_peer, std::move(ended.near));
  auto talkative = connect();
  talkative.far.send("more than the response");
  ASSERT_TRUE(receive_until(talkative.near, 1));
  pool.put(one_peer, std::move(talkative.near));
  EXPECT_EQ(pool.idle_count(), 0u);
  EXPECT_EQ(pool.take(one_peer), nullptr);
  EXPECT_TRUE(closed(talkative.far));
}

TEST_F(UpstreamPool, DropsAConnectionThatItsBackendCloses) {
  for (const bool reset : {false, true}) {
    auto far = put(pool, one_peer);
    if (reset)
      far.reset();
    else
      far.close();
    ASSERT_TRUE(drive_until([&] { return pool.idle_count() == 0; }));
    EXPECT_EQ(pool.take(one_peer), nullptr);
  }
}

TEST_F(UpstreamPool, DropsAConnectionOnWhichItsBackendSpeaksUnasked) {
  auto far = put(pool, one_peer);
  far.send("HTTP/1.1 408 Request Timeout\r\n\r\n"); // An answer to nobody's question.
  ASSERT_TRUE(drive_until([&] { return pool.idle_count() == 0; }));
  EXPECT_EQ(pool.take(one_peer), nullptr);
  EXPECT_TRUE(closed(far));
}

TEST_F(UpstreamPool, DropsTheOneThatEndedAndNoOther) {
  auto first = put(pool, one_peer);
  auto second = put(pool, one_peer);
  auto other = put(pool, other_peer);
  first.close();
  ASSERT_TRUE(drive_until([&] { return pool.idle_count() == 2; }));
  const auto taken = pool.take(one_peer);
  ASSERT_NE(taken, nullptr);
  EXPECT_FALSE(finish(send(taken, "to the second")));
  EXPECT_EQ(take_until(second, 13), "to the second");
  EXPECT_EQ(pool.take(one_peer), nullptr);
  EXPECT_FALSE(closed(other));
  taken->close();
}

TEST_F(UpstreamPool, DropsADozingConnectionThatEnds) {
  auto far = put(pool, one_peer);
  pass(2s);
  EXPECT_EQ(budget.used(), 0u); // Idle connections hold no buffers.
  EXPECT_EQ(pool.idle_count(), 1u);
  far.close();
  ASSERT_TRUE(drive_until([&] { return pool.idle_count() == 0; }));
}

TEST_F(UpstreamPool, GivesOutAConnectionThatDozes) {
  auto far = put(pool, one_peer);
  pass(2s);
  const auto taken = pool.take(one_peer);
  ASSERT_NE(taken, nullptr);
  pass(1h); // The limit of the idle is not that of the busy.
  EXPECT_FALSE(taken->ended());
  EXPECT_FALSE(finish(send(taken, "GET")));
  far.send("200");
  EXPECT_TRUE(receive_until(taken, 3));
}

TEST_F(UpstreamPool, ClosesWhatIsIdleForTooLong) {
  upstream_pool brief{{.idle_per_backend_max = 2, .idle_timeout = 10ms}};
  auto far = put(brief, one_peer);
  // Idling asks the clock itself, so this once time has to pass in earnest.
  ASSERT_TRUE(drive_until([&] {
    pass(0s);
    return brief.idle_count() == 0;
  }));
  EXPECT_TRUE(closed(far));
}

TEST_F(UpstreamPool, TellsNobodyAboutWhatItGaveOut) {
  auto far = put(pool, one_peer);
  auto kept = put(pool, other_peer);
  const auto taken = pool.take(one_peer);
  far.close();
  ASSERT_TRUE(drive_until([&] { return taken->ended() == asio::error::eof; }));
  EXPECT_EQ(pool.idle_count(), 1u);
}

TEST_F(UpstreamPool, ClosesAllWhenCleared) {
  auto first = put(pool, one_peer);
  auto second = put(pool, other_peer);
  pool.clear();
  EXPECT_EQ(pool.idle_count(), 0u);
  EXPECT_TRUE(closed(first));
  EXPECT_TRUE(closed(second));
  auto later = put(pool, one_peer); // And goes on.
  EXPECT_EQ(pool.idle_count(), 1u);
}

TEST_F(UpstreamPool, ClosesAllWhenItDies) {
  peer_socket far;
  {
    upstream_pool mortal{{}};
    far = put(mortal, one_peer);
  }
  EXPECT_TRUE(closed(far));
}

TEST_F(UpstreamPool, UsesConnectionsOverAndOver) {
  auto [near, far] = connect();
  for (int request = 0; request < 100; ++request) {
    pool.put(one_peer, std::move(near));
    near = pool.take(one_peer);
    ASSERT_NE(near, nullptr);
    ASSERT_FALSE(finish(send(near, "q")));
    ASSERT_EQ(take_until(far, 1), "q");
    far.send("a");
    ASSERT_TRUE(receive_until(near, 1));
    near->consume(1);
  }
  near->close();
}

TEST_F(UpstreamPool, KeepsItsHeadAmongThousandsOfBackends) {
  upstream_pool crowd{{.idle_per_backend_max = 1, .idle_timeout = 90s}};
  auto [near, far] = connect();
  for (int backend = 0; backend < 5'000; ++backend) { // Over the count at which it sweeps.
    const auto name = "backend-" + std::to_string(backend);
    crowd.put(name, std::move(near));
    near = crowd.take(name);
    ASSERT_NE(near, nullptr);
  }
  crowd.put(one_peer, std::move(near));
  EXPECT_EQ(crowd.idle_count(), 1u);
  near = crowd.take(one_peer);
  ASSERT_NE(near, nullptr);
  near->close();
}

} // namespace
} // namespace shunt::net
