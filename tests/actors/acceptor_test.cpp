// The doorkeepers of real loops: how clients are shared among loops and kept within bounds, and how
// connections end when the router drains or stops.
#include "tests/actors/support/router_in_process.hpp"
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/client.hpp"
#include "tests/process/harness/gate.hpp"

#include "net/listener.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <list>

namespace shunt {
namespace {

using namespace std::literals;
using test::backend;
using test::client;
using test::eventually;
using test::get_request;
using test::router_in_process;

std::size_t connections_of(router_in_process& router, std::size_t loop) {
  return router.context().counters[loop]->connections.load();
}

/// A client, and the descriptor of the socket that a router would have accepted.
struct accepted_client {
  accepted_client() {
    const int listening = net::open_listening_socket("::1", 0);
    descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
    if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), size) != 0)
      throw std::runtime_error{"cannot connect"};
    pollfd ready{listening, POLLIN, 0};
    ::poll(&ready, 1, 10'000);
    accepted = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ::close(listening);
  }
  int descriptor = -1;
  int accepted = -1;
};

// -- Sharing

TEST(Acceptor, SharesClientsEvenlyAmongLoops) {
  router_in_process router{router_in_process::defaults(), 2};
  std::list<client> visitors;
  for (std::size_t count = 1; count <= 40; ++count) {
    visitors.emplace_back(router.port());
    ASSERT_TRUE(eventually([&] { return router.context().connections() == count; }));
    const auto first = connections_of(router, 0), second = connections_of(router, 1);
    EXPECT_LE(std::max(first, second) - std::min(first, second), count < 16 ? 1u : 4u) << count;
  }
  for (auto& each : visitors)
    EXPECT_EQ(each.send(get_request("unknown.example")).response().status, 404);
  EXPECT_EQ(router.context().counters[0]->arriving.load(), 0u);
  EXPECT_EQ(router.context().counters[1]->arriving.load(), 0u);
}

TEST(Acceptor, EvensOutWhenTheClientsOfOneLoopLeave) {
  router_in_process router{router_in_process::defaults(), 2};
  std::list<client> visitors;
  for (int i = 0; i < 20; ++i)
    visitors.emplace_back(router.port());
  ASSERT_TRUE(eventually([&] { return router.context().connections() == 20; }));
  visitors.clear();
  EXPECT_TRUE(eventually([&] { return router.context().connections() == 0; }));
}

// -- Bounds

TEST(Acceptor, TurnsClientsOverTheLimitAway) {
  auto settings = router_in_process::defaults();
  settings.limits.connections = 2;
  router_in_process router{settings};
  client first{router.port()}, second{router.port()};
  ASSERT_TRUE(eventually([&] { return router.context().connections() == 2; }));
  client third{router.port()};
  const auto response = third.response();
  EXPECT_EQ(response.status, 503);
  EXPECT_TRUE(response.lists("Connection", "close"));
  EXPECT_TRUE(third.sees_end());
  EXPECT_EQ(router.context().counters[0]->shed.load(), 1u);
  EXPECT_TRUE(router.log.await("connections-limit-reached"));

  EXPECT_EQ(first.send(get_request("unknown.example")).response().status, 404);
  second.socket().close();
  ASSERT_TRUE(eventually([&] { return router.context().connections() == 1; }));
  client fourth{router.port()};
  EXPECT_EQ(fourth.send(get_request("unknown.example")).response().status, 404);
}

// -- Drain

TEST(Acceptor, ClosesIdleConnectionsAndFinishesBusyOnesWhenItDrains) {
  const test::gate held;
  backend app{held.holding("/held")};
  auto settings = router_in_process::defaults();
  settings.drain_timeout = 600s;
  router_in_process router{settings};
  router.add_route("a.example", app.port());
  client idle{router.port()}, busy{router.port()};
  EXPECT_EQ(idle.send(get_request("a.example")).response().status, 200);
  busy.send(get_request("a.example", "/held"));
  ASSERT_TRUE(app.wait_for_requests(2));

  router.stop(true);
  EXPECT_TRUE(idle.sees_close());
  EXPECT_FALSE(router.has_ended());
  held.open();
  const auto response = busy.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.lists("Connection", "close"));
  EXPECT_TRUE(busy.sees_close());
  EXPECT_EQ(router.exit_code(), 0);
  EXPECT_THROW(client{router.port()}, std::runtime_error);
}

TEST(Acceptor, WaitsForTunnelsWhenItDrains) {
  backend app{test::answers::upgrade_echo()};
  auto settings = router_in_process::defaults();
  settings.drain_timeout = 600s;
  router_in_process router{settings};
  router.add_route("a.example", app.port());
  client visitor{router.port()};
  visitor.send(get_request("a.example", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_EQ(visitor.response_head().status, 101);
  router.stop(true);
  ASSERT_TRUE(eventually([&] {
    bool draining = false;
    router.run_on_loop(0, [&](loop_context& here) { draining = here.draining; });
    return draining;
  }));
  visitor.send("still here");
  EXPECT_EQ(visitor.reader().exactly(10), "still here");
  EXPECT_FALSE(router.has_ended());
  visitor.socket().half_close();
  EXPECT_EQ(router.exit_code(), 0);
}

TEST(Acceptor, CutsWhatIsUnderWayWhenItStops) {
  backend app{test::answers::silent()};
  router_in_process router{router_in_process::defaults(), 2};
  router.add_route("a.example", app.port());
  client busy{router.port()}, idle{router.port()};
  busy.send(get_request("a.example"));
  ASSERT_TRUE(app.wait_for_requests(1));
  router.stop(false);
  EXPECT_TRUE(busy.sees_end());
  EXPECT_TRUE(idle.sees_end());
  EXPECT_EQ(router.exit_code(), 0);
}

TEST(Acceptor, CutsWhatTheDrainTimeoutLeaves) {
  backend app{test::answers::silent()};
  auto settings = router_in_process::defaults();
  settings.drain_timeout = 50ms;
  router_in_process router{settings};
  router.add_route("a.example", app.port());
  client busy{router.port()};
  busy.send(get_request("a.example"));
  ASSERT_TRUE(app.wait_for_requests(1));
  router.stop(true);
  EXPECT_TRUE(busy.sees_end());
  EXPECT_EQ(router.exit_code(), 0);
  EXPECT_TRUE(router.log.await("router.drain.timed-out"));
}

TEST(Acceptor, WaitsForAClientThatIsOnItsWayFromAnotherLoop) {
  auto settings = router_in_process::defaults();
  settings.drain_timeout = 600s;
  router_in_process router{settings, 2};
  router.context().counters[0]->arriving.fetch_add(1); // As the other loop does.
  router.stop(true);
  ASSERT_TRUE(eventually([&] {
    bool draining = false;
    router.run_on_loop(0, [&](loop_context& here) { draining = here.draining; });
    return draining;
  }));
  const accepted_client late;
  test::stream_socket socket{late.descriptor};
  caf::anon_send(router.acceptor(0), adopt_connection{late.accepted});
  socket.send(get_request("unknown.example"));
  test::message_reader reader{socket};
  const auto response = reader.response("GET");
  EXPECT_EQ(response.status, 404);
  EXPECT_TRUE(response.lists("Connection", "close"));
  EXPECT_EQ(router.exit_code(), 0);
}

TEST(Acceptor, EndsALateClientThatSaysNothing) {
  auto settings = router_in_process::defaults();
  settings.drain_timeout = 600s;
  router_in_process router{settings, 2};
  router.context().counters[0]->arriving.fetch_add(1);
  router.stop(true);
  const accepted_client late;
  const test::stream_socket socket{late.descriptor};
  caf::anon_send(router.acceptor(0), adopt_connection{late.accepted});
  EXPECT_EQ(router.exit_code(), 0); // After a second; not after the minute of read_header_timeout.
}

// -- Failure

TEST(Acceptor, EndsTheRouterWithOneWhenItDies) {
  router_in_process router{router_in_process::defaults()};
  caf::anon_send_exit(router.acceptor(0), caf::exit_reason::kill);
  EXPECT_EQ(router.exit_code(), 1);
}

} // namespace
} // namespace shunt
