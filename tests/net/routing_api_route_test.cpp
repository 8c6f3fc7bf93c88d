// How a route of the Routing API is read, and what the route table gets of it.
#include "net/routing_api_route.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using testing::HasSubstr;

constexpr std::string_view full =
  R"({"route":"MyApp.com/SomePath","port":3000,"ip":"1.2.3.4","ttl":120,"log_guid":"the-guid",)"
  R"("route_service_url":"https://rs.example.com",)"
  R"("modification_tag":{"guid":"abc123","index":4294967295}})";

class RoutingApiRoute : public testing::Test {
protected:
  /// Good until the next call.
  routing_api_route route(std::string_view text) {
    latest = std::make_unique<routing_api_result>(reader.read(text));
    EXPECT_TRUE(*latest) << latest->reason();
    return **latest;
  }
  /// `member` beside what must be there.
  std::string with(std::string_view member) {
    return R"({"route":"a.com","ip":"1.2.3.4",)" + std::string{member} + "}";
  }
  std::string reason(std::string_view text) { return reader.read(text).reason(); }

  routing_api_reader reader;
  std::unique_ptr<routing_api_result> latest;
};

TEST_F(RoutingApiRoute, ReadsEveryField) {
  const auto r = route(full);
  EXPECT_EQ(r.route, "MyApp.com/SomePath");
  EXPECT_EQ(r.ip, "1.2.3.4");
  EXPECT_EQ(r.port, 3000);
  EXPECT_EQ(r.ttl_seconds, 120);
  EXPECT_EQ(r.log_guid, "the-guid");
  EXPECT_EQ(r.route_service_url, "https://rs.example.com");
  EXPECT_EQ(r.modification_guid, "abc123");
  EXPECT_EQ(r.modification_index, 4294967295u);
}

TEST_F(RoutingApiRoute, LeavesAbsentFieldsAtZero) {
  const auto r = route(with(R"("ttl":null,"log_guid":null,"modification_tag":null,"other":[{}])"));
  EXPECT_EQ(r.port, 0);
  EXPECT_EQ(r.ttl_seconds, 0);
  EXPECT_EQ(r.log_guid, "");
  EXPECT_EQ(r.modification_guid, "");
}

TEST_F(RoutingApiRoute, MatchesNamesInAnyCaseAndTakesTheLast) {
  EXPECT_EQ(route(R"({"Route":"a","ROUTE":"b","ip":"c","Port":1,"port":2})").route, "b");
  EXPECT_EQ(route(with(R"("Port":1,"port":2)")).port, 2);
  EXPECT_EQ(route(with(R"("Modification_Tag":{"GUID":"g"})")).modification_guid, "g");
}

TEST_F(RoutingApiRoute, RefusesWhatIsNoRoute) {
  EXPECT_THAT(reason("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(reason("null"), HasSubstr("expected an object"));
  EXPECT_THAT(reason(""), HasSubstr("not JSON"));
  EXPECT_THAT(reason("{"), HasSubstr("not JSON"));
  EXPECT_THAT(reason("{\"route\":\"\xff\"}"), HasSubstr("not JSON"));
  EXPECT_EQ(reason("{}"), "route: must be given");
  EXPECT_EQ(reason(R"({"route":"a.com"})"), "ip: must be given");
  EXPECT_EQ(reason(std::string(routing_api_route_bytes_max + 1, ' ')), "larger than 1 MiB");
  EXPECT_THAT(reason(std::string(100, '[')), HasSubstr("not JSON"));
}

TEST_F(RoutingApiRoute, RefusesFieldsOfOtherTypes) {
  EXPECT_EQ(reason(R"({"route":1})"), "route: expected a string");
  EXPECT_EQ(reason(R"({"ip":[]})"), "ip: expected a string");
  for (const auto* port : {"\"1\"", "-1", "65536", "1.0", "true", "18446744073709551615"})
    EXPECT_EQ(reason(with(std::string{"\"port\":"} + port)),
              "port: expected an integer from 0 to 65535");
  EXPECT_EQ(reason(with(R"("ttl":1.5)")), "ttl: expected an integer of 64 bits");
  EXPECT_EQ(reason(with(R"("log_guid":{})")), "log_guid: expected a string");
  EXPECT_EQ(reason(with(R"("modification_tag":"x")")), "modification_tag: expected an object");
  for (const auto* tag : {R"({"guid":1})", R"({"index":-1})", R"({"index":4294967296})"})
    EXPECT_THAT(reason(with(std::string{"\"modification_tag\":"} + tag)),
                HasSubstr("modification_tag: expected a string guid and an integer index"));
}

TEST_F(RoutingApiRoute, RefusesControlCharacters) {
  EXPECT_EQ(reason(R"({"route":"a\nb"})"), "route: control characters in it");
  EXPECT_EQ(reason(with(R"("log_guid":"a\r\nX: y")")), "log_guid: control characters in it");
}

TEST_F(RoutingApiRoute, IsKnownByNameEvenIfTheRestCannotBeRead) {
  const auto whole = reader.read_name(R"({"ttl":"x","route":"A.com/b","ip":"1.2.3.4","port":5,"modification_tag":7})");
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->address_known);
  ASSERT_TRUE(whole->of);
  EXPECT_EQ(whole->of->host(), "a.com");
  EXPECT_EQ(whole->of->path(), "b");
  EXPECT_EQ(whole->of->target->address(), "1.2.3.4:5");
  const auto long_ip = std::string{R"("port":5,"ip":")"} + std::string(100'000, '1') + '"';
  for (const auto* rest : {R"("ip":"1.2.3.4","port":"x")", R"("ip":5,"port":5)", R"("port":5)", long_ip.c_str()}) {
    const auto partly = reader.read_name(R"({"route":"a.com",)" + std::string{rest} + "}");
    ASSERT_TRUE(partly) << rest;
    EXPECT_FALSE(partly->address_known) << rest;
    ASSERT_TRUE(partly->of) << rest;
    EXPECT_EQ(partly->of->host(), "a.com");
  }
  const auto nobody = reader.read_name(R"({"route":")" + std::string(5'000, 'a') + R"(.com"})");
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(nobody->of) << "no route has that name";
  for (const auto* nothing : {"", "[]", "{}", R"({"route":5,"ip":"1.2.3.4","port":5})", R"({"route":"","ip":"1.2.3.4"})"})
    EXPECT_FALSE(reader.read_name(nothing)) << nothing;
}

TEST_F(RoutingApiRoute, BecomesARegistration) {
  const auto made = make_registration(route(full), false);
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->unregister);
  EXPECT_EQ(made->host(), "myapp.com");
  EXPECT_EQ(made->path(), "somepath");
  EXPECT_EQ(made->spelling(), "MyApp.com/SomePath");
  const auto& e = *made->target;
  EXPECT_EQ(e.address(), "1.2.3.4:3000");
  EXPECT_FALSE(e.tls());
  EXPECT_EQ(e.app(), "the-guid");
  EXPECT_EQ(e.server_cert_domain_san(), "the-guid");
  EXPECT_EQ(e.stale_threshold_seconds(), 120);
  EXPECT_EQ(e.route_service_url(), "https://rs.example.com");
  EXPECT_EQ(e.modification_guid(), "abc123");
  EXPECT_EQ(e.modification_index(), 4294967295u);
  EXPECT_EQ(e.instance_id(), "");
  EXPECT_EQ(e.protocol(), "http1");
  EXPECT_EQ(e.tag_count(), 0u);
  EXPECT_TRUE(make_registration(route(full), true)->unregister);
}

TEST_F(RoutingApiRoute, TakesRouteServicesWithoutHttps) {
  const auto made = make_registration(route(with(R"("route_service_url":"http://rs")")), false);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->target->route_service_url(), "http://rs");
}

TEST_F(RoutingApiRoute, IsNoRegistrationBeyondTheBounds) {
  EXPECT_FALSE(
    make_registration(route(R"({"route":"/path","ip":"1.2.3.4"})"), false)->host().empty());
  EXPECT_FALSE(make_registration(route(R"({"route":"//path","ip":"1.2.3.4"})"), false));
  const std::string long_host(300, 'a');
  EXPECT_FALSE(make_registration(route(R"({"route":")" + long_host + R"(","ip":"i"})"), false));
  const std::string long_guid(70'000, 'g');
  const auto text = with(R"("log_guid":")" + long_guid + '"');
  EXPECT_FALSE(make_registration(route(text), false));
}

} // namespace
} // namespace shunt::net
