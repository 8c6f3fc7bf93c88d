// Rules for the fields of responses: what is removed, what is added, and what stays the router's.
#include "net/response_rewrite.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

using added = std::vector<config::added_header>;

response_rewrite rules(const added& adds, const std::vector<std::string>& removes) {
  config::http_rewrite_settings settings;
  settings.responses.add_headers_if_not_present = adds;
  for (const auto& name : removes)
    settings.responses.remove_headers.push_back({name});
  return response_rewrite{settings};
}

const std::string whole_head = "HTTP/1.1 200 OK\r\n"
                               "Server: app\r\n"
                               "X-Vcap-Request-Id: 1\r\n"
                               "server: again\r\n"
                               "Content-Length: 0\r\n";

/// `before` stands for what the buffer holds in front of the head.
std::string rewritten(const response_rewrite& rewrite, const std::string& to,
                      const std::string& before = "") {
  auto out = before + to;
  rewrite.apply(out, before.size());
  return out;
}

TEST(ResponseRewrite, ChangesNothingWithoutRules) {
  const response_rewrite none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(rules({}, {}).empty());
  EXPECT_FALSE(rules({{"A", "1"}}, {}).empty());
  EXPECT_FALSE(rules({}, {"A"}).empty());
  EXPECT_FALSE(none.removes("Server"));
  EXPECT_EQ(rewritten(none, whole_head), whole_head);
}

TEST(ResponseRewrite, RemovesFieldsByNameWhateverTheirCaseAndNumber) {
  const auto rewrite = rules({}, {"SERVER", "X-Absent"});
  EXPECT_TRUE(rewrite.removes("server"));
  EXPECT_TRUE(rewrite.removes("Server"));
  EXPECT_FALSE(rewrite.removes("Server2"));
  EXPECT_FALSE(rewrite.removes(""));
  EXPECT_EQ(rewritten(rewrite, whole_head),
            "HTTP/1.1 200 OK\r\nX-Vcap-Request-Id: 1\r\nContent-Length: 0\r\n");
}

TEST(ResponseRewrite, RemovesWhatTheRouterSetsToo) {
  EXPECT_EQ(rewritten(rules({}, {"X-Vcap-Request-Id", "server"}), whole_head),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
}

TEST(ResponseRewrite, RemovesTheFirstAndTheLastField) {
  EXPECT_EQ(rewritten(rules({}, {"A", "C"}), "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n"),
            "HTTP/1.1 200 OK\r\nB: 2\r\n");
  EXPECT_EQ(rewritten(rules({}, {"A"}), "HTTP/1.1 200 OK\r\nA: 1\r\n"), "HTTP/1.1 200 OK\r\n");
}

TEST(ResponseRewrite, NeverTakesTheStartLineForAField) {
  const std::string odd = "HTTP/1.1 200 Server: app\r\n";
  EXPECT_EQ(rewritten(rules({{"HTTP/1.1 200 Server", "x"}}, {"HTTP/1.1 200 Server"}), odd),
            odd + "HTTP/1.1 200 Server: x\r\n");
}

TEST(ResponseRewrite, TouchesNothingBeforeTheHead) {
  const std::string before = "HTTP/1.1 100 Continue\r\nServer: first\r\nX-New: 1\r\n\r\n";
  EXPECT_EQ(rewritten(rules({{"X-New", "2"}}, {"Server"}), whole_head, before),
            before
              + "HTTP/1.1 200 OK\r\nX-Vcap-Request-Id: 1\r\nContent-Length: 0\r\nX-New: 2\r\n");
}

TEST(ResponseRewrite, AddsOnlyWhatIsMissing) {
  EXPECT_EQ(rewritten(rules({{"x-vcap-REQUEST-id", "2"}, {"X-Frame-Options", "DENY"}}, {}), whole_head),
            whole_head + "X-Frame-Options: DENY\r\n");
}

TEST(ResponseRewrite, AddsEveryEntryOfAMissingName) {
  EXPECT_EQ(
    rewritten(rules({{"Via", "a"}, {"X-Other", "b"}, {"via", "c"}}, {}), "HTTP/1.1 200 OK\r\n"),
    "HTTP/1.1 200 OK\r\nVia: a\r\nvia: c\r\nX-Other: b\r\n");
  const std::string with_via = "HTTP/1.1 200 OK\r\nVIA: x\r\n";
  EXPECT_EQ(rewritten(rules({{"Via", "a"}, {"via", "c"}}, {}), with_via), with_via);
}

TEST(ResponseRewrite, AddsWhatItHasRemoved) {
  EXPECT_EQ(rewritten(rules({{"Server", "shunt"}}, {"Server"}), whole_head),
            "HTTP/1.1 200 OK\r\nX-Vcap-Request-Id: 1\r\nContent-Length: 0\r\nServer: shunt\r\n");
}

TEST(ResponseRewrite, AddsToAHeadFromWhichTheWriterLeftOutWhatIsRemoved) {
  std::string out = "HTTP/1.1 103 Early Hints\r\n";
  rules({{"Server", "shunt"}}, {"Server"}).append_missing(out, 0);
  EXPECT_EQ(out, "HTTP/1.1 103 Early Hints\r\nServer: shunt\r\n");
}

TEST(ResponseRewrite, LooksAtNamesNotAtValues) {
  const std::string tricky = "HTTP/1.1 200 OK\r\nA: Server: x\r\nB: \r\n";
  EXPECT_EQ(rewritten(rules({{"Server", "y"}, {"B", "z"}}, {"x"}), tricky),
            tricky + "Server: y\r\n");
}

TEST(ResponseRewrite, LeavesFramingAndDateToTheRouter) {
  for (const std::string name : {"Content-Length", "transfer-encoding", "Connection", "Keep-Alive",
                                 "Proxy-Connection", "Upgrade", "Date"}) {
    EXPECT_TRUE(rules({{name, "5"}}, {name}).empty()) << name;
    EXPECT_FALSE(rules({}, {name, "A"}).removes(name)) << name;
    const auto message = "HTTP/1.1 200 OK\r\n" + name + ": x\r\n";
    EXPECT_EQ(rewritten(rules({{name, "5"}}, {name}), message), message) << name;
    EXPECT_EQ(rewritten(rules({{name, "5"}}, {name}), "HTTP/1.1 204 No Content\r\n"),
              "HTTP/1.1 204 No Content\r\n")
      << name;
  }
}

TEST(ResponseRewrite, IsAppliedToHeadAfterHeadInOneBuffer) {
  const auto rewrite = rules({{"A", "1"}}, {"B"});
  std::string out;
  for (int i = 0; i < 3; ++i) {
    const auto begin = out.size();
    out += "HTTP/1.1 200 OK\r\nB: 2\r\n";
    rewrite.apply(out, begin);
    out += "\r\n";
  }
  const std::string one = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n";
  EXPECT_EQ(out, one + one + one);
}

} // namespace
} // namespace shunt::net
