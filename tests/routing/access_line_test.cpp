// The access log's line, field by field, against what gorouter writes.
#include "routing/access_line.hpp"

#include "tests/routing/access_records.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace shunt::routing {
namespace {

using namespace std::literals;
using namespace test;

/// What the line says between `before` and the next `after`.
std::string part(const std::string& line, std::string_view before, std::string_view after) {
  const auto found = line.find(before);
  if (found == line.npos)
    return "(no " + std::string{before} + " in " + line + ")";
  const auto begin = found + before.size();
  return line.substr(begin, line.find(after, begin) - begin);
}

/// `text` as it is logged, quotes included.
std::string logged_as(std::string_view text) {
  auto record = example();
  record.instance_id = text;
  return part(line_of(record), " instance_id:", " x_cf_routererror:");
}

std::string request_of(const access_record& record, const access_format& format = {}) {
  return part(line_of(record, format), "] ", " 200 ");
}

TEST(AccessLine, WritesTheExampleOfTheReferenceByteForByte) {
  auto record = example();
  const std::array extra{"6f1c0c0e6b1d4d0b5b570a4b6a6a4b0e"sv};
  record.extra_headers = extra;
  access_format format;
  format.extra_fields = {access_field::failed_attempts};
  format.extra_headers = {"x_b3_traceid"};
  EXPECT_EQ(
    line_of(record, format),
    R"(a.example.com - [2025-01-02T03:04:05.123456789Z] "GET /v1/x?y=1 HTTP/1.1" 200 0 5120 "-" )"
    R"("curl/8.5.0" "10.0.0.4:51514" "10.0.1.11:61006" )"
    R"(x_forwarded_for:"198.51.100.7, 10.0.0.4" x_forwarded_proto:"https" )"
    R"(vcap_request_id:"6f1c0c0e-6b1d-4d0b-5b57-0a4b6a6a4b0e" response_time:0.012345 )"
    R"(gorouter_time:0.000210 app_id:"d45e4b57-3420-40b3-b13d-9ef0562d58c5" app_index:"0" )"
    R"(instance_id:"ins-1" failed_attempts:0 x_cf_routererror:"-" )"
    R"(x_b3_traceid:"6f1c0c0e6b1d4d0b5b570a4b6a6a4b0e")"
    "\n");
}

TEST(AccessLine, WritesDashesForWhatIsNotKnown) {
  access_record record;
  record.response_time_ns = record.gorouter_time_ns = access_record::not_applicable;
  EXPECT_EQ(line_of(record),
            R"( - [1970-01-01T00:00:00.000000000Z] "-" "-" 0 0 "-" "-" "-" "-" )"
            R"(x_forwarded_for:"-" x_forwarded_proto:"-" vcap_request_id:"-" )"
            R"(response_time:"-" gorouter_time:"-" app_id:"-" app_index:"-" instance_id:"-" )"
            R"(x_cf_routererror:"-")"
            "\n");
}

TEST(AccessLine, PutsEveryUnlabelledFieldInItsPlace) {
  auto record = example();
  record.rx_bytes = 18'446'744'073'709'551'615u;
  record.referer = "http://from.example/";
  record.x_cf_routererror = "endpoint_failure (EOF)";
  const auto line = line_of(record);
  EXPECT_EQ(part(line, "\" 200 ", " x_forwarded_for"),
            R"(18446744073709551615 5120 "http://from.example/" "curl/8.5.0" "10.0.0.4:51514" )"
            R"("10.0.1.11:61006")");
  EXPECT_EQ(part(line, "x_cf_routererror:", "\n"), "\"endpoint_failure (EOF)\"");
}

TEST(AccessLine, AppendsToWhatIsThere) {
  const auto line = line_of(example());
  std::string two = "before ";
  append_line(two, example(), {});
  append_line(two, example(), {});
  EXPECT_EQ(two, "before " + line + line);
}

TEST(AccessLine, WritesTheTimeOfAnyYear) {
  const auto time_of = [](std::int64_t ns) {
    auto record = example();
    record.started_at_ns = ns;
    return part(line_of(record), "[", "]");
  };
  EXPECT_EQ(time_of(1'709'251'199'000'000'001), "2024-02-29T23:59:59.000000001Z");
  EXPECT_EQ(time_of(1'709'251'200'000'000'000), "2024-03-01T00:00:00.000000000Z");
  EXPECT_EQ(time_of(receipt_ns), "2025-01-02T03:04:05.123456789Z"); // And back again.
  EXPECT_EQ(time_of(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(time_of(std::numeric_limits<std::int64_t>::max()), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(time_of(std::numeric_limits<std::int64_t>::min()), "1677-09-21T00:12:43.145224192Z");
}

TEST(AccessLine, RoundsSecondsAsGoDoes) {
  const auto seconds_of = [](std::int64_t ns) {
    auto record = example();
    record.response_time_ns = ns;
    return part(line_of(record), "response_time:", " ");
  };
  EXPECT_EQ(seconds_of(0), "0.000000");
  EXPECT_EQ(seconds_of(499), "0.000000");
  EXPECT_EQ(seconds_of(501), "0.000001");
  EXPECT_EQ(seconds_of(999'999'501), "1.000000");
  EXPECT_EQ(seconds_of(90'061'000'001'000), "90061.000001");
  // Half a microsecond: what decides is on which side of it the nearest double lies.
  EXPECT_EQ(seconds_of(500), "0.000000");   // 4.99999999999999977e-07
  EXPECT_EQ(seconds_of(1'500), "0.000002"); // 1.50000000000000004e-06
  EXPECT_EQ(seconds_of(2'500), "0.000003"); // 2.50000000000000020e-06
  EXPECT_EQ(seconds_of(3'500), "0.000003"); // 3.49999999999999999e-06
  EXPECT_EQ(seconds_of(-1), R"("-")");
  EXPECT_EQ(seconds_of(std::numeric_limits<std::int64_t>::min()), R"("-")");
  EXPECT_EQ(seconds_of(std::numeric_limits<std::int64_t>::max()), "9223372036.854776");
}

// -- Quoting

TEST(AccessLine, QuotesAsGoDoes) {
  const std::tuple<std::string_view, std::string_view> cases[] = {
    {"", R"("-")"},
    {"-", R"("-")"},
    {"plain ~ text", R"("plain ~ text")"},
    {"\a\b\f\n\r\t\v", R"("\a\b\f\n\r\t\v")"},
    {"a\"b\\c'd", R"("a\"b\\c'd")"},
    {"\0\x01\x06\x0e\x1b\x1f\x7f"sv, R"("\x00\x01\x06\x0e\x1b\x1f\x7f")"},
    {"\x80\xbf\xc0\xff", R"("\x80\xbf\xc0\xff")"}, // No UTF-8 starts so.
    {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\""},
    {"\xc3", R"("\xc3")"},                                 // Cut short.
    {"\xe2\x82", R"("\xe2\x82")"},                         //
    {"\xf0\x9f\x98", R"("\xf0\x9f\x98")"},                 //
    {"\xe2\x82z", R"("\xe2\x82z")"},                       //
    {"\xc1\xa1\xe0\x81\xa1", R"("\xc1\xa1\xe0\x81\xa1")"}, // Overlong.
    {"\xf0\x82\x82\xac", R"("\xf0\x82\x82\xac")"},         //
    {"\xed\xa0\x80", R"("\xed\xa0\x80")"},                 // A surrogate.
    {"\xf4\x90\x80\x80\xf5", R"("\xf4\x90\x80\x80\xf5")"}, // Beyond U+10FFFF.
    {"\xc2\x80\xc2\x9f", R"("\u0080\u009f")"},             // C1 controls.
    {"\xc2\xa0\xc2\xad", R"("\u00a0\u00ad")"},             // No-break space, soft hyphen.
    {"\xe2\x80\xa8\xe2\x80\xae", R"("\u2028\u202e")"},     // Line separator, right-to-left.
    {"\xef\xbb\xbf\xef\xbf\xbf", R"("\ufeff\uffff")"},     //
    {"\xee\x80\x80", R"("\ue000")"},                       // Private use.
    {"\xf3\xa0\x80\x81", R"("\U000e0001")"},               // A tag.
    {"\xf4\x8f\xbf\xbf", R"("\U0010ffff")"},               //
    {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},                  // The replacement character prints.
    {"\xcc\x88", "\"\xcc\x88\""},                          // So does a combining mark.
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(logged_as(text), expected);
}

/// The scan goes in blocks; every byte must be seen at every place of a block.
TEST(AccessLine, FindsWhatNeedsEscapingWhereverItIs) {
  for (std::size_t length = 1; length < 50; ++length)
    for (std::size_t at = 0; at < length; ++at) {
      std::string text(length, 'x');
      const auto expected = '"' + std::string{text}.replace(at, 1, "\\n") + '"';
      text[at] = '\n';
      EXPECT_EQ(logged_as(text), expected);
    }
}

TEST(AccessLine, KnowsEachAsciiByteToBePlainOrNot) {
  for (char byte = 0x20; byte < 0x7f; ++byte) {
    const bool is_special = byte == '"' || byte == '\\';
    const std::string text(20, byte);
    EXPECT_EQ(logged_as(text).size(), 2 + (is_special ? 40u : 20u)) << byte;
  }
}

TEST(AccessLine, GrowsForTextThatIsEscapedThroughout) {
  const std::string hostile(100'000, '\x01');
  const auto text = logged_as(hostile);
  ASSERT_EQ(text.size(), 400'002u);
  EXPECT_EQ(text.substr(0, 9), R"("\x01\x01)");
  EXPECT_EQ(text.substr(text.size() - 5), R"(\x01")");
}

TEST(AccessLine, IsOneLineWhateverAClientSends) {
  std::string everything;
  for (int byte = 0; byte < 256; ++byte)
    everything += static_cast<char>(byte);
  auto record = example();
  record.host = record.method = record.target = record.protocol = record.referer = everything;
  record.user_agent = record.remote_address = record.backend_address = everything;
  record.x_forwarded_for = record.x_forwarded_proto = record.vcap_request_id = everything;
  record.app_id = record.app_index = record.instance_id = record.x_cf_routererror = everything;
  const auto line = line_of(record);
  EXPECT_EQ(line.find_first_of("\n\r"), line.size() - 1);
}

TEST(AccessLine, LeavesTheHostRawSaveForWhatWouldForgeAField) {
  const auto host_of = [](std::string_view host) {
    auto record = example();
    record.host = host;
    const auto line = line_of(record);
    return line.substr(0, line.find(" - ["));
  };
  EXPECT_EQ(host_of("\"q\"\\\xc3\xa4.example:80"), "\"q\"\\\xc3\xa4.example:80");
  EXPECT_EQ(host_of("a\r\nb c\x7f"), R"(a\x0d\x0ab\x20c\x7f)");
}

// -- What an operator may hide

TEST(AccessLine, HidesAddressesOnDemand) {
  access_format format;
  format.disable_log_source_ip = true;
  EXPECT_EQ(part(line_of(example(), format), R"("curl/8.5.0" )", " x_forwarded_for"),
            R"("-" "10.0.1.11:61006")");
  EXPECT_NE(line_of(example(), format).find("198.51.100.7"), std::string::npos);
  format = {};
  format.disable_log_forwarded_for = true;
  EXPECT_EQ(part(line_of(example(), format), "x_forwarded_for:", " x_forwarded_proto"), R"("-")");
  EXPECT_NE(line_of(example(), format).find("10.0.0.4:51514"), std::string::npos);
}

TEST(AccessLine, RedactsTheQueryOfAGetOnly) {
  access_format all;
  all.redaction = query_redaction::all;
  access_format hash;
  hash.redaction = query_redaction::hash;
  auto record = example();
  EXPECT_EQ(request_of(record), R"("GET /v1/x?y=1 HTTP/1.1")");
  EXPECT_EQ(request_of(record, all), R"("GET /v1/x HTTP/1.1")");
  EXPECT_EQ(request_of(record, hash),
            R"("GET /v1/x?hash=45f0241f56d9823eb2d24a228d7ffe62c5fdcdc2 HTTP/1.1")");
  record.method = "POST";
  EXPECT_EQ(request_of(record, all), R"("POST /v1/x?y=1 HTTP/1.1")");
  EXPECT_EQ(request_of(record, hash), R"("POST /v1/x?y=1 HTTP/1.1")");
}

TEST(AccessLine, TakesTheQueryFromTheFirstQuestionMark) {
  access_format all;
  all.redaction = query_redaction::all;
  access_format hash;
  hash.redaction = query_redaction::hash;
  auto record = example();
  record.target = "/a?b?c#d";
  EXPECT_EQ(request_of(record, all), R"("GET /a HTTP/1.1")");
  EXPECT_EQ(request_of(record, hash),
            R"("GET /a?hash=abd14690a461467a4b75861d6ef2a9f771ef1438 HTTP/1.1")");
  record.target = "/a?"; // No query, so nothing to hide.
  EXPECT_EQ(request_of(record, all), R"("GET /a? HTTP/1.1")");
  EXPECT_EQ(request_of(record, hash), R"("GET /a? HTTP/1.1")");
}

TEST(AccessLine, KeepsARequestsLineOneQuotedString) {
  auto record = example();
  record.target = "/\"\xff";
  EXPECT_EQ(request_of(record), R"("GET /\"\xff HTTP/1.1")");
}

// -- What an operator may add

TEST(AccessLine, AddsExtraFieldsInTheOrderConfigured) {
  auto record = example();
  record.backend_time_ns = 1'000'000;
  record.dial_time_ns = 2'000'000;
  record.dns_time_ns = 3'000'000;
  record.tls_time_ns = 4'000'000;
  record.failed_attempts_time_ns = 5'000'000;
  record.failed_attempts = 3;
  record.local_address = "10.0.0.1:5000";
  access_format format;
  for (const auto name : {"tls_time", "local_address", "backend_time", "failed_attempts_time",
                          "dial_time", "failed_attempts", "dns_time"})
    format.extra_fields.push_back(access_field_named(name).value());
  EXPECT_EQ(part(line_of(record, format), R"(instance_id:"ins-1" )", " x_cf_routererror"),
            R"(tls_time:0.004000 local_address:"10.0.0.1:5000" backend_time:0.001000 )"
            R"(failed_attempts_time:0.005000 dial_time:0.002000 failed_attempts:3 )"
            R"(dns_time:0.003000)");
}

TEST(AccessLine, WritesDashesForExtraFieldsThatDoNotApply) {
  access_format format;
  format.extra_fields = {access_field::backend_time,  access_field::dial_time,
                         access_field::dns_time,      access_field::failed_attempts_time,
                         access_field::local_address, access_field::tls_time};
  EXPECT_EQ(part(line_of(example(), format), R"(instance_id:"ins-1" )", " x_cf_routererror"),
            R"(backend_time:"-" dial_time:"-" dns_time:"-" failed_attempts_time:"-" )"
            R"(local_address:"-" tls_time:"-")");
}

TEST(AccessLine, TellsWhoTheClientIsOnDemand) {
  auto record = example();
  record.tls_sni = "a.example.com";
  record.caller_cf_app = "app";
  record.caller_cf_space = "space";
  record.caller_cf_org = "org";
  record.route_policy = "route:cf:any";
  const auto plain = line_of(example());
  EXPECT_EQ(line_of(record), plain) << "and not otherwise";
  access_format format;
  for (const auto name : {"tls_sni", "caller_cf_app", "caller_cf_space", "caller_cf_org", "route_policy"})
    format.extra_fields.push_back(access_field_named(name).value());
  EXPECT_EQ(part(line_of(record, format), R"(instance_id:"ins-1" )", " x_cf_routererror"),
            R"(tls_sni:"a.example.com" caller_cf_app:"app" caller_cf_space:"space" )"
            R"(caller_cf_org:"org" route_policy:"route:cf:any")");
  EXPECT_EQ(part(line_of(example(), format), R"(instance_id:"ins-1" )", " x_cf_routererror"),
            R"(tls_sni:"-" caller_cf_app:"-" caller_cf_space:"-" caller_cf_org:"-" route_policy:"-")");
}

TEST(AccessLine, TellsWhatARouteServiceTookOnDemand) {
  auto record = example();
  record.route_service_time_ns = 1'500'000;
  record.app_time_ns = 2'000'000;
  EXPECT_EQ(line_of(record), line_of(example())) << "and not otherwise";
  access_format format;
  for (const auto name : {"route_service_time", "app_time"})
    format.extra_fields.push_back(access_field_named(name).value());
  EXPECT_EQ(part(line_of(record, format), R"(instance_id:"ins-1" )", " x_cf_routererror"),
            "route_service_time:0.001500 app_time:0.002000");
  EXPECT_EQ(part(line_of(example(), format), R"(instance_id:"ins-1" )", " x_cf_routererror"),
            R"(route_service_time:"-" app_time:"-")");
}

TEST(AccessLine, SaysWhenARouteServiceWasBypassed) {
  auto record = example();
  record.route_service_bypassed = true;
  EXPECT_EQ(part(line_of(record), R"(x_cf_routererror:"-")", "\n"),
            R"( x_cf_route_service_bypassed:"true")");
  EXPECT_EQ(part(line_of(example()), R"(x_cf_routererror:"-")", "\n"), "");
}

TEST(AccessLine, KnowsNoOtherExtraFields) {
  EXPECT_EQ(access_field_named("tls_times"), std::nullopt);
  EXPECT_EQ(access_field_named(""), std::nullopt);
}

TEST(AccessLine, AddsExtraHeadersAtTheEnd) {
  auto record = example();
  const std::array values{"one \"1\""sv, ""sv};
  record.extra_headers = values;
  access_format format;
  for (const auto name : {"X-First", "b3", "Not-Given"})
    format.extra_headers.push_back(access_header_label(name));
  EXPECT_EQ(part(line_of(record, format), R"(x_cf_routererror:"-")", "\n"),
            R"( x_first:"one \"1\"" b3:"-" not_given:"-")");
}

// -- The short line

std::string short_line_of(const access_record& record, const access_format& format = {}) {
  std::string line = "before ";
  append_short_line(line, record, format);
  return line.substr(7);
}

TEST(ShortAccessLine, IsTheLineUnlessThatIsTooLong) {
  auto record = example();
  const std::string most(short_line_bytes + 1 - line_of(record).size(), 'u');
  const auto agent = most + std::string{record.user_agent};
  record.user_agent = agent;
  const auto line = line_of(record);
  ASSERT_EQ(line.size(), short_line_bytes + 1) << "its end not counted, just short enough";
  EXPECT_EQ(short_line_of(record), line);
}

TEST(ShortAccessLine, CutsWhatClientsWriteAndSaysSo) {
  auto record = example();
  const std::string target = "/" + std::string(30'000, 't'), text(1'100, 'x'), fits(1'000, 'f'), much(3'000, 'm');
  record.target = target;
  record.referer = text;
  record.user_agent = fits;
  record.x_forwarded_for = much;
  record.x_forwarded_proto = text;
  const std::string host(40'000, 'h');
  record.host = host;
  const auto line = short_line_of(record);
  EXPECT_EQ(part(line, "GET ", " HTTP/1.1"), target.substr(0, 15'000) + "...REQUEST-URI-TOO-LONG-TO-LOG--TRUNCATED");
  EXPECT_EQ(part(line, " 200 0 5120 \"", "\""), std::string(550, 'x') + "...REFERER-TOO-LONG-TO-LOG--TRUNCATED");
  EXPECT_EQ(part(line, "TRUNCATED\" \"", "\""), fits);
  // 3000, then 1500 and a word of 45, which is still too long.
  EXPECT_EQ(part(line, "x_forwarded_for:\"", "\""),
            std::string(772, 'm') + "...X-FORWARDED-FOR-TOO-LONG-TO-LOG--TRUNCATED");
  EXPECT_EQ(part(line, "x_forwarded_proto:\"", "\""),
            std::string(550, 'x') + "...X-FORWARDED-PROTO-TOO-LONG-TO-LOG--TRUNCATED");
  EXPECT_TRUE(line.ends_with("x_cf_routererror:\"-\"\n")) << "and the rest is there";
}

TEST(ShortAccessLine, EndsExtraHeadersWhereThereIsNoRoomForTheNext) {
  auto record = example();
  const std::string host(50'000, 'h'), value(9'900, 'v');
  record.host = host;
  const std::array values{std::string_view{value}, ""sv, std::string_view{value}, "last"sv};
  record.extra_headers = values;
  access_format format;
  format.extra_headers = {"a", "b", "c", "d"};
  const auto fit = " a:\"" + value + "\" b:\"-\"";
  // 9905 + 6 + 9905 are less than 20000; 200 bytes more of `b` are not.
  EXPECT_EQ(part(short_line_of(record, format), R"(x_cf_routererror:"-")", "\n"),
            fit + " c:\"" + value + "\" d:\"last\"");
  const std::string longer(9'900 + 200, 'v');
  const std::array too_many{std::string_view{value}, ""sv, std::string_view{longer}, "last"sv};
  record.extra_headers = too_many;
  EXPECT_EQ(part(short_line_of(record, format), R"(x_cf_routererror:"-")", "\n"),
            fit + " ...EXTRA-REQUEST-HEADERS-TOO-LONG-TO-LOG--TRUNCATED");
}

TEST(ShortAccessLine, HidesTheQueryThatIsToBeHidden) {
  auto record = example();
  const std::string target = "/p?" + std::string(70'000, 'q');
  record.target = target;
  record.user_agent = target; // Which is not.
  access_format all, hash;
  all.redaction = query_redaction::all;
  hash.redaction = query_redaction::hash;
  EXPECT_EQ(part(short_line_of(record, all), "GET ", " HTTP"), "/p");
  EXPECT_EQ(part(short_line_of(record, hash), "GET ", " HTTP"), part(line_of(record, hash), "GET ", " HTTP"));
}

} // namespace
} // namespace shunt::routing
