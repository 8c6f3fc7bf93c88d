// Which errors get the operator's page, and what the page is told of them.
#include "net/error_page.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace shunt::net {
namespace {

error_template page(std::string_view text) {
  template_error error;
  auto parsed = error_template::parse(text, error);
  EXPECT_TRUE(parsed) << describe(error);
  return std::move(*parsed);
}

const std::string_view everything =
  "{{ .Status }}|{{ .StatusText }}|{{ .Message }}|{{ .Header.Get \"X-Cf-RouterError\" }}"
  "|{{ .Header.Get \"X-Vcap-Request-Id\" }}";

std::string dressed(error_response error) {
  EXPECT_TRUE(dress(error, page(everything), "id-1"));
  return body_of(error);
}

TEST(ErrorPage, TellsWhatEveryKindOfErrorSays) {
  EXPECT_EQ(dressed(describe(router_error::unknown_route, "a.com")),
            "404|Not Found|Requested route (&#39;a.com&#39;) does not exist.|unknown_route|id-1");
  EXPECT_EQ(dressed(endpoint_failure(502, "EOF")),
            "502|Bad Gateway|Registered endpoint failed to handle the request."
            "|endpoint_failure (EOF)|id-1");
  EXPECT_EQ(dressed(endpoint_failure(525, "x")),
            "525||SSL Handshake Failed|endpoint_failure (x)|id-1");
  EXPECT_EQ(dressed(endpoint_failure(503, "x")),
            "503|Service Unavailable||endpoint_failure (x)|id-1");
  EXPECT_EQ(dressed(describe(router_error::header_too_large, "a.com")),
            "431|Request Header Fields Too Large||max-request-size-exceeded|id-1");
  EXPECT_EQ(dressed(describe_refusal(parse_error::missing_host)),
            "400|Bad Request|missing required Host header||id-1");
}

TEST(ErrorPage, IsHtmlAndComplete) {
  auto error = describe(router_error::unknown_route, "a.com");
  ASSERT_TRUE(dress(error, page("<b>{{ .Status }}</b>"), "id"));
  std::string out;
  append_response(out, error, {.request_id = "id", .date = {}});
  EXPECT_NE(out.find("Content-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"),
            out.npos);
  EXPECT_NE(out.find("Content-Length: 10\r\n"), out.npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n<b>404</b>"));
}

TEST(ErrorPage, LeavesTheOperatorsOwnBodyAndWhatIsNoErrorAlone) {
  error_response own;
  own.status = 503;
  own.form = error_body::custom;
  own.message = "asleep";
  EXPECT_EQ(dressed(own), "asleep");
  error_response fine;
  fine.status = 200;
  EXPECT_EQ(dressed(fine), "");
}

TEST(ErrorPage, StaysPlainWhenThePageWouldBeTooLong) {
  std::string long_text = "{{ if eq .Status 404 }}";
  for (int i = 0; i < 40; ++i)
    long_text += "{{ .Message }}";
  auto error = describe(router_error::unknown_route, std::string(100'000, 'a'));
  const auto before = body_of(error);
  EXPECT_FALSE(dress(error, page(long_text + "{{ end }}"), "id"));
  EXPECT_EQ(body_of(error), before);
}

TEST(ErrorPage, NamesTheFileAndThePlaceOfAMistake) {
  std::string path = "/tmp/shunt-page-XXXXXX";
  const int made = ::mkstemp(path.data());
  ASSERT_GE(made, 0);
  ::close(made);
  std::ofstream{path} << "fine\n{{ .Nonsense }}";
  try {
    (void)read_error_template(path);
    ADD_FAILURE();
  } catch (const std::runtime_error& refused) {
    EXPECT_TRUE(std::string_view{refused.what()}.starts_with(path + ": line 2, column "))
      << refused.what();
  }
  std::ofstream{path} << "{{ .Status }}";
  EXPECT_TRUE(read_error_template(path).render({.status = 1, .status_text = {}, .message = {}, .header = {}}));
  ::unlink(path.c_str());
  EXPECT_THROW((void)read_error_template(path), std::runtime_error);
  EXPECT_THROW((void)read_error_template("/tmp"), std::runtime_error);
}

} // namespace
} // namespace shunt::net
