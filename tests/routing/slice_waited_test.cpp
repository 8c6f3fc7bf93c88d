// What was said while this process stood still, and is heard when another copy has told of later things.
#include "tests/routing/slice_fixture.hpp"

namespace shunt::routing {
namespace {

using namespace testing;
using namespace std::chrono_literals;

class SliceThatStoodStill : public Slice {
protected:
  SliceThatStoodStill() { table->keep_history({}); }
  /// It has heard `uri` just before.
  void stand_still_after(const std::string& uri) {
    put(uri, 1);
    now += 100ms;
    waited_since = now;
    now += 20s;
  }
  register_outcome hear_late(const std::string& uri, const std::string& app) {
    return table->register_endpoint(heard(uri, of_app(app)), now, wall_ns, waited_since).outcome;
  }
  unregister_outcome hear_end_late(const std::string& uri) {
    return table->unregister_endpoint(registration::make(true, make_endpoint(1), uri), now, waited_since).outcome;
  }
  static endpoint_ptr of_app(const std::string& app) {
    return make_endpoint(1, [&](endpoint_spec& spec) { spec.app = app; });
  }
  /// Another copy heard it so long ago.
  void is_told(const std::string& host, const std::string& app, nanoseconds age) {
    told_host told{.host = host};
    told.paths.emplace_back().members.push_back({of_app(app), {}, age, false});
    table->merge(told, now);
  }
  std::string app_of(const std::string& host) {
    const auto all = table->grant(host).paths.at(0).endpoints;
    return all.empty() ? "none" : std::string{all.front().target->app()};
  }

  time_point waited_since;
};

TEST_F(SliceThatStoodStill, TakesNoOldContentForNew) {
  stand_still_after("a.com");
  is_told("a.com", "later", 5s);
  ASSERT_EQ(app_of("a.com"), "later");
  EXPECT_EQ(hear_late("a.com", "earlier"), register_outcome::older);
  EXPECT_EQ(app_of("a.com"), "later");
}

TEST_F(SliceThatStoodStill, EndsNothingThatAnotherCopyHeardSince) {
  stand_still_after("a.com");
  is_told("a.com", "later", 5s);
  EXPECT_EQ(hear_end_late("a.com"), unregister_outcome::not_found);
  EXPECT_EQ(app_of("a.com"), "later");
}

TEST_F(SliceThatStoodStill, TakesWhatNobodyToldOtherwise) {
  stand_still_after("a.com");
  EXPECT_EQ(hear_late("a.com", "new"), register_outcome::updated);
  EXPECT_EQ(app_of("a.com"), "new");
  EXPECT_EQ(hear_end_late("a.com"), unregister_outcome::removed);
  EXPECT_EQ(app_of("a.com"), "none");
  EXPECT_EQ(hear_late("a.com", "new"), register_outcome::added);
}

TEST_F(SliceThatStoodStill, TellsAnEndAsLaterThanTheLastRegistration) {
  slice other{table_rules{}};
  other.keep_history({});
  other.register_endpoint(heard("a.com", make_endpoint(1)), now, wall_ns);
  stand_still_after("a.com");
  hear_end_late("a.com");
  std::vector<told_host> told;
  table->tell_piece(0, 10, now, told);
  ASSERT_FALSE(told.empty());
  for (const auto& each : told)
    other.merge(each, now);
  EXPECT_TRUE(other.grant("a.com").paths.at(0).endpoints.empty());
}

TEST_F(SliceThatStoodStill, HearsNothingAsLaterThanItWas) {
  stand_still_after("a.com");
  hear_late("b.com", "new");
  EXPECT_GE(table->age_of({"b.com", "", std::string{make_endpoint(1)->address()}}, now), 20s);
}

} // namespace
} // namespace shunt::routing
