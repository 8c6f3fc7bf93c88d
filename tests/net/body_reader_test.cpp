// Taking the framing off bodies, wherever their bytes are cut.
#include "net/body.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace shunt::net {
namespace {

using namespace std::string_literals;

struct taken {
  std::string data;
  std::size_t consumed = 0;
  bool done = false;
  bool malformed = false;
  std::string trailers;
};

/// Feeds `wire` to a reader in two parts, cut at `cut`.
taken take_cut(body_framing framing, std::uint64_t length, std::string_view wire, std::size_t cut) {
  body_reader reader;
  reader.begin(framing, length);
  taken all;
  for (auto end : {cut, wire.size()})
    while (!all.malformed) {
      const auto step = reader.take(wire.substr(all.consumed, end - all.consumed));
      for (std::size_t i = 0; i < step.piece_count; ++i)
        all.data += step.pieces[i];
      all.consumed += step.consumed;
      all.done = step.done;
      all.malformed = step.malformed;
      if (step.consumed == 0)
        break;
    }
  EXPECT_EQ(reader.bytes_taken(), all.data.size());
  EXPECT_EQ(reader.done(), all.done);
  for (const auto& each : reader.trailers())
    all.trailers.append(each.name).append("=").append(each.value).append(";");
  return all;
}

TEST(BodyReader, TakesTheFramingOffWhereverTheBytesAreCut) {
  const struct {
    body_framing framing;
    std::uint64_t length;
    std::string wire;
    std::string data, next;
    bool done;
    std::string trailers = {};
  } rows[] = {
    {body_framing::none, 0, "GET /", "", "GET /", true},
    {body_framing::length, 0, "GET /", "", "GET /", true},
    {body_framing::length, 5, "helloGET /", "hello", "GET /", true},
    {body_framing::length, 9, "hello", "hello", "", false},
    {body_framing::chunked, 0, "5\r\nhello\r\n0\r\n\r\nGET /", "hello", "GET /", true},
    {body_framing::chunked, 0, "0\r\n\r\n", "", "", true},
    {body_framing::chunked, 0, "5\r\nhello\r\n0\r\n", "hello", "", false},
    {body_framing::chunked, 0, "1;x=y\r\na\r\n2\r\nbc\r\n0\r\nDigest: z\r\n\r\n!", "abc", "!", true,
     "Digest=z;"},
    {body_framing::until_close, 0, "all of this", "all of this", "", false},
  };
  for (const auto& row : rows)
    for (std::size_t cut = 0; cut <= row.wire.size(); ++cut) {
      const auto got = take_cut(row.framing, row.length, row.wire, cut);
      EXPECT_EQ(got.data, row.data) << row.wire << " cut at " << cut;
      EXPECT_EQ(row.wire.substr(got.consumed), row.next) << row.wire << " cut at " << cut;
      EXPECT_EQ(got.done, row.done) << row.wire << " cut at " << cut;
      EXPECT_EQ(got.trailers, row.trailers);
      EXPECT_FALSE(got.malformed);
    }
}

TEST(BodyReader, RefusesABrokenChunkWhereverItIsCut) {
  const auto wire = "3\r\nabc\r\nz\r\n"s;
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    const auto got = take_cut(body_framing::chunked, 0, wire, cut);
    EXPECT_TRUE(got.malformed);
    EXPECT_FALSE(got.done);
    EXPECT_EQ(got.data, "abc"); // What came before it was good.
  }
}

TEST(BodyReader, AcceptsACloseAsTheEndOnlyWhereItIsOne) {
  const std::pair<body_framing, bool> rows[] = {{body_framing::none, true},
                                                {body_framing::length, false},
                                                {body_framing::chunked, false},
                                                {body_framing::until_close, true}};
  for (const auto& [framing, good] : rows) {
    body_reader reader;
    reader.begin(framing, 5);
    reader.take("1\r\na");
    EXPECT_EQ(reader.finish_at_close(), good);
    EXPECT_EQ(reader.done(), good);
  }
}

TEST(BodyReader, StartsAfreshWithEveryMessage) {
  body_reader reader;
  reader.begin(body_framing::chunked, 0);
  EXPECT_TRUE(reader.take("zzz").malformed);
  reader.begin(body_framing::chunked, 0);
  EXPECT_TRUE(reader.take("1\r\na\r\n0\r\nT: u\r\n\r\n").done);
  EXPECT_EQ(reader.trailers().size(), 1u);
  reader.begin(body_framing::length, 3);
  EXPECT_EQ(reader.bytes_taken(), 0u);
  EXPECT_FALSE(reader.done());
  EXPECT_TRUE(reader.trailers().empty());
  EXPECT_TRUE(reader.take("abc").done);
}

TEST(BodyReader, IsDoneBeforeItHasBegun) {
  body_reader reader;
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.take("anything").consumed, 0u);
}

} // namespace
} // namespace shunt::net
