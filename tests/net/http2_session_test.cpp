// Messages through sessions: two of them joined, or a server spoken to in frames made by hand.
#include "net/http2_session.hpp"

#include "net/http2_head.hpp"
#include "tests/net/http2_kit.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::net {

namespace {

using namespace std::string_literals;

constexpr std::string_view get = "GET /p?q HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n";

TEST(Http2Session, CarriesARequestAndItsResponse) {
  joined pair;
  const auto id = pair.ask(get);
  EXPECT_EQ(pair.server.take_input(pair.asked()),
            "GET /p?q HTTP/1.1\r\nHost: a.example\r\nx: y\r\n\r\n");
  pair.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nX: y\r\n\r\nhello");
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 200 \r\ncontent-length: 5\r\nx: y\r\n\r\nhello");
  EXPECT_TRUE(pair.client.streams[id].ended && pair.server.streams[pair.asked()].ended);
  EXPECT_TRUE(pair.client.session.ending(id).input_complete);
  EXPECT_EQ(pair.client.session.ending(id).code, http2_code::no_error);
  pair.client.session.release(id);
  pair.server.session.release(pair.asked());
  EXPECT_TRUE(pair.client.session.is_idle() && pair.server.session.is_idle());
}

TEST(Http2Session, UsesStreamsAgain) {
  joined pair;
  for (int i = 0; i < 1'000; ++i) {
    const auto id = pair.ask(get);
    pair.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nhi");
    EXPECT_EQ(id, 0u);
    EXPECT_EQ(pair.asked(), 0u);
    pair.client.session.release(id);
    pair.server.session.release(pair.asked());
  }
}

TEST(Http2Session, GoesOnAfterEachRest) {
  joined pair;
  for (int i = 0; i < 20; ++i) {
    pair.client.session.rest();
    pair.server.session.rest();
    EXPECT_TRUE(pair.client.session.resting() && pair.server.session.resting());
    EXPECT_TRUE(pair.client.session.can_open());
    // Fields that both sides' tables remember, and some that they do not know yet.
    const auto id = pair.ask("GET /p HTTP/1.1\r\nHost: a.example\r\nX: " + std::to_string(i / 2) + "\r\n\r\n");
    pair.server.session.rest();
    EXPECT_FALSE(pair.server.session.resting()) << "in the middle of a request";
    EXPECT_EQ(pair.server.take_input(pair.asked()),
              "GET /p HTTP/1.1\r\nHost: a.example\r\nx: " + std::to_string(i / 2) + "\r\n\r\n");
    pair.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nY: z\r\n\r\nhi");
    EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 200 \r\ncontent-length: 2\r\ny: z\r\n\r\nhi");
    pair.client.session.release(id);
    pair.server.session.release(pair.asked());
    pair.pump();
  }
  pair.client.session.rest(); // And ends that way.
}

TEST(Http2Session, CarriesWhatArrivesByteByByte) {
  joined pair;
  const auto id = pair.client.session.open();
  for (
    const char c :
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"s) {
    EXPECT_EQ(pair.client.session.write(id, std::string_view{&c, 1}), 1u);
    for (const char byte : pair.client.collect())
      pair.server.receive({&byte, 1});
  }
  pair.pump();
  EXPECT_EQ(pair.server.take_input(pair.asked()),
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "00000001\r\na\r\n00000001\r\nb\r\n00000001\r\nc\r\n0\r\nx-t: 1\r\n\r\n");
  for (const char c :
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nY: 2\r\n\r\n"s)
    EXPECT_EQ(pair.server.session.write(pair.asked(), std::string_view{&c, 1}), 1u);
  pair.pump();
  EXPECT_EQ(
    pair.client.take_input(id),
    "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n00000002\r\nhi\r\n0\r\ny: 2\r\n\r\n");
}

TEST(Http2Session, CarriesGrpcBothWaysAtOnce) {
  joined pair;
  const auto id =
    pair.ask("POST /s/m HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nContent-Type: application/grpc\r\n"
             "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(pair.server.take_input(pair.asked()),
            "POST /s/m HTTP/1.1\r\nHost: h\r\ncontent-type: application/grpc\r\n"
            "te: trailers\r\nTransfer-Encoding: chunked\r\n\r\n");
  pair.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    pair.client.session.write(id, "4\r\nping\r\n");
    pair.pump();
    EXPECT_EQ(pair.server.take_input(pair.asked()), "00000004\r\nping\r\n");
    pair.answer("4\r\npong\r\n");
    EXPECT_EQ(pair.client.take_input(id), "00000004\r\npong\r\n");
  }
  pair.client.session.write(id, "0\r\n\r\n");
  pair.pump();
  pair.answer("0\r\ngrpc-status: 0\r\n\r\n");
  EXPECT_EQ(pair.server.take_input(pair.asked()), "0\r\n\r\n");
  EXPECT_EQ(pair.client.take_input(id), "0\r\ngrpc-status: 0\r\n\r\n");
  EXPECT_EQ(pair.client.session.ending(id).code, http2_code::no_error);
}

TEST(Http2Session, CarriesTrailersWithoutABody) {
  joined pair;
  const auto id = pair.ask(get);
  pair.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 5\r\n\r\n");
  EXPECT_EQ(pair.client.take_input(id),
            "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 5\r\n\r\n");
}

TEST(Http2Session, CarriesTrailersBehindABodyWhoseLengthIsTold) {
  joined pair;
  const auto id = pair.client.session.open();
  pair.client.session.end_apart(id);
  pair.client.session.write(id, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  pair.pump();
  EXPECT_EQ(pair.server.take_input(pair.asked()), "POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 3\r\n\r\nabc");
  EXPECT_FALSE(pair.server.session.input_complete(pair.asked()));
  pair.client.session.write(id, "0\r\nX-T: 1\r\n\r\n");
  pair.pump();
  EXPECT_TRUE(pair.server.session.input_complete(pair.asked()));
  EXPECT_EQ(pair.server.session.trailers_apart(pair.asked()), "x-t: 1\r\n");
  pair.server.session.end_apart(pair.asked());
  pair.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_FALSE(pair.client.session.input_complete(id));
  pair.answer("0\r\n\r\n"); // It has none after all.
  EXPECT_TRUE(pair.client.session.input_complete(id));
  EXPECT_EQ(pair.client.session.trailers_apart(id), "");
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nhi");
  EXPECT_EQ(pair.server.take_input(pair.asked()), "");
  EXPECT_EQ(pair.client.session.ending(id).code, http2_code::no_error);
}

TEST(Http2Session, FramesEveryKindOfResponse) {
  struct {
    std::string_view method, response, expected;
  } const cases[] = {
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 \r\n\r\n"},
    {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 \r\n\r\n"},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 304 \r\ncontent-length: 5\r\n\r\n"},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
     "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n"},
    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 \r\n\r\n"},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"},
    {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"GET",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\nHTTP/1.1 200 "
     "OK\r\nContent-Length: 2\r\n\r\nhi",
     "HTTP/1.1 100 \r\n\r\nHTTP/1.1 103 \r\nlink: l\r\n\r\nHTTP/1.1 200 \r\ncontent-length: "
     "2\r\n\r\nhi"},
  };
  for (const auto& c : cases) {
    joined pair;
    const auto id = pair.ask(std::string{c.method} + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    pair.answer(c.response);
    EXPECT_EQ(pair.client.take_input(id), c.expected);
    EXPECT_TRUE(pair.client.streams[id].ended && pair.client.session.ending(id).input_complete)
      << c.response;
  }
}

TEST(Http2Session, EndsAnUnframedResponseWhenToldTo) {
  joined pair;
  const auto id = pair.ask(get);
  pair.answer("HTTP/1.1 200 OK\r\n\r\nhello");
  EXPECT_FALSE(pair.client.streams[id].ended);
  pair.server.session.end(pair.asked());
  pair.pump();
  EXPECT_EQ(pair.client.take_input(id),
            "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n00000005\r\nhello\r\n0\r\n\r\n");
}

TEST(Http2Session, ResetsWhatEndsInTheMiddle) {
  for (const auto* begun : {"", "HTTP/1.1 2", "HTTP/1.1 100 Continue\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
    joined pair;
    const auto id = pair.ask(get);
    pair.answer(begun);
    pair.server.session.end(pair.asked());
    pair.pump();
    EXPECT_TRUE(pair.client.streams[id].ended);
    EXPECT_EQ(pair.client.session.ending(id).code, http2_code::internal_error) << begun;
    EXPECT_FALSE(pair.client.session.ending(id).input_complete);
  }
}

TEST(Http2Session, ResetsWhatTheOwnerWritesWrongly) {
  for (const auto* wrong :
       {"nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx"}) {
    joined pair;
    pair.ask(get);
    pair.server.session.write(pair.asked(), wrong);
    pair.pump();
    EXPECT_TRUE(pair.server.streams[pair.asked()].ended) << wrong;
  }
}

TEST(Http2Session, ReleasesWhatIsWrittenAndResetsTheRest) {
  joined pair;
  const auto whole = pair.ask(get);
  pair.server.session.write(pair.asked(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  pair.server.session.release(pair.asked());
  pair.pump();
  EXPECT_EQ(pair.client.take_input(whole), "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nhi");
  const auto half = pair.ask(get);
  pair.server.session.write(pair.asked(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
  pair.server.session.release(pair.asked());
  pair.pump();
  EXPECT_EQ(pair.client.session.ending(half).code, http2_code::internal_error);
  EXPECT_TRUE(pair.server.session.is_idle());
  const auto unwanted = pair.ask(get);
  pair.client.session.release(unwanted);
  pair.pump();
  EXPECT_EQ(pair.server.session.ending(pair.asked()).code, http2_code::cancel);
}

/// A client session with one request, on stream 1, of which `response` has arrived and was read.
struct answered : owner {
  explicit answered(const std::string& response, const std::string& method = "GET") : owner{http2_role::client_https} {
    receive(frame::settings() + frame::settings_ack());
    id = session.open();
    session.write(id, method + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    collect();
    receive(response);
    session.release(id);
  }
  int reset_code() {
    frame_reader sent;
    sent.take(collect());
    return sent.streams[1].reset;
  }

  http2_stream_id id = 0;
};

TEST(Http2Session, LeavesAWholeResponseToEndByItself) {
  const auto head = [](const std::string& status, const std::string& length) {
    return frame::headers(1, {{":status", status}, {"content-length", length}}, false);
  };
  answered with_body{head("200", "2") + frame::data(1, "ok")}, without{head("200", "0")}, not_modified{head("304", "9")},
    of_head{head("200", "9"), "HEAD"};
  for (auto* each : {&with_body, &without, &not_modified, &of_head}) {
    EXPECT_EQ(each->reset_code(), -1);
    EXPECT_EQ(each->session.open_streams(), 1u);
    EXPECT_TRUE(each->receive(frame::data(1, "", true)));
    EXPECT_EQ(each->reset_code(), -1);
    EXPECT_TRUE(each->session.is_idle());
    EXPECT_EQ(each->session.lingering_streams(), 0u);
  }
}

TEST(Http2Session, WaitsForNoResponseForEver) {
  answered client{frame::headers(1, {{":status", "200"}, {"content-length", "2"}}, false) + frame::data(1, "ok")};
  EXPECT_EQ(client.session.reset_stalled(), 1u) << "it has begun to wait just now";
  EXPECT_EQ(client.reset_code(), -1);
  EXPECT_EQ(client.session.reset_stalled(), 0u);
  EXPECT_EQ(client.reset_code(), NGHTTP2_CANCEL);
  EXPECT_TRUE(client.session.is_idle());
}

TEST(Http2Session, ResetsAResponseOfWhichMoreIsToCome) {
  const auto head = frame::headers(1, {{":status", "200"}, {"content-length", "3"}}, false);
  answered half{head + frame::data(1, "ok")}, unframed{frame::headers(1, {{":status", "200"}}, false)};
  EXPECT_EQ(half.reset_code(), NGHTTP2_CANCEL);
  EXPECT_EQ(unframed.reset_code(), NGHTTP2_CANCEL);
}

TEST(Http2Session, StopsAClientThatSendsOnAfterTheResponse) {
  joined pair;
  const auto id = pair.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
  pair.answer("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 413 \r\ncontent-length: 0\r\n\r\n");
  EXPECT_FALSE(pair.client.streams[id].ended) << "the server still reads";
  pair.server.session.release(pair.asked());
  pair.pump();
  EXPECT_TRUE(pair.client.streams[id].ended && pair.server.session.is_idle());
  EXPECT_EQ(pair.client.session.ending(id).code, http2_code::no_error);
  EXPECT_TRUE(pair.client.session.ending(id).input_complete);
  EXPECT_EQ(pair.client.session.write(id, "world"), 0u);
}

TEST(Http2Session, TellsWhichRequestsAreSafeToRepeat) {
  joined pair;
  const auto refused = pair.ask(get), cancelled = pair.ask(get);
  pair.server.session.reset(pair.server.opened[0], http2_code::refused_stream);
  pair.server.session.reset(pair.server.opened[1], http2_code::cancel);
  pair.pump();
  EXPECT_TRUE(pair.client.session.ending(refused).unprocessed);
  EXPECT_FALSE(pair.client.session.ending(cancelled).unprocessed);
  EXPECT_EQ(pair.client.session.ending(cancelled).code, http2_code::cancel);

  owner client{http2_role::client_https};
  const auto first = client.session.open(), second = client.session.open();
  client.session.write(first, get);
  client.session.write(second, get);
  client.receive(frame::settings());
  client.collect();
  EXPECT_TRUE(client.receive(frame::goaway(1, 0)));
  EXPECT_FALSE(client.streams[first].ended);
  EXPECT_TRUE(client.streams[second].ended && client.session.ending(second).unprocessed);
  EXPECT_FALSE(client.session.can_open());
  const auto late = client.session.open();
  client.session.write(late, get);
  client.collect();
  EXPECT_TRUE(client.streams[late].ended && client.session.ending(late).unprocessed);
  client.session.abandon(http2_code::cancel);
  client.listen();
  EXPECT_TRUE(client.streams[first].ended);
  EXPECT_FALSE(client.session.ending(first).unprocessed);
}

TEST(Http2Session, ForgetsARequestThatNeverLeft) {
  owner client{http2_role::client_https};
  client.receive(frame::settings());
  const auto given_up = client.session.open();
  client.session.write(given_up, get);
  client.session.release(given_up);
  client.collect();
  EXPECT_EQ(client.session.open_streams(), 0u);
  EXPECT_TRUE(client.session.can_open());
  EXPECT_NE(client.session.open(), client.session.open()) << "two streams in one slot";
  EXPECT_EQ(client.session.open_streams(), 2u);
}

TEST(Http2Session, GivesNoStreamTheTrailersOfAnother) {
  owner client{http2_role::client_https};
  client.receive(frame::settings());
  const auto a = client.session.open(), b = client.session.open();
  client.session.write(a, get);
  client.session.write(b, get);
  client.collect();
  const field_list ok{{":status", "200"}};
  client.receive(frame::headers(1, ok, false) + frame::headers(3, ok, false)
                 + frame::headers(1, {{"x-secret-of-a", "42"}, {"BAD NAME", "x"}})
                 + frame::data(3, "b", true));
  client.collect();
  const auto input = client.take_input(b);
  EXPECT_NE(input.find("0\r\n\r\n"), std::string::npos);
  EXPECT_EQ(input.find("x-secret-of-a"), std::string::npos);
}

TEST(Http2Session, ShowsNoPartOfAMalformedResponse) {
  for (const auto& wrong :
       {frame::headers(1, {{":status", "103"}, {"x", "y"}}),
        frame::headers(1, {{":status", "200"}, {"X", "y"}}),
        frame::headers(1, {{":status", "200"}, {"connection", "close"}}),
        frame::headers(1, {{":status", "101"}}, false), frame::headers(1, {{"x", "y"}}),
        frame::data(1, "x", true), frame::headers(1, {{":status", "200"}, {"content-length", "5"}}),
        frame::headers(1, {{":status", "2x0"}})}) {
    owner client{http2_role::client_https};
    const auto id = client.session.open();
    client.session.write(id, get);
    client.collect();
    client.receive(frame::settings() + frame::headers(1, {{":status", "103"}}, false) + wrong);
    client.collect();
    EXPECT_EQ(client.take_input(id), "HTTP/1.1 103 \r\n\r\n");
    EXPECT_TRUE(client.streams[id].ended);
    EXPECT_EQ(client.session.ending(id).code, http2_code::protocol_error);
  }
}

TEST(Http2Session, OpensNoMoreThanThePeerTakes) {
  http2_limits limits;
  limits.streams_max = 2;
  joined pair{limits};
  EXPECT_TRUE(pair.client.session.can_open());
  pair.ask(get);
  EXPECT_TRUE(pair.client.session.can_open());
  const auto last = pair.ask(get);
  EXPECT_FALSE(pair.client.session.can_open());
  pair.answer("HTTP/1.1 204 No Content\r\n\r\n");
  pair.client.session.release(last);
  EXPECT_TRUE(pair.client.session.can_open());
}

TEST(Http2Session, StopsARequestWhenItIsAnsweredAndNobodyReadsItAnyMore) {
  served server;
  const auto ask = [&](std::uint32_t stream) {
    server.exchange(frame::headers(stream, frame::post(), false));
    server.session.write(server.opened.back(), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    return server.opened.back();
  };
  const auto read = ask(1);
  server.exchange(frame::data(1, "more"));
  EXPECT_TRUE(server.sent.streams[1].ended);
  EXPECT_EQ(server.sent.streams[1].reset, -1) << "it is still read";
  server.session.release(read);
  server.sent.take(server.collect());
  EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_NO_ERROR);
  server.session.release(ask(3)); // Before the answer has left.
  server.sent.take(server.collect());
  EXPECT_TRUE(server.sent.streams[3].ended);
  EXPECT_EQ(server.sent.streams[3].reset, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(server.session.is_idle());
}

// -- WebSockets.

constexpr std::string_view handshake =
  "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The answer to the handshake that the server's owner was shown.
std::string accepting(std::string_view input) {
  const auto at = input.find("Sec-WebSocket-Key: ") + 19;
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
         "websocket\r\nSec-WebSocket-Accept: "
         + websocket_accept(input.substr(at, 24)) + "\r\nX: y\r\n\r\n";
}

TEST(Http2Session, CarriesAWebSocketBothWays) {
  joined pair;
  EXPECT_TRUE(pair.client.session.peer_allows_websocket());
  const auto id = pair.ask(handshake);
  const auto asked = pair.server.take_input(pair.asked());
  EXPECT_TRUE(
    asked.starts_with("GET /chat HTTP/1.1\r\nHost: a.example\r\nsec-websocket-version: 13\r\n"
                      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "))
    << asked;
  pair.answer(accepting(asked) + "first");
  EXPECT_EQ(
    pair.client.take_input(id),
    "HTTP/1.1 101 Switching Protocols\r\nx: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst");
  pair.client.session.write(id, "raw \r\n\r\n bytes");
  pair.pump();
  EXPECT_EQ(pair.server.take_input(pair.asked()), "raw \r\n\r\n bytes");
  EXPECT_FALSE(pair.server.session.input_ended(pair.asked()));
  pair.client.session.end(id);
  pair.pump();
  EXPECT_TRUE(pair.server.session.input_ended(pair.asked()));
  EXPECT_FALSE(pair.server.streams[pair.asked()].ended);
  pair.answer("last");
  pair.server.session.end(pair.asked());
  pair.pump();
  EXPECT_EQ(pair.client.take_input(id), "last");
  EXPECT_TRUE(pair.client.session.input_ended(id) && pair.client.streams[id].ended);
  EXPECT_EQ(pair.client.session.ending(id).code, http2_code::no_error);
}

TEST(Http2Session, RelaysARefusedWebSocket) {
  joined pair;
  const auto id = pair.ask(handshake);
  pair.answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 403 \r\ncontent-length: 2\r\n\r\nno");
  EXPECT_TRUE(pair.client.streams[id].ended);
}

TEST(Http2Session, OpensNoTunnelToWhatIsNoWebSocket) {
  for (const auto* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"}) {
    joined pair;
    const auto id = pair.ask(handshake);
    pair.answer(answer);
    EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 502 \r\ncontent-length: 0\r\n\r\n");
  }
}

TEST(Http2Session, ShowsNoBytesOfATunnelThatWasRefused) {
  owner server{http2_role::server};
  server.receive(frame::preface() + frame::headers(1, frame::websocket(), false)
                 + frame::data(1, "GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n"));
  EXPECT_EQ(server.take_input(0).find("smuggled"), std::string::npos);
  server.session.write(0, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  server.listen();
  server.receive(frame::data(1, "GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n"));
  server.collect();
  EXPECT_EQ(server.take_input(0), "");
}

TEST(Http2Session, KeepsWhatATunnelWasSentBeforeItIsOpen) {
  owner server{http2_role::server};
  server.receive(frame::preface() + frame::headers(1, frame::websocket(), false) + frame::data(1, "all of it", true));
  const auto asked = server.take_input(0);
  EXPECT_FALSE(server.session.input_ended(0)) << "its end comes behind what is not shown yet";
  server.session.write(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Accept: "
                            + websocket_accept(asked.substr(asked.find("Sec-WebSocket-Key: ") + 19, 24)) + "\r\n\r\n");
  server.listen();
  EXPECT_EQ(server.take_input(0), "all of it");
  EXPECT_TRUE(server.session.input_ended(0));
}

TEST(Http2Session, KeepsWebSocketsFromPeersThatTakeNone) {
  http2_limits limits;
  limits.websocket = false;
  joined pair{limits};
  EXPECT_FALSE(pair.client.session.peer_allows_websocket());
  const auto id = pair.client.session.open();
  pair.client.session.write(id, handshake);
  pair.client.listen();
  EXPECT_TRUE(pair.client.streams[id].ended && pair.client.session.ending(id).unprocessed);
}

// -- Leaving.

TEST(Http2Session, FinishesWhatIsUnderWayAfterGoodbye) {
  joined pair;
  const auto id = pair.ask(get);
  pair.server.session.shutdown();
  const auto notice = pair.server.collect();
  frame_reader frames;
  frames.take(notice);
  ASSERT_EQ(frames.goaways.size(), 1u);
  EXPECT_EQ(frames.goaways[0], std::make_pair(0x7fffffffu, 0));
  // A request that crosses the notice is still served.
  const auto crossing = pair.client.session.open();
  pair.client.session.write(crossing, get);
  pair.server.receive(pair.client.collect());
  EXPECT_EQ(pair.server.opened.size(), 2u);
  pair.client.receive(notice);
  EXPECT_FALSE(pair.client.session.can_open());
  pair.pump();
  for (const auto each : {pair.server.opened[0], pair.server.opened[1]})
    pair.server.session.write(each, "HTTP/1.1 204 No Content\r\n\r\n");
  pair.pump();
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 204 \r\n\r\n");
  EXPECT_EQ(pair.client.take_input(crossing), "HTTP/1.1 204 \r\n\r\n");
  EXPECT_TRUE(pair.server.session.finished());
}

TEST(Http2Session, NamesTheLastStreamAfterARoundTrip) {
  owner server{http2_role::server};
  frame_reader frames;
  server.receive(frame::preface() + frame::headers(1, frame::get())
                 + frame::headers(3, frame::get()));
  server.session.shutdown();
  frames.take(server.collect());
  EXPECT_EQ(frames.pings, 1);
  EXPECT_TRUE(server.receive(frame::ping(true)));
  frames.take(server.collect());
  ASSERT_EQ(frames.goaways.size(), 2u);
  EXPECT_EQ(frames.goaways[1], std::make_pair(3u, 0));
  server.receive(frame::headers(5, frame::get()));
  EXPECT_EQ(server.opened.size(), 2u);
}

} // namespace

} // namespace shunt::net
