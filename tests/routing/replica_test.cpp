// Properties over random operations: a slice behaves like a naive model of it, a replica that
// follows its changes equals a fresh grant, matching equals a walk over all routes, and indexes
// lose nothing.
#include "routing/hash_index.hpp"
#include "routing/lease_table.hpp"
#include "routing/random.hpp"
#include "routing/slice.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;

const std::vector<std::string> sample_hosts{"a.com",   "b.a.com",   "c.b.a.com",
                                     "*.a.com", "*.b.a.com", "*.com"};
const std::vector<std::string> paths{"", "x", "x/y", "x/y/z", "q", "x.y"};

std::string join(const std::string& host, const std::string& path) {
  auto uri = host;
  return path.empty() ? uri : uri.append("/").append(path);
}

/// Routes as plainly as they can be written down: addresses in pool order by uri.
struct model {
  std::map<std::string, std::vector<std::uint16_t>> routes;
  struct claim {
    bool fallback = false;
    bool had_endpoints = false;
  };
  std::map<std::string, claim> reserved;

  void reserve(const std::string& uri, bool fallback) {
    const bool known = routes.contains(uri);
    routes[uri];
    const auto [at, fresh] = reserved.try_emplace(uri, claim{fallback, known});
    at->second.fallback = fallback;
  }
  void unreserve(const std::string& uri) {
    const auto at = reserved.find(uri);
    if (at == reserved.end())
      return;
    if (!at->second.had_endpoints && routes.at(uri).empty())
      routes.erase(uri);
    reserved.erase(at);
  }
  void put(const std::string& uri, std::uint16_t port) {
    auto& pool = routes[uri];
    if (const auto at = reserved.find(uri); at != reserved.end())
      at->second.had_endpoints = true;
    if (std::find(pool.begin(), pool.end(), port) == pool.end())
      pool.push_back(port);
  }
  void take(const std::string& uri, std::uint16_t port) {
    if (const auto at = routes.find(uri); at != routes.end())
      std::erase(at->second, port);
  }

  /// The uri a request meets, with '!' if it has no endpoints; "none".
  std::string match(const std::string& host, const std::string& path) const {
    std::vector<std::string> names{host};
    for (auto dot = host.find('.'); dot != host.npos; dot = host.find('.', dot + 1))
      names.push_back(std::string{"*"}.append(host, dot));
    std::string without;
    for (const auto& name : names)
      for (std::string prefix = path;;) {
        const auto at = routes.find(join(name, prefix));
        if (at != routes.end() && !at->second.empty())
          return at->first;
        const auto claimed = reserved.find(join(name, prefix));
        if (claimed != reserved.end() && !claimed->second.fallback)
          return without.empty() ? at->first + "!" : without;
        if (at != routes.end() && without.empty())
          without = at->first + "!";
        if (prefix.empty())
          break;
        const auto slash = prefix.rfind('/');
        prefix = slash == prefix.npos ? "" : prefix.substr(0, slash);
      }
    return without.empty() ? "none" : without;
  }
};

struct shown_endpoint {
  std::string address, app;
  time_point failed_until;
  bool operator==(const shown_endpoint&) const = default;
};
struct shown_path {
  route_traits traits;
  std::vector<shown_endpoint> endpoints;
  bool operator==(const shown_path&) const = default;
};
using shown_host = std::map<std::string, shown_path>;

shown_host show(const host_grant& granted) {
  shown_host out;
  for (const auto& p : granted.paths) {
    out[p.path].traits = p.traits;
    for (const auto& e : p.endpoints)
      out[p.path].endpoints.push_back(
        {std::string{e.target->address()}, std::string{e.target->app()}, e.failed_until});
  }
  return out;
}

shown_host show(const leased_host* h) {
  shown_host out;
  if (h != nullptr)
    h->for_each([&](const leased_pool& p) {
      auto& to = out[p.path()];
      to.traits = p.traits();
      EXPECT_EQ(p.policy() == nullptr, to.traits.policies.empty());
      p.for_each([&](const leased_endpoint& e) {
        to.endpoints.push_back(
          {std::string{e.about().address()}, std::string{e.about().app()}, e.failed_until});
      });
    });
  return out;
}

/// A slice, the model, and a replica, under the same random operations.
class world {
public:
  explicit world(std::uint64_t seed) : random_{seed} {
    for (const auto& host : sample_hosts)
      table_.watch(host);
    for (const auto& host : sample_hosts)
      replica_.grant(table_.grant(host), now_);
  }

  void step() {
    const auto uri = join(any(sample_hosts), any(paths));
    // Mostly few addresses, so that they meet; sometimes many, so that pools grow an index.
    const auto port = static_cast<std::uint16_t>(1 + random_.below(random_.below(4) == 0 ? 60 : 6));
    switch (random_.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: put(uri, port); break;
      case 5:
      case 6:
      case 7:
      case 8: take(uri, port); break;
      case 9: fail(uri, port); break;
      case 10: follow(); break;
      case 11: age(); break;
      case 12: reserve(uri); break;
      case 13: unreserve(uri); break;
    }
  }
  void follow() {
    for (const auto& change : table_.take_changes())
      replica_.apply(change);
  }
  void check() {
    follow();
    for (const auto& host : sample_hosts)
      ASSERT_EQ(show(replica_.find(host)), show(table_.grant(host))) << host;
    ASSERT_EQ(table_.route_count(), model_.routes.size());
    for (const auto& host : {"a.com", "b.a.com", "c.b.a.com", "z.b.a.com", "x.com", "com"})
      for (const auto& path : {"", "x", "x/y", "x/y/zz", "q/r", "x.y", "x.y/z", "n"})
        ASSERT_EQ(matched(host, path), model_.match(host, path)) << host << '/' << path;
    check_pools();
  }

private:
  const std::string& any(const std::vector<std::string>& from) {
    return from[random_.below(from.size())];
  }
  void put(const std::string& uri, std::uint16_t port) {
    const std::string app = "app-" + std::to_string(random_.below(3));
    const bool tls = port % 2 == 0;
    const auto spelt = random_.below(5) == 0 ? std::string{"A"}.append(uri, 1) : uri;
    const auto e = make_endpoint(port, [&](endpoint_spec& s) {
      s.app = app;
      s.tls = tls;
      s.route_service_url = random_.below(6) == 0 ? "https://rs" : "";
      s.loadbalancing = random_.below(6) == 0 ? "least-connection" : "";
      s.policy_sources = random_.below(6) == 0 ? "cf:any" : "";
    });
    table_.register_endpoint(heard(uri[0] == 'a' ? spelt : uri, e), now_, wall_ns);
    model_.put(uri, port);
  }
  void take(const std::string& uri, std::uint16_t port) {
    table_.unregister_endpoint(registration::make(true, make_endpoint(port), uri), now_);
    model_.take(uri, port);
  }
  void reserve(const std::string& uri) {
    const auto key = normalise(uri);
    const bool fallback = random_.below(2) == 0;
    reservation made;
    made.host = key.host;
    made.path = key.path;
    made.until = now_ + std::chrono::hours{24 * 365};
    if (fallback) {
      auto options = std::make_shared<route_options>();
      options->fallback = true;
      made.options = std::move(options);
    }
    if (random_.below(3) == 0)
      made.route_service_url = "https://reserved";
    table_.reserve(made, now_);
    model_.reserve(uri, fallback);
  }
  void unreserve(const std::string& uri) {
    const auto key = normalise(uri);
    table_.unreserve(key.host, key.path, now_);
    model_.unreserve(uri);
  }
  void fail(const std::string& uri, std::uint16_t port) {
    const auto key = normalise(uri);
    const auto report = table_.report_failure(key.host, key.path, address_of(port), true, now_);
    if (report == failure_report::pruned)
      model_.take(uri, port);
  }
  void age() {
    now_ += std::chrono::seconds{random_.below(60)};
    prune_result result;
    while (!table_.prune_step(now_, 1 + random_.below(10), result)) {
    }
    for (const auto& route : result.routes)
      for (const auto& address : route.addresses)
        model_.take(route.uri,
                    static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  }
  std::string matched(const std::string& host, const std::string& path) {
    const auto m = replica_.match(host, replica_.find(host), path);
    if (m.what == match_result::kind::none)
      return "none";
    const auto uri = join(m.pool->host(), m.pool->path());
    return m.what == match_result::kind::empty ? uri + "!" : uri;
  }
  void check_pools() {
    std::size_t endpoints = 0;
    for (const auto& [uri, ports] : model_.routes) {
      const auto key = normalise(uri);
      const auto shown = show(table_.grant(key.host)).at(key.path);
      ASSERT_EQ(shown.endpoints.size(), ports.size()) << uri;
      for (std::size_t i = 0; i < ports.size(); ++i)
        ASSERT_EQ(shown.endpoints[i].address, address_of(ports[i])) << uri;
      endpoints += ports.size();
    }
    ASSERT_EQ(table_.endpoint_count(), endpoints);
  }

  rng random_;
  time_point now_ = start;
  slice table_{table_rules{.keep = std::chrono::hours{24 * 365}}};
  lease_table replica_{lease_rules{}, 9};
  model model_;
};

TEST(Replica, EqualsAFreshGrantAndTheModelWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    world w{seed};
    for (int i = 0; i < 1500; ++i) {
      w.step();
      if (i % 50 == 0)
        w.check();
      if (::testing::Test::HasFatalFailure())
        FAIL() << "seed " << seed << ", step " << i;
    }
  }
}

TEST(Replica, SeesManyChangesOfOneEndpointAsOne) {
  slice table{{}};
  table.watch("a.com");
  for (int i = 0; i < 100; ++i) {
    const auto app = std::to_string(i);
    const auto e = make_endpoint(1, [&](endpoint_spec& s) { s.app = app; });
    table.register_endpoint(heard("a.com", e), start, wall_ns);
  }
  const auto changes = table.take_changes();
  ASSERT_EQ(changes.size(), 1u);
  ASSERT_EQ(changes[0].paths.size(), 1u);
  ASSERT_EQ(changes[0].paths[0].endpoints.size(), 1u);
  EXPECT_EQ(changes[0].paths[0].endpoints[0].target->app(), "99");
}

TEST(Replica, HearsNothingOfWhatDoesNotChangeOrIsNotWatched) {
  slice table{{}};
  table.watch("a.com");
  table.register_endpoint(heard("a.com", make_endpoint(1)), start, wall_ns);
  table.register_endpoint(heard("b.com", make_endpoint(1)), start, wall_ns);
  EXPECT_EQ(table.take_changes().size(), 1u);
  table.register_endpoint(heard("a.com", make_endpoint(1)), start + 20s, wall_ns);
  EXPECT_FALSE(table.has_changes());
  table.unwatch("a.com");
  table.register_endpoint(heard("a.com", make_endpoint(2)), start, wall_ns);
  EXPECT_TRUE(table.take_changes().empty());
  table.register_endpoint(heard("*.a.com", make_endpoint(2)), start, wall_ns);
  EXPECT_EQ(table.take_changes().size(), 1u) << "wildcards are always told";
}

TEST(Replica, HearsOfAForgottenRoute) {
  slice table{{}};
  table.watch("a.com");
  const auto r = heard("a.com/x", make_endpoint(1));
  table.register_endpoint(r, start, wall_ns);
  table.take_changes();
  table.unregister_endpoint(r, start);
  auto changes = table.take_changes();
  ASSERT_EQ(changes.at(0).paths.at(0).now, path_change::state::empty);
  table.prune(start + 25h);
  changes = table.take_changes();
  ASSERT_EQ(changes.at(0).paths.at(0).now, path_change::state::gone);
}

TEST(HashIndex, BehavesLikeAMultimap) {
  for (const std::uint64_t spread :
       {std::uint64_t{3}, std::uint64_t{1} << 32}) { // Collisions, none.
    hash_index<std::uint32_t> index;
    std::map<std::uint32_t, std::uint32_t> hashes; // By value.
    rng random{spread};
    for (std::uint32_t i = 0; i < 3000; ++i) {
      const auto value = static_cast<std::uint32_t>(1 + random.below(400));
      const auto is = [value](std::uint32_t v) { return v == value; };
      if (const auto at = hashes.find(value); at != hashes.end()) {
        ASSERT_EQ(index.find(at->second, is), value);
        ASSERT_TRUE(index.erase(at->second, is));
        hashes.erase(at);
      } else {
        // Hashes at the very end of the range have the least room behind them.
        const auto hash = static_cast<std::uint32_t>(0 - random.below(spread));
        ASSERT_EQ(index.find(hash, is), 0u);
        index.insert(hash, value);
        hashes[value] = hash;
      }
      ASSERT_EQ(index.size(), hashes.size());
    }
    std::set<std::uint32_t> seen;
    for (std::uint64_t at = 0; at != index.end_of_walk;)
      at = index.walk(at, 3, [&](std::uint32_t v) { ASSERT_TRUE(seen.insert(v).second); });
    EXPECT_EQ(seen.size(), hashes.size());
  }
}

} // namespace
} // namespace shunt::routing
