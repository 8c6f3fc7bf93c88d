// Streams as wires: two links over one TCP connection, one on each side, and HTTP/1.1 through both.
#include "net/http2_link.hpp"
#include "net/http2_pool.hpp"
#include "tests/net/http2_kit.hpp"
#include "tests/net/loop_fixture.hpp"

#include <linux/filter.h>

#include <vector>

namespace shunt::net {
namespace {

task<std::string> read_until(wire_ptr from, std::string end) {
  while (from->bytes().find(end) == std::string_view::npos) {
    const auto failed = co_await from->receive();
    if (failed)
      co_return "failed: " + failed.message();
  }
  const std::string text{from->bytes()};
  from->consume(text.size());
  co_return text;
}

task<std::size_t> count_body(wire_ptr from, std::size_t bytes) {
  std::size_t counted = 0;
  while (counted < bytes) {
    counted += from->bytes().size();
    from->consume(from->bytes().size());
    if (counted >= bytes)
      break;
    const auto failed = co_await from->receive();
    if (failed)
      break;
  }
  co_return counted;
}

class Http2Link : public loop_fixture {
protected:
  void open_links(std::chrono::nanoseconds idle = 0s) {
    auto [near, far] = connect();
    server = new http2_link{near, http2_role::server, {}, 1,
                            [this](wire_ptr stream) { served.push_back(std::move(stream)); }};
    client = new http2_link{adopt(::dup(far.descriptor())), http2_role::client_http, {}, 2};
    net::start(server->run({.first = 3s, .idle = idle, .stall = 4s}), [this](const std::exception_ptr&) { ++ended; });
    net::start(client->run({}), [this](const std::exception_ptr&) { ++ended; });
    settle();
  }
  void TearDown() override {
    served.clear();
    if (server) {
      server->abort(asio::error::operation_aborted);
      client->abort(asio::error::operation_aborted);
      EXPECT_TRUE(drive_until([&] { return ended == 2; }));
    }
    server = client = nullptr;
    loop_fixture::TearDown();
  }
  /// A stream on which `head` was sent, and its other side.
  std::pair<wire_ptr, wire_ptr> ask(const std::string& head) {
    const auto before = served.size();
    auto asking = client->open();
    EXPECT_FALSE(finish(send(asking, head)));
    EXPECT_TRUE(drive_until([&] { return served.size() > before; }));
    return {asking, served.back()};
  }
  void close(std::pair<wire_ptr, wire_ptr>& stream) {
    stream.first->close();
    stream.second->close();
    served.clear();
    stream = {};
  }

  http2_link_ptr server, client;
  std::vector<wire_ptr> served;
  int ended = 0;
};

TEST_F(Http2Link, CarriesARequestAndItsResponse) {
  open_links();
  auto stream = ask("GET /a?b HTTP/1.1\r\nHost: a.com\r\nX-Odd: yes\r\n\r\n");
  const auto head = finish(read_until(stream.second, "\r\n\r\n"));
  EXPECT_TRUE(head.starts_with("GET /a?b HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("Host: a.com\r\n"), head.npos) << head;
  EXPECT_NE(head.find("x-odd: yes\r\n"), head.npos) << head;
  ASSERT_FALSE(finish(send(stream.second, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")));
  const auto answer = finish(read_until(stream.first, "hello"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  close(stream);
  EXPECT_TRUE(drive_until([&] { return client->open_streams() == 0 && server->open_streams() == 0; }));
}

TEST_F(Http2Link, CarriesStreamsSideBySide) {
  open_links();
  auto slow = ask("GET /slow HTTP/1.1\r\nHost: a.com\r\n\r\n");
  auto fast = ask("GET /fast HTTP/1.1\r\nHost: a.com\r\n\r\n");
  ASSERT_FALSE(finish(send(fast.second, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfast")));
  EXPECT_TRUE(finish(read_until(fast.first, "fast")).ends_with("fast"));
  ASSERT_FALSE(finish(send(slow.second, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")));
  EXPECT_TRUE(finish(read_until(slow.first, "slow")).ends_with("slow"));
  close(fast);
  close(slow);
}

TEST_F(Http2Link, ASlowReaderStopsTheSenderAndNobodyElse) {
  open_links();
  constexpr std::size_t size = 4'000'000;
  auto big = ask("POST /big HTTP/1.1\r\nHost: a.com\r\nContent-Length: 4000000\r\n\r\n");
  running<error_code> sending{send(big.first, std::string(size, 'x'))};
  settle();
  EXPECT_FALSE(sending.done());
  EXPECT_LT(budget.used(), 1'000'000u);
  auto other = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  ASSERT_FALSE(finish(send(other.second, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  EXPECT_TRUE(finish(read_until(other.first, "ok")).ends_with("ok"));
  (void)finish(read_until(big.second, "\r\n\r\n")); // Perhaps with the beginning of the body.
  EXPECT_GT(finish(count_body(big.second, size - 200'000)), size - 200'001);
  close(other);
  close(big);
}

TEST_F(Http2Link, TellsBothSidesOfAReset) {
  open_links();
  auto stream = ask("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 10\r\n\r\n12345");
  (void)finish(read_until(stream.second, "\r\n\r\n"));
  stream.first->abort(asio::error::operation_aborted);
  stream.first->close();
  running<error_code> waiting{receive(stream.second)};
  ASSERT_TRUE(drive_until([&] { return static_cast<bool>(stream.second->ended()); }));
  EXPECT_EQ(stream.second->ended(), asio::error::connection_reset);
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_TRUE(finish(send(stream.second, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")));
  close(stream);
}

TEST_F(Http2Link, AWatcherHearsOfTheReset) {
  open_links();
  auto stream = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  (void)finish(read_until(stream.second, "\r\n\r\n"));
  int told = 0;
  stream.second->watch([](void* count) { ++*static_cast<int*>(count); }, &told);
  stream.second->listen();
  settle();
  const int before = told; // The end of the request, which is not the client's.
  stream.first->abort(asio::error::operation_aborted);
  stream.first->close();
  ASSERT_TRUE(drive_until([&] { return told > before; }));
  EXPECT_EQ(stream.second->ended(), asio::error::connection_reset);
  close(stream);
}

TEST_F(Http2Link, HalfAResponseIsAReset) {
  open_links();
  auto stream = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  ASSERT_FALSE(finish(send(stream.second, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")));
  (void)finish(read_until(stream.first, "123"));
  stream.second->close();
  EXPECT_EQ(finish(receive(stream.first)), asio::error::connection_reset);
  close(stream);
}

TEST_F(Http2Link, DeadlinesOfAStreamAreItsOwn) {
  open_links();
  auto late = ask("GET /late HTTP/1.1\r\nHost: a.com\r\n\r\n");
  auto fine = ask("GET /fine HTTP/1.1\r\nHost: a.com\r\n\r\n");
  late.first->receive_within(1s);
  running<error_code> waiting{receive(late.first)};
  settle();
  pass(2s);
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_EQ(waiting.value(), asio::error::timed_out);
  close(late);
  ASSERT_FALSE(finish(send(fine.second, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  EXPECT_TRUE(finish(read_until(fine.first, "ok")).ends_with("ok"));
  close(fine);
}

TEST_F(Http2Link, SaysGoodbyeAndFinishesWhatIsUnderWay) {
  open_links();
  auto stream = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  server->shut_down();
  ASSERT_TRUE(drive_until([&] { return !client->can_open(); }));
  ASSERT_FALSE(finish(send(stream.second, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  EXPECT_TRUE(finish(read_until(stream.first, "ok")).ends_with("ok"));
  close(stream);
  EXPECT_TRUE(drive_until([&] { return ended == 2; }));
}

TEST_F(Http2Link, AnIdleConnectionEnds) {
  open_links(5s);
  auto stream = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  pass(20s); // Not idle.
  EXPECT_EQ(ended, 0);
  ASSERT_FALSE(finish(send(stream.second, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")));
  (void)finish(read_until(stream.first, "\r\n\r\n"));
  close(stream);
  settle();
  pass(6s);
  EXPECT_TRUE(drive_until([&] { return ended == 2; }));
}

TEST_F(Http2Link, TheEndOfTheConnectionEndsAllStreams) {
  open_links();
  auto one = ask("GET /1 HTTP/1.1\r\nHost: a.com\r\n\r\n");
  auto two = ask("GET /2 HTTP/1.1\r\nHost: a.com\r\n\r\n");
  running<error_code> first{receive(one.first)}, second{receive(two.first)};
  server->abort(asio::error::operation_aborted);
  ASSERT_TRUE(drive_until([&] { return first.done() && second.done(); }));
  EXPECT_TRUE(first.value());
  EXPECT_TRUE(second.value());
  EXPECT_TRUE(drive_until([&] { return ended == 2; }));
  close(one);
  close(two);
}

TEST_F(Http2Link, ThePoolSharesAConnectionAndForgetsItAtItsEnd) {
  auto [near, far] = connect();
  http2_pool pool{90s};
  http2_link_ptr serving{new http2_link{adopt(::dup(far.descriptor())), http2_role::server, {}, 1,
                                        [this](wire_ptr stream) { served.push_back(stream); }}};
  int over = 0;
  net::start(serving->run({}), [&](const std::exception_ptr&) { ++over; });
  EXPECT_FALSE(pool.find("b"));
  pool.dial_began("b");
  latch opened;
  EXPECT_TRUE(pool.await_dial("b", opened));
  EXPECT_FALSE(pool.await_dial("c", opened));
  pool.add("b", http2_link_ptr{new http2_link{near, http2_role::client_http, {}, 2}});
  pool.dial_ended("b");
  EXPECT_TRUE(opened.is_open());
  EXPECT_TRUE(pool.find("b"));
  EXPECT_FALSE(pool.find("b", pool.find("b").get())) << "there is no other";
  EXPECT_FALSE(pool.find("c"));
  EXPECT_TRUE(pool.last_dial_left_room("b"));
  pool.dial_began("b");
  EXPECT_TRUE(pool.last_dial_left_room("b")) << "it has not ended";
  pool.dial_ended("b");
  EXPECT_FALSE(pool.last_dial_left_room("b")) << "it led to nothing";
  pool.clear();
  EXPECT_FALSE(pool.find("b"));
  EXPECT_TRUE(drive_until([&] { return pool.size() == 0 && over == 1; }));
}

// -- Clients that do not behave.

/// One that writes its frames by hand (RFC 9113, section 4.1).
class Http2LinkAlone : public Http2Link {
protected:
  void SetUp() override {
    auto [near, far] = connect();
    peer = std::move(far);
    client = new http2_link{adopt(::dup(peer.descriptor())), http2_role::client_http, {}, 2}; // Idle.
    ended = 1;
    server = new http2_link{near, http2_role::server, {}, 1,
                            [this](wire_ptr stream) { served.push_back(std::move(stream)); }};
    net::start(server->run({.first = 3s, .idle = 5s, .stall = 4s}),
               [this](const std::exception_ptr&) { ++ended; });
    peer.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  }
  void send_frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
    std::string frame;
    for (const auto shift : {16, 8, 0})
      frame += static_cast<char>(payload.size() >> shift);
    frame += static_cast<char>(type);
    frame += static_cast<char>(flags);
    for (const auto shift : {24, 16, 8, 0})
      frame += static_cast<char>(stream >> shift);
    peer.send(frame + payload);
    settle();
  }
  void send_settings(const std::string& payload = {}) { send_frame(4, 0, 0, payload); }
  /// GET / of a.com.
  static std::string head() { return std::string{"\x82\x86\x84\x41\x05"} + "a.com"; }
  wire_ptr take_request() {
    EXPECT_TRUE(drive_until([&] { return !served.empty(); }));
    auto stream = std::move(served.back());
    served.clear();
    (void)finish(read_until(stream, "\r\n\r\n"));
    return stream;
  }
  bool is_over() {
    settle();
    return ended == 2;
  }

  peer_socket peer;
  static constexpr int headers = 1, end_stream = 1, end_headers = 4;
};

TEST_F(Http2LinkAlone, HalfAHeadIsNotWaitedForLonger) {
  send_settings();
  send_frame(headers, end_stream, 1, head());
  pass(2s);
  send_frame(9, 0, 1, std::string{"\x40\x01x\x01y", 5}); // And a bit more, but not the end.
  EXPECT_FALSE(is_over());
  pass(2s);
  EXPECT_TRUE(drive_until([&] { return is_over(); }));
}

TEST_F(Http2LinkAlone, SilenceAfterTheLastResponseIsIdleness) {
  send_settings();
  send_frame(headers, end_stream | end_headers, 1, head());
  auto stream = take_request();
  ASSERT_FALSE(finish(send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  stream->close(); // Before the response has gone out.
  stream = nullptr;
  settle();
  pass(4s);
  EXPECT_FALSE(is_over());
  pass(2s); // Goodbye, which it does not answer.
  settle();
  pass(6s);
  EXPECT_TRUE(drive_until([&] { return is_over(); }));
}

TEST_F(Http2LinkAlone, AResponseThatIsNeverTakenIsReset) {
  send_settings(std::string{"\0\4\0\0\0\0", 6}); // INITIAL_WINDOW_SIZE: 0.
  send_frame(headers, end_stream | end_headers, 1, head());
  auto stream = take_request();
  ASSERT_FALSE(finish(send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  stream->close();
  stream = nullptr;
  settle();
  EXPECT_EQ(server->open_streams(), 1u);
  pass(5s);
  settle();
  pass(5s);
  settle();
  EXPECT_EQ(server->open_streams(), 0u);
}

TEST_F(Http2LinkAlone, WhatThePeerDoesNotTakeIsHeldAgainstTheBudget) {
  send_settings(std::string{"\0\4\0\0\0\0", 6}); // INITIAL_WINDOW_SIZE: 0.
  send_frame(headers, end_stream | end_headers, 1, head());
  auto stream = take_request();
  const auto before = budget.used();
  const auto send_body = [&] {
    return send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + std::string(60'000, 'x'));
  };
  ASSERT_FALSE(finish(send_body()));
  stream->close();
  stream = nullptr;
  settle();
  EXPECT_GE(budget.used(), before + 45'000) << "but for the buffer that the request was read into";
  budget.set_bytes_max(1);
  send_frame(headers, end_stream | end_headers, 3, head());
  stream = take_request();
  running<error_code> first{send_body()};
  settle();
  EXPECT_FALSE(first.done()) << "there is no memory for all of it";
  budget.set_bytes_max(std::size_t{1} << 30);
  send_frame(8, 0, 3, std::string{"\0\1\0\0", 4}); // WINDOW_UPDATE
  ASSERT_TRUE(drive_until([&] { return first.done(); }));
  stream->close();
}

TEST_F(Http2LinkAlone, WhatWaitsForTheConnectionIsHeldAgainstTheBudget) {
  send_settings(std::string{"\0\4\x7f\xff\xff\xff", 6});
  send_frame(8, 0, 0, std::string{"\x7f\0\0\0", 4});
  send_frame(headers, end_stream | end_headers, 1, head());
  auto stream = take_request();
  const auto before = budget.used();
  constexpr std::size_t size = 20'000'000; // More than the kernel takes.
  running<error_code> sending{
    send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + std::string(size, 'x'))};
  settle();
  EXPECT_FALSE(sending.done());
  EXPECT_GE(budget.used(), before + 100'000) << "the stream's output, and what was on its way";
  stream->close();
}

TEST_F(Http2LinkAlone, NobodyHoldsADrainByNotAnswering) {
  send_settings();
  send_frame(headers, end_stream | end_headers, 1, head());
  auto stream = take_request();
  server->shut_down();
  settle();
  pass(6s); // The stream is open: it may end.
  EXPECT_FALSE(is_over());
  ASSERT_FALSE(finish(send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  stream->close();
  stream = nullptr;
  settle();
  pass(6s);
  EXPECT_TRUE(drive_until([&] { return is_over(); }));
}

TEST_F(Http2Link, HeadsOfAllStreamsTogetherAreBounded) {
  auto [near, far] = connect();
  server = new http2_link{near, http2_role::server, {.heads_bytes_max = 10'000}, 1,
                          [this](wire_ptr stream) { served.push_back(std::move(stream)); }};
  client = new http2_link{adopt(::dup(far.descriptor())), http2_role::client_http, {}, 2};
  net::start(server->run({}), [this](const std::exception_ptr&) { ++ended; });
  net::start(client->run({}), [this](const std::exception_ptr&) { ++ended; });
  const auto large = "GET / HTTP/1.1\r\nHost: a.com\r\nX-Large: " + std::string(6'000, 'x') + "\r\n\r\n";
  auto first = ask(large);
  auto second = client->open();
  ASSERT_FALSE(finish(send(second, large)));
  EXPECT_EQ(finish(receive(second)), asio::error::connection_refused) << "it may go elsewhere";
  second->close();
  (void)finish(read_until(first.second, "\r\n\r\n"));
  ASSERT_FALSE(finish(send(first.second, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  EXPECT_TRUE(finish(read_until(first.first, "ok")).ends_with("ok"));
  close(first);
  ASSERT_TRUE(drive_until([&] { return server->open_streams() == 0; }));
  auto again = ask(large); // What has ended counts no more.
  close(again);
}

TEST_F(Http2Link, WhoWaitsForADialMayDialItself) {
  http2_pool pool{90s};
  struct waiter {
    static task<void> wait(http2_pool& pool, int& failures) {
      latch opened;
      if (pool.await_dial("b", opened))
        co_await opened;
      pool.dial_began("b"); // And fails at once.
      ++failures;
      pool.dial_ended("b");
    }
  };
  int failures = 0;
  pool.dial_began("b");
  for (int i = 0; i < 5; ++i)
    net::start(waiter::wait(pool, failures), [](const std::exception_ptr&) {});
  EXPECT_EQ(failures, 0);
  pool.dial_ended("b");
  EXPECT_EQ(failures, 5);
  EXPECT_FALSE(pool.find("b"));
}

// -- A backend whose host is gone.

class Http2LinkToALostHost : public loop_fixture {
protected:
  void SetUp() override {
    loop_fixture::SetUp();
    auto [near, far] = connect({.wire_send_bytes = 4'096, .peer_receive_bytes = 4'096});
    peer.emplace(std::move(far));
    carrier = near;
    client = new http2_link{near, http2_role::client_http, {}, 1};
    pool.add("b", client, lost);
    peer->send(frame::settings() + frame::settings_ack());
    settle();
  }
  void TearDown() override {
    carrier = nullptr;
    client->abort(asio::error::operation_aborted);
    EXPECT_TRUE(drive_until([&] { return pool.size() == 0; }));
    client = nullptr;
    loop_fixture::TearDown();
  }
  wire_ptr ask() {
    auto asking = pool.find("b")->open();
    EXPECT_FALSE(finish(send(asking, "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n")));
    settle();
    return asking;
  }

  /// As when it lost its power: what comes is not even acknowledged.
  void go_deaf() {
    sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const sock_fprog program{1, drop_all};
    ASSERT_EQ(::setsockopt(peer->descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
  }

  static constexpr auto lost = 100ms;
  http2_pool pool{90s};
  std::optional<peer_socket> peer;
  wire_ptr carrier;
  http2_link_ptr client;
};

TEST_F(Http2LinkToALostHost, EndsAllStreamsAndTakesNoMore) {
  const auto heard = ask();
  go_deaf();
  const auto unheard = ask();
  running<error_code> first{receive(heard)}, second{receive(unheard)};
  ASSERT_TRUE(drive_until([&] {
    pass(lost);
    return first.done() && second.done();
  }));
  EXPECT_EQ(first.value(), asio::error::connection_reset);
  EXPECT_EQ(second.value(), asio::error::connection_reset);
  EXPECT_FALSE(pool.find("b"));
  heard->close();
  unheard->close();
}

/// A full buffer is asked about again and again, too, and nothing that waits is acknowledged. But the host answers.
TEST_F(Http2LinkToALostHost, AProcessThatReadsNothingIsNotLost) {
  auto stream = client->open();
  running<error_code> sending{send(stream, "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 60000\r\n\r\n"
                                             + std::string(60'000, 'x'))};
  const auto asked_again = [this] {
    tcp_info told{};
    socklen_t size = sizeof told;
    ::getsockopt(carrier->socket().native_handle(), IPPROTO_TCP, TCP_INFO, &told, &size);
    return told.tcpi_backoff >= 2;
  };
  ASSERT_TRUE(drive_until([&] {
    pass(lost);
    return asked_again();
  }));
  EXPECT_EQ(pool.find("b"), client);
  EXPECT_FALSE(stream->ended());
  stream->close();
}

// -- Spoken to in frames.

class Http2LinkToAClient : public loop_fixture {
protected:
  void SetUp() override {
    loop_fixture::SetUp();
    auto [near, far] = connect();
    peer.emplace(std::move(far));
    server = new http2_link{near, http2_role::server, {}, 1,
                            [this](wire_ptr stream) { served.push_back(std::move(stream)); }};
    net::start(server->run({}), [this](const std::exception_ptr&) { ended = true; });
    settle();
  }
  void TearDown() override {
    served.clear();
    server->abort(asio::error::operation_aborted);
    EXPECT_TRUE(drive_until([&] { return ended; }));
    server = nullptr;
    loop_fixture::TearDown();
  }

  /// Runs one handler after the other until `done()`.
  template <class Done>
  bool drive_one_by_one(Done done) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!done() && std::chrono::steady_clock::now() < until)
      loop.context().run_one_for(1ms);
    return done();
  }

  std::optional<peer_socket> peer;
  http2_link_ptr server;
  std::vector<wire_ptr> served;
  bool ended = false;
};

TEST_F(Http2LinkToAClient, NobodyHearsOfAStreamThatIsTakenBackAtOnce) {
  peer->send(frame::preface() + frame::headers(1, frame::get("/1")) + frame::rst_stream(1, 8)
             + frame::headers(3, frame::get("/3")));
  ASSERT_TRUE(drive_until([&] { return !served.empty(); }));
  settle();
  EXPECT_EQ(served.size(), 1u);
  EXPECT_EQ(server->open_streams(), 1u);
  EXPECT_TRUE(finish(read_until(served[0], "\r\n\r\n")).starts_with("GET /3 "));
}

TEST_F(Http2LinkToAClient, ManyStreamsAtOnceLeaveOthersTheirTurn) {
  std::string frames = frame::preface();
  for (std::uint32_t id = 1; id < 80; id += 2)
    frames += frame::headers(id, frame::get());
  peer->send(frames);
  ASSERT_TRUE(drive_one_by_one([&] { return !served.empty(); }));
  EXPECT_EQ(served.size(), 16u);
  settle();
  EXPECT_EQ(served.size(), 40u);
}

} // namespace
} // namespace shunt::net
