// The chunked coding: what bodies decode to, and what is refused. Every body is decoded at once,
// byte by byte, and cut at every point, in buffers that end where the bytes do.
#include "net/chunked.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <ostream>
#include <string>
#include <vector>

namespace shunt::net {

inline void PrintTo(chunked_error error, std::ostream* out) {
  *out << '"' << describe(error) << '"';
}

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// What became of a body.
struct outcome {
  chunked_state state = chunked_state::more;
  chunked_error error = chunked_error::none;
  std::string data;
  std::size_t consumed = 0;
  std::string trailers;
};

/// Feeds a decoder, and notes what it says.
class feeder {
public:
  /// Goes on until the bytes are used up or the body has ended.
  void feed(std::string_view part) {
    const std::vector<char> bytes(part.begin(), part.end());
    std::string_view rest{bytes.data(), bytes.size()};
    while (!rest.empty() && said_.state == chunked_state::more) {
      const auto result = decoder_.decode(rest);
      for (const auto piece : result.data())
        said_.data += piece;
      ASSERT_TRUE(result.consumed > 0 || result.state != chunked_state::more) << "no progress";
      said_.consumed += result.consumed;
      said_.state = result.state;
      rest.remove_prefix(result.consumed);
    }
  }

  outcome said() {
    said_.error = decoder_.error();
    if (said_.state == chunked_state::done)
      for (const auto& f : decoder_.trailers())
        said_.trailers.append(f.name).append("=").append(f.value).append(";");
    return said_;
  }

private:
  chunked_decoder decoder_;
  outcome said_;
};

outcome decode_cut(std::string_view bytes, std::size_t cut) {
  feeder to;
  to.feed(bytes.substr(0, cut));
  to.feed(bytes.substr(cut));
  return to.said();
}

outcome decode_bytewise(std::string_view bytes) {
  feeder to;
  for (std::size_t at = 0; at < bytes.size(); ++at)
    to.feed(bytes.substr(at, 1));
  return to.said();
}

void expect_same(const outcome& actual, const outcome& expected) {
  EXPECT_EQ(actual.state, expected.state);
  EXPECT_EQ(actual.error, expected.error);
  EXPECT_EQ(actual.data, expected.data);
  EXPECT_EQ(actual.trailers, expected.trailers);
  if (expected.state != chunked_state::error) { // Nobody goes on after an error.
    EXPECT_EQ(actual.consumed, expected.consumed);
  }
}

outcome decode_all_ways(std::string_view bytes) {
  SCOPED_TRACE(bytes.substr(0, 200));
  const auto at_once = decode_cut(bytes, bytes.size());
  expect_same(decode_bytewise(bytes), at_once);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    expect_same(decode_cut(bytes, cut), at_once);
  return at_once;
}

TEST(Chunked, TakesTheCodingOff) {
  struct {
    std::string_view bytes, data, trailers;
  } const cases[] = {
    {"0\r\n\r\n", "", ""},
    {"000\r\n\r\n", "", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""},
    {"a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij", ""},
    {"0000000000000002\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""},
    {"5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", ""},
    {"2;a\r\nhi\r\n0;b\r\n\r\n", "hi", ""},
    {"2;a=b;c=\"d\"\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"2 ;\ta = b\t; c = \"d ;\\\" \xc3\xa4\t\"\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"2;a=\"\"\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"2;a=b ;c\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"2;a=\"b\" ;c\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"2;a ;c\r\nhi\r\n0\r\n\r\n", "hi", ""},
    {"0\r\nX: 1\r\n\r\n", "", "X=1;"},
    {"2\r\nhi\r\n0\r\ngrpc-status: 0\r\ngrpc-message:  ok \r\n\r\n", "hi",
     "grpc-status=0;grpc-message=ok;"},
    {"0\r\nContent-Length: 5\r\nX: 1\r\nhost: evil\r\nX-Forwarded-For: 1\r\n\r\n", "", "X=1;"},
  };
  for (const auto& c : cases) {
    const auto result = decode_all_ways(c.bytes);
    EXPECT_EQ(result.state, chunked_state::done) << c.bytes << ": " << describe(result.error);
    EXPECT_EQ(result.data, c.data);
    EXPECT_EQ(result.trailers, c.trailers);
    EXPECT_EQ(result.consumed, c.bytes.size());
  }
}

TEST(Chunked, LeavesTheNextMessageAlone) {
  for (const auto& body : {"2\r\nhi\r\n0\r\n\r\n"s, "0\r\nX: 1\r\n\r\n"s}) {
    const auto result = decode_all_ways(body + "\r\nGET / HTTP/1.1\r\n" + std::string(600, 'x'));
    EXPECT_EQ(result.state, chunked_state::done);
    EXPECT_EQ(result.consumed, body.size());
  }
}

TEST(Chunked, WaitsForTheRest) {
  const auto bytes = "3;a=\"b\"\r\nabc\r\n0\r\nX: 1\r\n\r\n"sv;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto result = decode_bytewise(bytes.substr(0, size));
    EXPECT_EQ(result.state, chunked_state::more) << size;
    EXPECT_EQ(result.consumed, size);
  }
}

TEST(Chunked, HandsDataOutWithoutCopyingIt) {
  const auto bytes = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"sv;
  chunked_decoder decoder;
  const auto result = decoder.decode(bytes);
  ASSERT_EQ(result.data().size(), 2u);
  EXPECT_EQ(result.data()[0].data(), bytes.data() + 3);
  EXPECT_EQ(result.data()[1].data(), bytes.data() + 11);
}

TEST(Chunked, StopsWhenTheListOfPiecesIsFull) {
  std::string bytes;
  for (std::size_t i = 0; i <= chunked_result::pieces_max; ++i)
    bytes += "1\r\nx\r\n";
  chunked_decoder decoder;
  const auto first = decoder.decode(bytes);
  EXPECT_EQ(first.state, chunked_state::more);
  EXPECT_EQ(first.data().size(), chunked_result::pieces_max);
  EXPECT_LT(first.consumed, bytes.size());
  const auto second = decoder.decode(std::string_view{bytes}.substr(first.consumed));
  EXPECT_EQ(second.data().size(), 1u);
  EXPECT_EQ(first.consumed + second.consumed, bytes.size());
}

TEST(Chunked, GivesTheDataBeforeAnError) {
  const auto result = decode_all_ways("2\r\nhi\r\nx");
  EXPECT_EQ(result.state, chunked_state::error);
  EXPECT_EQ(result.data, "hi");
}

TEST(Chunked, IsReadyAgainAfterReset) {
  chunked_decoder decoder;
  ASSERT_EQ(decoder.decode("5;abc\r\nhe").state, chunked_state::more);
  decoder.reset();
  ASSERT_EQ(decoder.decode("0\r\nX: 1\r\n\r\n").state, chunked_state::done);
  EXPECT_EQ(decoder.trailers().size(), 1u);
  EXPECT_EQ(decoder.decode("5").consumed, 0u) << "A body that is done takes nothing more.";
  decoder.reset();
  EXPECT_TRUE(decoder.trailers().empty());
  ASSERT_EQ(decoder.decode("x").state, chunked_state::error);
  decoder.reset();
  EXPECT_EQ(decoder.error(), chunked_error::none);
  EXPECT_EQ(decoder.decode("1\r\na\r\n0\r\n\r\n").state, chunked_state::done);
}

TEST(Chunked, Refuses) {
  using enum chunked_error;
  struct {
    std::string bytes;
    chunked_error error;
  } const cases[] = {
    // Sizes.
    {"\r\n", malformed_size},
    {"x\r\n", malformed_size},
    {" 5\r\n", malformed_size},
    {"\t5\r\n", malformed_size},
    {"+5\r\n", malformed_size},
    {"-5\r\n", malformed_size},
    {"0x5\r\n", malformed_size},
    {"5h\r\n", malformed_size},
    {"5_0\r\n", malformed_size},
    {"5,5\r\n", malformed_size},
    {";a\r\n", malformed_size},
    {"\"5\"\r\n", malformed_size},
    {"5\0\r\n"s, malformed_size},
    {"\xef\xbc\x95\r\n", malformed_size},
    {"00000000000000005\r\n", malformed_size},
    {"00000000000000000\r\n", malformed_size},
    {"8000000000000000\r\n", malformed_size},
    {"ffffffffffffffff\r\n", malformed_size},
    {"fffffffffffffffff\r\n", malformed_size},
    {"10000000000000000\r\n", malformed_size},
    {"1\r\na\r\n\r\n", malformed_size},
    // Line ends.
    {"5\n", malformed_line_end},
    {"\n", malformed_line_end},
    {"5\r5", malformed_line_end},
    {"5\r\r\n", malformed_line_end},
    {"5;a\n", malformed_line_end},
    {"5;a=b\n", malformed_line_end},
    {"5;a=\"b\n", malformed_line_end},
    {"5;a=\"b\\\n", malformed_line_end},
    {"5;\n", malformed_line_end},
    {"5 \n", malformed_line_end},
    {"5;a\rb", malformed_line_end},
    {"0\n\n", malformed_line_end},
    {"1\r\nab\r\n", malformed_line_end},
    {"1\r\na\n", malformed_line_end},
    {"1\r\na\r\r", malformed_line_end},
    {"1\r\na1\r\n", malformed_line_end},
    {"2\r\na\r\n0\r\n\r\n", malformed_line_end},
    // Extensions.
    {"5 \r\n", malformed_extension},
    {"5\t\r\n", malformed_extension},
    {"5 5\r\n", malformed_extension},
    {"5 a\r\n", malformed_extension},
    {"5;\r\n", malformed_extension},
    {"5; \r\n", malformed_extension},
    {"5;;a\r\n", malformed_extension},
    {"5;=b\r\n", malformed_extension},
    {"5;a=\r\n", malformed_extension},
    {"5;a=;b\r\n", malformed_extension},
    {"5;a \r\n", malformed_extension},
    {"5;a b\r\n", malformed_extension},
    {"5;a=b \r\n", malformed_extension},
    {"5;a=b c\r\n", malformed_extension},
    {"5;a=b=c\r\n", malformed_extension},
    {"5;a=\"b\"c\r\n", malformed_extension},
    {"5;a=\"b\"=c\r\n", malformed_extension},
    {"5;a=\"b\r\n\"\r\n", malformed_extension},
    {"5;a=\"b\\\r\n", malformed_extension},
    {"5;a=b\"\r\n", malformed_extension},
    {"5;\"a\"\r\n", malformed_extension},
    {"5;a,b\r\n", malformed_extension},
    {"5;a\0\r\n"s, malformed_extension},
    {"5;a=\"\x01\"\r\n", malformed_extension},
    {"5;a=\"\\\x01\"\r\n", malformed_extension},
    {"5;a=\"\x7f\"\r\n", malformed_extension},
    {"5;\xc3\xa4\r\n", malformed_extension},
    {"0;\r\n\r\n", malformed_extension},
    // Trailers, by the rules for fields.
    {"0\r\n\n", malformed_trailers},
    {"0\r\nX\r\n\r\n", malformed_trailers},
    {"0\r\nX : 1\r\n\r\n", malformed_trailers},
    {"0\r\n: 1\r\n\r\n", malformed_trailers},
    {"0\r\n X: 1\r\n\r\n", malformed_trailers},
    {"0\r\nX: 1\r\n 2\r\n\r\n", malformed_trailers},
    {"0\r\nX: 1\nY: 2\r\n\r\n", malformed_trailers},
    {"0\r\nX: 1\rY: 2\r\n\r\n", malformed_trailers},
    {"0\r\nX: \x01\r\n\r\n", malformed_trailers},
    {"0\r\n\rX", malformed_trailers},
    {"0\r\nGET / HTTP/1.1\r\n\r\n", malformed_trailers},
  };
  for (const auto& c : cases) {
    const auto result = decode_all_ways(c.bytes);
    EXPECT_EQ(result.state, chunked_state::error) << c.bytes;
    EXPECT_EQ(result.error, c.error) << c.bytes;
  }
}

// -- Bounds.

std::string chunk_with_extension(std::size_t bytes) {
  return "1;" + std::string(bytes - 1, 'e') + "\r\nx\r\n";
}

TEST(Chunked, BoundsTheExtensionOfAChunk) {
  const auto most = chunked_decoder::extension_bytes_max;
  const auto end = "0\r\n\r\n"s;
  EXPECT_EQ(decode_bytewise(chunk_with_extension(most) + end).state, chunked_state::done);
  for (const auto& bytes : {chunk_with_extension(most + 1), "1" + std::string(most + 1, ' '),
                            "1;a=\"" + std::string(most, '"' + 1)}) {
    EXPECT_EQ(decode_bytewise(bytes).error, chunked_error::extension_too_large);
    EXPECT_EQ(decode_cut(bytes, bytes.size()).error, chunked_error::extension_too_large);
  }
}

TEST(Chunked, BoundsTheExtensionsOfABody) {
  std::string bytes;
  for (std::size_t i = 0; i < chunked_decoder::body_extension_bytes_max / 1024; ++i)
    bytes += chunk_with_extension(1024);
  EXPECT_EQ(decode_bytewise(bytes + "0\r\n\r\n").state, chunked_state::done);
  EXPECT_EQ(decode_bytewise(bytes + "0;a\r\n\r\n").error, chunked_error::extension_too_large);
}

TEST(Chunked, BoundsTrailers) {
  const auto most = chunked_decoder::trailer_limits.head_bytes_max;
  const auto trailers_of = [](std::size_t bytes) {
    return "0\r\nX:" + std::string(bytes - 6, 'x') + "\r\n\r\n";
  };
  for (const std::size_t cut : {0u, 1u, 1000u}) {
    EXPECT_EQ(decode_cut(trailers_of(most), cut).state, chunked_state::done);
    EXPECT_EQ(decode_cut(trailers_of(most + 1), cut).error, chunked_error::trailers_too_large);
    EXPECT_EQ(decode_cut("0\r\nX:" + std::string(most, 'x'), cut).error,
              chunked_error::trailers_too_large);
  }
  std::string many = "0\r\n";
  for (std::size_t i = 0; i <= chunked_decoder::trailer_limits.fields_max; ++i)
    many += "a:\r\n";
  EXPECT_EQ(decode_bytewise(many + "\r\n").error, chunked_error::trailers_too_large);
}

TEST(Chunked, TakesTheLargestSize) {
  chunked_decoder decoder;
  const auto result = decoder.decode("7fffffffffffffff\r\nabc");
  EXPECT_EQ(result.state, chunked_state::more);
  ASSERT_EQ(result.data().size(), 1u);
  EXPECT_EQ(result.data()[0], "abc");
}

} // namespace
} // namespace shunt::net
