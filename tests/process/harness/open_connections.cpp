#include "tests/process/harness/open_connections.hpp"

#include "tests/process/harness/answers.hpp"

#include <gtest/gtest.h>

namespace shunt::test {

namespace {

constexpr auto waited_for = "/waited-for";

} // namespace

open_connections::open_connections(stage& here, backend& there)
  : host_{fresh_host()}, kept_{here.under_test.port()}, socket_{here.under_test.port()} {
  there.answer_with([wait = held_.holding(waited_for), echo = answers::upgrade_echo()](backend_session& session) {
    session.request.target == "/ws" ? echo(session) : wait(session);
  });
  here.map(host_, there);
  socket_.send(get_request(host_, "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"));
  EXPECT_EQ(socket_.response_head().status, 101);
  const auto before = there.request_count();
  const auto root = "https://127.0.0.1:" + std::to_string(here.under_test.tls_port());
  streams_ = std::async(std::launch::async, [=, host = host_] {
    return run_tool({"curl", "-sS", "--http2", "-k", "--max-time", "60", "-H", "Host: " + host, "-w",
                     "|%{http_version}|%{num_connects};", root + waited_for, root + "/next"},
                    {}, 90s);
  });
  EXPECT_TRUE(there.wait_for_requests(before + 1));
  speak();
}

void open_connections::speak() {
  EXPECT_EQ(kept_.send(get_request(host_)).response().body, "hello");
  const auto said = "message " + std::to_string(++spoken_);
  EXPECT_EQ(socket_.send(said).reader().exactly(said.size()), said);
}

void open_connections::finish() {
  speak();
  held_.open();
  const auto told = streams_.get();
  EXPECT_EQ(told.output, "hello|2|1;hello|2|0;");
  EXPECT_EQ(told.exit_code, 0);
}

} // namespace shunt::test
