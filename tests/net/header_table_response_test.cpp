// The table of responses in `net/header_table`, cell by cell, as the client sees them.
#include "net/forwarding.hpp"
#include "tests/net/header_cells.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_literals;

// -- Responses.

const std::vector<row>& response_rows() {
  static const std::vector<row> rows{
    // Header, theirs, ours, {last, interim, switching}.
    {"Connection", "close", "Upgrade", {never, never, vouched}},
    {"Keep-Alive", "timeout=5", "", {never, never, never}},
    {"Proxy-Connection", "close", "", {never, never, never}},
    {"Proxy-Authenticate", "Basic", "", {never, never, never}},
    {"Proxy-Authorization", "x", "", {never, never, never}},
    {"TE", "trailers", "", {never, never, never}},
    {"Trailer", "X-T", "", {never, never, never}, "Content-Length: 1\r\n"},
    {"Upgrade", "websocket", "", {never, never, on_demand}},
    {"X-Vcap-Router", "r", "", {passed, passed, passed}},
    {"X-Vcap-Backend", "b", "", {passed, passed, passed}},
    {"X-Cf-RouteEndpoint", "e", "", {passed, passed, passed}},
    {"X-Vcap-Request-Id",
     "theirs",
     "id-1",
     {{value::theirs, value::ours, value::ours},
      passed,
      {value::theirs, value::ours, value::ours}}},
    {"Date", "yesterday", "today", {{value::theirs, value::ours, value::ours}, passed, passed}},
    {"X-CF-Proxy-Signature", "s", "", {never, never, never}},
    {"X-CF-Proxy-Metadata", "m", "", {passed, passed, passed}},
    {"X-CF-Forwarded-Url", "u", "", {passed, passed, passed}},
    {"X-Cf-RouterError", "spoofed", "", {passed, passed, passed}},
    {"Set-Cookie", "a=b", "", {passed, passed, passed}},
    {"X-Unknown", "x", "", {passed, passed, passed}},
  };
  return rows;
}

constexpr const char* kinds[] = {"last", "interim", "switching"};

std::string answer(const std::string& fields, int column, bool traced = false) {
  constexpr const char* lines[] = {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early Hints\r\n",
                                   "HTTP/1.1 101 Switching Protocols\r\n"};
  const auto wire = std::string{lines[column]}.append(fields).append("\r\n");
  response_head head;
  head_scratch scratch;
  const auto status = parse_response(wire, false, head, {}, scratch);
  EXPECT_TRUE(status.complete()) << wire << describe(status.error);
  std::string out;
  switch (static_cast<response_kind>(column)) {
    case response_kind::last:
      append_response_head(out, head,
                           {.request_id = "id-1",
                            .date = "today",
                            .trace_router = traced ? "own" : "",
                            .trace_backend = traced ? "own" : "",
                            .framing = framing_for_client(head, false),
                            .cookie_line = {}});
      break;
    case response_kind::interim: append_interim_head(out, head, nullptr); break;
    case response_kind::switching:
      append_upgrade_head(out, head,
                          {.request_id = "id-1",
                           .trace_router = traced ? "own" : "",
                           .trace_backend = traced ? "own" : ""});
      break;
  }
  return out;
}

class ResponseCell : public testing::TestWithParam<cell> {};

TEST_P(ResponseCell, Holds) {
  const auto& [of, column] = GetParam();
  const auto& wanted = of->columns[column];
  const three_ways sent{*of};
  const auto seen = [&](const std::string& fields) {
    return values(answer(fields, column), of->header);
  };
  // A 101 that does not name its Upgrade is none.
  const bool upgrades = static_cast<response_kind>(column) == response_kind::switching
                        && iequals(of->header, "Upgrade");
  EXPECT_EQ(seen(sent.named), expected(*of, wanted.named)) << "named in Connection";
  if (upgrades)
    return;
  EXPECT_EQ(seen(sent.given), expected(*of, wanted.given)) << "given";
  EXPECT_EQ(seen(sent.absent), expected(*of, wanted.absent)) << "absent";
}

std::string name_of_response_cell(const testing::TestParamInfo<cell>& info) {
  return test_name(info.param.of->header, kinds[info.param.column]);
}

INSTANTIATE_TEST_SUITE_P(HeaderTable, ResponseCell, testing::ValuesIn(cells_of(response_rows())),
                         name_of_response_cell);

TEST(ResponseTable, HasATestForEveryCell) {
  for (const auto& each : response_headers)
    if (each.id != field_id::content_length && each.id != field_id::transfer_encoding) {
      EXPECT_TRUE(has_row(response_rows(), each.name)) << each.name;
    }
}

TEST(ResponseTable, FramesNothingButTheLastResponse) {
  const auto length = "Content-Length: 5\r\n"s, chunked = "Transfer-Encoding: chunked\r\n"s;
  EXPECT_EQ(values(answer(length, 0), "Content-Length"), "5");
  EXPECT_EQ(values(answer(chunked, 0), "Transfer-Encoding"), "chunked");
  EXPECT_EQ(values(answer(chunked + "Trailer: X-T\r\n", 0), "Trailer"), "X-T");
  for (const int column : {1, 2}) {
    EXPECT_EQ(values(answer(length, column), "Content-Length"), "-") << kinds[column];
    EXPECT_EQ(values(answer(chunked, column), "Transfer-Encoding"), "-") << kinds[column];
  }
}

TEST(ResponseTable, ShowsTheWayInEveryResponseThatIsNotInterim) {
  for (const auto* name : {"X-Vcap-Router", "X-Vcap-Backend", "X-Cf-RouteEndpoint"}) {
    const auto theirs = std::string{name}.append(": theirs\r\n");
    for (const int column : {0, 2}) {
      EXPECT_EQ(values(answer(theirs, column, true), name), "own") << kinds[column];
      EXPECT_EQ(values(answer("Connection: "s.append(name).append("\r\n"), column, true), name), "own")
        << kinds[column];
    }
    EXPECT_EQ(values(answer(theirs, 1, true), name), "theirs");
  }
}

} // namespace
} // namespace shunt::net
