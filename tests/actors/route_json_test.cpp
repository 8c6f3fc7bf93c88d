// One route as operators read it: the fields, their order, and what is escaped.
#include "actors/route_json.hpp"

#include "tests/actors/support/registrations.hpp"

#include <gtest/gtest.h>

#include <array>

namespace shunt {
namespace {

using namespace std::literals;
using test::registered;

/// The JSON of the only route in a slice that heard `heard`.
std::string json_of(std::initializer_list<routing::registration> heard, routing::table_rules rules = {}) {
  routing::slice slice{std::move(rules)};
  const auto now = std::chrono::steady_clock::now();
  for (const auto& each : heard)
    slice.register_endpoint(each, now, 0);
  std::string json;
  slice.for_each_route([&](const routing::slice::route_view& route) { json += route_json(route); });
  return json;
}

std::string escaped(std::string_view text) {
  std::string out;
  append_html_safe_json(out, text);
  return out;
}

TEST(RouteJson, ShowsAllFieldsInOrder) {
  const std::array<routing::endpoint_spec::tag_view, 2> tags{
    {{"source_id", "app-1"}, {"component", "route-emitter"}}};
  EXPECT_EQ(
    json_of({registered("a.example", 8443,
                        [&](routing::endpoint_spec& e) {
                          e.host = "10.0.1.11";
                          e.tls = true;
                          e.availability_zone = "z1";
                          e.protocol = "http2";
                          e.route_service_url = "https://rs.example";
                          e.tags = tags;
                          e.isolation_segment = "segment-1";
                          e.instance_id = "instance-1";
                          e.server_cert_domain_san = "san-1";
                          e.loadbalancing = "least-connection";
                          e.stale_threshold_seconds = 60;
                        })}),
    R"([{"address":"10.0.1.11:8443","availability_zone":"z1","protocol":"http2","tls":true,)"
    R"("ttl":60,"route_service_url":"https://rs.example",)"
    R"("tags":{"component":"route-emitter","source_id":"app-1"},)"
    R"("isolation_segment":"segment-1","private_instance_id":"instance-1",)"
    R"("server_cert_domain_san":"san-1","load_balancing_algorithm":"least-connection"}])");
}

TEST(RouteJson, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(json_of({registered("a.example", 80)}),
            R"([{"address":"127.0.0.1:80","availability_zone":"","protocol":"http1","tls":false,)"
            R"("ttl":120,"tags":null}])");
}

TEST(RouteJson, ShowsWhomARouteIsOpenTo) {
  const auto json = json_of({registered("a.example", 80, [&](routing::endpoint_spec& e) {
    e.policy_scope = "org";
    e.policy_sources = "cf:app:a,cf:any";
  })});
  EXPECT_NE(json.find(R"("tags":null,"route_policy_scope":"org","route_policies":["cf:app:a","cf:any"]})"),
            json.npos)
    << json;
}

TEST(RouteJson, ShowsTheProtocolThatThisRouterSpeaks) {
  const auto shown = [](const char* said, bool http2) {
    const auto json =
      json_of({registered("a.example", 80, [&](routing::endpoint_spec& e) { e.protocol = said; })}, {.http2 = http2});
    const auto at = json.find(R"("protocol":")") + 12;
    return json.substr(at, json.find('"', at) - at);
  };
  EXPECT_EQ(shown("http2", true), "http2");
  EXPECT_EQ(shown("http2", false), "http1");
  EXPECT_EQ(shown("quic", false), "quic"); // Verbatim, and treated as HTTP/1.
}

TEST(RouteJson, ListsEndpointsInPoolOrder) {
  const auto json = json_of({registered("a.example", 2), registered("a.example", 1)});
  EXPECT_LT(json.find(":2\""), json.find(":1\""));
  EXPECT_NE(json.find("},{"), json.npos);
}

TEST(RouteJson, EscapesHtmlWhereverItStands) {
  EXPECT_EQ(escaped("<a href=\"x\">&</a>"), R"("\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e")");
  EXPECT_EQ(escaped("<<>>&&"), R"("\u003c\u003c\u003e\u003e\u0026\u0026")");
  EXPECT_EQ(escaped(""), R"("")");
}

TEST(RouteJson, EscapesOnlyWhatItAppends) {
  std::string out = "<before>";
  append_html_safe_json(out, "<");
  EXPECT_EQ(out, R"(<before>"\u003c")");
}

TEST(RouteJson, EscapesTagsAndTheirKeys) {
  const std::array<routing::endpoint_spec::tag_view, 1> tags{{{"<k>", "a&b"}}};
  const auto json =
    json_of({registered("a.example", 80, [&](routing::endpoint_spec& e) { e.tags = tags; })});
  EXPECT_NE(json.find(R"("tags":{"\u003ck\u003e":"a\u0026b"})"), json.npos) << json;
}

} // namespace
} // namespace shunt
