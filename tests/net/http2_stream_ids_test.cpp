// Frames on streams that are not open, or never were (RFC 9113, sections 5.1 and 5.1.1).
#include "net/http2_stream_ids.hpp"

#include "tests/net/http2_kit.hpp"

#include <string>

namespace shunt::net {
namespace {

using state = http2_stream_ids::state;

/// A server that has served stream 5 from beginning to end, the first of its connection; 1 and 3 were passed over.
struct after_one : served {
  after_one() {
    exchange(frame::headers(5, frame::get()));
    session.write(opened.back(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    session.release(opened.back());
    exchange("");
    EXPECT_TRUE(sent.streams[5].ended);
  }
};

TEST(Http2StreamIds, KnowWhatWasPassedOver) {
  http2_stream_ids ids;
  EXPECT_TRUE(ids.is_fresh(1));
  ids.open(5);
  ids.open(7);
  EXPECT_TRUE(ids.is_fresh(9));
  EXPECT_EQ(ids.of(1), state::never_opened);
  EXPECT_EQ(ids.of(3), state::never_opened);
  EXPECT_EQ(ids.of(5), state::closed);
  EXPECT_EQ(ids.of(7), state::closed);
  ids.reset(7);
  EXPECT_EQ(ids.of(7), state::reset);
}

TEST(Http2StreamIds, ForgetTheOldestFirst) {
  http2_stream_ids ids;
  for (std::int32_t id = 1; id < 40'000; id += 4) {
    ids.open(id);
    ids.reset(id);
  }
  EXPECT_EQ(ids.of(39'997), state::reset);
  EXPECT_EQ(ids.of(39'995), state::never_opened);
  EXPECT_EQ(ids.of(1), state::closed);
  EXPECT_EQ(ids.of(3), state::closed);
}

TEST(Http2StreamIds, EndTheConnectionThatUsesOneAgain) {
  after_one server;
  EXPECT_FALSE(server.exchange(frame::headers(5, frame::get())) && !server.session.finished());
  EXPECT_EQ(server.goaway_code(), NGHTTP2_STREAM_CLOSED);
}

TEST(Http2StreamIds, EndTheConnectionThatGoesBack) {
  after_one server;
  server.exchange(frame::headers(3, frame::get()));
  EXPECT_EQ(server.goaway_code(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(server.opened.size(), 1u);
}

TEST(Http2StreamIds, EndTheConnectionThatSendsDataAfterTheEnd) {
  after_one server;
  server.exchange(frame::data(5, "more"));
  EXPECT_EQ(server.goaway_code(), NGHTTP2_STREAM_CLOSED);
}

TEST(Http2StreamIds, EndTheConnectionHoweverItsBytesAreCut) {
  const auto data = frame::data(5, "more");
  for (std::size_t cut = 0; cut <= data.size(); ++cut) {
    after_one server;
    server.exchange(std::string_view{data}.substr(0, cut));
    server.exchange(std::string_view{data}.substr(cut));
    EXPECT_EQ(server.goaway_code(), NGHTTP2_STREAM_CLOSED) << cut;
  }
}

TEST(Http2StreamIds, EndTheConnectionThatGoesOnAfterItsOwnReset) {
  for (const auto& more : {frame::data(1, "more", true), frame::headers(1, {{"x", "trailer"}})}) {
    served server;
    server.exchange(frame::headers(1, frame::post(), false));
    server.exchange(frame::rst_stream(1, NGHTTP2_CANCEL));
    server.exchange(more);
    EXPECT_EQ(server.goaway_code(), NGHTTP2_STREAM_CLOSED);
  }
}

TEST(Http2StreamIds, LetAClientFinishWhatWeReset) {
  served server;
  server.exchange(frame::headers(1, frame::post(), false));
  server.session.reset(server.opened.back(), http2_code::internal_error);
  server.exchange("");
  ASSERT_EQ(server.sent.streams[1].reset, NGHTTP2_INTERNAL_ERROR);
  server.exchange(frame::data(1, "under way") + frame::headers(1, {{"x", "trailer"}}));
  EXPECT_EQ(server.goaway_code(), -1);
}

TEST(Http2StreamIds, LetAClientFinishWhatWasRefused) {
  http2_limits limits;
  limits.streams_max = 1;
  owner server{http2_role::server, limits}; // Whose settings the client does not know yet.
  server.receive(frame::preface() + frame::headers(1, frame::get(), false) + frame::headers(3, frame::post(), false)
                 + frame::data(3, "under way") + frame::headers(3, {{"x", "trailer"}}));
  frame_reader sent;
  sent.take(server.collect());
  EXPECT_EQ(sent.streams[3].reset, NGHTTP2_REFUSED_STREAM);
  EXPECT_TRUE(sent.goaways.empty());
}

TEST(Http2StreamIds, RefuseAPriorityOfNoStream) {
  served server;
  server.exchange(frame::any(NGHTTP2_PRIORITY, 0, 0, frame::number(3, 4) + "\x10"));
  EXPECT_EQ(server.goaway_code(), NGHTTP2_PROTOCOL_ERROR);
}

TEST(Http2StreamIds, RefuseAHeadThatDependsOnItself) {
  constexpr std::uint8_t with_priority = 0x20;
  served server;
  server.exchange(frame::any(NGHTTP2_HEADERS, frame::end_headers | frame::end_stream | with_priority, 1,
                             frame::number(1, 4) + "\x10" + frame::block(frame::get())));
  EXPECT_EQ(server.goaway_code(), NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(server.opened.empty());
}

} // namespace
} // namespace shunt::net
