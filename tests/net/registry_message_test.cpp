// Every rule by which registrations are read, one line of a table each.
#include "net/registry_message.hpp"

#include "routing/uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace shunt::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class RegistryMessage : public testing::Test {
protected:
  registry_result read(std::string_view payload) { return parse(payload, false, scratch); }
  std::string reason(std::string_view payload) { return read(payload).reason(); }
  routing::endpoint_spec spec(std::string_view payload) {
    const auto message = read(payload);
    EXPECT_TRUE(message) << message.reason();
    return message->endpoint;
  }

  parse_scratch scratch;
};

constexpr std::string_view full_message = R"({
  "host":"10.0.1.11","port":61002,"tls_port":61006,"uris":["a.example.com","A.example.com/v2"],
  "app":"the-app","private_instance_id":"ins-1","private_instance_index":"3",
  "server_cert_domain_san":"san-1","protocol":"http2","tags":{"component":"route-emitter","x":""},
  "stale_threshold_in_seconds":30,"route_service_url":"https://rs.example.com",
  "isolation_segment":"seg","endpoint_updated_at_ns":1735787045123456789,
  "availability_zone":"az1",
  "options":{"loadbalancing":"hash","hash_header":"X-User","hash_balance":1.25,
    "route_policy_scope":"org","route_policy_sources":"cf:app:a,cf:any"}})";

TEST_F(RegistryMessage, ReadsEveryField) {
  const auto message = read(full_message);
  ASSERT_TRUE(message) << message.reason();
  EXPECT_FALSE(message->unregister);
  EXPECT_THAT(message->uris, ElementsAre("a.example.com", "A.example.com/v2"));
  const auto& e = message->endpoint;
  EXPECT_EQ(e.host, "10.0.1.11");
  EXPECT_EQ(e.port, 61006);
  EXPECT_TRUE(e.tls);
  EXPECT_EQ(e.app, "the-app");
  EXPECT_EQ(e.instance_id, "ins-1");
  EXPECT_EQ(e.instance_index, "3");
  EXPECT_EQ(e.server_cert_domain_san, "san-1");
  EXPECT_EQ(e.protocol, "http2");
  EXPECT_THAT(e.tags, ElementsAre(Pair("component", "route-emitter"), Pair("x", "")));
  EXPECT_EQ(e.stale_threshold_seconds, 30);
  EXPECT_EQ(e.route_service_url, "https://rs.example.com");
  EXPECT_EQ(e.isolation_segment, "seg");
  EXPECT_EQ(e.updated_at_ns, 1735787045123456789);
  EXPECT_EQ(e.availability_zone, "az1");
  EXPECT_EQ(e.loadbalancing, "hash");
  EXPECT_EQ(e.hash_header, "X-User");
  EXPECT_EQ(e.hash_balance, 1.25);
  EXPECT_EQ(e.policy_scope, "org");
  EXPECT_EQ(e.policy_sources, "cf:app:a,cf:any");
}

TEST_F(RegistryMessage, LeavesAbsentFieldsAtZero) {
  for (const auto* payload : {"{}", "null", " { } ", R"({"unknown":[1,{"port":"x"}]})"}) {
    const auto message = read(payload);
    ASSERT_TRUE(message) << payload << ": " << message.reason();
    EXPECT_TRUE(message->uris.empty());
    EXPECT_EQ(message->endpoint.host, "");
    EXPECT_EQ(message->endpoint.port, 0);
    EXPECT_FALSE(message->endpoint.tls);
    EXPECT_TRUE(message->endpoint.tags.empty());
  }
}

TEST_F(RegistryMessage, KnowsWhetherItUnregisters) {
  EXPECT_TRUE(parse("{}", true, scratch)->unregister);
  EXPECT_FALSE(parse("{}", false, scratch)->unregister);
}

TEST_F(RegistryMessage, PrefersTheTlsPort) {
  EXPECT_EQ(spec(R"({"port":1,"tls_port":0})").port, 1);
  EXPECT_FALSE(spec(R"({"port":1,"tls_port":0})").tls);
  EXPECT_EQ(spec(R"({"tls_port":2,"port":1})").port, 2);
  EXPECT_TRUE(spec(R"({"tls_port":2})").tls);
}

TEST_F(RegistryMessage, MatchesNamesInAnyCase) {
  EXPECT_EQ(spec(R"({"HOST":"a"})").host, "a");
  EXPECT_EQ(spec(R"({"Private_Instance_ID":"b"})").instance_id, "b");
  EXPECT_EQ(spec(R"({"OPTIONS":{"LoadBalancing":"round-robin"}})").loadbalancing, "round-robin");
  EXPECT_EQ(spec(R"({"\u0068ost":"escaped"})").host, "escaped");
  EXPECT_EQ(spec(R"({"hosts":"a","hos":"b","ho-t":"c"})").host, "");
  EXPECT_EQ(spec("{\"host\\u0000\":\"a\"}").host, "");
}

TEST_F(RegistryMessage, TakesTheLastOfDuplicates) {
  EXPECT_EQ(spec(R"({"host":"a","host":"b"})").host, "b");
  EXPECT_EQ(spec(R"({"Host":"a","host":"b","HOST":"c"})").host, "c");
  EXPECT_EQ(spec(R"({"port":1,"port":2})").port, 2);
  EXPECT_THAT(read(R"({"uris":["a","b"],"uris":["c"]})")->uris, ElementsAre("c"));
  EXPECT_EQ(spec(R"({"options":{"loadbalancing":"a","loadbalancing":"b"}})").loadbalancing, "b");
  const auto message =
    read(R"({"host":"h","uris":["u"],"tags":{"k":"1","k":"2"},"tags":{"k":"3"}})");
  std::vector<routing::registration> made;
  ASSERT_TRUE(make_registrations(*message, made));
  EXPECT_EQ(made.at(0).target->tag("k"), "3");
  EXPECT_EQ(made.at(0).target->tag_count(), 1u);
}

TEST_F(RegistryMessage, TreatsNullAsAbsent) {
  EXPECT_EQ(spec(R"({"host":null,"port":null,"tags":null,"options":null,"uris":null})").host, "");
  EXPECT_EQ(spec(R"({"host":"a","host":null})").host, "a");
  EXPECT_TRUE(read(R"({"uris":["a"],"uris":null})")->uris.empty());
  EXPECT_TRUE(spec(R"({"tags":{"a":"b"},"tags":null})").tags.empty());
  EXPECT_EQ(spec(R"({"options":{"loadbalancing":null}})").loadbalancing, "");
  EXPECT_THAT(spec(R"({"tags":{"a":null}})").tags, ElementsAre(Pair("a", "")));
  EXPECT_THAT(read(R"({"uris":[null,"a"]})")->uris, ElementsAre("", "a"));
}

TEST_F(RegistryMessage, DecodesEscapes) {
  EXPECT_EQ(spec(R"({"isolation_segment":"a\u00e9\n\ud83d\ude00\/"})").isolation_segment,
            "a\u00e9\n\U0001f600/");
}

TEST_F(RegistryMessage, AcceptsNegativeAndExtremeIntegers) {
  EXPECT_EQ(spec(R"({"stale_threshold_in_seconds":-5})").stale_threshold_seconds, -5);
  EXPECT_EQ(spec(R"({"endpoint_updated_at_ns":-9223372036854775808})").updated_at_ns, INT64_MIN);
  EXPECT_EQ(spec(R"({"endpoint_updated_at_ns":9223372036854775807})").updated_at_ns, INT64_MAX);
  EXPECT_EQ(spec(R"({"port":65535})").port, 65535);
  EXPECT_EQ(spec(R"({"options":{"hash_balance":2}})").hash_balance, 2.0);
}

TEST_F(RegistryMessage, ReadsHealthChecks) {
  const auto interval = [this](const std::string& text) {
    return spec(R"({"options":{"health_check_interval":")" + text + R"("}})").health_check_interval_ms;
  };
  EXPECT_EQ(spec(R"({"options":{"health_check_path":"/h"}})").health_check_path, "/h");
  EXPECT_EQ(spec(R"({"options":{"health_check_path":null}})").health_check_path, "");
  EXPECT_EQ(spec("{}").health_check_interval_ms, 0);
  EXPECT_EQ(interval("10s"), 10'000);
  EXPECT_EQ(interval("1m0.5s"), 60'500);
  for (const auto* nonsense : {"", "10", "0s", "-5s", "1us", "soon", "9999999999h"})
    EXPECT_EQ(interval(nonsense), -1) << nonsense;
}

struct refused {
  std::string_view payload;
  std::string_view reason; ///< Part of it.
};
void PrintTo(const refused& r, std::ostream* out) {
  *out << r.payload;
}

class RefusedRegistryMessage : public testing::TestWithParam<refused> {};

TEST_P(RefusedRegistryMessage, SaysWhy) {
  parse_scratch scratch;
  const auto result = parse(GetParam().payload, false, scratch);
  EXPECT_FALSE(result);
  EXPECT_THAT(result.reason(), HasSubstr(std::string{GetParam().reason}));
}

INSTANTIATE_TEST_SUITE_P(
  WrongType, RefusedRegistryMessage,
  testing::Values(
    refused{R"({"private_instance_index":0})",
            "private_instance_index: expected a string, found a number"},
    refused{R"({"host":1})", "host: expected a string, found a number"},
    refused{R"({"HOST":1})", "host: expected a string, found a number"},
    refused{R"({"host":["a"]})", "host: expected a string, found an array"},
    refused{R"({"host":{}})", "host: expected a string, found an object"},
    refused{R"({"host":true})", "host: expected a string, found a boolean"},
    refused{R"({"app":1})", "app: expected a string"},
    refused{R"({"private_instance_id":1})", "private_instance_id: expected a string"},
    refused{R"({"server_cert_domain_san":1})", "server_cert_domain_san: expected a string"},
    refused{R"({"protocol":1})", "protocol: expected a string"},
    refused{R"({"route_service_url":1})", "route_service_url: expected a string"},
    refused{R"({"isolation_segment":1})", "isolation_segment: expected a string"},
    refused{R"({"availability_zone":1})", "availability_zone: expected a string"},
    refused{R"({"port":"80"})", "port: expected an integer from 0 to 65535, found a string"},
    refused{R"({"tls_port":"80"})",
            "tls_port: expected an integer from 0 to 65535, found a string"},
    refused{R"({"port":80.0})", "found a fraction"}, refused{R"({"port":8e1})", "found a fraction"},
    refused{R"({"stale_threshold_in_seconds":"1"})", "stale_threshold_in_seconds: expected an int"},
    refused{R"({"stale_threshold_in_seconds":1.5})", "found a fraction"},
    refused{R"({"endpoint_updated_at_ns":"1"})", "endpoint_updated_at_ns: expected an integer"},
    refused{R"({"uris":"a"})", "uris: expected an array of strings, found a string"},
    refused{R"({"uris":{}})", "uris: expected an array of strings, found an object"},
    refused{R"({"uris":["a",1]})", "uris: expected only strings in it, found a number"},
    refused{R"({"tags":[]})", "tags: expected an object, found an array"},
    refused{R"({"tags":{"a":1}})", "tags: expected only strings in it, found a number"},
    refused{R"({"options":"x"})", "options: expected an object, found a string"},
    refused{R"({"options":{"loadbalancing":1}})",
            "options.loadbalancing: expected a string, found a number"},
    refused{R"({"options":{"hash_header":[]}})", "options.hash_header: expected a string"},
    refused{R"({"options":{"route_policy_scope":1}})", "options.route_policy_scope: expected a string"},
    refused{R"({"options":{"route_policy_sources":["cf:any"]}})",
            "options.route_policy_sources: expected a string, found an array"},
    refused{R"({"options":{"hash_balance":"1"}})", "options.hash_balance: expected a number"},
    refused{R"({"options":{"health_check_path":1}})",
            "options.health_check_path: expected a string, found a number"},
    refused{R"({"options":{"health_check_interval":10}})",
            "options.health_check_interval: expected a string, found a number"},
    refused{R"({"host":1,"host":"a"})", "host: expected a string"}));

INSTANTIATE_TEST_SUITE_P(
  OutOfRange, RefusedRegistryMessage,
  testing::Values(refused{R"({"port":65536})",
                          "port: expected an integer from 0 to 65535, found one "
                          "out of range"},
                  refused{R"({"port":-1})", "port"}, refused{R"({"tls_port":65536})", "tls_port"},
                  refused{R"({"port":18446744073709551615})", "port"},
                  refused{R"({"endpoint_updated_at_ns":9223372036854775808})",
                          "endpoint_updated_at_ns: expected an integer of 64 bits, found one out"},
                  refused{R"({"stale_threshold_in_seconds":18446744073709551616})", "not JSON"}));

INSTANTIATE_TEST_SUITE_P(
  NotAMessage, RefusedRegistryMessage,
  testing::Values(
    refused{"", "not JSON: empty"}, refused{" ", "not JSON"}, refused{"[]", "message"},
    refused{"\"host\"", "message: expected an object, found a string"}, refused{"1", "message"},
    refused{"{", "not JSON"}, refused{"{}{}", "not JSON"}, refused{"{} x", "not JSON"},
    refused{R"({"host":"a",})", "not JSON"}, refused{R"({"unknown":tru})", "not JSON"},
    refused{R"({host:"a"})", "not JSON"}, refused{R"({'host':'a'})", "not JSON"},
    refused{R"({"host":"a)", "not JSON"}, refused{"{\"host\":\"\xff\"}", "not JSON"},
    refused{"{\"unknown\":\"\xc3\"}", "not JSON"}, refused{"{\"host\":\"\n\"}", "not JSON"},
    refused{R"({"host":"\ud800"})", "not JSON"}, refused{std::string_view{"{}\0", 3}, "not JSON"}));

INSTANTIATE_TEST_SUITE_P(
  RouteServiceUrl, RefusedRegistryMessage,
  testing::Values(refused{R"({"route_service_url":"http://a"})",
                          "route_service_url: must start with https"},
                  refused{R"({"route_service_url":"HTTPS://a"})", "route_service_url"},
                  refused{R"({"route_service_url":" https://a"})", "route_service_url"}));

/// They end up in header fields, where a line break begins the next one.
INSTANTIATE_TEST_SUITE_P(
  ControlCharacters, RefusedRegistryMessage,
  testing::Values(
    refused{R"({"host":"a\n"})", "host: control characters in it"},
    refused{R"({"app":"a\r\nX-Forged: 1"})", "app: control characters in it"},
    refused{R"({"private_instance_id":"\u0000"})", "private_instance_id: control"},
    refused{R"({"private_instance_index":"0\u001f"})", "private_instance_index: control"},
    refused{R"({"server_cert_domain_san":"\u007f"})", "server_cert_domain_san: control"},
    refused{R"({"uris":["a","b\tc"]})", "uris: control characters in one"}));

TEST_F(RegistryMessage, AcceptsCharactersBeyondAsciiWhereControlsAreRefused) {
  EXPECT_EQ(spec(R"({"app":"\u0080\u00e9 ~"})").app, "\u0080\u00e9 ~");
}

TEST_F(RegistryMessage, AcceptsEveryRouteServiceUrlThatStartsWithHttps) {
  EXPECT_EQ(spec(R"({"route_service_url":"httpsx"})").route_service_url, "httpsx");
  EXPECT_EQ(spec(R"({"route_service_url":""})").route_service_url, "");
  EXPECT_FALSE(parse(R"({"route_service_url":"x"})", true, scratch))
    << "checked when unregistering";
}

std::string uris_payload(std::size_t count) {
  std::string payload = R"({"host":"h","uris":[)";
  for (std::size_t i = 0; i < count; ++i)
    payload += (i == 0 ? "\"u" : ",\"u") + std::to_string(i) + '"';
  return payload + "]}";
}

std::string tags_payload(std::size_t count) {
  std::string payload = R"({"tags":{)";
  for (std::size_t i = 0; i < count; ++i)
    payload += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":\"\"";
  return payload + "}}";
}

std::string nested_payload(std::size_t depth) {
  return R"({"unknown":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

TEST_F(RegistryMessage, BoundsTheNumberOfUris) {
  EXPECT_EQ(read(uris_payload(registry_uris_max))->uris.size(), registry_uris_max);
  EXPECT_THAT(reason(uris_payload(registry_uris_max + 1)), HasSubstr("uris: more than 10000"));
}

TEST_F(RegistryMessage, BoundsTheNumberOfTags) {
  EXPECT_EQ(spec(tags_payload(256)).tags.size(), 256u);
  EXPECT_THAT(reason(tags_payload(257)), HasSubstr("tags: more than 256"));
}

TEST_F(RegistryMessage, BoundsThePayload) {
  const std::string frame = R"({"app":""})";
  std::string payload =
    R"({"app":")" + std::string(registry_payload_bytes_max - frame.size(), 'x') + "\"}";
  EXPECT_EQ(payload.size(), registry_payload_bytes_max);
  EXPECT_TRUE(read(payload)) << reason(payload);
  payload += ' ';
  EXPECT_THAT(reason(payload), HasSubstr("payload: larger than 1 MiB"));
}

TEST_F(RegistryMessage, BoundsTheDepth) {
  EXPECT_TRUE(read(nested_payload(8))) << reason(nested_payload(8));
  EXPECT_FALSE(read(nested_payload(registry_depth_max + 2)));
  EXPECT_FALSE(read(nested_payload(100'000)));
}

TEST_F(RegistryMessage, IsNotConfusedByTheMessageBefore) {
  ASSERT_TRUE(read(full_message));
  ASSERT_FALSE(read(R"({"uris":["a"],"tags":{"a":"b"},"port":)"));
  const auto next = read(R"({"host":"h"})");
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->uris.empty());
  EXPECT_TRUE(next->endpoint.tags.empty());
  EXPECT_EQ(next->endpoint.port, 0);
}

TEST_F(RegistryMessage, MakesOneRegistrationPerUriOfOneEndpoint) {
  const auto message = read(full_message);
  std::vector<routing::registration> made(3);
  ASSERT_TRUE(make_registrations(*message, made));
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].uri, "a.example.com");
  EXPECT_EQ(made[1].uri, "A.example.com/v2");
  EXPECT_EQ(made[1].host(), "a.example.com");
  EXPECT_EQ(made[1].path(), "v2");
  EXPECT_EQ(made[0].target, made[1].target);
  EXPECT_EQ(made[0].target->address(), "10.0.1.11:61006");
  EXPECT_EQ(made[0].target->instance_id(), "ins-1");
}

TEST_F(RegistryMessage, LeavesOutUrisThatCannotBeRoutes) {
  const std::string deep = "h" + std::string(200, '/') + "x";
  const auto message =
    read(R"({"host":"h","uris":["","/","?q","good.example",")" + deep + R"("]})");
  std::vector<routing::registration> made;
  ASSERT_TRUE(make_registrations(*message, made));
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].uri, "good.example");
}

TEST_F(RegistryMessage, LeavesOutHostsThatNoNameIsLongEnoughFor) {
  const std::string longest(routing::host_bytes_max, 'h');
  const auto message =
    read(R"({"host":"h","uris":[")" + longest + R"(/path","h)" + longest + R"("]})");
  std::vector<routing::registration> made;
  ASSERT_TRUE(make_registrations(*message, made));
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].host(), longest);
}

TEST_F(RegistryMessage, MakesNothingOfAMessageWithoutUris) {
  std::vector<routing::registration> made(1);
  ASSERT_TRUE(make_registrations(*read(R"({"host":"h"})"), made));
  EXPECT_TRUE(made.empty());
}

TEST_F(RegistryMessage, RefusesTextsThatNoEndpointHolds) {
  const auto payload = R"({"uris":["u"],"app":")" + std::string(70'000, 'x') + "\"}";
  std::vector<routing::registration> made;
  EXPECT_FALSE(make_registrations(*read(payload), made));
}

} // namespace
} // namespace shunt::net
