// The file was read again: everybody goes by it, whoever comes later included.
#include "actors/policy.hpp"
#include "tests/actors/support/supervisor_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::SizeIs;

class SupervisorAtReload : public supervisor_fixture {};

TEST_F(SupervisorAtReload, PassesNewRulesOnToAllAndToSuccessors) {
  start_serving();
  auto changed = settings;
  changed.droplet_stale_threshold = 77s;
  const auto rules = std::make_shared<const policy>(changed);
  tell(supervisor, use_policy{rules});
  for (const auto& each : shards)
    EXPECT_EQ(each.policies.at(0).rules, rules);
  for (const auto& each : holders)
    EXPECT_THAT(each.policies, SizeIs(1));
  for (const auto& each : acceptors)
    EXPECT_EQ(each.policies, 1u);
  crash(parts->shards[0]);
  tell(parts->shards[0], batch_of({registered("a.example", 80)}));
  caf::scoped_actor self{system};
  std::string shown;
  for (std::uint64_t at = 0; at != routing::slice::walk_end;) {
    auto request = self->request(parts->shards[0], caf::infinite, list_routes{at});
    run();
    request.receive(
      [&](const route_list& m) {
        for (const auto& [uri, json] : m.routes)
          shown += json;
        at = m.next;
      },
      [&](const caf::error&) { at = routing::slice::walk_end; });
  }
  EXPECT_THAT(shown, HasSubstr("\"ttl\":77"));
}

TEST_F(SupervisorAtReload, DrainsByNewRules) {
  start_serving();
  auto changed = settings;
  changed.drain_wait = 1s;
  changed.drain_timeout = 2s;
  tell(supervisor, use_policy{std::make_shared<const policy>(changed)});
  drain();
  advance(1s);
  EXPECT_EQ(acceptors[0].drains, 1u);
  advance(2s);
  EXPECT_EQ(acceptors[0].cuts, 1u);
}

TEST_F(SupervisorAtReload, KeepsRulesThatCameBeforeEverythingWasThere) {
  tell(supervisor, use_policy{std::make_shared<const policy>(settings)});
  EXPECT_EQ(acceptors[0].policies, 0u);
  start();
  EXPECT_EQ(acceptors[0].policies, 1u);
}

} // namespace
} // namespace shunt
