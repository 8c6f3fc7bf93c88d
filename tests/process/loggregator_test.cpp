// What Loggregator's agent hears of a real router: lines of apps' logs, metrics, and events about requests.
#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/metron.hpp"
#include "tests/process/reload_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using type = envelope_read::type;

constexpr auto app_id = "d45e4b57-3420-40b3-b13d-9ef0562d58c5";

json nothing_to(const std::string& address) {
  return {{"index", 7},
          {"logging", {{"metron_address", address}}},
          {"enable_envelope_v1_metrics", false},
          {"send_http_start_stop_server_event", false},
          {"send_http_start_stop_client_event", false}};
}

json with(json settings, const json& more) {
  settings.merge_patch(more);
  return settings;
}

const json lines_of_apps{{"logging", {{"loggregator_enabled", true}}}};

metron::filter line_with(const std::string& text) {
  return [text](const envelope_read& read) {
    return read.what == type::log && read.event.text(1).find(text) != std::string::npos;
  };
}

/// An event about a request for that path, which the router had as a client's server, or sent as an app's client.
metron::filter event_about(const std::string& path, bool server) {
  return [path, server](const envelope_read& read) {
    return read.what == type::start_stop && read.event.text(6).ends_with(path)
           && read.event.number(4) == (server ? 2u : 1u);
  };
}

class Loggregator : public Reload {
protected:
  metron agent;
  const backend app;
};

TEST_F(Loggregator, HasTheLinesOfAppsWithTheTagsOfTheirInstances) {
  start(with(nothing_to(agent.address()), lines_of_apps));
  const auto other = here().mapped(app);
  const auto host = here().mapped(app, {{"app", app_id}, {"tags", {{"space_name", "s"}, {"component", "c"}}}});
  EXPECT_EQ(here().get(other, "/of-no-app").status, 200);
  EXPECT_EQ(here().get(host, "/of-an-app").status, 200);
  const auto read = agent.wait_for(line_with("/of-an-app"));
  EXPECT_EQ(read.event.text(1), under_test().wait_for_access("/of-an-app")) << "the very line of the file";
  EXPECT_EQ(read.event.text(4), app_id);
  EXPECT_EQ(read.event.text(5), "RTR");
  EXPECT_EQ(read.event.text(6), "7");
  EXPECT_THAT(read.tags, ElementsAre(Pair("component", "c"), Pair("space_name", "s")));
  EXPECT_EQ(agent.heard().size(), 1u) << "of other requests it hears nothing";
}

TEST_F(Loggregator, MayBeTheOnlyOneWhoHasTheAccessLog) {
  start(with(nothing_to(agent.address()), with(lines_of_apps, {{"access_log", {{"file", ""}}}})));
  const auto host = here().mapped(app, {{"app", app_id}});
  EXPECT_EQ(here().get(host, "/only").status, 200);
  EXPECT_THAT(agent.wait_for(line_with("/only")).event.text(1), HasSubstr(host));
}

TEST_F(Loggregator, HearsOfRequestsAndOfEachAttempt) {
  start(with(nothing_to(agent.address()),
             {{"send_http_start_stop_server_event", true}, {"send_http_start_stop_client_event", true}}));
  const json facts{{"app", app_id}, {"private_instance_id", "ins"}, {"private_instance_index", "3"},
                   {"tags", {{"space_name", "s"}}}};
  const auto host = here().mapped(app, facts);
  const auto answer = here().get(host, "/path?query", "User-Agent: me\r\n");
  EXPECT_EQ(answer.status, 200);
  const auto served = agent.wait_for(event_about("/path", true));
  const auto asked = agent.wait_for(event_about("/path", false));
  for (const auto& each : {served, asked}) {
    EXPECT_EQ(each.event.text(6), "http://" + host + "/path");
    EXPECT_EQ(each.event.text(8), "me");
    EXPECT_EQ(each.event.number(9), 200u);
    EXPECT_EQ(each.event.number(10), answer.body.size());
    EXPECT_EQ(each.event.inner(12).number(1), 0xb340'2034'574b'5ed4u);
    EXPECT_EQ(each.event.number(13), 3u);
    EXPECT_EQ(each.event.text(14), "ins");
    EXPECT_THAT(each.event.texts(15), ElementsAre("127.0.0.1"));
    EXPECT_LT(each.event.number(1), each.event.number(2));
  }
  EXPECT_THAT(served.tags, ElementsAre(Pair("space_name", "s")));
  EXPECT_LE(served.event.number(1), asked.event.number(1)) << "first it came, then it was passed on";
  EXPECT_LE(asked.event.number(2), served.event.number(2));
  EXPECT_EQ(served.event.inner(3).number(1), asked.event.inner(3).number(1)) << "the request's id";
}

TEST_F(Loggregator, HearsOfAttemptsThatFail) {
  start(with(nothing_to(agent.address()),
             {{"send_http_start_stop_server_event", true}, {"send_http_start_stop_client_event", true}}));
  const refusing_port closed;
  const auto host = fresh_host();
  here().map(host, closed.port(), {{"app", app_id}});
  EXPECT_EQ(here().get(host, "/refused").status, 502);
  EXPECT_EQ(agent.wait_for(event_about("/refused", true)).event.number(9), 502u);
  const auto attempt = agent.wait_for(event_about("/refused", false));
  EXPECT_EQ(attempt.event.number(9), 0u) << "nobody answered";
  EXPECT_EQ(attempt.event.number(10), 0u);
}

TEST_F(Loggregator, HearsTheMetrics) {
  start(with(nothing_to(agent.address()), {{"enable_envelope_v1_metrics", true}}));
  const auto host = here().mapped(app, {{"tags", {{"component", "tagged"}}}});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  const auto counted = [&](const std::string& name) {
    std::uint64_t sum = 0;
    for (const auto& each : agent.heard([&](const auto& read) { return read.what == type::counter; }))
      sum += each.event.text(1) == name ? each.event.number(2) : 0;
    return sum;
  };
  EXPECT_TRUE(eventually([&] { return counted("requests.tagged") >= 3 && counted("responses.2xx") >= 3; }));
  EXPECT_EQ(counted("requests.tagged"), 3u) << "each once, however often counters are told";
  EXPECT_EQ(counted("bad_gateways"), 0u);
  const auto value = [&](const std::string& name) {
    return agent.wait_for([&](const auto& read) { return read.what == type::value && read.event.text(1) == name; });
  };
  EXPECT_EQ(value("uptime").event.text(3), "seconds");
  EXPECT_GT(value("latency.tagged").event.real(2), 0);
  EXPECT_GE(value("total_routes").event.real(2), 1);
  EXPECT_EQ(value("file_descriptors").event.text(3), "file");
}

TEST_F(Loggregator, IsToldElsewhereAndOtherwiseAfterAReload) {
  metron second;
  start(nothing_to(agent.address()));
  const auto host = here().mapped(app, {{"app", app_id}});
  EXPECT_EQ(here().get(host, "/silence").status, 200);
  under_test().wait_for_access("/silence"); // Else its record may be handled when the lines are asked for.
  reload(with(nothing_to(agent.address()), lines_of_apps));
  EXPECT_TRUE(eventually([&] {
    here().get(host, "/first");
    return !agent.heard(line_with("/first")).empty();
  }));
  EXPECT_TRUE(agent.heard(line_with("/silence")).empty());
  reload(with(nothing_to(second.address()), lines_of_apps));
  EXPECT_TRUE(eventually([&] {
    here().get(host, "/second");
    return !second.heard(line_with("/second")).empty();
  }));
  const auto refusal = refused(with(nothing_to("nowhere"), lines_of_apps));
  EXPECT_THAT(refusal.at("error").get<std::string>(), HasSubstr("logging.metron_address"));
}

TEST_F(Loggregator, IsNotWaitedForAndHeardOnceItIsThere) {
  std::uint16_t port = 0;
  { port = metron{}.port(); }
  start(with(nothing_to("127.0.0.1:" + std::to_string(port)),
             {{"send_http_start_stop_server_event", true}, {"enable_envelope_v1_metrics", true}}));
  const auto host = here().mapped(app);
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(under_test().wait_for_log("metron-unreachable").value("log_level", 0), 1);
  metron late{port};
  EXPECT_TRUE(eventually([&] {
    here().get(host, "/late");
    return !late.heard(event_about("/late", true)).empty();
  }));
  EXPECT_EQ(lines("metron-unreachable").size(), 1u) << "told once, though nobody was there again and again";
}

TEST_F(Loggregator, DoesNotKeepARouterFromStarting) {
  auto settings = nothing_to("no-such-host.invalid:3457");
  settings["enable_envelope_v1_metrics"] = true; // Or nobody would look for it.
  start(settings);
  const auto host = here().mapped(app);
  EXPECT_EQ(here().get(host).status, 200);
}

} // namespace
} // namespace shunt::test
