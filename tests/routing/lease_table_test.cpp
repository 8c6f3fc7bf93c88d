// The lease table: matching by the table of the protocol, known-empty routes, and what leases cost.
#include "routing/lease_table.hpp"
#include "routing/slice.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;

/// A table granted from "host/path" texts; one that ends in '!' has no endpoints.
std::unique_ptr<lease_table> table_of(const std::vector<std::string>& uris,
                                      lease_rules rules = {}) {
  std::map<std::string, host_grant> hosts;
  std::uint16_t port = 0;
  for (auto uri : uris) {
    const bool without = uri.ends_with('!');
    if (without)
      uri.pop_back();
    const auto key = normalise(uri);
    path_grant path{key.path, {}, {}};
    if (!without)
      path.endpoints.push_back({make_endpoint(++port), {}});
    hosts[key.host].host = key.host;
    hosts[key.host].paths.push_back(std::move(path));
  }
  auto table = std::make_unique<lease_table>(rules, 42);
  for (const auto& [host, granted] : hosts)
    table->grant(granted, start);
  return table;
}

/// "host/path" of the pool a request meets, with '!' if it is empty; "none".
std::string matched(lease_table& table, const std::string& host, const std::string& target) {
  request_key key;
  normalise_request(host, target, key);
  const auto m = table.match(key.host, table.find(key.host), key.path);
  if (m.what == match_result::kind::none)
    return "none";
  std::string uri = m.pool->host();
  if (!m.pool->path().empty())
    uri += "/" + m.pool->path();
  EXPECT_EQ(m.pool->empty(), m.what == match_result::kind::empty);
  return m.what == match_result::kind::empty ? uri + "!" : uri;
}

struct match_row {
  std::vector<std::string> routes;
  const char *host, *target, *expected;
};

TEST(LeaseTable, MatchesByTheTable) {
  const match_row rows[] = {
    {{"a.com"}, "a.com", "/", "a.com"},
    {{"a.com"}, "A.COM:80", "/X/y?z", "a.com"},
    {{"a.com"}, "b.com", "/", "none"},
    {{"a.com/a", "a.com/a/b"}, "a.com", "/a/b/c", "a.com/a/b"},
    {{"a.com/a", "a.com/a/b!"}, "a.com", "/a/b/c", "a.com/a"},
    {{"a.com/a"}, "a.com", "/a", "a.com/a"},
    {{"a.com/a"}, "a.com", "/a/", "a.com/a"},
    {{"a.com/a"}, "a.com", "/a/x", "a.com/a"},
    {{"a.com/a"}, "a.com", "/ab", "none"},
    {{"a.com/a"}, "a.com", "/", "none"},
    {{"a.com/a"}, "a.com", "/A", "a.com/a"},
    {{"a.com/a/b"}, "a.com", "/a%2Fb", "none"},
    {{"a.com/a//b"}, "a.com", "/a//b/c", "a.com/a//b"},
    {{"a.com/a//b"}, "a.com", "/a/b", "none"},
    {{"*.e.com"}, "x.e.com", "/", "*.e.com"},
    {{"*.e.com"}, "x.y.e.com", "/", "*.e.com"},
    {{"*.e.com"}, "e.com", "/", "none"},
    {{"*.e.com", "*.y.e.com"}, "x.y.e.com", "/", "*.y.e.com"},
    {{"*.e.com/p", "*.y.e.com/q"}, "x.y.e.com", "/p", "*.e.com/p"},
    {{"*.com"}, "e.com", "/", "*.com"},
    {{"x.e.com/a", "*.e.com/a/b"}, "x.e.com", "/a/b", "x.e.com/a"},
    {{"x.e.com/a", "*.e.com/b"}, "x.e.com", "/b", "*.e.com/b"},
    {{"*"}, "a.com", "/", "none"},
    {{"*"}, "*", "/", "*"},
    {{"foo.*.com"}, "foo.x.com", "/", "none"},
    {{"foo.*.com"}, "foo.*.com", "/", "foo.*.com"},
    {{"*.e.com"}, "*.e.com", "/", "*.e.com"},
    // Dots in a path are none of a wildcard's business.
    {{"*.html"}, "localhost", "/a.html", "none"},
    {{"*.com/x.html"}, "localhost", "/b.com/x.html", "none"},
    {{"*.com/v1.2"}, "a.com", "/v1.2/x.y", "*.com/v1.2"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(matched(*table_of(row.routes), row.host, row.target), row.expected)
      << row.routes[0] << " <- " << row.host << row.target;
}

TEST(LeaseTable, SaysEmptyOnlyWhereItWouldSayNone) {
  const match_row rows[] = {
    {{"a.com!"}, "a.com", "/x", "a.com!"},
    {{"a.com/a!"}, "a.com", "/b", "none"},
    {{"a.com/a!"}, "a.com", "/a/x", "a.com/a!"},
    {{"a.com/a!", "a.com"}, "a.com", "/a", "a.com"},
    {{"a.com!", "a.com/a!"}, "a.com", "/a", "a.com/a!"},
    {{"x.e.com!", "*.e.com"}, "x.e.com", "/", "*.e.com"},
    {{"x.e.com!", "*.e.com!"}, "x.e.com", "/", "x.e.com!"},
    {{"*.e.com!"}, "x.e.com", "/", "*.e.com!"},
    {{"*.y.e.com!", "*.com"}, "x.y.e.com", "/", "*.com"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(matched(*table_of(row.routes), row.host, row.target), row.expected)
      << row.routes[0] << " <- " << row.host << row.target;
}

TEST(LeaseTable, FollowsGorouterOnEmptyPoolsIfToldSo) {
  const struct {
    match_row row;
    const char* without_503;
  } rows[] = {
    {{{"x.e.com!", "*.e.com"}, "x.e.com", "/", "x.e.com!"}, "none"},
    {{{"*.y.e.com!", "*.com"}, "x.y.e.com", "/", "*.y.e.com!"}, "none"},
    {{{"a.com/a!", "a.com"}, "a.com", "/a", "a.com"}, "a.com"},
    {{{"x.e.com/a!", "*.e.com"}, "x.e.com", "/b", "*.e.com"}, "*.e.com"},
    // The deepest node reached is on the way to /a/b/c and carries no pool.
    {{{"x.e.com/a!", "x.e.com/a/b/c", "*.e.com"}, "x.e.com", "/a/b", "*.e.com"}, "*.e.com"},
    {{{"x.e.com/a!", "x.e.com/a/bc", "*.e.com"}, "x.e.com", "/a/b", "x.e.com/a!"}, "none"},
  };
  for (const auto& [row, without_503] : rows) {
    const auto with = table_of(row.routes, {.legacy = true, .response_503 = true});
    EXPECT_EQ(matched(*with, row.host, row.target), row.expected) << row.host << row.target;
    const auto without = table_of(row.routes, {.legacy = true});
    EXPECT_EQ(matched(*without, row.host, row.target), without_503) << row.host << row.target;
  }
}

TEST(LeaseTable, FindsOnlyWhatIsLeased) {
  auto table = table_of({"a.com"});
  EXPECT_NE(table->find("a.com"), nullptr);
  EXPECT_EQ(table->find("b.com"), nullptr);
  ASSERT_NE(table->find("*.b.com"), nullptr) << "every wildcard is here, so this is an answer";
  EXPECT_TRUE(table->find("*.b.com")->is_miss());
  table->grant({"b.com", {}}, start);
  ASSERT_NE(table->find("b.com"), nullptr);
  EXPECT_TRUE(table->find("b.com")->is_miss());
  EXPECT_EQ(table->miss_count(), 1u);
  EXPECT_TRUE(table->drop("b.com"));
  EXPECT_FALSE(table->drop("b.com"));
  EXPECT_EQ(table->find("b.com"), nullptr);
}

TEST(LeaseTable, BoundsMissesAndHostsSeparatelyAndReportsWhatWent) {
  lease_table table{{.hosts_max = 3, .misses_max = 2}, 1};
  for (int i = 0; i < 10; ++i)
    table.grant({"miss-" + std::to_string(i), {}}, start);
  EXPECT_EQ(table.miss_count(), 2u);
  EXPECT_EQ(table.take_dropped().size(), 8u);
  EXPECT_TRUE(table.take_dropped().empty());
  for (int i = 0; i < 3; ++i)
    table.grant({"host-" + std::to_string(i), {{"", {}, {{make_endpoint(1), {}}}}}}, start);
  EXPECT_EQ(table.host_count(), 5u);
  table.grant({"host-3", {{"", {}, {{make_endpoint(1), {}}}}}}, start);
  EXPECT_EQ(table.host_count(), 5u);
  EXPECT_NE(table.find("host-3"), nullptr) << "what was just granted is about to be used";
}

TEST(LeaseTable, DropsTheLeastUsed) {
  lease_table table{{.hosts_max = 4}, 1};
  const auto lease = [&](int i) {
    table.grant({"host-" + std::to_string(i), {{"", {}, {{make_endpoint(1), {}}}}}}, start);
  };
  for (int i = 0; i < 6; ++i) // Settles who has used up the flag of being new.
    lease(i);
  table.take_dropped();
  table.find("host-2");
  lease(6);
  EXPECT_NE(table.find("host-2"), nullptr);
}

TEST(LeaseTable, ExpiresTheIdle) {
  auto table = table_of({"used.com", "idle.com", "*.w.com"});
  table->grant({"miss.com", {}}, start);
  std::set<std::string> dropped;
  const auto expire = [&](time_point now) {
    table->expire_idle(now, 60s, [&](const std::string& host) { dropped.insert(host); }, 1'000);
  };
  expire(start + 59s);
  EXPECT_TRUE(dropped.empty());
  table->find("used.com");
  expire(start + 60s);
  EXPECT_EQ(dropped, (std::set<std::string>{"idle.com", "miss.com"}));
  expire(start + 200s);
  EXPECT_TRUE(dropped.contains("used.com"));
  EXPECT_EQ(table->host_count(), 0u);
  EXPECT_EQ(table->wildcard_count(), 1u) << "wildcards always stay";
}

TEST(LeaseTable, KeepsObjectsMarksAndCountsWhenAnEndpointIsReplaced) {
  auto table = table_of({"a.com"});
  auto* pool = table->find("a.com")->pool("");
  leased_endpoint_ptr held{pool->at(0)};
  held->failed_until = start + 30s;
  held->stats().in_flight = 5;
  held->transport = std::make_shared<int>(7);
  const auto fresh = make_endpoint(1, [](endpoint_spec& s) { s.app = "x"; });
  table->apply({"a.com", {{"", path_change::state::live, {}, {{{}, fresh, {}}}}}});
  auto* now = pool->at(0);
  ASSERT_NE(now, held.get());
  EXPECT_EQ(now->about().app(), "x");
  EXPECT_EQ(now->failed_until, start + 30s);
  EXPECT_EQ(now->stats().in_flight, 5u);
  EXPECT_EQ(now->transport, held->transport);
  held->stats().in_flight = 0;
}

TEST(LeaseTable, KeepsCountsWhileARequestHoldsAnEndpointThatLeft) {
  auto table = table_of({"a.com"});
  leased_endpoint_ptr held{table->find("a.com")->pool("")->at(0)};
  held->stats().in_flight = 1;
  table->apply({"a.com", {{"", path_change::state::gone, {}, {}}}});
  EXPECT_TRUE(table->find("a.com")->is_miss());
  table->apply({"a.com", {{"", path_change::state::live, {}, {{{}, make_endpoint(1), {}}}}}});
  EXPECT_EQ(table->find("a.com")->pool("")->at(0)->stats().in_flight, 1u);
  held->stats().in_flight = 0;
}

TEST(LeaseTable, IgnoresChangesOfWhatIsNotLeasedButTakesWildcards) {
  lease_table table{{}, 1};
  const auto live = [](const char* host) {
    return host_change{host, {{"", path_change::state::live, {}, {{{}, make_endpoint(1), {}}}}}};
  };
  table.apply(live("a.com"));
  EXPECT_EQ(table.find("a.com"), nullptr);
  table.apply(live("*.w.com"));
  EXPECT_EQ(matched(table, "x.w.com", "/"), "*.w.com");
  table.apply({"*.w.com", {{"", path_change::state::gone, {}, {}}}});
  EXPECT_EQ(table.wildcard_count(), 0u);
}

TEST(LeaseTable, FindsEndpointsByAddressAndInstance) {
  for (const int size : {3, 30}) {
    path_grant path{"", {}, {}};
    for (int i = 0; i < size; ++i) {
      const auto id = "id-" + std::to_string(i / 2);
      path.endpoints.push_back(
        {make_endpoint(static_cast<std::uint16_t>(i + 1), [&](auto& s) { s.instance_id = id; }),
         {}});
    }
    lease_table table{{}, 1};
    auto& pool = *table.grant({"a.com", {path}}, start).pool("");
    EXPECT_EQ(pool.find_address(address_of(2))->about().port(), 2);
    EXPECT_EQ(pool.find_address("10.0.0.1:999"), nullptr);
    EXPECT_EQ(pool.find_instance("id-0")->about().port(), 2) << "the last of two";
    EXPECT_EQ(pool.find_instance("none"), nullptr);
    EXPECT_EQ(pool.find_instance(""), nullptr);
    table.apply({"a.com",
                 {{"",
                   path_change::state::live,
                   {},
                   {{endpoint_change::kind::remove, make_endpoint(2), {}}}}}});
    EXPECT_EQ(pool.find_instance("id-0")->about().port(), 1);
    EXPECT_EQ(pool.size(), static_cast<std::size_t>(size - 1));
  }
}

TEST(LeaseTable, KnowsTheContextPathAsItWasSpelt) {
  const auto context = [](const char* path, const char* spelling) {
    lease_table table{{}, 1};
    const path_grant granted{path, {.spelling = spelling}, {}};
    return table.grant({"a.com", {granted}}, start).pool(path)->context_path();
  };
  EXPECT_EQ(context("", ""), "/");
  EXPECT_EQ(context("", "A.com"), "/");
  EXPECT_EQ(context("x/y", ""), "/x/y");
  EXPECT_EQ(context("x/y", "a.com/X/y"), "/X/y");
}

TEST(LeaseTable, SurvivesPathsOfManySegments) {
  auto table = table_of({"a.com/a/b", "a.com/a"});
  std::string target = "/a/b";
  for (int i = 0; i < 10'000; ++i)
    target += "/x";
  EXPECT_EQ(matched(*table, "a.com", target), "a.com/a/b");
  std::string host;
  for (int i = 0; i < 10'000; ++i)
    host += "x.";
  EXPECT_EQ(matched(*table, host + "com", "/"), "none");
}

TEST(LeaseTable, LargeHostsAreMadeAndDestroyedInPortions) {
  lease_table table{{}, 1};
  const auto granted = [&] {
    auto staged = table.stage("big.com");
    for (int i = 0; i < 500; ++i)
      staged->add({std::string{"p"}.append(std::to_string(i)), {}, {{make_endpoint(1), {}}}});
    EXPECT_FALSE(table.has_paths("big.com"));
    return staged;
  };
  table.grant(granted(), start);
  EXPECT_TRUE(table.has_paths("big.com"));
  EXPECT_EQ(table.host_count(), 1u);
  EXPECT_EQ(matched(table, "big.com", "/p499/x"), "big.com/p499");
  EXPECT_EQ(matched(table, "big.com", "/q"), "none");
  EXPECT_TRUE(table.bury(100));
  EXPECT_TRUE(table.drop("big.com"));
  EXPECT_EQ(table.host_count(), 0u);
  int portions = 1;
  while (!table.bury(100))
    ++portions;
  EXPECT_EQ(portions, 5);
  table.grant(granted(), start);
  EXPECT_TRUE(table.drop("big.com")); // And is destroyed with the table.
  EXPECT_FALSE(table.bury(100));
}

TEST(LeaseTable, LooksForIdleLeasesInPortions) {
  lease_table table{{}, 1};
  for (int i = 0; i < 100; ++i)
    table.grant({"host-" + std::to_string(i) + ".com", {{"", {}, {{make_endpoint(1), {}}}}}}, start);
  std::set<std::string> dropped;
  const auto note = [&](const std::string& host) { dropped.insert(host); };
  EXPECT_FALSE(table.expire_idle(start + 61s, 60s, note, 40));
  EXPECT_EQ(dropped.size(), 40u);
  EXPECT_FALSE(table.expire_idle(start + 61s, 60s, note, 40));
  EXPECT_TRUE(table.expire_idle(start + 61s, 60s, note, 40));
  EXPECT_EQ(dropped.size(), 100u);
}

} // namespace
} // namespace shunt::routing
