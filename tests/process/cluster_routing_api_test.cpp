// The Routing API as a source of routes for nodes of a cluster, each of which asks it for itself.
#include "tests/process/harness/cluster_stage.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/routing_api_kit.hpp"

#include <gtest/gtest.h>

namespace shunt::test {
namespace {

class ClusterRoutingApi : public testing::Test {
protected:
  ClusterRoutingApi() {
    first.begin_at_the_root();
    second.begin_at_the_root();
  }
  nlohmann::json configurations() const {
    return nlohmann::json::array({asking(first, certificates, files), asking(second, certificates, files)});
  }
  static void stream(net::routing_api_server& to, const std::string& text) {
    EXPECT_TRUE(eventually([&] { return to.send(text) == 1; }));
  }
  static bool answers(cluster_stage& all, const std::string& host, const std::vector<int>& statuses) {
    return eventually([&] { return all.ask_all(host) == statuses; }, 3 * step_time);
  }

  net::test_certificates certificates;
  net::routing_api_server first{certificates}, second{certificates}; ///< As one that runs twice; of node 0, of node 1.
  temporary_directory files;
  const backend app;
};

TEST_F(ClusterRoutingApi, IsHeardByEveryHolder) {
  first.set_routes(api_list({api_route(app, "listed.test")}));
  second.set_routes(api_list({api_route(app, "listed.test")}));
  cluster_stage all{2, {}, shunt_executable(), configurations()};
  EXPECT_TRUE(answers(all, "listed.test", {200, 200}));
  for (auto* each : {&first, &second})
    stream(*each, api_event("Upsert", api_route(app, "streamed.test", 1)));
  EXPECT_TRUE(answers(all, "streamed.test", {200, 200}));
  EXPECT_TRUE(all.node(0).lists("streamed.test", app.address()) && all.node(1).lists("streamed.test", app.address()));
  for (auto* each : {&first, &second})
    stream(*each, api_event("Delete", api_route(app, "streamed.test", 2)));
  EXPECT_TRUE(answers(all, "streamed.test", {503, 503})); // Known, and empty.
}

TEST_F(ClusterRoutingApi, IsHeardByWayOfTheOthersWhereANodeIsCutOff) {
  first.set_routes(api_list({api_route(app, "listed.test")}));
  second.set_routes(api_list({api_route(app, "listed.test")}));
  cluster_stage all{2, {}, shunt_executable(), configurations()};
  ASSERT_TRUE(answers(all, "listed.test", {200, 200}));
  ASSERT_TRUE(answers(all, "unknown.test", {404, 404}));
  second.kill();
  EXPECT_TRUE(answers(all, "unknown.test", {404, 503})) << "it cannot know any more";
  EXPECT_EQ(all.ask_all("listed.test"), (std::vector{200, 200}));
  stream(first, api_event("Upsert", api_route(app, "later.test", 1)));
  EXPECT_TRUE(answers(all, "later.test", {200, 200}));
  stream(first, api_event("Delete", api_route(app, "later.test", 2)));
  EXPECT_TRUE(answers(all, "later.test", {503, 503}));
  EXPECT_FALSE(all.node(1).lists("later.test", app.address()));
}

} // namespace
} // namespace shunt::test
