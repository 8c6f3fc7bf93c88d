// Heads that change hands between a connection and whoever serves or asks over it, without being parsed
// once more.
#include "net/head_writer.hpp"
#include "net/http2_link.hpp"
#include "tests/net/http2_kit.hpp"
#include "tests/net/loop_fixture.hpp"
#include "tests/net/outlined.hpp"

#include <array>

namespace shunt::net {
namespace {

using enum field_id;

/// A head as its writer has it.
struct written {
  std::string text;
  head_outline outline;

  iovec part() { return {text.data(), text.size()}; }
  /// Nobody may look at it any more.
  void spoil() { text.assign(text.size(), '#'); }
};

written response(std::string_view status, const field_list& fields, std::size_t body_bytes) {
  written made;
  head_writer to{made.text, &made.outline};
  to.start("HTTP/1.1", status, "Fine");
  for (const auto& [name, value] : fields)
    to.line(identify(name), name, value);
  to.line(content_length, "Content-Length", body_bytes);
  to.end();
  return made;
}

written request(std::string_view path, const field_list& fields) {
  written made;
  head_writer to{made.text, &made.outline};
  to.start("GET", path, "HTTP/1.1");
  to.line(host, "Host", "a.example");
  for (const auto& [name, value] : fields)
    to.line(identify(name), name, value);
  to.end();
  return made;
}

std::size_t write(http2_session& session, http2_stream_id id, written& head, std::string_view body) {
  std::array parts{head.part(), iovec{const_cast<char*>(body.data()), body.size()}};
  return session.write(id, parts, &head.outline);
}

// -- Towards the owner.

TEST(Http2Handover, ARequestIsTakenAsAWhole) {
  served server;
  server.reads = false;
  server.exchange(frame::headers(1, frame::post({{"x-a", "1"}}), false) + frame::data(1, "abc", true));
  const auto id = server.opened.back();
  std::string text = "of the one before";
  head_outline outline;
  ASSERT_TRUE(server.session.has_head(id));
  ASSERT_TRUE(server.session.take_head(id, text, outline));
  EXPECT_EQ(text, "POST /up HTTP/1.1\r\nHost: a.example\r\nx-a: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
  expect_true_of_request(outline, text);
  EXPECT_FALSE(server.session.has_head(id));
  EXPECT_FALSE(server.session.take_head(id, text, outline));
  EXPECT_EQ(server.session.inbound(id), "00000003\r\nabc\r\n0\r\n\r\n");
}

TEST(Http2Handover, WhyAResponseIsNoneIsTold) {
  const auto told = [](const http2_limits& limits) {
    joined pair{limits};
    const auto id = pair.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    pair.client.reads = false;
    pair.answer("HTTP/1.1 200 OK\r\nX-A: " + std::string(300, 'a') + "\r\nX-B: b\r\nContent-Length: 2\r\n\r\nok");
    std::string text;
    head_outline outline;
    EXPECT_TRUE(pair.client.session.take_head(id, text, outline));
    response_head head;
    return read_response(text, outline, false, head, {}).error;
  };
  EXPECT_EQ(told({}), parse_error::none);
  EXPECT_EQ(told({.head_bytes_max = 300}), parse_error::head_too_large);
  EXPECT_EQ(told({.fields_max = 2}), parse_error::too_many_fields);
}

TEST(Http2Handover, AHeadThatWasBegunAsTextIsNotTaken) {
  served server;
  server.reads = false;
  server.exchange(frame::headers(1, frame::get()));
  const auto id = server.opened.back();
  std::string text;
  head_outline outline;
  server.session.consume(id, 4);
  EXPECT_FALSE(server.session.has_head(id));
  EXPECT_FALSE(server.session.take_head(id, text, outline));
  EXPECT_EQ(server.session.inbound(id), "/ HTTP/1.1\r\nHost: a.example\r\n\r\n");
}

TEST(Http2Handover, SeveralHeadsAreText) {
  joined pair;
  const auto id = pair.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  pair.client.reads = false;
  pair.answer("HTTP/1.1 103 Early\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  std::string text;
  head_outline outline;
  EXPECT_FALSE(pair.client.session.take_head(id, text, outline));
  EXPECT_EQ(pair.client.session.inbound(id),
            "HTTP/1.1 103 \r\nx-a: 1\r\n\r\nHTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n");
}

TEST(Http2Handover, EachOfSeveralHeadsCanBeTakenAsItComes) {
  joined pair;
  const auto id = pair.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  pair.client.reads = false;
  std::string text;
  head_outline outline;
  pair.answer("HTTP/1.1 103 Early\r\nX-A: 1\r\n\r\n");
  ASSERT_TRUE(pair.client.session.take_head(id, text, outline));
  EXPECT_EQ(text, "HTTP/1.1 103 \r\nx-a: 1\r\n\r\n");
  expect_true_of_response(outline, text);
  pair.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(pair.client.session.take_head(id, text, outline));
  EXPECT_EQ(text, "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n");
  expect_true_of_response(outline, text);
  EXPECT_EQ(pair.client.session.inbound(id), "ok");
}

// -- From the owner.

TEST(Http2Handover, AResponseIsKeptUntilItIsSent) {
  served server;
  server.exchange(frame::headers(1, frame::get()));
  auto head = response("200", {{"X-Name", "Value"}, {"Connection", "close"}, {"Keep-Alive", "x"}}, 5);
  EXPECT_EQ(write(server.session, server.opened.back(), head, "hello"), head.text.size() + 5);
  head.spoil();
  server.exchange("");
  const auto& sent = server.sent.streams[1];
  EXPECT_EQ(sent.heads, std::vector<std::string>{":status: 200\nx-name: Value\ncontent-length: 5\n"});
  EXPECT_EQ(sent.data, "hello");
  EXPECT_TRUE(sent.ended);
}

TEST(Http2Handover, AnInterimHeadDoesNotTakeThePlaceOfTheNext) {
  served server;
  server.exchange(frame::headers(1, frame::get()));
  const auto id = server.opened.back();
  written early;
  head_writer to{early.text, &early.outline};
  to.start("HTTP/1.1", "103", "Early");
  to.line(other, "X-Early", "yes");
  to.end();
  auto last = response("200", {{"X-Late", "too"}}, 0);
  EXPECT_EQ(write(server.session, id, early, {}), early.text.size());
  EXPECT_EQ(write(server.session, id, last, {}), last.text.size());
  early.spoil();
  last.spoil();
  server.exchange("");
  EXPECT_EQ(server.sent.streams[1].heads,
            (std::vector<std::string>{":status: 103\nx-early: yes\n",
                                      ":status: 200\nx-late: too\ncontent-length: 0\n"}));
}

TEST(Http2Handover, ARequestIsKeptUntilItIsSent) {
  joined pair;
  const auto id = pair.client.session.open();
  auto head = request("/p?q", {{"X-Name", "Value"}, {"TE", "trailers"}});
  EXPECT_EQ(write(pair.client.session, id, head, {}), head.text.size());
  head.spoil();
  pair.pump();
  EXPECT_EQ(pair.server.take_input(pair.asked()),
            "GET /p?q HTTP/1.1\r\nHost: a.example\r\nx-name: Value\r\nte: trailers\r\n\r\n");
}

/// What was kept of a head must not be sent with another's bytes in its place.
TEST(Http2Handover, AHeadOfAStreamThatWasResetIsNeverSent) {
  served server;
  server.exchange(frame::headers(1, frame::get()));
  const auto first = server.opened.back();
  auto head = response("200", {{"X-Name", "first"}}, 0);
  write(server.session, first, head, {});
  server.receive(frame::rst_stream(1, 8));
  EXPECT_TRUE(server.streams[first].ended);
  server.session.release(first);
  server.receive(frame::headers(3, frame::get()));
  auto next = response("404", {{"X-Name", "second"}}, 0);
  write(server.session, server.opened.back(), next, {});
  server.exchange("");
  EXPECT_TRUE(server.sent.streams[1].heads.empty());
  EXPECT_EQ(server.sent.streams[3].heads,
            std::vector<std::string>{":status: 404\nx-name: second\ncontent-length: 0\n"});
}

TEST(Http2Handover, AnOutlineOfSomethingElseIsNotBelieved) {
  served server;
  server.exchange(frame::headers(1, frame::get()));
  auto head = response("200", {}, 5);
  head.text += "hello"; // More than the outline speaks of.
  auto part = head.part();
  EXPECT_EQ(server.session.write(server.opened.back(), std::span{&part, 1}, &head.outline), part.iov_len);
  server.exchange("");
  EXPECT_EQ(server.sent.streams[1].heads, std::vector<std::string>{":status: 200\ncontent-length: 5\n"});
  EXPECT_EQ(server.sent.streams[1].data, "hello");
}

TEST(Http2Handover, ATooLargeHeadIsNotSent) {
  served server{{.sent_head_bytes_max = 100}};
  server.exchange(frame::headers(1, frame::get()));
  auto head = response("200", {{"X-Long", std::string(100, 'x')}}, 0);
  write(server.session, server.opened.back(), head, {});
  server.exchange("");
  EXPECT_TRUE(server.sent.streams[1].heads.empty());
  EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_INTERNAL_ERROR);
}

// -- Through wires.

class Http2HandoverOverWires : public loop_fixture {
protected:
  void SetUp() override {
    loop_fixture::SetUp();
    auto [near, far] = connect();
    server = new http2_link{near, http2_role::server, {}, 1,
                            [this](wire_ptr stream) { served.push_back(std::move(stream)); }};
    client = new http2_link{adopt(::dup(far.descriptor())), http2_role::client_http, {}, 2};
    net::start(server->run({}), [this](const std::exception_ptr&) { ++ended; });
    net::start(client->run({}), [this](const std::exception_ptr&) { ++ended; });
    settle();
  }
  void TearDown() override {
    served.clear();
    server->abort(asio::error::operation_aborted);
    client->abort(asio::error::operation_aborted);
    EXPECT_TRUE(drive_until([&] { return ended == 2; }));
    server = client = nullptr;
    loop_fixture::TearDown();
  }
  wire_ptr ask(const std::string& request) {
    auto asking = client->open();
    EXPECT_FALSE(finish(send(asking, request)));
    EXPECT_TRUE(drive_until([&] { return !served.empty(); }));
    return asking;
  }

  http2_link_ptr server, client;
  std::vector<wire_ptr> served;
  int ended = 0;
  std::string text;
  head_outline outline;
};

TEST_F(Http2HandoverOverWires, WhatFollowsATakenHeadIsInTheBuffer) {
  auto asking = ask("POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(served[0]->take_head(text, outline));
  EXPECT_EQ(text, "POST / HTTP/1.1\r\nHost: a.com\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(served[0]->bytes(), "hello");
  EXPECT_FALSE(served[0]->take_head(text, outline));
  asking->close();
}

TEST_F(Http2HandoverOverWires, AStreamWithoutABodyNeedsNoBuffer) {
  auto asking = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  ASSERT_TRUE(drive_until([&] { return client->carrier()->bytes().empty(); }));
  const auto before = budget.used();
  ASSERT_TRUE(served[0]->take_head(text, outline));
  served[0]->listen();
  asking->listen();
  settle();
  EXPECT_EQ(budget.used(), before);
  asking->close();
}

TEST_F(Http2HandoverOverWires, WhoKeepsHeadsApartIsToldOfThem) {
  auto asking = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  asking->keep_heads_apart();
  running<error_code> waiting{receive(asking)};
  ASSERT_FALSE(finish(send(served[0], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_TRUE(asking->bytes().empty());
  ASSERT_TRUE(asking->take_head(text, outline));
  EXPECT_EQ(text, "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n");
  EXPECT_EQ(asking->bytes(), "ok");
  asking->close();
}

TEST_F(Http2HandoverOverWires, NobodyElseMissesThem) {
  auto asking = ask("GET / HTTP/1.1\r\nHost: a.com\r\n\r\n");
  running<error_code> waiting{receive(asking)};
  ASSERT_FALSE(finish(send(served[0], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")));
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  EXPECT_EQ(asking->bytes(), "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok");
  asking->close();
}

} // namespace
} // namespace shunt::net
