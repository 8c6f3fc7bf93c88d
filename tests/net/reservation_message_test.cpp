// What `router.reserve` and `router.unreserve` may say, what is refused and why, and that a
// reservation is read again as it was written.
#include "net/reservation_message.hpp"

#include "routing/uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::SizeIs;

constexpr std::string_view full =
  R"({"uris":["A.Example.com/Path/","b.example.com"],"route_service_url":"https://rs.example.com/x",)"
  R"("app":"the-guid","reserve_ttl_in_seconds":3600,"options":{"loadbalancing":"hash",)"
  R"("hash_header":"X-Key","hash_balance":1.25,"empty_status":404,"empty_body":"line\nline","retry_after":"1m",)"
  R"("fallback":true,"hold":15,"route_service_failure":"open"}})";

class ReservationMessage : public testing::Test {
protected:
  reserve_message reserve(std::string_view json) {
    auto read = reader.read_reserve(json);
    EXPECT_TRUE(read) << read.reason();
    return *read;
  }
  /// The one reservation that `member`, beside a uri, makes.
  routing::reservation with(std::string_view member) {
    return reserve(std::string{R"({"uris":["a.com"],)"}.append(member).append("}")).made.at(0);
  }
  routing::route_options option(std::string_view member) {
    const auto made = with(std::string{R"("options":{)"}.append(member).append("}"));
    return made.options ? *made.options : routing::route_options{};
  }
  std::string reason(std::string_view json) { return reader.read_reserve(json).reason(); }
  std::string reason_with(std::string_view member) {
    return reason(std::string{R"({"uris":["a.com"],)"}.append(member).append("}"));
  }
  std::string reason_of_option(std::string_view member) {
    return reason_with(std::string{R"("options":{)"}.append(member).append("}"));
  }

  reservation_reader reader;
};

// -- What is read

TEST_F(ReservationMessage, SaysTheSameOfAllItsUris) {
  const auto message = reserve(full);
  EXPECT_EQ(message.ttl, 3600s);
  ASSERT_THAT(message.made, SizeIs(2));
  EXPECT_EQ(message.made[0].host, "a.example.com");
  EXPECT_EQ(message.made[0].path, "path");
  EXPECT_EQ(message.made[1].host, "b.example.com");
  EXPECT_EQ(message.made[1].path, "");
  for (const auto& made : message.made) {
    EXPECT_EQ(made.route_service_url, "https://rs.example.com/x");
    EXPECT_EQ(made.app, "the-guid");
    EXPECT_EQ(made.loadbalancing, "hash");
    EXPECT_EQ(made.hash_header, "X-Key");
    EXPECT_EQ(made.hash_balance, 1.25);
    ASSERT_TRUE(made.options);
    EXPECT_EQ(*made.options, (routing::route_options{.empty_status = 404,
                                                     .retry_after = 60s,
                                                     .hold = 15s,
                                                     .fallback = true,
                                                     .open_without_service = true,
                                                     .empty_body = "line\nline"}));
  }
}

TEST_F(ReservationMessage, AsksForNothingThatItDoesNotName) {
  const auto message =
    reserve(R"({"uris":["a.com"],"app":null,"options":{"hold":null},"unknown":[{}]})");
  EXPECT_EQ(message.ttl, 0s);
  EXPECT_EQ(message.made.at(0), (routing::reservation{.host = "a.com", .path = ""}));
}

TEST_F(ReservationMessage, MatchesNamesInAnyCaseAndTakesTheLast) {
  EXPECT_EQ(with(R"("APP":"x","app":"y")").app, "y");
  EXPECT_EQ(option(R"("Empty_Status":404)").empty_status, 404);
  EXPECT_EQ(reserve(R"({"uris":["a.com"],"URIs":["b.com"]})").made.at(0).host, "b.com");
}

TEST_F(ReservationMessage, TakesDurationsAsTextOrSeconds) {
  EXPECT_EQ(option(R"("retry_after":30)").retry_after, 30s);
  EXPECT_EQ(option(R"("retry_after":0)").retry_after, 0s) << "none is sent";
  EXPECT_EQ(option(R"("retry_after":"0")").retry_after, 0s);
  EXPECT_EQ(option(R"("retry_after":"1500ms")").retry_after, 2s) << "it has whole seconds";
  EXPECT_EQ(option(R"("fallback":false)").retry_after, std::nullopt);
  EXPECT_EQ(option(R"("hold":"1m30s")").hold, 90s);
  EXPECT_EQ(option(R"("hold":0.5)").hold, 500ms);
  EXPECT_EQ(option(R"("hold":600)").hold, routing::hold_max);
}

TEST_F(ReservationMessage, IgnoresOptionsThatItDoesNotKnow) {
  EXPECT_EQ(option(R"("health_check_path":7,"hold":1)").hold, 1s);
}

TEST_F(ReservationMessage, OfUnreserveIsOnlyUris) {
  auto read = reader.read_unreserve(R"({"uris":["A.com/B","c.com"],"app":7})");
  ASSERT_TRUE(read) << read.reason();
  EXPECT_THAT(read->routes, ElementsAre(Pair("a.com", "b"), Pair("c.com", "")));
  EXPECT_THAT(reader.read_unreserve("{}").reason(), HasSubstr("uris: "));
}

// -- What is refused

TEST_F(ReservationMessage, IsRefusedIfItIsNoJsonObject) {
  EXPECT_THAT(reason(""), HasSubstr("not JSON"));
  EXPECT_THAT(reason("{"), HasSubstr("not JSON"));
  EXPECT_THAT(reason("\"\xff\""), HasSubstr("not JSON"));
  EXPECT_THAT(reason("[]"), HasSubstr("message: expected an object, found an array"));
  EXPECT_THAT(reason(std::string(40, '[') + std::string(40, ']')), HasSubstr("not JSON"));
  EXPECT_THAT(reason(std::string(reservation_payload_bytes_max + 1, ' ')), HasSubstr("1 MiB"));
}

TEST_F(ReservationMessage, IsRefusedWithoutARouteToReserve) {
  EXPECT_THAT(reason("{}"), HasSubstr("uris: there must be at least one"));
  EXPECT_THAT(reason(R"({"uris":[]})"), HasSubstr("uris: there must be at least one"));
  EXPECT_THAT(reason(R"({"uris":"a.com"})"),
              HasSubstr("uris: expected an array of strings, found a string"));
  EXPECT_THAT(reason(R"({"uris":["a.com",7]})"), HasSubstr("uris: expected only strings"));
  for (const auto* uri : {"", "//path", "?q", "a\\u0000.com", "a.com/\\r\\nx"})
    EXPECT_THAT(reason(std::string{R"({"uris":["a.com",")"}.append(uri).append(R"("]})")),
                HasSubstr("uris: "))
      << uri;
  EXPECT_THAT(reason(R"({"uris":[")" + std::string(300, 'a') + R"("]})"),
              HasSubstr("uris: one that cannot"));
}

TEST_F(ReservationMessage, IsRefusedIfItHasTooManyUris) {
  const auto uris = [](std::size_t count) {
    std::string json{R"({"uris":["a.com")"};
    for (std::size_t i = 1; i < count; ++i)
      json.append(R"(,"a.com")");
    return json.append("]}");
  };
  EXPECT_EQ(reason(uris(reservation_uris_max)), "");
  EXPECT_THAT(reason(uris(reservation_uris_max + 1)), HasSubstr("uris: more than 1000"));
}

TEST_F(ReservationMessage, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> wrong[] = {
    {R"("route_service_url":7)", "route_service_url: expected a string, found a number"},
    {R"("route_service_url":"http://x.com")", "route_service_url: expected an https URL"},
    {R"("route_service_url":"https://u@x.com")", "route_service_url: expected an https URL"},
    {R"("app":{})", "app: expected a string, found an object"},
    {R"("app":"a\nb")", "app: control characters"},
    {R"("reserve_ttl_in_seconds":-1)", "reserve_ttl_in_seconds: expected an integer from 0"},
    {R"("reserve_ttl_in_seconds":1.5)", "reserve_ttl_in_seconds: expected an integer from 0"},
    {R"("reserve_ttl_in_seconds":315360001)", "out of range"},
    {R"("reserve_ttl_in_seconds":"1h")", "reserve_ttl_in_seconds: expected an integer"},
    {R"("options":[])", "options: expected an object, found an array"},
  };
  for (const auto& [member, message] : wrong)
    EXPECT_THAT(reason_with(member), HasSubstr(message)) << member;
  EXPECT_THAT(reason_with(R"("app":")" + std::string(257, 'a') + '"'),
              HasSubstr("app: more than 256"));
}

TEST_F(ReservationMessage, NamesTheOptionThatIsWrong) {
  const std::pair<const char*, const char*> wrong[] = {
    {R"("loadbalancing":1)", "options.loadbalancing: expected a string"},
    {R"("hash_header":"a\u007f")", "options.hash_header: control characters"},
    {R"("hash_balance":"2")", "options.hash_balance: expected a number"},
    {R"("hash_balance":-1)", "options.hash_balance: negative"},
    {R"("empty_status":"503")",
     "options.empty_status: expected an integer from 400 to 599, found a string"},
    {R"("empty_status":399)", "options.empty_status: expected an integer from 400 to 599"},
    {R"("empty_status":600)", "options.empty_status: expected an integer from 400 to 599"},
    {R"("empty_status":503.5)", "options.empty_status: expected an integer from 400 to 599"},
    {R"("empty_body":1)", "options.empty_body: expected a string"},
    {R"("empty_body":"\u0001")", "options.empty_body: control characters"},
    {R"("retry_after":-1)", "options.retry_after: negative"},
    {R"("retry_after":"soon")", "options.retry_after: a text that is no duration"},
    {R"("retry_after":1e300)", "options.retry_after: longer than"},
    {R"("retry_after":true)", "options.retry_after: expected seconds or a duration"},
    {R"("hold":"-1s")", "options.hold: negative"},
    {R"("hold":601)", "options.hold: longer than 10m0s"},
    {R"("fallback":1)", "options.fallback: expected a boolean"},
    {R"("route_service_failure":"ajar")",
     "options.route_service_failure: expected \"closed\" or \"open\""},
    {R"("route_service_failure":false)",
     "options.route_service_failure: expected \"closed\" or \"open\""},
  };
  for (const auto& [member, message] : wrong)
    EXPECT_THAT(reason_of_option(member), HasSubstr(message)) << member;
  const auto body = [](std::size_t bytes) {
    return R"("empty_body":")" + std::string(bytes, 'a') + '"';
  };
  EXPECT_EQ(reason_of_option(body(routing::empty_body_bytes_max)), "");
  EXPECT_THAT(reason_of_option(body(routing::empty_body_bytes_max + 1)),
              HasSubstr("options.empty_body: more than"));
}

TEST_F(ReservationMessage, LeavesNothingOfARefusedOneBehind) {
  EXPECT_NE(reason_of_option(R"("hold":1,"fallback":7)"), "");
  EXPECT_EQ(with(R"("app":"x")"), (routing::reservation{.host = "a.com", .path = "", .app = "x"}));
}

// -- What is written

TEST_F(ReservationMessage, IsReadAsItWasWritten) {
  for (const auto& made : reserve(full).made) {
    const auto again = reserve(to_json(made)).made;
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(*again[0].options, *made.options);
    auto same = again[0];
    same.options = made.options;
    EXPECT_EQ(same, made);
  }
}

TEST_F(ReservationMessage, IsShortWhereLittleIsAsked) {
  EXPECT_EQ(to_json({.host = "a.com", .path = "x"}), R"({"uris":["a.com/x"],"options":{}})");
}

TEST_F(ReservationMessage, KeepsSlashesThatBelongToThePath) {
  for (const auto* uri :
       {"a.com", "a.com/b", "a.com/b//", "a.com//b", "a.com///", "a.com/b//c", "/a.com/"}) {
    const auto made = reserve(std::string{R"({"uris":[")"}.append(uri).append(R"("]})")).made.at(0);
    EXPECT_EQ(reserve(to_json(made)).made.at(0), made) << uri;
  }
}

} // namespace
} // namespace shunt::net
