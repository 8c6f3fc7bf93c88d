// Routes balanced by a header's value: routers of both kinds must send a value to the same
// instance, so the table is computed here once more, from its description alone.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace shunt::test {
namespace {

constexpr std::size_t slots = 3001;

std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

/// The instance of every slot.
std::vector<std::string> table_of(std::vector<std::string> ids) {
  std::sort(ids.begin(), ids.end());
  std::vector<std::string> table(slots);
  std::vector<std::size_t> next(ids.size());
  for (std::size_t filled = 0;;)
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto hash = fnv1a(ids[i]);
      const auto offset = hash % slots, skip = hash % (slots - 1) + 1;
      std::size_t slot = 0;
      do
        slot = (offset + next[i]++ * skip) % slots;
      while (!table[slot].empty());
      table[slot] = ids[i];
      if (++filled == slots)
        return table;
    }
}

std::string home_of(const std::vector<std::string>& table, const std::string& value) {
  return table[fnv1a(value) % slots];
}

/// Who takes over from the instance that is the value's home.
std::string heir_of(const std::vector<std::string>& table, const std::string& value) {
  const auto home = home_of(table, value);
  auto slot = fnv1a(value) % slots;
  while (table[slot] == home)
    slot = (slot + 1) % slots;
  return table[slot];
}

class HashBalancing : public SharedStage<HashBalancing> {
protected:
  /// Instances of one route, each answering with its id.
  struct instances {
    std::string host = fresh_host();
    std::map<std::string, std::unique_ptr<backend>> all;
    std::vector<std::string> ids() const {
      std::vector<std::string> names;
      for (const auto& [id, each] : all)
        names.push_back(id);
      return names;
    }
    backend& of(const std::string& id) const { return *all.at(id); }
  };

  static nlohmann::json options(const std::string& id,
                                const nlohmann::json& more = nlohmann::json::object()) {
    nlohmann::json made{{"private_instance_id", id},
                        {"options", {{"loadbalancing", "hash"}, {"hash_header", "X-Tenant"}}}};
    made["options"].merge_patch(more);
    return made;
  }
  static instances mapped(const std::vector<std::string>& ids,
                          const nlohmann::json& more = nlohmann::json::object()) {
    instances made;
    for (const auto& id : ids) {
      auto& there = made.all[id] = std::make_unique<backend>(answers::ok(id));
      here().map(made.host, *there, options(id, more));
    }
    return made;
  }
  static std::string asked(const instances& route, const std::string& value,
                           const std::string& more = {}) {
    return here().get(route.host, "/", "X-Tenant: " + value + "\r\n" + more).body;
  }
  static std::string value(int i) { return "tenant-" + std::to_string(i); }
  /// A value whose home is `id`.
  static std::string value_of(const std::vector<std::string>& table, const std::string& id) {
    for (int i = 0;; ++i)
      if (home_of(table, value(i)) == id)
        return value(i);
  }
};

TEST_F(HashBalancing, FollowsTheTableOfGorouter) {
  const auto route = mapped({"instance-b", "instance-a", "0f6e2a10-1111", "zz"});
  const auto table = table_of(route.ids());
  std::set<std::string> seen;
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(asked(route, value(i)), home_of(table, value(i))) << value(i);
    seen.insert(asked(route, value(i)));
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(HashBalancing, FindsTheHeaderInAnySpelling) {
  const auto route = mapped({"a", "b", "c"});
  const auto table = table_of(route.ids());
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(here().get(route.host, "/", "x-TENANT: " + value(i) + "\r\n").body,
              home_of(table, value(i)));
}

TEST_F(HashBalancing, MovesOnlyTheValuesOfAnInstanceThatLeft) {
  const auto route = mapped({"a", "b", "c", "d"});
  const auto before = table_of(route.ids());
  EXPECT_EQ(asked(route, value(1)), home_of(before, value(1)));
  here().unmap(route.host, route.of("b"));
  const auto after = table_of({"a", "c", "d"});
  const auto moved = value_of(before, "b");
  EXPECT_TRUE(eventually([&] { return asked(route, moved) == home_of(after, moved); }));
  int stayed = 0;
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(asked(route, value(i)), home_of(after, value(i)));
    stayed += home_of(before, value(i)) == home_of(after, value(i));
  }
  EXPECT_GT(stayed, 30);
}

TEST_F(HashBalancing, SendsAllToTheOnlyInstance) {
  const auto route = mapped({"alone"});
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(asked(route, value(i)), "alone");
}

TEST_F(HashBalancing, WithoutTheHeaderIsTheRoutersOwn) {
  const auto route = mapped({"a", "b", "c"});
  std::map<std::string, int> count;
  for (int i = 0; i < 30; ++i)
    ++count[here().get(route.host).body];
  for (const auto& id : route.ids())
    EXPECT_EQ(count[id], 10) << id << ": round robin";
}

TEST_F(HashBalancing, WithoutAHeaderToLookForIsTheRoutersOwn) {
  const auto route = mapped({"a", "b"}, {{"hash_header", nullptr}});
  std::map<std::string, int> count;
  for (int i = 0; i < 20; ++i)
    ++count[asked(route, value(1))];
  EXPECT_EQ(count["a"], 10);
  EXPECT_EQ(count["b"], 10);
}

TEST_F(HashBalancing, GoesToTheNextInTheTableWhenOneFails) {
  auto route = mapped({"a", "b", "c"});
  const refusing_port dead;
  here().map(route.host, dead.port(), options("dead"));
  const auto table = table_of({"a", "b", "c", "dead"});
  const auto unlucky = value_of(table, "dead");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(asked(route, unlucky), heir_of(table, unlucky));
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(asked(route, value(i)), home_of(table, value(i)) == "dead"
                                        ? heir_of(table, value(i))
                                        : home_of(table, value(i)));
}

TEST_F(HashBalancing, IsSecondToASession) {
  const auto route = mapped({"a", "b", "c"});
  const auto table = table_of(route.ids());
  for (const auto& id : route.ids())
    EXPECT_EQ(asked(route, value(1), "Cookie: JSESSIONID=s; __VCAP_ID__=" + id + "\r\n"), id);
  EXPECT_EQ(asked(route, value(1), "Cookie: JSESSIONID=s; __VCAP_ID__=gone\r\n"),
            home_of(table, value(1)));
}

TEST_F(HashBalancing, OverflowsToTheNextInTheTable) {
  const struct {
    double balance; ///< Of three instances one with a single request has three times the mean.
    bool overflows;
  } cases[] = {{1.5, true}, {2.9, true}, {3.5, false}, {0, false}};
  for (const auto& each : cases) {
    const auto route = mapped({"a", "b", "c"}, {{"hash_balance", each.balance}});
    const auto table = table_of(route.ids());
    const auto busy = value(2);
    const gate held;
    auto& home = route.of(home_of(table, busy));
    home.answer_with([held](backend_session& session) {
      if (session.request.target == "/hold")
        held.wait(session);
      session.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhome");
    });
    client holding{port()};
    holding.send(get_request(route.host, "/hold", "X-Tenant: " + busy + "\r\n"));
    ASSERT_TRUE(home.wait_for_requests(1));
    EXPECT_EQ(asked(route, busy), each.overflows ? heir_of(table, busy) : "home") << each.balance;
    held.open();
    EXPECT_EQ(holding.response().body, "home");
    EXPECT_TRUE(eventually([&] { return asked(route, busy) == "home"; })) << each.balance;
  }
}

} // namespace
} // namespace shunt::test
