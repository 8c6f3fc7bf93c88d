// Which backend a request gets: the order of matching, from registration to response.
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace shunt::test {
namespace {

/// Answers with the instance that the router believes it has reached.
backend::script instance_name() {
  return
    [](backend_session& session) { answers::ok(session.request.one("X-CF-InstanceID"))(session); };
}

/// Routes under rt.test, one instance each, and none of them ever unregistered.
class Matching : public SharedStage<Matching> {
protected:
  static void SetUpTestSuite() {
    SharedStage::SetUpTestSuite();
    target_ = std::make_unique<backend>(instance_name());
    for (const auto* uri :
         {"exact.rt.test", "ctx.rt.test/a", "ctx.rt.test/a/b", "*.wild.rt.test",
          "*.wild.rt.test/deep", "*.inner.wild.rt.test", "known.wild.rt.test/only",
          "*.wild.rt.test/only/longer", "foo.*.rt.test", "pct.rt.test/a%20b", "CASE.rt.test/Path/",
          "slash.rt.test//x", "dots.rt.test/v1.2"})
      here().map(uri, *target_, {{"private_instance_id", uri}});
    // Wildcards reach the loops by push rather than by asking.
    ASSERT_TRUE(here().eventually_answers("x.inner.wild.rt.test", "/", 200));
  }
  static void TearDownTestSuite() {
    SharedStage::TearDownTestSuite();
    target_.reset();
  }

private:
  inline static std::unique_ptr<backend> target_;
};

struct match_case {
  const char* host;
  const char* path;
  const char* route; ///< Null: 404.
};

constexpr match_case match_cases[] = {
  {"exact.rt.test", "/", "exact.rt.test"},
  {"exact.rt.test", "/any/path?x=1", "exact.rt.test"},
  {"EXACT.rt.Test", "/", "exact.rt.test"},
  {"exact.rt.test:8080", "/", "exact.rt.test"},
  {"sub.exact.rt.test", "/", nullptr},
  // The deepest path wins, by whole segments.
  {"ctx.rt.test", "/a", "ctx.rt.test/a"},
  {"ctx.rt.test", "/a/", "ctx.rt.test/a"},
  {"ctx.rt.test", "/a/x", "ctx.rt.test/a"},
  {"ctx.rt.test", "/a?b", "ctx.rt.test/a"},
  {"ctx.rt.test", "/a/b", "ctx.rt.test/a/b"},
  {"ctx.rt.test", "/a/b/", "ctx.rt.test/a/b"},
  {"ctx.rt.test", "/a/b/c", "ctx.rt.test/a/b"},
  {"ctx.rt.test", "/a/bc", "ctx.rt.test/a"},
  {"ctx.rt.test", "/A/B/c", "ctx.rt.test/a/b"},
  {"ctx.rt.test", "/a/b?x=/q", "ctx.rt.test/a/b"},
  {"ctx.rt.test", "/ab", nullptr},
  {"ctx.rt.test", "/", nullptr},
  {"ctx.rt.test", "/b", nullptr},
  {"ctx.rt.test", "/a%2Fb", nullptr},
  {"ctx.rt.test", "/x/../a", nullptr},
  {"ctx.rt.test", "//a", nullptr},
  {"case.rt.test", "/path", "CASE.rt.test/Path/"},
  {"case.rt.test", "/PATH/x", "CASE.rt.test/Path/"},
  {"pct.rt.test", "/a%20b", "pct.rt.test/a%20b"},
  {"pct.rt.test", "/a%20b/c", "pct.rt.test/a%20b"},
  {"slash.rt.test", "//x/y", "slash.rt.test//x"},
  {"slash.rt.test", "/x", nullptr},
  {"dots.rt.test", "/v1.2/x", "dots.rt.test/v1.2"},
  {"dots.rt.test", "/v1", nullptr},
  // Wildcards, at any depth, the longest suffix first.
  {"x.wild.rt.test", "/", "*.wild.rt.test"},
  {"x.y.z.wild.rt.test", "/", "*.wild.rt.test"},
  {"X.WILD.rt.test", "/", "*.wild.rt.test"},
  {"x.wild.rt.test", "/deep/er", "*.wild.rt.test/deep"},
  {"x.inner.wild.rt.test", "/", "*.inner.wild.rt.test"},
  {"x.inner.wild.rt.test", "/deep", "*.inner.wild.rt.test"},
  {"inner.wild.rt.test", "/", "*.wild.rt.test"},
  {"wild.rt.test", "/", nullptr},
  // An exact host beats a wildcard with a longer path, but only where one of its paths matches.
  {"known.wild.rt.test", "/only", "known.wild.rt.test/only"},
  {"known.wild.rt.test", "/only/longer/x", "known.wild.rt.test/only"},
  {"known.wild.rt.test", "/other", "*.wild.rt.test"},
  {"known.wild.rt.test", "/deep", "*.wild.rt.test/deep"},
  // An asterisk elsewhere is just a character.
  {"foo.*.rt.test", "/", "foo.*.rt.test"},
  {"foo.bar.rt.test", "/", nullptr},
};

TEST_F(Matching, FindsTheRouteOfTheTable) {
  for (const auto& each : match_cases) {
    const auto answer = here().get(each.host, each.path);
    EXPECT_EQ(answer.status, each.route ? 200 : 404) << each.host << each.path;
    if (each.route) {
      EXPECT_EQ(answer.body, each.route) << each.host << each.path;
    }
  }
}

TEST_F(Matching, FindsTheSameOnAConnectionThatIsUsedAgain) {
  client one{port()};
  for (const auto& each : match_cases)
    EXPECT_EQ(one.send(get_request(each.host, each.path)).response().status, each.route ? 200 : 404)
      << each.host << each.path;
}

TEST_F(Matching, TakesTheHostOfAnAbsoluteTarget) {
  EXPECT_EQ(here().ask("GET http://ctx.rt.test/a/b HTTP/1.1\r\nHost: ctx.rt.test\r\n\r\n").body,
            "ctx.rt.test/a/b");
}

TEST_F(Matching, AnswersAnUnknownRouteExactly) {
  const auto answer = here().get("Nowhere.rt.test:99", "/p");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.reason, "Not Found");
  EXPECT_EQ(answer.body, "404 Not Found: Requested route ('Nowhere.rt.test:99') does not exist.\n");
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "unknown_route");
  EXPECT_EQ(answer.one("Cache-Control"), "no-cache, no-store");
  EXPECT_EQ(answer.one("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(answer.one("X-Content-Type-Options"), "nosniff");
  EXPECT_FALSE(answer.has("Retry-After"));
}

TEST_F(Matching, FollowsARegistrationOfAHostThatWasMissing) {
  const backend there;
  const auto host = fresh_host();
  EXPECT_EQ(here().get(host).status, 404);
  here().map(host, there);
  EXPECT_TRUE(here().eventually_answers(host, "/", 200));
  here().map("*." + host, there);
  EXPECT_TRUE(here().eventually_answers("x." + host, "/", 200));
}

TEST_F(Matching, FollowsAPathThatIsAddedToALeasedHost) {
  const backend root{answers::ok("root")};
  const backend path{answers::ok("path")};
  const auto host = here().mapped(root);
  EXPECT_EQ(here().get(host, "/p").body, "root");
  here().map(host + "/p", path);
  EXPECT_TRUE(eventually([&] { return here().get(host, "/p/x").body == "path"; }));
  EXPECT_EQ(here().get(host, "/").body, "root");
}

TEST_F(Matching, AppliesEveryUriOfOneMessage) {
  const backend there;
  const auto one = fresh_host();
  const auto two = fresh_host();
  here().map(one, there.port(), {{"uris", {one, two + "/x"}}});
  EXPECT_EQ(here().get(one).status, 200);
  EXPECT_EQ(here().get(two, "/x").status, 200);
  EXPECT_EQ(here().get(two, "/").status, 404);
}

TEST_F(Matching, ReplacesAnEndpointWithoutLosingItsPlace) {
  const backend there{instance_name()};
  const auto host = here().mapped(there, {{"private_instance_id", "old"}});
  EXPECT_EQ(here().get(host).body, "old");
  here().map(host, there, {{"private_instance_id", "new"}});
  EXPECT_TRUE(eventually([&] { return here().get(host).body == "new"; }));
  EXPECT_EQ(here().under_test.routes().at(host).size(), 1u);
}

TEST_F(Matching, ReachesABackendByName) {
  const backend there;
  const auto host = fresh_host();
  here().bus.announce(there.port(), host, {{"host", "localhost"}});
  EXPECT_TRUE(here().eventually_answers(host, "/", 200));
}

/// Two loops, each with leases of its own.
class TwoLoops : public SharedStage<TwoLoops> {
public:
  static nlohmann::json configuration() { return {{"go_max_procs", 2}}; }
};

TEST_F(TwoLoops, BothFollowRegistrationsAndTheirEnd) {
  const backend there;
  const auto host = here().mapped(there);
  const auto all_answer = [&](int status) {
    for (int connection = 0; connection < 24; ++connection) // The kernel spreads them by port.
      if (here().get(host).status != status)
        return false;
    return true;
  };
  EXPECT_TRUE(all_answer(200));
  here().unmap(host, there);
  EXPECT_TRUE(eventually([&] { return all_answer(503); }));
  here().map(host, there);
  EXPECT_TRUE(eventually([&] { return all_answer(200); }));
}

TEST_F(TwoLoops, ServeConnectionsAtTheSameTime) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  std::vector<std::unique_ptr<client>> clients;
  for (int i = 0; i < 32; ++i)
    clients.push_back(std::make_unique<client>(port()));
  for (int round = 0; round < 8; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i]->send(post_request(host, std::to_string(i)));
    for (std::size_t i = 0; i < clients.size(); ++i)
      EXPECT_EQ(clients[i]->response("POST").body, std::to_string(i));
  }
}

} // namespace
} // namespace shunt::test
