// The harness against itself: a tool that cannot see a fault would make every other test worthless.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <csignal>

namespace shunt::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ChildProcess, TellsExitCodeAndOutput) {
  const temporary_directory files;
  child_process child{{"sh", "-c", "echo hello; exit 3"}, files.path_of("out")};
  EXPECT_EQ(child.wait_for_exit(), 3);
  EXPECT_EQ(child.output(), "hello\n");
}

TEST(ChildProcess, IsEndedByASignal) {
  const temporary_directory files;
  child_process child{{"sleep", "1000"}, files.path_of("out")};
  EXPECT_TRUE(child.running());
  EXPECT_GT(child.resident_kib(), 0);
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait_for_exit(), 128 + SIGTERM);
}

TEST(ChildProcess, DiesWithItsOwner) {
  const temporary_directory files;
  pid_t pid = 0;
  {
    const child_process child{{"sleep", "1000"}, files.path_of("out")};
    pid = child.pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(NatsServer, CarriesRegistrationsAndComesBackOnTheSamePort) {
  nats_server server;
  registrar bus{server.url()};
  bus.listen("router.register");
  bus.announce(8080, "a.example.com", {{"app", "x"}});
  EXPECT_EQ(nlohmann::json::parse(bus.next().value_or("null")),
            (nlohmann::json{
              {"host", "127.0.0.1"}, {"port", 8080}, {"uris", {"a.example.com"}}, {"app", "x"}}));
  server.stop();
  server.start();
  bus.publish("router.register", "again");
  EXPECT_EQ(bus.next(), "again");
  EXPECT_EQ(bus.request("nobody.listens", "", 50ms), std::nullopt);
}

TEST(Backend, RecordsARequestToTheByteAndAnswersByScript) {
  backend there{answers::ok("hello", "X-More: 1\r\n")};
  const std::string request = "POST /a?b HTTP/1.1\r\nhOsT: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  client here{there.port()};
  const auto answer = here.send(request + "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n").response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.one("x-more"), "1");
  const auto seen = there.last_request();
  EXPECT_EQ(seen.raw_head, request);
  EXPECT_EQ(seen.method + " " + seen.target, "POST /a?b");
  EXPECT_EQ(seen.body, "abc");
  EXPECT_THAT(seen.trailers, ElementsAre(http_field{"T", "1"}));
  EXPECT_EQ(there.connection_count(), 1u);
}

TEST(Backend, ServesRequestAfterRequestOnAConnectionUntilToldToClose) {
  backend there{answers::echo()};
  client here{there.port()};
  EXPECT_EQ(here.send(post_request("x", "one")).response().body, "one");
  EXPECT_EQ(here.send(post_request("x", "two", "Connection: close\r\n")).response().body, "two");
  EXPECT_TRUE(here.sees_close());
  EXPECT_EQ(there.request_count(), 2u);
  EXPECT_EQ(there.connection_count(), 1u);
}

TEST(Backend, ReportsWhatIsNotStrictHttp) {
  for (const std::string bad :
       {"GET / HTTP/1.1\nHost: x\n\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"}) {
    backend there;
    client here{there.port()};
    here.send(bad);
    here.socket().half_close();
    EXPECT_TRUE(here.sees_end()) << bad;
    EXPECT_EQ(there.take_faults().size(), 1u) << bad;
  }
}

TEST(Backend, ClosesAndResets) {
  backend there{answers::in_turn({answers::closing(), answers::resetting()})};
  client first{there.port()};
  EXPECT_TRUE(first.send(get_request("x")).sees_close());
  client second{there.port()};
  second.send(get_request("x"));
  EXPECT_THROW(second.reader().some(), socket_error);
}

TEST(Backend, EchoesThroughAnUpgradeUntilHalfClose) {
  backend there{answers::upgrade_echo()};
  client here{there.port()};
  here.send(get_request("x", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n") + "early");
  EXPECT_EQ(here.response_head().status, 101);
  EXPECT_EQ(here.reader().exactly(5), "early");
  here.socket().half_close();
  EXPECT_TRUE(here.sees_close());
}

TEST(Client, RefusesResponsesThatAreNotStrict) {
  for (const std::string bad :
       {"HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\r\nA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx"}) {
    backend there{answers::bytes_then_close(bad)};
    client here{there.port()};
    here.send(get_request("x"));
    EXPECT_THROW(here.response(), protocol_error) << bad;
  }
}

TEST(Client, NoticesABodyThatIsCutShort) {
  backend there{answers::bytes_then_close("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")};
  client here{there.port()};
  here.send(get_request("x"));
  EXPECT_THROW(here.response(), socket_error);
}

TEST(Client, ReadsABodyUntilClose) {
  backend there{answers::bytes_then_close("HTTP/1.0 200 OK\r\n\r\nall of it")};
  client here{there.port()};
  const auto answer = here.send(get_request("x")).response();
  EXPECT_EQ(answer.framing, http_framing::until_close);
  EXPECT_EQ(answer.body, "all of it");
}

TEST(Ports, RefuseAndGetStuckAsPromised) {
  const refusing_port refusing;
  EXPECT_THROW(stream_socket::connected_to(refusing.port()), socket_error);
  const stuck_port stuck;
  EXPECT_NE(stuck.port(), 0);
}

TEST(HttpMessage, FindsTokensInLists) {
  const auto head = parse_response_head(
    "HTTP/1.1 204 No Content\r\nConnection: keep-alive, Foo\r\nconnection:close\r\n\r\n", "GET");
  EXPECT_TRUE(head.lists("Connection", "foo"));
  EXPECT_TRUE(head.lists("Connection", "close"));
  EXPECT_FALSE(head.lists("Connection", "keep"));
  EXPECT_THROW(head.one("Connection"), protocol_error);
  EXPECT_THAT(head.body, IsEmpty());
  EXPECT_THAT(head.raw_head, HasSubstr("\r\nconnection:close\r\n"));
}

} // namespace
} // namespace shunt::test
