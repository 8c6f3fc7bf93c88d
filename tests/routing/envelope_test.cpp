// Loggregator's envelopes, byte for byte and field for field.
#include "routing/envelope.hpp"

#include "tests/routing/envelope_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace shunt::routing {
namespace {

using namespace std::literals;
using test::envelope_read;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr std::int64_t now_ns = 1'735'787'045'123'456'789;

access_record request() {
  access_record record;
  record.host = "a.example.com";
  record.method = "GET";
  record.target = "/v1/x?y=1";
  record.user_agent = "curl/8.5.0";
  record.remote_address = "10.0.0.4:51514";
  record.x_forwarded_for = "198.51.100.7, 10.0.0.4";
  record.vcap_request_id = "00010203-0405-4607-8809-0a0b0c0d0e0f";
  record.app_id = "d45e4b57-3420-40b3-b13d-9ef0562d58c5";
  record.app_index = "3";
  record.instance_id = "ins-1";
  record.started_at_ns = now_ns;
  record.response_time_ns = 12'345'000;
  record.tx_bytes = 5120;
  record.status = 200;
  return record;
}

envelope_read start_stop_of(const access_record& record) {
  std::string bytes = "what was there before";
  write_start_stop(bytes, record, now_ns);
  return envelope_read{bytes};
}

TEST(Envelope, CarriesACountAsTheProtocolSpellsIt) {
  std::string bytes;
  write_counter(bytes, "total_requests", 300, 5);
  EXPECT_EQ(bytes, "\x0a\x08gorouter" // origin
                   "\x10\x07"         // eventType: CounterEvent
                   "\x30\x05"         // timestamp
                   "\x52\x13"         // counterEvent
                   "\x0a\x0etotal_requests\x10\xac\x02"s);
}

TEST(Envelope, CarriesAValueWithItsUnit) {
  std::string bytes;
  write_value(bytes, "latency", -1.5, "ms", now_ns);
  const envelope_read read{bytes};
  EXPECT_EQ(read.what, envelope_read::type::value);
  EXPECT_EQ(read.origin, "gorouter");
  EXPECT_EQ(read.timestamp, now_ns);
  EXPECT_EQ(read.event.text(1), "latency");
  EXPECT_EQ(read.event.real(2), -1.5);
  EXPECT_EQ(read.event.text(3), "ms");
}

TEST(Envelope, CarriesALineOfAnAppsLogWithItsTags) {
  auto about = request();
  const std::array tags{"app_name"sv, "a"sv, "empty"sv, ""sv};
  about.tags = tags;
  std::string bytes;
  write_log_line(bytes, "the line \xff", about, "7", now_ns);
  const envelope_read read{bytes};
  EXPECT_EQ(read.what, envelope_read::type::log);
  EXPECT_EQ(read.event.text(1), "the line \xff");
  EXPECT_EQ(read.event.number(2), 1u) << "OUT";
  EXPECT_EQ(read.event.number(3), static_cast<std::uint64_t>(now_ns));
  EXPECT_EQ(read.event.text(4), about.app_id);
  EXPECT_EQ(read.event.text(5), "RTR");
  EXPECT_EQ(read.event.text(6), "7");
  EXPECT_THAT(read.tags, ElementsAre(Pair("app_name", "a"), Pair("empty", "")));
}

TEST(Envelope, TellsOfARequest) {
  auto about = request();
  about.tls = true;
  const std::array tags{"space_id"sv, "s"sv};
  about.tags = tags;
  const auto read = start_stop_of(about);
  EXPECT_EQ(read.what, envelope_read::type::start_stop);
  EXPECT_EQ(read.event.number(1), static_cast<std::uint64_t>(now_ns));
  EXPECT_EQ(read.event.number(2), static_cast<std::uint64_t>(now_ns + 12'345'000));
  const auto id = read.event.inner(3);
  EXPECT_EQ(id.only_has({1, 2}).number(1), 0x0746'0504'0302'0100u);
  EXPECT_EQ(id.number(2), 0x0f0e'0d0c'0b0a'0988u);
  EXPECT_EQ(read.event.number(4), 2u) << "the router is the server";
  EXPECT_EQ(read.event.number(5), 1u) << "GET";
  EXPECT_EQ(read.event.text(6), "https://a.example.com/v1/x");
  EXPECT_EQ(read.event.text(7), "10.0.0.4:51514");
  EXPECT_EQ(read.event.text(8), "curl/8.5.0");
  EXPECT_EQ(read.event.number(9), 200u);
  EXPECT_EQ(read.event.number(10), 5120u);
  EXPECT_EQ(read.event.inner(12).number(1), 0xb340'2034'574b'5ed4u);
  EXPECT_EQ(read.event.number(13), 3u);
  EXPECT_EQ(read.event.text(14), "ins-1");
  EXPECT_THAT(read.event.texts(15), ElementsAre("198.51.100.7", "10.0.0.4"));
  EXPECT_THAT(read.tags, ElementsAre(Pair("space_id", "s")));
}

TEST(Envelope, TellsOfAnAttempt) {
  auto about = request();
  about.kind = record_kind::attempt;
  about.tx_bytes = static_cast<std::uint64_t>(-1);
  const auto read = start_stop_of(about);
  EXPECT_EQ(read.event.number(4), 1u) << "the router is the client";
  EXPECT_EQ(static_cast<std::int64_t>(read.event.number(10)), -1) << "of unknown length";
  EXPECT_EQ(read.event.text(6), "http://a.example.com/v1/x");
}

TEST(Envelope, LeavesOutWhatCannotBeSaid) {
  auto about = request();
  about.method = "BREW";
  about.app_id = "my-app";
  about.app_index = "first";
  about.instance_id = "";
  about.x_forwarded_for = "";
  about.vcap_request_id = "";
  const auto read = start_stop_of(about);
  EXPECT_EQ(read.event.number(5), 0u) << "as gorouter numbers what it does not know";
  EXPECT_EQ(read.event.inner(3).number(1), 0u);
  for (const auto field : {12, 13, 14, 15})
    EXPECT_FALSE(read.event.has(static_cast<std::uint64_t>(field))) << field;
  EXPECT_THAT(read.tags, IsEmpty());
}

TEST(Envelope, KnowsAUuidWhenItSeesOne) {
  auto about = request();
  for (const auto no : {"d45e4b57-3420-40b3-b13d-9ef0562d58c", "d45e4b57-3420-40b3-b13d-9ef0562d58c55",
                        "d45e4b57x3420-40b3-b13d-9ef0562d58c5", "d45e4b57-3420-40b3-b13d-9ef0562d58cg",
                        "d45e4b57-3420-40b3-b13d--ef0562d58c5"}) {
    about.app_id = no;
    EXPECT_FALSE(start_stop_of(about).event.has(12)) << no;
  }
  about.app_id = "D45E4B57-3420-40B3-B13D-9EF0562D58C5";
  EXPECT_EQ(start_stop_of(about).event.inner(12).number(1), 0xb340'2034'574b'5ed4u);
}

TEST(Envelope, NumbersMethodsAsTheProtocolDoes) {
  for (const auto& [name, number] : {std::pair{"POST", 2u}, std::pair{"HEAD", 5u}, std::pair{"CONNECT", 11u},
                                     std::pair{"OPTIONS", 24u}, std::pair{"PATCH", 26u}, std::pair{"TRACE", 36u},
                                     std::pair{"UPDATEREDIRECTREF", 43u}, std::pair{"VERSION_CONTROL", 44u}}) {
    auto about = request();
    about.method = name;
    EXPECT_EQ(start_stop_of(about).event.number(5), number) << name;
  }
}

} // namespace
} // namespace shunt::routing
