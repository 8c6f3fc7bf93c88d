// Backends of HTTP/2 (`protocol: http2`) that break rules, flood and lie. What they do costs the
// requests that they were to answer, 502 or the end of a response that had begun, and nobody else
// anything.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/http2_backend.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <functional>

namespace shunt::test {
namespace {

using namespace std::string_literals;
using namespace http2_scripts;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::size_t response_head_bytes_max = 16 * 1024;
constexpr std::size_t response_fields_max = 50;

/// A stream of the connection that the attacked backend answers well, whatever it does to others.
bool is_good(const std::string& head) {
  return field_of(head, ":path") == "/good";
}

class HostileHttp2Backends : public SharedStage<HostileHttp2Backends> {
public:
  static nlohmann::json configuration() {
    return apps_front({{"endpoint_timeout", slowed_text(3s)},
                       {"max_response_header_bytes", response_head_bytes_max},
                       {"max_response_headers", response_fields_max},
                       {"go_max_procs", 1}}); // So that requests share a connection.
  }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    host = apps_name("hostile-" + std::to_string(hostile.port()));
    here().map(host, hostile.tls_port(), apps_registration(hostile.tls_port(), "http2"));
    other = here().mapped(beside);
    before_kib = here().under_test.process().resident_kib();
  }
  void TearDown() override {
    EXPECT_EQ(here().get(other).body, "hello") << "other routes go on";
    EXPECT_LT(here().under_test.process().resident_kib() - before_kib, 48 * 1024);
  }

  /// The backend answers `/good` and does that to anything else.
  void let_it(const std::function<std::string(std::uint32_t stream)>& misbehave) {
    hostile.serve_with(
      each_request([misbehave](http2_peer& peer, std::uint32_t stream, const std::string& head) {
        peer.try_send(is_good(head) ? answer(stream) : misbehave(stream));
      }));
  }
  http_response ask(const std::string& path) const { return here().get(host, path); }
  void expect_bad_gateway(const http_response& answer) {
    EXPECT_EQ(answer.status, 502) << answer.raw_head;
    EXPECT_THAT(answer.one("X-Cf-RouterError"), StartsWith("endpoint_failure ("));
    EXPECT_EQ(answer.body, "502 Bad Gateway: Registered endpoint failed to handle the request.\n");
  }
  /// That it costs the request 502, and other streams of the same connection nothing.
  void expect_stream_error(const std::function<std::string(std::uint32_t stream)>& misbehave) {
    let_it(misbehave);
    const auto connections = hostile.connection_count();
    ASSERT_EQ(ask("/good").body, "hello");
    expect_bad_gateway(ask("/bad"));
    EXPECT_EQ(ask("/good").body, "hello");
    EXPECT_EQ(hostile.connection_count(), connections + 1)
      << "the connection goes on, and no other is tried";
    end_connections();
  }
  /// That it costs the connection, and those that come afterwards nothing.
  void expect_connection_error(const std::function<std::string(std::uint32_t stream)>& misbehave) {
    let_it(misbehave);
    const auto connections = hostile.connection_count();
    ASSERT_EQ(ask("/good").body, "hello");
    expect_bad_gateway(here().ask(post_request(host, "never twice"), "POST"));
    EXPECT_EQ(ask("/good").body, "hello");
    EXPECT_EQ(hostile.connection_count(), connections + 2);
    end_connections();
  }
  /// So that the next script has a connection of its own: each serves as it was told when it came.
  void end_connections() {
    hostile.hang_up();
    ASSERT_TRUE(eventually([&] { return hostile.ended_count() == hostile.connection_count(); }));
  }

  http2_backend hostile{apps_certificate(),
                        each_request([](http2_peer& peer, std::uint32_t stream,
                                        const std::string&) { peer.send(answer(stream)); })};
  backend beside;
  std::string host;
  std::string other;
  long before_kib = 0;
};

TEST_F(HostileHttp2Backends, WithBytesThatNoFieldMayHave) {
  const net::field_list bad{{"x", "a\r\nSet-Cookie: evil=1"},
                            {"x", "a\nb"},
                            {"x", "a\0b"s},
                            {"x", "\x7f"},
                            {"x\r\ny", "1"},
                            {"x y", "1"},
                            {"X-Upper", "1"},
                            {"", "1"},
                            {":path", "/"},
                            {"connection", "close"},
                            {"transfer-encoding", "chunked"},
                            {"content-length", "x"}};
  for (const auto& [name, value] : bad) {
    SCOPED_TRACE(testing::PrintToString(name + "=" + value));
    expect_stream_error([&](std::uint32_t stream) {
      return frame::headers(stream, {{":status", "200"}, {name, value}}, false)
             + frame::data(stream, "hello", true);
    });
  }
  for (const std::string status : {"", "99", "1000", "2x0", "101", "200 OK\r\nx: y"}) {
    SCOPED_TRACE(testing::PrintToString(status));
    expect_stream_error([&](std::uint32_t stream) {
      return frame::headers(stream, {{":status", status}});
    });
  }
  expect_stream_error([](std::uint32_t stream) {
    return frame::headers(stream, {{"x", "no status"}});
  });
}

TEST_F(HostileHttp2Backends, WithHeadsThatAreTooLarge) {
  const auto expect_limit_told = [this](const net::field_list& fields, const std::string& detail) {
    const auto head = [fields](std::uint32_t stream) { return large_headers(stream, fields); };
    expect_stream_error(head);
    let_it(head);
    EXPECT_EQ(ask("/bad").one("X-Cf-RouterError"), "endpoint_failure (" + detail + ")") << "as over HTTP/1.1";
    EXPECT_TRUE(eventually([&] {
      const auto log = here().under_test.log();
      return std::any_of(log.begin(), log.end(), [&](const auto& line) {
        return line.value("message", "") == "backend-too-many-response-headers"
               && line.at("data").at("error") == detail;
      });
    }));
    end_connections();
  };
  expect_limit_told({{":status", "200"}, {"x", std::string(response_head_bytes_max, 'v')}},
                    "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded "
                      + std::to_string(response_head_bytes_max) + " bytes; aborted");
  net::field_list many{{":status", "200"}};
  many.resize(1 + response_fields_max + 1, {"x", "1"});
  expect_limit_told(many, "Too many response headers");
  // Beyond what could be a mistake.
  expect_connection_error([](std::uint32_t stream) {
    net::field_list fields{{":status", "200"}};
    for (int i = 0; i < 10; ++i)
      fields.emplace_back("x", std::string(response_head_bytes_max, 'v'));
    return large_headers(stream, fields);
  });
  expect_connection_error([](std::uint32_t stream) {
    auto block = frame::block({{":status", "200"}});
    block += "\x40"s + frame::length(1) + "x" + frame::length(3'900) + std::string(3'900, 'v');
    return frame::any(NGHTTP2_HEADERS, 5, stream, block + std::string(10'000, '\xbe'));
  });
}

TEST_F(HostileHttp2Backends, WithFramesThatBreakTheConnection) {
  const std::function<std::string(std::uint32_t)> breaks[] = {
    [](std::uint32_t) { return frame::data(0, "x"); },
    [](std::uint32_t stream) {
      return frame::any(NGHTTP2_HEADERS, 5, stream, "\xff\xff\xff\xff\xff\xff");
    },
    [](std::uint32_t stream) {
      return frame::any(NGHTTP2_DATA, 1, stream, std::string(20'000, 'x'));
    },
    [](std::uint32_t) {
      return frame::headers(2, {{":status", "200"}});
    },
    [](std::uint32_t stream) {
      return frame::any(NGHTTP2_PUSH_PROMISE, 4, stream, "\0\0\0\2"s + frame::block(frame::get()));
    },
    [](std::uint32_t stream) {
      return frame::any(NGHTTP2_HEADERS, 0, stream, frame::block({{":status", "200"}}))
             + frame::ping();
    },
    [](std::uint32_t) { return frame::any(NGHTTP2_SETTINGS, 0, 0, "odd"); },
    [](std::uint32_t) { return frame::window_update(0, 0); },
    [](std::uint32_t) { return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"s; },
  };
  for (std::size_t i = 0; i < std::size(breaks); ++i) {
    SCOPED_TRACE(i);
    expect_connection_error(breaks[i]);
  }
}

TEST_F(HostileHttp2Backends, ThatFlood) {
  const auto many = [](const std::string& frame) {
    return [frame](std::uint32_t) {
      std::string all;
      for (int i = 0; i < 20'000; ++i)
        all += frame;
      return all;
    };
  };
  for (const auto& each : {frame::ping(), frame::settings(), frame::window_update(0, 1),
                           frame::any(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\x10"s)}) {
    SCOPED_TRACE(int{each[3]});
    expect_connection_error(many(each));
  }
  expect_connection_error([&](std::uint32_t stream) {
    std::string all = frame::any(NGHTTP2_HEADERS, 0, stream, frame::block({{":status", "200"}}));
    for (int i = 0; i < 1'000; ++i)
      all += frame::any(NGHTTP2_CONTINUATION, 0, stream, "");
    return all;
  });
}

TEST_F(HostileHttp2Backends, ThatSendInterimResponsesWithoutEnd) {
  let_it([](std::uint32_t stream) {
    std::string all;
    for (int i = 0; i < 1'000; ++i)
      all += frame::headers(stream, {{":status", "102"}}, false);
    return all;
  });
  client one{port()};
  one.send(get_request(host, "/bad"));
  auto last = one.response();
  while (last.status == 102)
    last = one.response();
  expect_bad_gateway(last);
  EXPECT_EQ(ask("/good").body, "hello");
}

TEST_F(HostileHttp2Backends, ThatSayLateThatAResponseIsOverAreNotToldThatItWasUnwanted) {
  std::atomic<int> reset{0};
  hostile.serve_with(
    each_request([&reset, late = 0u](http2_peer& peer, std::uint32_t stream, const std::string& head) mutable {
      if (!is_good(head)) {
        late = stream;
        peer.send(frame::headers(stream, {{":status", "200"}, {"content-length", "5"}}, false)
                  + frame::data(stream, "hello"));
        return;
      }
      reset = peer.stream(late).reset;
      peer.send(frame::data(late, "", true) + answer(stream));
    }));
  EXPECT_EQ(ask("/late").body, "hello");
  EXPECT_EQ(ask("/good").body, "hello");
  EXPECT_EQ(reset, -1);
  end_connections();
}

// -- After the response has begun.

TEST_F(HostileHttp2Backends, ThatResetAStreamInTheMiddleOfItsResponse) {
  for (const auto code :
       {NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM}) {
    let_it([code](std::uint32_t stream) {
      return frame::headers(stream, {{":status", "200"}}, false) + frame::data(stream, "half")
             + frame::rst_stream(stream, code);
    });
    const auto connections = hostile.connection_count();
    client old{port()};
    old.send(get_request(host, "/bad"));
    EXPECT_THROW(old.response(), std::exception) << "half of a response looks like all of it";
    auto young = http2_peer::client_of(port());
    young.send(frame::headers(1, http2_request("GET", host, "/bad"))
               + frame::headers(3, http2_request("GET", host, "/good")));
    EXPECT_EQ(young.finished(3).data, "hello");
    const auto& cut = young.finished(1);
    EXPECT_FALSE(cut.ended);
    EXPECT_GT(cut.reset, 0);
    EXPECT_EQ(ask("/good").body, "hello");
    EXPECT_EQ(hostile.connection_count(), connections + 1);
    end_connections();
  }
}

TEST_F(HostileHttp2Backends, ThatFloodInTheMiddleOfAResponse) {
  const auto padding = [](std::uint32_t stream) {
    return frame::any(NGHTTP2_DATA, 8, stream, "\x05\0\0\0\0\0"s);
  };
  const auto nothing = [](std::uint32_t stream) { return frame::data(stream, ""); };
  for (const auto& make : {std::function<std::string(std::uint32_t)>{padding}, {nothing}}) {
    let_it([&](std::uint32_t stream) {
      auto all = frame::headers(stream, {{":status", "200"}}, false);
      for (int i = 0; i < 20'000; ++i)
        all += make(stream);
      return all;
    });
    const auto connections = hostile.connection_count();
    client old{port()};
    old.send(get_request(host, "/bad"));
    EXPECT_THROW(old.response(), std::exception) << "half of a response looks like all of it";
    EXPECT_EQ(ask("/good").body, "hello");
    EXPECT_EQ(hostile.connection_count(), connections + 2);
    end_connections();
  }
}

TEST_F(HostileHttp2Backends, ThatSendMoreThanTheirWindows) {
  std::atomic<int> told{-1}; // With what the router ends that.
  hostile.serve_with(
    each_request([&](http2_peer& peer, std::uint32_t stream, const std::string& head) {
      if (is_good(head))
        return peer.send(answer(stream));
      auto all = frame::headers(stream, {{":status", "200"}}, false);
      for (int i = 0; i < 100; ++i) // 1.6 MB; the window of the stream is 64 KB.
        all += frame::data(stream, std::string(16'000, 'x'));
      peer.try_send(all);
      const auto& own = peer.stream(stream);
      peer.read_until([&] { return own.reset >= 0 || !peer.seen().goaways.empty(); });
      told = own.reset >= 0 ? own.reset : peer.seen().goaways.back().second;
    }));
  auto young = http2_peer::client_of(port(), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
  young.send(frame::headers(1, http2_request("GET", host, "/bad")));
  EXPECT_TRUE(eventually([&] { return told >= 0; })) << "while the client takes nothing";
  EXPECT_EQ(told, NGHTTP2_FLOW_CONTROL_ERROR);
  young.send(frame::window_update(1, 1 << 20) + frame::window_update(0, 1 << 20));
  const auto& cut = young.finished(1);
  EXPECT_FALSE(cut.ended);
  EXPECT_GT(cut.reset, 0);
  EXPECT_LE(cut.data.size(), 256u << 10);
  EXPECT_EQ(ask("/good").body, "hello");
}

TEST_F(HostileHttp2Backends, ThatSendOtherThanTheyAnnounced) {
  for (const std::string body : {"four and more", "3"}) {
    let_it([&](std::uint32_t stream) {
      return frame::headers(stream, {{":status", "200"}, {"content-length", "4"}}, false)
             + frame::data(stream, body, true);
    });
    client old{port()};
    old.send(get_request(host, "/bad"));
    try { // What goes before the mistake may have been passed on; then the connection must end.
      const auto got = old.response();
      EXPECT_EQ(got.status, 502) << got.body;
    } catch (const std::exception&) {
    }
    EXPECT_EQ(ask("/good").body, "hello");
    end_connections();
  }
}

TEST_F(HostileHttp2Backends, ThatSayGoodbyeInTheMiddleOfAStream) {
  gate held;
  hostile.serve_with(
    each_request([&](http2_peer& peer, std::uint32_t stream, const std::string& head) {
      if (is_good(head)) {
        peer.send(answer(stream));
      } else {
        peer.send(frame::headers(stream, {{":status", "200"}}, false)
                  + frame::data(stream, "first ") + frame::goaway(stream, NGHTTP2_NO_ERROR));
        ASSERT_TRUE(eventually([&] { return held.is_open(); }));
        peer.send(frame::data(stream, "last", true));
      }
    }));
  const auto connections = hostile.connection_count();
  client one{port()};
  one.send(get_request(host, "/leaving"));
  const auto begun = one.response_head();
  EXPECT_EQ(begun.status, 200);
  EXPECT_EQ(ask("/good").body, "hello") << "others go by a new connection";
  EXPECT_EQ(hostile.connection_count(), connections + 2);
  held.open();
  auto whole = begun;
  one.reader().body(whole);
  EXPECT_EQ(whole.body, "first last") << "what was under way is finished";
}

/// They share the connections that take its place, as they shared it.
TEST_F(HostileHttp2Backends, ThatLeaveManyRequestsBehindAreAskedAgainByFewConnections) {
  constexpr std::uint32_t many = 200;
  std::atomic<bool> leaves{true};
  const auto serve = each_request(
    [](http2_peer& peer, std::uint32_t stream, const std::string&) { peer.send(answer(stream)); });
  hostile.serve_with([&](http2_peer& peer) {
    if (!leaves.exchange(false))
      return serve(peer);
    ASSERT_TRUE(peer.read_until([&] { return !peer.stream(1).heads.empty(); }));
    peer.send(answer(1));
    peer.read_until([&] { return peer.seen().streams.size() > many; });
  });
  const auto connections = hostile.connection_count();
  ASSERT_EQ(ask("/good").body, "hello"); // Its settings have come: it takes as many as there are.
  auto young = http2_peer::client_of(port());
  std::string requests;
  for (std::uint32_t i = 0; i < many; ++i)
    requests += frame::headers(2 * i + 1, http2_request("GET", host));
  young.send(requests);
  for (std::uint32_t i = 0; i < many; ++i)
    EXPECT_EQ(young.finished(2 * i + 1).data, "hello") << i;
  EXPECT_LE(hostile.connection_count(), connections + 4);
  end_connections();
}

// -- What was surely not processed may go out again, whatever it is (RFC 9113, section 8.7).

/// Ways to refuse a request: before its body was looked at, and behind it.
class RefusingHttp2Backends : public HostileHttp2Backends {
protected:
  using refusal = std::function<std::string(std::uint32_t stream)>;

  /// The backend refuses the first `count` requests but `/good`, when they are `whole` or on sight of their
  /// heads. It answers others with their own bodies, once they are complete.
  void let_it_refuse(int count, const refusal& refuse, bool whole) {
    refused = 0;
    hostile.serve_with(
      each_request([=, this](http2_peer& peer, std::uint32_t stream, const std::string& head) {
        const auto complete = [&] { return peer.stream(stream).ended; };
        const bool unwanted = !is_good(head) && refused < count;
        if (unwanted && (!whole || peer.read_until(complete))) {
          ++refused;
          peer.send(refuse(stream));
        } else if (peer.read_until(complete)) {
          const auto& body = peer.stream(stream).data;
          peer.send(answer(stream, body.empty() ? "hello" : body));
        }
      }));
  }
  /// `expect` for every way to refuse a request, on a connection that has served another.
  void in_every_way(const std::function<void()>& expect) {
    const refusal ways[] = {
      [](std::uint32_t stream) { return frame::goaway(stream - 2, NGHTTP2_NO_ERROR); },
      [](std::uint32_t stream) { return frame::rst_stream(stream, NGHTTP2_REFUSED_STREAM); }};
    for (const auto& way : ways)
      for (const bool whole : {false, true}) {
        SCOPED_TRACE((&way == ways ? "GOAWAY" : "REFUSED_STREAM") + std::string(whole ? ", whole" : ""));
        let_it_refuse(1, way, whole);
        ASSERT_EQ(ask("/good").body, "hello");
        expect();
        EXPECT_EQ(refused, 1);
        end_connections();
      }
  }

  std::atomic<int> refused{0};
};

TEST_F(RefusingHttp2Backends, GetTheRequestAgainWithItsBody) {
  in_every_way([this] { EXPECT_EQ(here().ask(post_request(host, "once"), "POST").body, "once"); });
}

TEST_F(RefusingHttp2Backends, GetNothingOfTheRequestBehindIt) {
  in_every_way([this] {
    client one{port()};
    one.send(post_request(host, "once") + post_request(host, "and then") + get_request(host, "/good"));
    EXPECT_EQ(one.response("POST").body, "once");
    EXPECT_EQ(one.response("POST").body, "and then");
    EXPECT_EQ(one.response().body, "hello");
  });
}

TEST_F(RefusingHttp2Backends, GetTheBodyOfAStreamAgain) {
  in_every_way([this] {
    auto young = http2_peer::client_of(port());
    young.send(frame::headers(1, http2_request("POST", host, "/", {{"content-length", "4"}}), false)
               + frame::data(1, "once", true));
    EXPECT_EQ(young.finished(1).data, "once");
  });
}

/// A new connection that refuses says more about its backend: another is asked.
TEST_F(RefusingHttp2Backends, LoseNoRequestToAnotherBackend) {
  const backend willing{answers::echo()};
  const auto both = apps_name("both-" + std::to_string(hostile.port()));
  here().map(both, hostile.tls_port(), apps_registration(hostile.tls_port(), "http2"));
  here().map(both, willing);
  let_it_refuse(1'000, [](std::uint32_t stream) { return frame::rst_stream(stream, NGHTTP2_REFUSED_STREAM); },
                true);
  for (int i = 0; i < 4; ++i) // They take turns.
    EXPECT_EQ(here().ask(post_request(both, "once"), "POST").body, "once");
  EXPECT_GT(refused, 0);
}

/// The next request must not be read as the body that nobody took.
TEST_F(RefusingHttp2Backends, LeaveTheConnectionOfTheClientInOrder) {
  let_it_refuse(1'000, [](std::uint32_t stream) { return frame::rst_stream(stream, NGHTTP2_REFUSED_STREAM); },
                true);
  client one{port()};
  one.send(post_request(host, "never") + get_request(host, "/good"));
  expect_bad_gateway(one.response("POST"));
  EXPECT_EQ(one.response().body, "hello");
}

/// What is kept of a request is no further request: its client has left.
TEST_F(RefusingHttp2Backends, HearOfAClientThatLeavesBehindItsBody) {
  gate left;
  hostile.serve_with(
    each_request([&](http2_peer& peer, std::uint32_t stream, const std::string&) {
      if (peer.read_until([&] { return peer.stream(stream).reset >= 0; }))
        left.open();
    }));
  {
    client impatient{port()};
    impatient.send(post_request(host, "once"));
    ASSERT_TRUE(eventually([&] { return hostile.connection_count() > 0; }));
  }
  EXPECT_TRUE(eventually([&] { return left.is_open(); }));
}

TEST_F(HostileHttp2Backends, ThatTakeNoBody) {
  hostile.serve_with(
    [](http2_peer& peer) { // Its windows are as large as they were, and never grow.
      each_request([](http2_peer& to, std::uint32_t stream, const std::string& head) {
        if (is_good(head))
          to.send(answer(stream));
      })(peer);
    });
  client one{port()};
  one.send(post_request(host, std::string(400'000, 'x')));
  EXPECT_EQ(ask("/good").body, "hello");
  expect_bad_gateway(one.response("POST"));
  EXPECT_EQ(ask("/good").body, "hello");
}

} // namespace
} // namespace shunt::test
