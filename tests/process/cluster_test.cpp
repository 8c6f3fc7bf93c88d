// Several routers that act as one.
#include "tests/process/harness/cluster_stage.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

namespace shunt::test {
namespace {

using namespace std::chrono_literals;

nlohmann::json confirmed(cluster_stage& all, const std::string& subject, const nlohmann::json& message) {
  const auto answer = all.bus.request(subject, message.dump());
  return answer ? nlohmann::json::parse(*answer) : nlohmann::json{{"confirmed", "no answer"}};
}

TEST(Cluster, RoutesAlikeOnAllNodesWhoeverHoldsTheRoute) {
  cluster_stage all{3, {{"holders", 1}}};
  const backend to;
  const auto host = fresh_host();
  EXPECT_TRUE(eventually([&] { return all.ask_all(host) == std::vector{404, 404, 404}; })); // When all know what there is.
  const auto said = confirmed(all, "router.register", registration(to.port(), host));
  EXPECT_EQ(said.at("confirmed"), true) << said;
  EXPECT_EQ(said.at("nodes"), 3);
  EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
  EXPECT_EQ(confirmed(all, "router.unregister", registration(to.port(), host)).at("drained"), true);
  EXPECT_EQ(all.ask_all(host), (std::vector{503, 503, 503}));
}

/// While a change of the files rolls through the cluster, say.
TEST(Cluster, AgreesWhateverItsNodesDoWithEndpoints) {
  cluster_stage all{2, {{"holders", 2}}, shunt_executable(),
                    {{{"enable_http2", false}, {"health_checks", {{"enabled", false}}}}, {{"enable_http2", true}}}};
  const backend to;
  const auto host = fresh_host();
  const auto message = registration(
    to.port(), host, {{"protocol", "http2"}, {"options", {{"health_check_path", "/"}}}});
  for (int heartbeat = 0; heartbeat < 5; ++heartbeat) {
    const auto said = confirmed(all, "router.register", message);
    EXPECT_EQ(said.at("confirmed"), true) << said;
  }
  EXPECT_EQ(all.ask_all(host), (std::vector{200, 200}));
  EXPECT_EQ(all.node(0).routes().at(host).at(0).at("protocol"), "http1");
  EXPECT_EQ(all.node(1).routes().at(host).at(0).at("protocol"), "http2");
}

TEST(Cluster, ShowsTheWholeTableOnEachNode) {
  cluster_stage all{3, {{"holders", 1}}};
  const backend to;
  std::vector<std::string> hosts;
  for (int i = 0; i < 20; ++i)
    hosts.push_back(fresh_host());
  confirmed(all, "router.register", registration(to.port(), hosts[0], {{"uris", hosts}}));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto shown = all.node(i).routes();
    for (const auto& host : hosts)
      EXPECT_TRUE(shown.contains(host)) << host << " on node " << i;
  }
}

/// What `/varz` of the node says the table has.
std::pair<int, int> counted(cluster_stage& all, std::size_t i) {
  const auto shown = nlohmann::json::parse(
    all.node(i).status("/varz", "Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n").body, nullptr, false);
  if (!shown.is_object())
    return {-1, -1};
  return {shown.at("urls"), shown.at("droplets")};
}

TEST(Cluster, CountsTheWholeTableOnEachNode) {
  cluster_stage all{3, {{"holders", 2}}, shunt_executable(),
                    {{"status", {{"enable_deprecated_varz_healthz_endpoints", true}}}}};
  const backend one, other;
  std::vector<std::string> hosts;
  for (int i = 0; i < 40; ++i)
    hosts.push_back(fresh_host());
  const std::vector<std::string> few{hosts.begin(), hosts.begin() + 10};
  confirmed(all, "router.register", registration(one.port(), hosts[0], {{"uris", hosts}}));
  confirmed(all, "router.register", registration(other.port(), hosts[0], {{"uris", few}}));
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_TRUE(eventually([&] { return counted(all, i) == std::pair{40, 50}; })) << counted(all, i).first;
  all.kill(0);
  for (const std::size_t i : {1, 2})
    EXPECT_TRUE(eventually([&] { return counted(all, i) == std::pair{40, 50}; }, 3 * step_time)) << counted(all, i).first;
}

TEST(Cluster, ShowsATableThatIsTooLargeForOnePieceWhole) {
  cluster_stage all{2, {{"holders", 1}}};
  const backend to;
  const auto tags = nlohmann::json{{"a", std::string(900, 'x')}}; // So that it is large with few routes.
  std::set<std::string> hosts;
  for (int message = 0; message < 100; ++message) {
    std::vector<std::string> some;
    for (int i = 0; i < 60; ++i)
      some.push_back("r" + std::to_string(message * 60 + i) + ".large.test");
    hosts.insert(some.begin(), some.end());
    all.bus.publish("router.register", registration(to.port(), some[0], {{"uris", some}, {"tags", tags}}).dump());
  }
  const auto shown = [&](std::size_t i) {
    std::set<std::string> seen;
    try {
      const auto table = all.node(i).routes();
      for (const auto& [uri, endpoints] : table.items())
        seen.insert(uri);
    } catch (const std::exception&) { // Not now.
    }
    return seen;
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string missing;
    EXPECT_TRUE(eventually([&] {
      const auto seen = shown(i);
      const auto lost = std::ranges::find_if(hosts, [&](const auto& each) { return !seen.contains(each); });
      missing = lost == hosts.end() ? std::string{} : *lost;
      return seen == hosts;
    }, 2 * step_time)) << missing << " on node " << i;
    const auto told = client{all.node(i).routes_port()}
                        .send(get_request("x", "/routes", "Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n"))
                        .response();
    EXPECT_EQ(told.one("Transfer-Encoding"), "chunked");
  }
}

TEST(Cluster, ShowsFewHostsThatAreTooLargeForOnePieceWhole) {
  cluster_stage all{2, {{"holders", 1}, {"shards", 2}}};
  const backend to;
  const auto tags = nlohmann::json{{"x", std::string(200, 'z')}};
  constexpr int hosts = 12, endpoints = 400; // One host is about half of what a message holds.
  for (int i = 0; i < hosts; ++i)
    for (int port = 1; port <= endpoints; ++port)
      all.bus.publish("router.register", registration(static_cast<std::uint16_t>(port), "h" + std::to_string(i) + ".large.test",
                                                      {{"tags", tags}, {"private_instance_id", std::string(400, 'y')}}).dump());
  const auto shown = [&](std::size_t i) {
    int whole = 0;
    const auto table = all.node(i).routes();
    for (const auto& [uri, pool] : table.items())
      whole += pool.size() == endpoints;
    return whole;
  };
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_TRUE(eventually([&] { return shown(i) == hosts; }, 2 * step_time)) << shown(i) << " on node " << i;
}

TEST(Cluster, LosesNoRouteWhenANodeDies) {
  cluster_stage all{3, {{"holders", 2}}};
  const backend to;
  std::vector<std::string> hosts;
  for (int i = 0; i < 20; ++i)
    hosts.push_back(fresh_host());
  ASSERT_EQ(confirmed(all, "router.register", registration(to.port(), hosts[0], {{"uris", hosts}})).at("confirmed"), true);
  all.kill(2);
  for (const auto& host : hosts) // None of them may be without an answer, even before anybody noticed.
    EXPECT_EQ(all.ask_all(host), (std::vector{200, 200}));
  ASSERT_TRUE(all.wait_until_settled(3 * step_time));
  for (const auto& host : hosts)
    EXPECT_EQ(all.ask_all(host), (std::vector{200, 200}));
  all.start(2);
  ASSERT_TRUE(all.wait_until_settled(3 * step_time));
  for (const auto& host : hosts)
    EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
}

TEST(Cluster, LosesNoRouteWhileItsOnlyHolderIsDrained) {
  cluster_stage all{3, {{"holders", 1}}, shunt_executable(), {{"drain_wait", slowed_text(5s)}, {"drain_timeout", "60s"}}};
  const backend to;
  std::vector<std::string> hosts;
  for (int i = 0; i < 40; ++i)
    hosts.push_back(fresh_host());
  ASSERT_EQ(confirmed(all, "router.register", registration(to.port(), hosts[0], {{"uris", hosts}})).at("confirmed"), true);
  auto& leaving = all.node(2).process();
  leaving.signal(SIGUSR1);
  const auto is_left = [&] {
    const auto seen = all.status(0);
    return std::ranges::any_of(seen.at("nodes"), [&](const auto& node) {
      return node.at("name") == all.name_of(2) && node.at("state") == "left";
    });
  };
  ASSERT_TRUE(eventually(is_left));
  const auto ask = [&](std::size_t i, const std::string& host) {
    return client{all.node(i).port()}.send(get_request(host)).response().status;
  };
  for (std::size_t k = 0; k < hosts.size(); ++k) // Of the second half nobody asks for any before it is gone.
    for (const std::size_t i : {0, 1}) {
      if (k == hosts.size() / 2 && i == 0)
        leaving.wait_for_exit();
      EXPECT_EQ(ask(i, hosts[k]), 200) << k << " on node " << i;
    }
}

/// All threads of the process: a signal reaches them one after the other.
bool stands_still(pid_t process) {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/task"}) {
    std::ifstream in{task.path() / "stat"};
    const std::string line{std::istreambuf_iterator<char>{in}, {}};
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos || line.substr(name_end + 2, 1) != "T")
      return false;
  }
  return true;
}

TEST(Cluster, NamesANodeThatStandsStillInTheAnswerToAChange) {
  cluster_stage all{3, {{"confirm_timeout", "2s"}, {"remove_after", "60s"}}};
  const backend blue, green;
  std::vector<std::string> hosts; // So many that it is the one to answer for some.
  for (int i = 0; i < 12; ++i)
    hosts.push_back(fresh_host());
  for (const auto& host : hosts)
    ASSERT_EQ(confirmed(all, "router.register", registration(blue.port(), host)).at("confirmed"), true);
  all.node(2).process().signal(SIGSTOP);
  ASSERT_TRUE(eventually([&] { return stands_still(all.node(2).process().pid()); }));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::future<nlohmann::json>> asked;
  for (const auto& host : hosts)
    asked.push_back(std::async(std::launch::async, [&] {
      return confirmed(all, "router.register", registration(green.port(), host));
    }));
  for (auto& each : asked) {
    const auto said = each.get();
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 1900ms);
    ASSERT_TRUE(said.contains("pending")) << said << " where others answer in its place";
    EXPECT_EQ(said.at("confirmed"), false) << said;
    ASSERT_EQ(said.at("pending").size(), 1u) << said;
    EXPECT_EQ(said.at("pending").at(0).at("node"), all.name_of(2));
    EXPECT_FALSE(said.at("pending").at(0).at("reason").get<std::string>().empty());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, step_time);
  all.node(2).process().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { // It goes on, and then it is as all others.
    return confirmed(all, "router.register", registration(green.port(), hosts[0])).at("confirmed") == true;
  }, 3 * step_time));
}

TEST(Cluster, DeniesNothingOnANodeThatGoesOnBeforeItHasCaughtUp) {
  for (const auto& holders : {nlohmann::json(1), nlohmann::json("all")}) {
    cluster_stage all{3, {{"holders", holders}}};
    const backend to;
    ASSERT_TRUE(all.wait_until_settled(3 * step_time));
    auto& stopped = all.node(1);
    const auto goes_on = std::chrono::steady_clock::now() + 600ms; // A shorter stop than 250 ms is none.
    stopped.process().signal(SIGSTOP);
    ASSERT_TRUE(eventually([&] { return stands_still(stopped.process().pid()); }));
    std::vector<std::string> hosts;
    for (int i = 0; i < 50; ++i) {
      hosts.push_back(fresh_host());
      all.bus.publish("router.register", registration(to.port(), hosts.back()).dump());
    }
    std::vector<std::string> wildcards; // Some are of shards that the stopped node alone holds: nobody else can know those.
    for (int i = 0; i < 20; ++i) {
      wildcards.push_back("a." + fresh_host());
      all.bus.publish("router.register", registration(to.port(), "*" + wildcards.back().substr(1)).dump());
    }
    const auto is_served = [&](const std::string& host) {
      return client{all.node(0).port()}.send(get_request(host)).response().status == 200;
    };
    std::vector<std::string>::iterator served;
    ASSERT_TRUE(eventually([&] { return (served = std::ranges::find_if(wildcards, is_served)) != wildcards.end(); }));
    hosts.push_back(*served);
    std::vector<std::unique_ptr<client>> waiting;
    for (const auto& host : hosts) {
      waiting.push_back(std::make_unique<client>(stopped.port()));
      waiting.back()->send(get_request(host));
    }
    std::this_thread::sleep_until(goes_on);
    stopped.process().signal(SIGCONT);
    for (std::size_t i = 0; i < hosts.size(); ++i)
      EXPECT_NE(waiting[i]->response().status, 404) << hosts[i] << ", holders: " << holders;
    for (const auto& host : hosts)
      EXPECT_TRUE(eventually([&] { return client{stopped.port()}.send(get_request(host)).response().status == 200; }));
    const auto nowhere = fresh_host();
    EXPECT_TRUE(eventually([&] { return client{stopped.port()}.send(get_request(nowhere)).response().status == 404; }));
  }
}

TEST(Cluster, AgreesOnWhatWasToldInAHurry) {
  cluster_stage all{2};
  const backend one, two;
  // Each host ends with one endpoint, or none; nobody waits for anything in between.
  std::vector<std::string> served, empty;
  for (int i = 0; i < 30; ++i) {
    const auto host = fresh_host();
    const bool stays = i % 2 == 0;
    all.bus.publish("router.register", registration(one.port(), host).dump());
    all.bus.publish("router.unregister", registration(one.port(), host).dump());
    all.bus.publish("router.register", registration(two.port(), host).dump());
    if (stays)
      all.bus.publish("router.register", registration(one.port(), host).dump());
    all.bus.publish("router.unregister", registration(two.port(), host).dump());
    (stays ? served : empty).push_back(host);
  }
  for (const auto& host : served)
    EXPECT_TRUE(eventually([&] { return all.ask_all(host) == std::vector{200, 200}; }));
  for (const auto& host : empty)
    EXPECT_TRUE(eventually([&] { return all.ask_all(host) == std::vector{503, 503}; }));
  EXPECT_TRUE(eventually([&] { return all.node(0).routes() == all.node(1).routes(); }));
}

TEST(Cluster, ServesWhatItKnowsWithoutNats) {
  cluster_stage all{3, {{"holders", 2}}};
  const backend to;
  const auto host = fresh_host();
  ASSERT_EQ(confirmed(all, "router.register", registration(to.port(), host)).at("confirmed"), true);
  all.nats.stop();
  EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
  const auto unknown = fresh_host();
  EXPECT_TRUE(eventually([&] { return all.ask_all(unknown) == std::vector{503, 503, 503}; }));
  const auto said = client{all.node(0).port()}.send(get_request(unknown)).response();
  EXPECT_EQ(said.one("X-Cf-RouterError"), "not_in_sync");
  EXPECT_TRUE(said.has("Retry-After"));
}

TEST(Cluster, IsUnhealthyWhileItHearsNobodyIfItIsToldSo) {
  cluster_stage all{2, {{"isolated", "unhealthy"}, {"remove_after", "2s"}, {"holders", "all"}}};
  const backend to;
  const auto host = fresh_host();
  ASSERT_EQ(confirmed(all, "router.register", registration(to.port(), host)).at("confirmed"), true);
  EXPECT_EQ(all.node(0).health(), 200);
  all.kill(1);
  EXPECT_TRUE(eventually([&] { return all.node(0).health() == 503; }));
  EXPECT_EQ(all.ask_all(host), std::vector{200}); // Whoever comes all the same is served.
  all.start(1);
  EXPECT_TRUE(eventually([&] { return all.node(0).health() == 200; }));
}

TEST(Cluster, IsShownByACommand) {
  cluster_stage all{2};
  ASSERT_TRUE(all.wait_until_settled());
  const std::vector<std::string> command{shunt_executable(), "cluster", "status", "-c", all.node(0).configuration_path()};
  const auto table = run_tool(command);
  EXPECT_EQ(table.exit_code, 0) << table.output;
  EXPECT_TRUE(table.says(all.name_of(0)) && table.says(all.name_of(1)) && table.says("alive")) << table.output;
  auto for_programs = command;
  for_programs.push_back("--json");
  const auto shown = nlohmann::json::parse(run_tool(for_programs).output);
  EXPECT_EQ(shown.at("nodes").size(), 2u);
  EXPECT_EQ(shown.at("nodes"), all.status(0).at("nodes"));
  all.node(0).process().signal(SIGKILL);
  all.node(0).process().wait_for_exit();
  const auto nobody = run_tool(command);
  EXPECT_NE(nobody.exit_code, 0);
  EXPECT_FALSE(nobody.output.empty());
}

TEST(Cluster, ANodeThatHasMetNoOtherConfirmsNothing) {
  cluster_stage all{2};
  const nlohmann::json lost{{"name", "test"},
                            {"node", {{"name", "lost"}, {"host", "127.0.0.1"}, {"port", free_port()}}},
                            {"peers", {"127.0.0.1:" + std::to_string(free_port())}},
                            {"shards", 32}};
  router waiting{all.nats.port(), {{"cluster", lost}}, router::unhealthy{}};
  const backend to;
  const auto before = fresh_host();
  ASSERT_TRUE(eventually([&] {
    all.bus.announce(to.port(), before);
    return waiting.routes().contains(before);
  }));
  for (int i = 0; i < 5; ++i) {
    const auto host = fresh_host();
    const auto said = confirmed(all, "router.register", registration(to.port(), host));
    EXPECT_EQ(said.at("nodes"), 2) << said;
    EXPECT_TRUE(eventually([&] { return waiting.routes().contains(host); })) << "it could have answered";
  }
}

TEST(Cluster, RefusesANodeOfAnotherShape) {
  cluster_stage all{2};
  const auto peer = all.status(0).at("nodes").at(0).at("address");
  const nlohmann::json stranger{{"name", "test"},
                                {"node", {{"name", "stranger"}, {"host", "127.0.0.1"}, {"port", free_port()}}},
                                {"peers", {peer}},
                                {"shards", 64}};
  router refused{all.nats.port(), {{"cluster", stranger}}, router::unhealthy{}};
  const auto said = refused.wait_for_log("peer-refused-this-node").dump() + refused.log_tail();
  EXPECT_NE(said.find("shards"), std::string::npos) << said;
}

TEST(Cluster, ServesAfterARestartWhatItKnewBefore) {
  const temporary_directory files;
  cluster_stage alone{1, {{"snapshot", files.path_of("routes")}}};
  const backend to;
  const auto host = fresh_host();
  ASSERT_EQ(confirmed(alone, "router.register", registration(to.port(), host)).at("confirmed"), true);
  alone.node(0).process().signal(SIGTERM);
  ASSERT_EQ(alone.node(0).process().wait_for_exit(), 0);
  alone.start(0); // Nobody registers again.
  EXPECT_TRUE(eventually([&] { return alone.node(0).health() == 200; }));
  EXPECT_EQ(alone.ask_all(host), (std::vector{200}));
}

TEST(Cluster, TellsHowCopiesAndLeasesAre) {
  cluster_stage all{3, {{"holders", 1}}};
  const backend to;
  std::vector<std::string> hosts;
  for (int i = 0; i < 20; ++i)
    hosts.push_back(fresh_host());
  ASSERT_EQ(confirmed(all, "router.register", registration(to.port(), hosts[0], {{"uris", hosts}})).at("confirmed"), true);
  for (const auto& host : hosts)
    EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
  const auto told = [&](std::size_t i, const char* name) { return value(scrape(all.node(i)), name); };
  double held = 0, granted = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    held += told(i, "shunt_cluster_shards_held");
    granted += told(i, "shunt_cluster_granted_hosts_total");
    EXPECT_LT(told(i, "shunt_cluster_push_lag_seconds"), 1);
  }
  EXPECT_EQ(held, 32) << "each shard has one holder";
  EXPECT_GE(granted, 2 * 20) << "each host was lent to two nodes";
  const auto age = [&] { return told(0, "shunt_cluster_lease_age_seconds"); };
  EXPECT_TRUE(eventually([&] { return age() < 0.6; })); // Four heartbeats a second.

  all.node(1).process().signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return age() > 0.8; })) << "node 1 lends shards to node 0"; // Until it is suspect.
  all.node(1).process().signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return age() < 0.6; }));
}

} // namespace
} // namespace shunt::test
