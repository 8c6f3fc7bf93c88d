// How a connection to a backend ends that takes no further requests: its goodbye comes behind the last of them.
#include "net/http2_pool.hpp"
#include "tests/net/http2_kit.hpp"
#include "tests/net/loop_fixture.hpp"

#include <optional>

namespace shunt::net {
namespace {

constexpr std::string_view only_request = "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n";
const std::vector<std::pair<std::uint32_t, int>> one_goodbye{{0u, 0}};

TEST(Http2Goodbye, OfAClientWaitsForItsStreams) {
  joined pair;
  frame_reader sent;
  const auto id = pair.client.session.open();
  pair.client.session.shutdown();
  EXPECT_FALSE(pair.client.session.can_open());
  EXPECT_EQ(pair.client.collect(), "") << "nothing is written yet";
  EXPECT_FALSE(pair.client.session.finished());
  pair.client.session.write(id, only_request);
  const auto request = pair.client.collect();
  sent.take(request);
  EXPECT_EQ(sent.streams[1].heads.size(), 1u);
  EXPECT_TRUE(sent.goaways.empty());
  pair.server.receive(request);
  pair.answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(pair.client.take_input(id), "HTTP/1.1 204 \r\n\r\n");
  pair.client.session.release(id);
  sent.take(pair.client.collect());
  EXPECT_EQ(sent.goaways, one_goodbye);
  EXPECT_TRUE(pair.client.session.finished());
}

TEST(Http2Goodbye, OfAClientWaitsForTheLastOfItsStreams) {
  joined pair;
  frame_reader sent;
  const auto first = pair.client.session.open(), second = pair.client.session.open();
  pair.client.session.shutdown();
  pair.client.session.release(first);
  EXPECT_EQ(pair.client.collect(), "");
  pair.client.session.release(second);
  sent.take(pair.client.collect());
  EXPECT_EQ(sent.goaways, one_goodbye);
  EXPECT_TRUE(pair.client.session.finished());
}

/// The backend writes its frames by hand.
class Http2GoodbyeToABackend : public loop_fixture {
protected:
  void SetUp() override {
    loop_fixture::SetUp();
    auto [near, far] = connect();
    peer.emplace(std::move(far));
    link = new http2_link{near, http2_role::client_http, {}, 1};
    pool.add("b", link);
    peer->send(frame::settings() + frame::settings_ack());
    settle();
  }
  void TearDown() override {
    link->abort(asio::error::operation_aborted);
    EXPECT_TRUE(drive_until([&] { return pool.size() == 0; }));
    link = nullptr;
    loop_fixture::TearDown();
  }
  /// Takes apart what comes until `done()`.
  template <class Done>
  bool hears_until(Done done) {
    return drive_until([&] {
      unread += peer->take();
      if (!greeted && unread.size() >= NGHTTP2_CLIENT_MAGIC_LEN) {
        unread.erase(0, NGHTTP2_CLIENT_MAGIC_LEN);
        greeted = true;
      }
      if (greeted)
        heard.take(std::exchange(unread, {}));
      return done();
    });
  }
  bool hears_the_end() {
    return hears_until([&] { return peer->ended; });
  }
  /// Reads the response until it ends with that.
  bool reads_to(const wire_ptr& from, std::string_view end) {
    while (!from->bytes().ends_with(end))
      if (finish(receive(from)))
        return false;
    return true;
  }

  http2_pool pool{90s};
  std::optional<peer_socket> peer;
  http2_link_ptr link;
  frame_reader heard;
  std::string unread;
  bool greeted = false;
};

TEST_F(Http2GoodbyeToABackend, ComesBehindARequestThatWasNotWrittenYet) {
  auto asking = link->open();
  link->shut_down();
  EXPECT_FALSE(pool.find("b"));
  settle();
  ASSERT_FALSE(finish(send(asking, std::string{only_request})));
  ASSERT_TRUE(hears_until([&] { return heard.streams[1].ended; }));
  EXPECT_TRUE(heard.goaways.empty()) << "some refuse what comes behind one";
  peer->send(frame::headers(1, {{":status", "200"}, {"content-length", "2"}}, false) + frame::data(1, "ok", true));
  EXPECT_TRUE(reads_to(asking, "ok"));
  asking->close();
  ASSERT_TRUE(hears_the_end());
  EXPECT_EQ(heard.goaways, one_goodbye);
  EXPECT_EQ(heard.streams[1].reset, -1);
}

TEST_F(Http2GoodbyeToABackend, WaitsForAllOfWhatIsUnderWay) {
  auto first = link->open(), second = link->open();
  ASSERT_FALSE(finish(send(first, std::string{only_request})));
  link->shut_down();
  ASSERT_FALSE(finish(send(second, std::string{only_request})));
  ASSERT_TRUE(hears_until([&] { return heard.streams[3].ended; }));
  peer->send(frame::headers(1, {{":status", "204"}}));
  EXPECT_TRUE(reads_to(first, "\r\n\r\n"));
  first->close();
  peer->send(frame::headers(3, {{":status", "200"}, {"content-length", "2"}}, false) + frame::data(3, "ok", true));
  EXPECT_TRUE(reads_to(second, "ok"));
  (void)hears_until([] { return true; });
  EXPECT_TRUE(heard.goaways.empty());
  second->close();
  ASSERT_TRUE(hears_the_end());
  EXPECT_EQ(heard.goaways, one_goodbye);
}

TEST_F(Http2GoodbyeToABackend, IsSaidAtOnceWhereNothingIsUnderWay) {
  link->shut_down();
  ASSERT_TRUE(hears_the_end());
  EXPECT_EQ(heard.goaways, one_goodbye);
}

TEST_F(Http2GoodbyeToABackend, FollowsARequestThatIsTakenBack) {
  auto asking = link->open();
  link->shut_down();
  ASSERT_FALSE(finish(send(asking, std::string{only_request})));
  ASSERT_TRUE(hears_until([&] { return heard.streams[1].ended; }));
  asking->close();
  ASSERT_TRUE(hears_the_end());
  EXPECT_EQ(heard.streams[1].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(heard.goaways, one_goodbye);
}

TEST_F(Http2GoodbyeToABackend, NeedsNoRequest) {
  auto asking = link->open();
  link->shut_down();
  settle();
  asking->close(); // It was never written.
  ASSERT_TRUE(hears_the_end());
  EXPECT_TRUE(heard.streams.empty());
  EXPECT_EQ(heard.goaways, one_goodbye);
}

TEST_F(Http2GoodbyeToABackend, IsNotHeldUpByAResponseThatIsNeverSaidToBeOver) {
  auto asking = link->open();
  link->shut_down();
  ASSERT_FALSE(finish(send(asking, std::string{only_request})));
  peer->send(frame::headers(1, {{":status", "200"}, {"content-length", "2"}}, false) + frame::data(1, "ok"));
  EXPECT_TRUE(reads_to(asking, "ok"));
  asking->close();
  settle();
  EXPECT_EQ(link->open_streams(), 1u);
  pass(http2_link::unended_patience);
  pass(http2_link::unended_patience);
  ASSERT_TRUE(hears_the_end());
  EXPECT_EQ(heard.streams[1].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(heard.goaways, one_goodbye);
}

} // namespace
} // namespace shunt::net
