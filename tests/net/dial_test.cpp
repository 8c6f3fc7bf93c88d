// Dialling backends: literals and names, refusals and deadlines, and the words for each.
#include "net/dial.hpp"

#include "net/name_resolver.hpp"
#include "tests/net/dns_zone.hpp"
#include "tests/net/loop_fixture.hpp"

#include <vector>

namespace shunt::net {
namespace {

using acceptor = asio::basic_socket_acceptor<tcp, executor>;

/// No name server is asked about this: no label may be so long.
const std::string impossible_name = std::string(70, 'x') + ".example";

class Dial : public loop_fixture {
protected:
  dial_result to(const std::string& host, std::uint16_t port, dial_options options = {10s, 0s}) {
    return finish(dial(loop, host, port, options));
  }
  acceptor listen(const asio::ip::address& address = asio::ip::address_v4::loopback()) {
    return acceptor{loop.get_executor(), tcp::endpoint{address, 0}};
  }
  static int option(const dial_result& dialled, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(dialled.connection->socket().native_handle(), level, name, &value, &size);
    return value;
  }
};

TEST_F(Dial, ConnectsToALiteral) {
  auto backend = listen();
  const auto dialled = to("127.0.0.1", backend.local_endpoint().port());
  ASSERT_NE(dialled.connection, nullptr);
  EXPECT_FALSE(dialled.code);
  EXPECT_FALSE(dialled.resolving);
  EXPECT_EQ(dialled.resolve_time, -1ns);
  EXPECT_GT(dialled.connect_time, 0ns);
  peer_socket far{backend.accept().release()};
  EXPECT_FALSE(finish(send(dialled.connection, "hello")));
  EXPECT_EQ(take_until(far, 5), "hello");
  pass(1h); // The deadline was for dialling only.
  EXPECT_FALSE(dialled.connection->ended());
}

TEST_F(Dial, ConnectsToAnIpv6Literal) {
  try {
    auto backend = listen(asio::ip::address_v6::loopback());
    EXPECT_NE(to("::1", backend.local_endpoint().port()).connection, nullptr);
  } catch (const boost::system::system_error&) {
    GTEST_SKIP() << "no IPv6 here";
  }
}

TEST_F(Dial, ConnectsToAName) {
  auto backend = listen(); // IPv4 only: where the name stands for ::1 too, the next one is tried.
  const auto dialled = to("localhost", backend.local_endpoint().port());
  ASSERT_NE(dialled.connection, nullptr) << dialled.code.message();
  EXPECT_GE(dialled.resolve_time, 0ns);
  EXPECT_GT(dialled.connect_time, 0ns);
}

TEST_F(Dial, TriesAnotherAddressOfANameFirstInEachTurn) {
  dns_zone names{loop};
  names.hosts = {{"all.test", {"127.0.0.4", "127.0.0.2", "127.0.0.3"}}};
  loop.names().ask(names.address());
  auto second = listen(asio::ip::make_address("127.0.0.2"));
  const auto port = second.local_endpoint().port();
  acceptor third{loop.get_executor(), tcp::endpoint{asio::ip::make_address("127.0.0.3"), port}};
  const auto reached_in = [&](std::size_t turn) {
    const auto dialled = to("all.test", port, {10s, 0s, nullptr, turn});
    return dialled.connection ? dialled.connection->socket().remote_endpoint().address().to_string() : "";
  };
  for (std::size_t turn = 1; turn < 10; ++turn) {
    std::rotate(names.hosts["all.test"].begin(), names.hosts["all.test"].begin() + 1, names.hosts["all.test"].end());
    EXPECT_EQ(reached_in(turn), turn % 3 == 1 ? "127.0.0.3" : "127.0.0.2") << "where nobody listens at 127.0.0.4";
  }
  EXPECT_NE(reached_in(0), "");
}

TEST_F(Dial, IsRefusedWhereNobodyListens) {
  const tcp_socket bound{loop.get_executor(), tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  const auto port = bound.local_endpoint().port(); // Taken, so that nobody else listens there.
  const auto dialled = to("127.0.0.1", port);
  EXPECT_EQ(dialled.connection, nullptr);
  EXPECT_EQ(dialled.code, asio::error::connection_refused);
  EXPECT_FALSE(dialled.resolving);
  EXPECT_EQ(describe(dialled, "127.0.0.1", "127.0.0.1:" + std::to_string(port)),
            "dial tcp 127.0.0.1:" + std::to_string(port) + ": connect: connection refused");
}

TEST_F(Dial, FailsForANameThatCannotBe) {
  const auto dialled = to(impossible_name, 80);
  EXPECT_EQ(dialled.connection, nullptr);
  EXPECT_TRUE(dialled.code);
  EXPECT_TRUE(dialled.resolving);
  EXPECT_GE(dialled.resolve_time, 0ns);
  EXPECT_EQ(describe(dialled, "no.example", "no.example:80"),
            "dial tcp: lookup no.example: no such host");
}

TEST_F(Dial, GivesUpConnectingAfterItsTimeout) {
  // A listener whose queue is full lets nobody in and answers nothing.
  const int full = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const peer_socket keeper{full};
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  ASSERT_EQ(::bind(full, reinterpret_cast<sockaddr*>(&where), size), 0);
  ASSERT_EQ(::listen(full, 0), 0);
  ASSERT_EQ(::getsockname(full, reinterpret_cast<sockaddr*>(&where), &size), 0);
  std::vector<peer_socket> waiting;
  for (int i = 0; i < 8; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    waiting.emplace_back(client);
    ::connect(client, reinterpret_cast<sockaddr*>(&where), size);
  }
  running<dial_result> dialling{dial(loop, "127.0.0.1", ntohs(where.sin_port), {1h, 0s})};
  settle();
  EXPECT_FALSE(dialling.done());
  pass(59min);
  EXPECT_FALSE(dialling.done());
  pass(1min);
  ASSERT_TRUE(dialling.done());
  EXPECT_EQ(dialling.value().connection, nullptr);
  EXPECT_EQ(dialling.value().code, asio::error::timed_out);
  EXPECT_FALSE(dialling.value().resolving);
  EXPECT_EQ(describe(dialling.value(), "h", "10.0.0.1:80"), "dial tcp 10.0.0.1:80: i/o timeout");
}

TEST_F(Dial, GivesUpResolvingAfterItsTimeoutAndIgnoresTheLateAnswer) {
  auto backend = listen();
  const auto port = backend.local_endpoint().port();
  running<dial_result> dialling{dial(loop, "localhost", port, {1h, 0s})};
  loop.deadlines().advance(std::chrono::steady_clock::now() + 2h); // Before any handler has run.
  ASSERT_TRUE(dialling.done());
  EXPECT_EQ(dialling.value().code, asio::error::timed_out);
  EXPECT_TRUE(dialling.value().resolving);
  EXPECT_EQ(describe(dialling.value(), "localhost", "localhost:80"),
            "dial tcp: lookup localhost: i/o timeout");
  // Lookups queue up in one thread: after the second the answer to the first has been dropped.
  EXPECT_NE(to("localhost", port, {0s, 0s}).connection, nullptr);
}

TEST_F(Dial, WaitsWithoutALimitWhenThereIsNone) {
  auto backend = listen();
  running<dial_result> dialling{dial(loop, "localhost", backend.local_endpoint().port(), {0s, 0s})};
  loop.deadlines().advance(std::chrono::steady_clock::now() + 24h);
  EXPECT_FALSE(dialling.done());
  ASSERT_TRUE(drive_until([&] { return dialling.done(); }));
  EXPECT_NE(dialling.value().connection, nullptr);
}

TEST_F(Dial, SendsSmallMessagesAtOnce) {
  auto backend = listen();
  const auto dialled = to("127.0.0.1", backend.local_endpoint().port());
  EXPECT_NE(option(dialled, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST_F(Dial, ProbesAsOftenAsItIsTold) {
  auto backend = listen();
  const struct {
    std::chrono::nanoseconds interval;
    int seconds; ///< 0 = no probes.
  } rows[] = {{0s, 0}, {1s, 1}, {17s, 17}, {100ms, 1}, {2500ms, 2}, {24h, 32'767}};
  for (const auto& row : rows) {
    const auto dialled = to("127.0.0.1", backend.local_endpoint().port(), {10s, row.interval});
    EXPECT_EQ(option(dialled, SOL_SOCKET, SO_KEEPALIVE) != 0, row.seconds != 0);
    if (row.seconds == 0)
      continue;
    EXPECT_EQ(option(dialled, IPPROTO_TCP, TCP_KEEPIDLE), row.seconds);
    EXPECT_EQ(option(dialled, IPPROTO_TCP, TCP_KEEPINTVL), row.seconds);
  }
}

TEST(DialTexts, AreGoroutersWords) {
  using namespace boost::system;
  const struct {
    dial_result failed;
    const char* text;
  } rows[] = {
    {{.connection = {}, .code = asio::error::connection_refused},
     "dial tcp 10.0.0.1:8080: connect: connection refused"},
    {{.connection = {}, .code = asio::error::host_unreachable},
     "dial tcp 10.0.0.1:8080: connect: no route to host"},
    {{.connection = {}, .code = asio::error::network_unreachable},
     "dial tcp 10.0.0.1:8080: connect: network is unreachable"},
    {{.connection = {}, .code = asio::error::timed_out}, "dial tcp 10.0.0.1:8080: i/o timeout"},
    {{.connection = {}, .code = asio::error::host_not_found, .resolving = true},
     "dial tcp: lookup app.internal: no such host"},
    {{.connection = {}, .code = asio::error::timed_out, .resolving = true},
     "dial tcp: lookup app.internal: i/o timeout"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(describe(row.failed, "app.internal", "10.0.0.1:8080"), row.text);
}

TEST(DialTexts, WordErrorsAsGoDoes) {
  EXPECT_EQ(go_words(asio::error::connection_reset), "connection reset by peer");
  EXPECT_EQ(go_words(asio::error::broken_pipe), "broken pipe");
  EXPECT_EQ(go_words(asio::error::connection_refused), "connection refused");
  EXPECT_EQ(go_words(asio::error::timed_out), "connection timed out");
}

} // namespace
} // namespace shunt::net
