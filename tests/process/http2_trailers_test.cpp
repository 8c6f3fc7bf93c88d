// Trailers behind bodies whose length was told, which only HTTP/2 has a place for.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/http2_backend.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using namespace http2_scripts;
using testing::IsEmpty;

class Http2Trailers : public SharedStage<Http2Trailers> {
public:
  static nlohmann::json configuration() {
    return apps_front({{"go_max_procs", 1}}); // So that requests share a connection.
  }

protected:
  void SetUp() override {
    SharedStage::SetUp();
    host = apps_name("trailers-" + std::to_string(there.port()));
    here().map(host, there.tls_port(), apps_registration(there.tls_port(), "http2"));
  }
  static std::string head(const std::string& host) {
    return frame::headers(1, http2_request("POST", host, "/", {{"content-length", "4"}}), false);
  }
  static std::string trailers(std::uint32_t stream, const std::string& name) {
    return frame::headers(stream, {{name, "17"}}, true);
  }
  static std::string begun_answer(std::uint32_t stream) {
    return frame::headers(stream, {{":status", "200"}, {"content-length", "5"}}, false)
           + frame::data(stream, "hello");
  }

  http2_backend there{apps_certificate(),
                      each_request([](http2_peer& peer, std::uint32_t stream, const std::string&) {
                        peer.read_until([&] { return peer.stream(stream).ended; });
                        peer.send(begun_answer(stream) + trailers(stream, "x-received"));
                      })};
  std::string host;
};

TEST_F(Http2Trailers, PassBothWays) {
  there.serve_with(each_request([](http2_peer& peer, std::uint32_t stream, const std::string&) {
    peer.read_until([&] { return peer.stream(stream).ended; });
    const auto& asked = peer.stream(stream);
    EXPECT_EQ(asked.data, "body");
    EXPECT_EQ(asked.heads.size(), 2u);
    EXPECT_EQ(asked.heads.back(), "x-sent: 17\n");
    peer.send(begun_answer(stream) + trailers(stream, "x-received"));
  }));
  auto young = http2_peer::client_of(port());
  young.send(head(host) + frame::data(1, "body") + trailers(1, "x-sent"));
  const auto& answer = young.finished(1);
  EXPECT_EQ(answer.data, "hello");
  ASSERT_EQ(answer.heads.size(), 2u);
  EXPECT_EQ(answer.heads.back(), "x-received: 17\n");
}

/// Nobody waits for trailers to see the body.
TEST_F(Http2Trailers, MayComeLongAfterTheBody) {
  const gate body_came, answer_came;
  there.serve_with(each_request([=](http2_peer& peer, std::uint32_t stream, const std::string&) {
    peer.read_until([&] { return peer.stream(stream).data == "body"; });
    body_came.open();
    peer.read_until([&] { return peer.stream(stream).ended; });
    EXPECT_EQ(peer.stream(stream).heads.back(), "x-sent: 17\n");
    peer.send(begun_answer(stream));
    if (eventually([&] { return answer_came.is_open(); }))
      peer.send(trailers(stream, "x-received"));
  }));
  auto young = http2_peer::client_of(port());
  young.send(head(host) + frame::data(1, "body"));
  ASSERT_TRUE(eventually([&] { return body_came.is_open(); }));
  young.send(trailers(1, "x-sent"));
  ASSERT_TRUE(young.read_until([&] { return young.stream(1).data == "hello"; }));
  EXPECT_FALSE(young.stream(1).ended);
  answer_came.open();
  EXPECT_EQ(young.finished(1).heads.back(), "x-received: 17\n");
}

TEST_F(Http2Trailers, NeedNotComeAfterAll) {
  there.serve_with(each_request([](http2_peer& peer, std::uint32_t stream, const std::string&) {
    peer.read_until([&] { return peer.stream(stream).ended; });
    EXPECT_EQ(peer.stream(stream).data, "body");
    EXPECT_EQ(peer.stream(stream).heads.size(), 1u);
    peer.send(begun_answer(stream) + frame::data(stream, "", true));
  }));
  auto young = http2_peer::client_of(port());
  young.send(head(host) + frame::data(1, "body") + frame::data(1, "", true));
  const auto& answer = young.finished(1);
  EXPECT_EQ(answer.data, "hello");
  EXPECT_EQ(answer.heads.size(), 1u);
  EXPECT_TRUE(answer.ended);
}

TEST_F(Http2Trailers, AreLostWhenTheirSenderBreaksOff) {
  there.serve_with(each_request([](http2_peer& peer, std::uint32_t stream, const std::string&) {
    peer.send(begun_answer(stream) + frame::rst_stream(stream, NGHTTP2_INTERNAL_ERROR));
  }));
  auto young = http2_peer::client_of(port());
  young.send(head(host) + frame::data(1, "body", true));
  const auto& answer = young.finished(1);
  EXPECT_FALSE(answer.ended) << "it would look whole";
  EXPECT_GT(answer.reset, 0);
}

/// A length and trailers exclude each other there (RFC 9112, section 6.3).
TEST_F(Http2Trailers, AreDroppedTowardsHttp1) {
  client old{port()};
  for (int i = 0; i < 2; ++i) {
    old.send(post_request(host, "body"));
    const auto answer = old.response("POST");
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.one("Content-Length"), "5");
    EXPECT_THAT(answer.trailers, IsEmpty());
  }
  const backend plain{answers::echo()};
  const auto plain_host = here().mapped(plain);
  for (int i = 0; i < 2; ++i) {
    auto young = http2_peer::client_of(port());
    young.send(head(plain_host) + frame::data(1, "body") + trailers(1, "x-sent"));
    EXPECT_EQ(young.finished(1).data, "body");
  }
  EXPECT_THAT(plain.last_request().trailers, IsEmpty());
  EXPECT_EQ(plain.last_request().one("Content-Length"), "4");
  EXPECT_EQ(plain.connection_count(), 1u);
}

} // namespace
} // namespace shunt::test
