// Every rule of the standard about server-sent events, and that it holds wherever the bytes are
// cut.
#include "net/event_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// Events as `type|data|id`.
std::vector<std::string> read(event_stream& stream, std::string_view bytes) {
  std::vector<std::string> found;
  while (const auto event = stream.next(bytes)) {
    std::string text;
    if (event->too_large)
      text = "too large";
    else
      text.append(event->type).append("|").append(event->data).append("|").append(event->id);
    found.push_back(std::move(text));
  }
  EXPECT_TRUE(bytes.empty());
  return found;
}

/// The same whole, byte by byte, and cut in two anywhere.
std::vector<std::string> read(std::string_view bytes, std::size_t bytes_max = 1024) {
  event_stream whole{bytes_max};
  const auto expected = read(whole, bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    event_stream halves{bytes_max};
    auto found = read(halves, bytes.substr(0, cut));
    for (auto& each : read(halves, bytes.substr(cut)))
      found.push_back(std::move(each));
    EXPECT_EQ(found, expected) << "cut at " << cut;
  }
  event_stream single{bytes_max};
  std::vector<std::string> found;
  for (const char& c : bytes)
    for (auto& each : read(single, {&c, 1}))
      found.push_back(std::move(each));
  EXPECT_EQ(found, expected);
  return expected;
}

TEST(EventStream, ReadsTypeDataAndId) {
  EXPECT_THAT(read("id: 13\nevent: Upsert\ndata: {}\n\n"), ElementsAre("Upsert|{}|13"));
}

TEST(EventStream, EndsLinesInThreeWays) {
  EXPECT_THAT(read("data: a\r\ndata: b\rdata: c\n\ndata: d\r\n\r\ndata: e\r\rdata: f\n\n"),
              ElementsAre("message|a\nb\nc|", "message|d|", "message|e|", "message|f|"));
}

TEST(EventStream, WaitsForTheEmptyLine) {
  EXPECT_THAT(read("data: a\n"), IsEmpty());
  EXPECT_THAT(read("data: a"), IsEmpty());
}

TEST(EventStream, JoinsDataByLineBreaks) {
  EXPECT_THAT(read("data: a\ndata\ndata:\ndata:  b\n\n"), ElementsAre("message|a\n\n\n b|"));
  EXPECT_THAT(read("data\n\n"), ElementsAre("message||"));
  EXPECT_THAT(read("data:\n\ndata\ndata\n\n"), ElementsAre("message||", "message|\n|"));
}

TEST(EventStream, RemovesOneSpaceBehindTheColon) {
  EXPECT_THAT(read("data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n"),
              ElementsAre("message|a|", "message|a|", "message| a|", "message|\ta|"));
}

TEST(EventStream, IgnoresCommentsAndUnknownFields) {
  EXPECT_THAT(read(": a comment\n:\nfoo: x\ndata : y\n data: z\nDATA: w\nevents\n\n"), IsEmpty());
  EXPECT_THAT(read(":\n\ndata: a\n: in between\ndata: b\n\n"), ElementsAre("message|a\nb|"));
}

TEST(EventStream, DropsAnEventWithoutData) {
  EXPECT_THAT(read("event: Upsert\n\ndata: a\n\n"), ElementsAre("message|a|"));
}

TEST(EventStream, ForgetsTheTypeAndKeepsTheId) {
  EXPECT_THAT(read("event: Delete\nid: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
              ElementsAre("Delete|a|7", "message|b|7", "message|c|"));
}

TEST(EventStream, TakesTheLastOfSeveralTypes) {
  EXPECT_THAT(read("event: a\nevent: b\ndata: x\n\nevent: a\nevent\ndata: x\n\n"),
              ElementsAre("b|x|", "message|x|"));
}

TEST(EventStream, IgnoresAnIdWithZeroInIt) {
  EXPECT_THAT(read("id: 1\ndata: a\n\nid: 2\0003\ndata: b\n\n"sv),
              ElementsAre("message|a|1", "message|b|1"));
}

TEST(EventStream, SkipsOneByteOrderMarkAtTheStart) {
  EXPECT_THAT(read("\xef\xbb\xbf"
                   "data: a\n\n"),
              ElementsAre("message|a|"));
  EXPECT_THAT(read("\xef\xbb\xbf\xef\xbb\xbf"
                   "data: a\n\n"),
              IsEmpty());
  EXPECT_THAT(read("\n\xef\xbb\xbf"
                   "data: a\n\n"),
              IsEmpty());
}

TEST(EventStream, KnowsTheTimeToRetry) {
  event_stream stream;
  EXPECT_FALSE(stream.retry());
  for (const auto* ignored : {"retry: -1\n", "retry: 1.5\n", "retry:\n", "retry: 1s\n",
                              "retry:  1\n", "retry: 99999999999999999999\n"}) {
    read(stream, ignored);
    EXPECT_FALSE(stream.retry()) << ignored;
  }
  read(stream, "retry: 2500\n");
  EXPECT_EQ(stream.retry(), 2500ms);
}

TEST(EventStream, SkipsWhatIsTooLargeAndGoesOn) {
  const std::string large(100, 'x');
  EXPECT_THAT(read("data: " + large + "\n\ndata: a\n\n", 64),
              ElementsAre("too large", "message|a|"));
  EXPECT_THAT(read("event: u\ndata: " + large + "\ndata: y\n\nevent: v\ndata: a\n\n", 64),
              ElementsAre("too large", "v|a|"));
  std::string many;
  for (int i = 0; i < 30; ++i)
    many += "data: 12\n";
  EXPECT_THAT(read(many + "\ndata: a\n\n", 64), ElementsAre("too large", "message|a|"));
  EXPECT_THAT(read(large + large, 64), IsEmpty());
}

TEST(EventStream, TakesWhatJustFits) {
  const std::string fits(58, 'x'); // And six bytes of `data: `.
  EXPECT_THAT(read("data: " + fits + "\n\n", 64), ElementsAre("message|" + fits + "|"));
  EXPECT_THAT(read("data: " + fits + "x\n\n", 64), ElementsAre("too large"));
  EXPECT_THAT(read("\xef\xbb\xbf"
                   "data: "
                     + fits + "\n\n",
                   64),
              ElementsAre("too large"));
}

} // namespace
} // namespace shunt::net
