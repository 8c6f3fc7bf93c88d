// A server session and clients that break rules, smuggle or stall: frames made by hand.
#include "net/http2_session.hpp"

#include "net/http_head.hpp"
#include "tests/net/http2_kit.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::net {

namespace {

using namespace std::string_literals;

// -- Settings and malformed messages.

TEST(Http2Defence, AnnouncesItsLimits) {
  served server;
  EXPECT_EQ(server.sent.settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], 250u);
  EXPECT_EQ(server.sent.settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], 65'536u);
  EXPECT_EQ(server.sent.settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], 1u << 20);
  EXPECT_EQ(server.sent.settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1u);
  EXPECT_EQ(server.sent.credit[0], (1u << 20) - 65'535u);
}

TEST(Http2Defence, ResetsMalformedRequestsAndShowsNothing) {
  const auto with = [](field_list more) {
    auto all = frame::get();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const field_list cases[] = {
    with({{"x", "1\r\nhost: b"}}),
    with({{"x", "a\0b"s}}),
    with({{"x", "\x01"}}),
    with({{"x", " 1"}}),
    with({{"x y", "1"}}),
    with({{"x\r\n", "1"}}),
    with({{"X", "1"}}),
    with({{"", "1"}}),
    with({{"connection", "x"}}),
    with({{"keep-alive", "1"}}),
    with({{"proxy-connection", "1"}}),
    with({{"transfer-encoding", "chunked"}}),
    with({{"upgrade", "h2c"}}),
    with({{"te", "gzip"}}),
    with({{"content-length", "1"}}), // And no body.
    with({{"content-length", "0"}, {"content-length", "0"}}),
    with({{"host", "b.example"}}),
    with({{":path", "/"}}),
    with({{"x", "y"}, {":method", "GET"}}),
    with({{":protocol", "websocket"}}),
    frame::get("/a b"),
    frame::get("/\r\nx: y"),
    frame::get("a"),
    frame::get("*"),
    frame::get(""),
    {{":method", "G T"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a"}},
    {{":method", "GET / HTTP/1.1\r\nx:"},
     {":scheme", "https"},
     {":path", "/"},
     {":authority", "a"}},
    {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a b"}},
    {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "u@a"}},
    {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}},
    {{":method", "GET"}, {":scheme", "ftp"}, {":path", "x"}, {":authority", "a"}},
    {{":method", "GET"}, {":path", "/"}, {":authority", "a"}},
    {{":scheme", "https"}, {":path", "/"}, {":authority", "a"}},
    {},
  };
  for (const auto& fields : cases) {
    served server;
    const auto text =
      fields.empty() ? "no fields"s : fields.back().first + ": " + fields.back().second;
    EXPECT_TRUE(server.exchange(frame::headers(1, fields))) << text;
    EXPECT_TRUE(server.opened.empty()) << text;
    EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_PROTOCOL_ERROR) << text;
    EXPECT_TRUE(server.session.is_idle()) << text;
    server.exchange(frame::headers(3, frame::get())); // The connection goes on.
    EXPECT_EQ(server.opened.size(), 1u) << text;
  }
}

TEST(Http2Defence, ChecksContentLengthAgainstData) {
  const auto head = frame::headers(1, frame::post({{"content-length", "5"}}), false);
  for (const auto& wrong :
       {frame::data(1, "abc", true), frame::data(1, "abcdef"), frame::data(1, "", true),
        frame::data(1, "abc") + frame::headers(1, {{"x", "y"}})}) {
    served server;
    server.exchange(head + wrong);
    EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_PROTOCOL_ERROR);
    EXPECT_TRUE(server.streams[0].ended);
    EXPECT_FALSE(server.session.ending(0).input_complete);
  }
  served server;
  server.exchange(head + frame::data(1, "ab") + frame::data(1, "cde", true));
  EXPECT_TRUE(server.take_input(0).ends_with("content-length: 5\r\n\r\nabcde"));
  EXPECT_FALSE(server.streams[0].ended);
}

TEST(Http2Defence, ResetsMalformedTrailers) {
  for (const auto& trailers :
       {field_list{{":path", "/"}}, field_list{{"x", "a\r\nb"}}, field_list{{"X", "1"}},
        field_list{{"transfer-encoding", "chunked"}},
        field_list{{"big", std::string(30'000, 'v')}, {"b", std::string(40'000, 'v')}}}) {
    served server;
    server.receive(frame::headers(1, frame::post(), false) + frame::data(1, "hi"));
    const auto block = frame::block(trailers);
    std::string bytes;
    for (std::size_t at = 0; at < block.size(); at += 16'000) {
      const auto last = at + 16'000 >= block.size() ? frame::end_headers : 0;
      bytes += frame::any(at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                          static_cast<std::uint8_t>((at == 0 ? frame::end_stream : 0) | last), 1,
                          std::string_view{block}.substr(at, 16'000));
    }
    server.exchange(bytes);
    EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_PROTOCOL_ERROR) << trailers[0].first;
    EXPECT_EQ(server.take_input(0).find("0\r\n"), std::string::npos);
  }
}

/// What the owner of a server is told of a head that is refused. It answers, and all is over.
struct refused_head {
  parse_error error = parse_error::none;
  std::string method;
};
refused_head refused(const std::string& frames, const http2_limits& limits = {}) {
  served server{limits};
  server.exchange(frames);
  if (server.opened.size() != 1 || !server.session.has_head(0))
    return {};
  EXPECT_EQ(server.streams[0].input.find("HTTP/1.1"), std::string::npos) << "a part of a head must look like none";
  std::string text;
  head_outline outline;
  EXPECT_TRUE(server.session.take_head(0, text, outline));
  request_head head;
  const auto status = read_request(text, outline, head, {});
  const refused_head made{status.error, std::string{head.method}};
  std::string answer;
  append_rejection(answer, status.error, "some-id", made.method == "HEAD");
  EXPECT_EQ(server.session.write(0, answer), answer.size());
  server.session.end(0);
  server.session.release(0);
  server.sent.take(server.collect());
  EXPECT_TRUE(server.session.is_idle());
  const auto& sent = server.sent.streams[1];
  EXPECT_TRUE(sent.ended);
  EXPECT_LE(sent.reset, 0);
  EXPECT_EQ(sent.heads.at(0), ":status: " + std::to_string(rejection_of(status.error).status)
                                + "\ncontent-type: text/plain; charset=utf-8\nx-vcap-request-id: some-id\n");
  EXPECT_EQ(sent.data, made.method == "HEAD" ? "" : rejection_of(status.error).body);
  return made;
}

TEST(Http2Defence, TellsWhatHeadsAreRefusedFor) {
  const field_list connect{{":method", "CONNECT"}, {":authority", "a.example:443"}};
  EXPECT_EQ(refused(frame::headers(1, connect, false)).error, parse_error::connect_method);
  EXPECT_EQ(refused(frame::headers(1, connect, true)).error, parse_error::connect_method);
  auto other = frame::websocket();
  other[1].second = "connect-udp";
  EXPECT_EQ(refused(frame::headers(1, other, false) + frame::data(1, "for nobody")).error,
            parse_error::unsupported_protocol);
  http2_limits limits;
  limits.head_bytes_max = 1'000;
  auto large = frame::get();
  large.emplace_back("x", std::string(1'000, 'v'));
  const auto get = refused(frame::headers(1, large), limits);
  EXPECT_EQ(get.error, parse_error::head_too_large);
  EXPECT_EQ(get.method, "GET");
  large[0].second = "HEAD";
  EXPECT_EQ(refused(frame::headers(1, large), limits).method, "HEAD");
  // Before it is known what is asked for, it is not a HEAD.
  large[0] = {":path", "/" + std::string(1'000, 'p')};
  large[2] = {":method", "HEAD"};
  EXPECT_EQ(refused(frame::headers(1, large), limits).method, "");
  limits = {};
  limits.fields_max = 2;
  EXPECT_EQ(refused(frame::headers(1, frame::post({{"a", "1"}, {"b", "2"}})), limits).error,
            parse_error::too_many_fields);
}

TEST(Http2Defence, CountsHeadsAsTheyWouldBeInHttp1) {
  auto fields = frame::get("/somewhere");
  fields[1].second = "http"; // `https` counts one byte more.
  fields.emplace_back("x", "value");
  const std::string text = "GET /somewhere HTTP/1.1\r\nHost: a.example\r\nx: value\r\n";
  http2_limits limits;
  limits.head_bytes_max = text.size();
  served enough{limits};
  enough.exchange(frame::headers(1, fields));
  EXPECT_EQ(enough.take_input(0), text + "\r\n");
  --limits.head_bytes_max;
  EXPECT_EQ(refused(frame::headers(1, fields), limits).error, parse_error::head_too_large);
  limits = {};
  limits.fields_max = 2; // Host is one.
  served few{limits};
  few.exchange(frame::headers(1, fields));
  EXPECT_EQ(few.take_input(0), text + "\r\n");
}

TEST(Http2Defence, ToleratesWhatClientsDo) {
  served server;
  auto fields = frame::get();
  fields.insert(fields.end(), {{"te", "trailers"},
                               {"host", "A.example:443"},
                               {"cookie", "a=1"},
                               {"cookie", "b=2"},
                               {"priority", "u=1"}});
  server.exchange(frame::headers(1, fields));
  EXPECT_EQ(server.take_input(0), "GET / HTTP/1.1\r\nHost: a.example\r\nte: trailers\r\npriority: "
                                  "u=1\r\ncookie: a=1; b=2\r\n\r\n");
}

TEST(Http2Defence, EndsConnectionsThatAreNone) {
  for (const auto& bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame::ping(),
        frame::preface() + frame::data(1, "x"), frame::preface() + frame::headers(2, frame::get()),
        frame::preface() + frame::any(NGHTTP2_HEADERS, 5, 1, "\xff\xff\xff\xff\xff\xff")}) {
    owner server{http2_role::server};
    server.receive(bytes);
    EXPECT_TRUE(server.opened.empty());
    frame_reader sent;
    sent.take(server.collect());
    EXPECT_FALSE(sent.goaways.empty());
    EXPECT_TRUE(server.session.finished());
    EXPECT_FALSE(server.receive(frame::ping()));
  }
}

TEST(Http2Defence, EndsEveryStreamWithTheConnection) {
  served server;
  server.receive(frame::headers(1, frame::get()));
  server.exchange(frame::headers(2, frame::get()));
  EXPECT_FALSE(server.receive(frame::ping()));
  EXPECT_TRUE(server.streams[0].ended);
  EXPECT_EQ(server.session.write(0, "HTTP/1.1 204 No Content\r\n\r\n"), 0u);
  server.session.release(0);
  EXPECT_TRUE(server.session.is_idle());
}

// -- Flow control.

TEST(Http2Defence, OpensWindowsOnlyForWhatIsConsumed) {
  served server;
  server.reads = false;
  server.exchange(frame::headers(1, frame::post(), false));
  for (int i = 0; i < 4; ++i)
    server.exchange(frame::data(1, std::string(16'000, 'x')));
  EXPECT_EQ(server.sent.credit[1], 0u);
  auto text = server.session.inbound(0);
  server.session.consume(0, text.size()); // The head.
  server.sent.take(server.collect());
  EXPECT_EQ(server.sent.credit[1], 0u);
  text = server.session.inbound(0);
  EXPECT_EQ(text.size(), 64'000u + 12);
  server.session.consume(0, 40'010);
  server.sent.take(server.collect());
  EXPECT_EQ(server.sent.credit[1], 40'000u);
  server.session.consume(0, text.size() - 40'010);
  // Beyond the window is an error of the client's.
  for (int i = 0; i < 7; ++i)
    server.exchange(frame::data(1, std::string(16'000, 'x')));
  EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_FLOW_CONTROL_ERROR);
}

TEST(Http2Defence, BuffersSmallFramesAsOneChunk) {
  served server;
  server.reads = false;
  std::string bytes = frame::headers(1, frame::post(), false);
  for (int i = 0; i < 1'000; ++i)
    bytes += frame::data(1, "x");
  server.exchange(bytes);
  server.session.consume(0, server.session.inbound(0).size());
  EXPECT_EQ(server.session.inbound(0), "000003e8\r\n" + std::string(1'000, 'x') + "\r\n");
}

TEST(Http2Defence, KeepsAStalledStreamFromStallingOthers) {
  joined pair;
  pair.server.reads = false;
  const auto stalled = pair.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
  const std::string body(200'000, 'x');
  std::size_t written = 0;
  for (int i = 0; i < 10; ++i) {
    written += pair.client.session.write(stalled, std::string_view{body}.substr(written));
    pair.pump();
  }
  EXPECT_EQ(written, 65'536u * 2) << "A window and a buffer.";
  pair.server.reads = true;
  pair.ask("POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n"
           + std::string(50'000, 'y'));
  EXPECT_TRUE(pair.server.take_input(pair.asked()).ends_with("yyy"));
  // When it is read again it goes on, and its writer is told.
  pair.server.read(pair.server.opened[0]);
  for (int i = 0; i < 100 && written < body.size(); ++i) {
    pair.pump();
    written += pair.client.session.write(stalled, std::string_view{body}.substr(written));
  }
  pair.pump();
  EXPECT_GT(pair.client.streams[stalled].writable, 0);
  EXPECT_TRUE(pair.server.take_input(pair.server.opened[0]).ends_with("\r\n\r\n" + body));
}

TEST(Http2Defence, LosesNoWindowToStreamsThatEnd) {
  served server;
  server.reads = false;
  for (std::uint32_t id = 1; id < 200; id += 2) { // In all six times the window of the connection.
    server.exchange(frame::headers(id, frame::post(), false));
    for (int i = 0; i < 4; ++i)
      ASSERT_TRUE(server.exchange(frame::data(id, std::string(16'000, 'x'))));
    server.exchange(frame::rst_stream(id, NGHTTP2_CANCEL));
    server.session.release(server.opened.back());
  }
  EXPECT_EQ(server.goaway_code(), -1);
}

TEST(Http2Defence, TakesNoMoreOutputThanItMayBuffer) {
  served server;
  server.exchange(frame::headers(1, frame::get()) + frame::headers(3, frame::get()));
  const std::string body(300'000, 'x');
  server.session.write(0, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
  auto written = server.session.write(0, body);
  EXPECT_EQ(written, 65'536u);
  EXPECT_EQ(server.session.write(0, "x"), 0u);
  server.sent.take(server.collect());
  EXPECT_EQ(server.sent.streams[1].data.size(), 65'535u) << "The client's window.";
  EXPECT_EQ(server.streams[0].writable, 1);
  written += server.session.write(0, std::string_view{body}.substr(written));
  EXPECT_EQ(written, 65'536u + 65'535u);
  for (int i = 0; i < 6; ++i) {
    server.exchange(frame::window_update(1, 65'535) + frame::window_update(0, 65'535));
    written += server.session.write(0, std::string_view{body}.substr(written));
  }
  server.sent.take(server.collect());
  EXPECT_TRUE(server.sent.streams[1].ended);
  EXPECT_EQ(server.sent.streams[1].data, body);
}

TEST(Http2Defence, TakesLittleOutputOfEachStreamOnceAllTogetherHaveMuch) {
  served server{{.connection_outbound_bytes_max = 100'000, .outbound_share_bytes = 4'000}};
  server.exchange(frame::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  const std::string body(50'000, 'x');
  std::size_t written = 0;
  for (std::uint32_t id = 1; id < 6; id += 2) {
    server.exchange(frame::headers(id, frame::get()));
    server.session.write(server.opened.back(), "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n");
    written = server.session.write(server.opened.back(), body);
    server.sent.take(server.collect());
    EXPECT_EQ(written, id < 5 ? 50'000u : 4'000u);
  }
  const auto last = server.opened.back();
  server.exchange(frame::window_update(5, 60'000)); // Whoever is taken from does not wait for the others.
  for (int i = 0; i < 50 && written < body.size(); ++i) {
    EXPECT_EQ(std::exchange(server.streams[last].writable, 0), 1);
    written += server.session.write(last, std::string_view{body}.substr(written));
    server.sent.take(server.collect());
  }
  EXPECT_EQ(server.sent.streams[5].data, body);
}

TEST(Http2Defence, SparesMemoryWhenItIsTold) {
  served server{{.outbound_share_bytes = 4'000}};
  server.exchange(frame::headers(1, frame::get()));
  server.session.write(0, "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n");
  server.session.spare_memory(true);
  EXPECT_EQ(server.session.write(0, std::string(50'000, 'x')), 4'000u);
  server.session.spare_memory(false);
  EXPECT_EQ(server.session.write(0, std::string(46'000, 'x')), 46'000u);
}

TEST(Http2Defence, KnowsWhatMemoryItsStreamsHold) {
  served server;
  server.reads = false;
  server.exchange(frame::headers(1, frame::get()) + frame::headers(3, frame::get()));
  server.session.write(0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  server.sent.take(server.collect());
  EXPECT_EQ(server.session.held_bytes(), 0u) << "what has gone out is nobody's memory";
  server.session.write(1, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
  server.session.write(1, std::string(60'000, 'x'));
  server.exchange(frame::window_update(0, 100'000));
  EXPECT_EQ(server.sent.streams[3].data.size(), 60'000u);
  server.session.release(1);
  EXPECT_EQ(server.session.held_bytes(), 0u) << "the stream has ended";
  server.exchange(frame::headers(5, frame::post(), false) + frame::data(5, std::string(100, 'x'), true));
  EXPECT_GE(server.session.held_bytes(), 100u);
  server.read(server.opened.back());
  server.read(server.opened.back());
  EXPECT_EQ(server.session.held_bytes(), 0u);
  server.exchange(frame::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1}}) + frame::headers(7, frame::get()));
  const auto last = server.opened.back();
  server.session.write(last, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
  server.session.write(last, std::string(60'000, 'x'));
  server.sent.take(server.collect());
  EXPECT_GE(server.session.held_bytes(), 60'000u);
  server.exchange(frame::window_update(7, 59'998));
  EXPECT_EQ(server.sent.streams[7].data.size(), 59'999u);
  EXPECT_GE(server.session.held_bytes(), 60'000u) << "the last byte keeps all of the buffer";
  server.exchange(frame::rst_stream(7, NGHTTP2_CANCEL));
  server.session.release(last);
  EXPECT_EQ(server.session.held_bytes(), 0u);
}

TEST(Http2Defence, ATokenNowAndThenDoesNotKeepAResponse) {
  served server;
  server.exchange(frame::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  for (const std::uint32_t id : {1, 3, 5}) {
    server.exchange(frame::headers(id, frame::get()));
    const auto last = server.opened.back();
    server.session.write(last, "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + std::string(40'000, 'x'));
    server.session.release(last);
  }
  EXPECT_EQ(server.session.reset_stalled(), 3u) << "they have begun to wait just now";
  server.exchange(frame::window_update(1, 1) + frame::window_update(3, 1'024));
  EXPECT_EQ(server.session.reset_stalled(), 1u);
  server.sent.take(server.collect());
  EXPECT_EQ(server.sent.streams[1].reset, NGHTTP2_INTERNAL_ERROR);
  EXPECT_EQ(server.sent.streams[3].reset, -1) << "as slow as a modem, but it reads";
  EXPECT_EQ(server.sent.streams[5].reset, NGHTTP2_INTERNAL_ERROR) << "it took nothing";
  // Windows are open, so it is not the client that lets nothing come.
  server.receive(frame::window_update(3, 60'000));
  server.sent.take(server.collect(1));
  server.sent.streams[3] = {};
  EXPECT_EQ(server.session.reset_stalled(), 1u);
  server.sent.take(server.collect());
  EXPECT_TRUE(server.sent.streams[3].ended);
}

/// A client session with one request, on stream 1, to a backend whose frames are made by hand.
struct asking : owner {
  explicit asking(const http2_limits& limits = {}) : owner{http2_role::client_https, limits} {
    receive(frame::settings() + frame::settings_ack());
    id = session.open();
    session.write(id, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    collect();
    reads = false;
  }

  http2_stream_id id = 0;
};

TEST(Http2Defence, KeepsNoMoreInterimHeadsThanOneHeadMayBeLarge) {
  http2_limits limits;
  limits.head_bytes_max = 10'000;
  asking client{limits};
  const auto id = client.id;
  const auto hints = frame::headers(1, {{":status", "103"}, {"link", std::string(3'000, 'x')}}, false);
  client.receive(hints + hints + hints);
  EXPECT_FALSE(client.streams[id].ended);
  client.read(id); // So that there is room again.
  client.receive(hints + hints + hints);
  client.collect();
  EXPECT_FALSE(client.streams[id].ended);
  client.receive(hints);
  client.collect();
  EXPECT_TRUE(client.streams[id].ended);
  EXPECT_EQ(client.session.ending(id).code, http2_code::protocol_error);
}

TEST(Http2Defence, CountsHeadsThatWait) {
  asking client;
  const std::string fields(16'000, 'x');
  for (int i = 0; i < 5; ++i)
    client.receive(frame::headers(1, {{":status", "103"}, {"link", fields}}, false));
  EXPECT_GE(client.session.held_bytes(), 80'000u);
  client.read(client.id);
  EXPECT_LT(client.session.held_bytes(), 20'000u);
}

TEST(Http2Defence, KeepsOneInterimHeadOfAStreamUntilItIsSent) {
  served server;
  server.receive(frame::headers(1, frame::get()));
  const auto id = server.opened.back();
  const auto hints = "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(50'000, 'x') + "\r\n\r\n";
  EXPECT_EQ(server.session.write(id, hints + hints), hints.size());
  EXPECT_EQ(server.session.write(id, hints), 0u);
  EXPECT_GE(server.session.held_bytes(), 50'000u);
  EXPECT_LT(server.session.held_bytes(), 100'000u);
  const std::string_view last = "HTTP/1.1 204 No Content\r\n\r\n";
  EXPECT_EQ(server.session.write(id, last), 0u) << "heads go out in their order";
  server.sent.take(server.collect());
  EXPECT_EQ(server.streams[id].writable, 1);
  EXPECT_EQ(server.session.held_bytes(), 0u);
  EXPECT_EQ(server.session.write(id, last), last.size());
  server.sent.take(server.collect());
  EXPECT_EQ(server.sent.streams[1].heads.size(), 2u);
  EXPECT_TRUE(server.sent.streams[1].ended);
}

TEST(Http2Defence, CountsInterimHeadsOfStreamsThatAreGone) {
  served server;
  server.receive(frame::headers(1, frame::get()));
  const auto id = server.opened.back();
  server.session.write(id, "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(50'000, 'x') + "\r\n\r\n");
  server.receive(frame::rst_stream(1, NGHTTP2_CANCEL));
  server.session.release(id);
  EXPECT_GE(server.session.held_bytes(), 50'000u) << "nobody has collected it";
  server.collect();
  EXPECT_EQ(server.session.held_bytes(), 0u);
}

TEST(Http2Defence, TakesTrailersThatNeverLeaveForNoInterimHead) {
  served server;
  server.receive(frame::headers(1, frame::get()));
  const auto id = server.opened.back();
  server.session.write(id, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" + std::string(20'000, 'x')
                             + "\r\n0\r\nx: 100\r\n\r\n");
  server.collect(1);
  server.collect(1);
  server.receive(frame::rst_stream(1, NGHTTP2_CANCEL));
  server.session.release(id);
  server.collect();
  EXPECT_EQ(server.session.held_bytes(), 0u);
}

TEST(Http2Defence, CollectsNoMoreThanAskedFor) {
  served server{{.connection_outbound_bytes_max = 1 << 21}};
  server.receive(frame::window_update(0, 1 << 21)
                 + frame::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}}));
  for (std::uint32_t id = 1; id < 40; id += 2) {
    server.receive(frame::headers(id, frame::get()));
    server.session.write(server.opened.back(), "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
                                                 + std::string(60'000, 'x'));
  }
  std::size_t calls = 0, total = 0;
  for (; server.session.wants_send() && calls < 1'000; ++calls) {
    const auto part = server.collect(20'000);
    EXPECT_LE(part.size(), 20'000u + 16'384 + 9);
    total += part.size();
    server.sent.take(part);
  }
  EXPECT_GT(total, 20u * 60'000);
  for (std::uint32_t id = 1; id < 40; id += 2)
    EXPECT_TRUE(server.sent.streams[id].ended);
}

TEST(Http2Defence, LetsStreamsTakeTurns) {
  served server;
  server.receive(frame::window_update(0, 1 << 20));
  server.receive(frame::headers(1, frame::get()) + frame::headers(3, frame::get()));
  for (const auto id : server.opened)
    server.session.write(id, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
                               + std::string(60'000, 'x'));
  server.sent.take(server.collect(50'000));
  EXPECT_GT(server.sent.streams[1].data.size(), 0u);
  EXPECT_GT(server.sent.streams[3].data.size(), 0u);
}

} // namespace

} // namespace shunt::net
