// Lists and changes that cross each other.
#include "routing/listed_routes.hpp"

#include "make.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

registration tagged(std::string uri, std::uint16_t port, std::string_view of,
                    std::uint32_t index) {
  return routing::testing::heard(std::move(uri),
                                 routing::testing::make_endpoint(port, [&](endpoint_spec& s) {
                                   s.modification_guid = of;
                                   s.modification_index = index;
                                 }));
}

class ListedRoutes : public ::testing::Test {
protected:
  /// What is missing afterwards, as `host/path address guid index`.
  std::vector<std::string> list(std::initializer_list<registration> all) {
    routes.begin_list();
    for (const auto& each : all)
      EXPECT_TRUE(routes.list(each));
    return end();
  }
  std::vector<std::string> end() {
    std::vector<std::string> missing;
    for (const auto& each : routes.end_list()) {
      EXPECT_TRUE(each.unregister);
      const auto& e = *each.target;
      missing.push_back(each.uri + ' ' + std::string{e.address()} + ' '
                        + std::string{e.modification_guid()} + ' '
                        + std::to_string(e.modification_index()));
    }
    return missing;
  }

  listed_routes routes;
};

TEST(ModificationTag, SucceedsWithAHigherIndexOrAnotherGuid) {
  EXPECT_TRUE(succeeds({"a", 2}, {"a", 1}));
  EXPECT_FALSE(succeeds({"a", 1}, {"a", 1}));
  EXPECT_FALSE(succeeds({"a", 0}, {"a", 1}));
  EXPECT_TRUE(succeeds({"b", 0}, {"a", 1}));
  EXPECT_TRUE(succeeds({"", 0}, {"a", 1}));
  EXPECT_TRUE(succeeds({"a", 0}, {"", 1}));
  EXPECT_TRUE(succeeds({"", 0}, {"", 0}));
}

TEST(ModificationTag, RemovesWhatItSucceedsOrEquals) {
  EXPECT_TRUE(removes({"a", 1}, {"a", 1}));
  EXPECT_TRUE(removes({"a", 2}, {"a", 1}));
  EXPECT_FALSE(removes({"a", 0}, {"a", 1}));
}

TEST_F(ListedRoutes, UnregistersWhatIsNotListedAnyMore) {
  EXPECT_THAT(list({tagged("a.com", 1, "a", 0), tagged("b.com/x", 2, "b", 3)}), IsEmpty());
  EXPECT_THAT(list({tagged("a.com", 1, "a", 1)}), ElementsAre("b.com/x 10.0.0.1:2 b 3"));
  EXPECT_THAT(list({}), ElementsAre("a.com 10.0.0.1:1 a 1"));
  EXPECT_EQ(routes.size(), 0u);
}

TEST_F(ListedRoutes, TellsAddressesAndPathsApart) {
  list({tagged("a.com", 1, "a", 0), tagged("a.com", 2, "b", 0), tagged("a.com/x", 1, "c", 0)});
  EXPECT_EQ(routes.size(), 3u);
  EXPECT_THAT(list({tagged("a.com", 1, "a", 0)}),
              UnorderedElementsAre("a.com 10.0.0.1:2 b 0", "a.com/x 10.0.0.1:1 c 0"));
}

TEST_F(ListedRoutes, TakesTwoSpellingsForTheSame) {
  list({tagged("A.com/X", 1, "a", 0)});
  EXPECT_THAT(list({tagged("a.com/x/", 1, "a", 0)}), IsEmpty());
}

TEST_F(ListedRoutes, KeepsWhatWasReportedWhileTheListWasOnItsWay) {
  routes.upserted(tagged("before.com", 1, "a", 0));
  routes.begin_list();
  routes.upserted(tagged("meanwhile.com", 2, "b", 0));
  EXPECT_THAT(end(), ElementsAre("before.com 10.0.0.1:1 a 0"));
  EXPECT_THAT(list({}), ElementsAre("meanwhile.com 10.0.0.1:2 b 0"));
}

TEST_F(ListedRoutes, DoesNotBringBackWhatWasDeletedMeanwhile) {
  list({tagged("a.com", 1, "a", 4)});
  routes.begin_list();
  routes.deleted(tagged("a.com", 1, "a", 5));
  EXPECT_FALSE(routes.list(tagged("a.com", 1, "a", 4)));
  EXPECT_FALSE(routes.list(tagged("a.com", 1, "a", 5)));
  EXPECT_TRUE(routes.list(tagged("a.com", 1, "another life", 0)));
  EXPECT_THAT(end(), IsEmpty());
}

TEST_F(ListedRoutes, BelievesAListThatWasAskedForAfterTheDeletion) {
  routes.begin_list();
  routes.deleted(tagged("a.com", 1, "a", 5));
  end();
  EXPECT_THAT(list({tagged("a.com", 1, "a", 5)}), IsEmpty());
  EXPECT_EQ(routes.size(), 1u);
}

TEST_F(ListedRoutes, IgnoresADeletionThatIsOlderThanWhatIsKnown) {
  routes.upserted(tagged("a.com", 1, "a", 7));
  routes.deleted(tagged("a.com", 1, "a", 6));
  EXPECT_EQ(routes.size(), 1u);
  routes.deleted(tagged("a.com", 1, "a", 7));
  EXPECT_EQ(routes.size(), 0u);
}

TEST_F(ListedRoutes, ForgetsADeletionWhenTheRouteIsBack) {
  routes.begin_list();
  routes.deleted(tagged("a.com", 1, "a", 5));
  routes.upserted(tagged("a.com", 1, "a", 6));
  EXPECT_TRUE(routes.list(tagged("a.com", 1, "a", 4)));
  EXPECT_THAT(end(), IsEmpty());
}

TEST_F(ListedRoutes, UnregistersWithTheLatestTag) {
  list({tagged("a.com", 1, "a", 4)});
  routes.upserted(tagged("a.com", 1, "a", 9));
  EXPECT_THAT(list({}), ElementsAre("a.com 10.0.0.1:1 a 9"));
  routes.upserted(tagged("a.com", 1, "a", 9));
  list({tagged("a.com", 1, "a", 8)}); // It was made before the event.
  EXPECT_THAT(list({}), ElementsAre("a.com 10.0.0.1:1 a 9"));
}

TEST_F(ListedRoutes, TakesNothingBackForAListThatFailed) {
  list({tagged("a.com", 1, "a", 0)});
  routes.begin_list();
  EXPECT_THAT(list({tagged("a.com", 1, "a", 0)}), IsEmpty());
}

TEST_F(ListedRoutes, DoesNotMissWhatTheListHasButCannotBeRead) {
  list({tagged("a.com/x", 1, "g", 0), tagged("a.com/x", 2, "g", 0), tagged("b.com", 1, "g", 0), tagged("b.com", 2, "g", 0)});
  routes.begin_list();
  routes.list_unreadable(tagged("A.com/x", 1, "", 0), true);
  routes.list_unreadable(tagged("b.com", 0, "", 0), false);
  EXPECT_THAT(end(), ElementsAre("a.com/x 10.0.0.1:2 g 0"));
  routes.begin_list();
  EXPECT_EQ(end().size(), 3u) << "that list had it, this one has not";
}

TEST_F(ListedRoutes, MissNothingInAListWithOneThatMayBeAny) {
  list({tagged("a.com", 1, "g", 0)});
  routes.begin_list();
  routes.list_nameless();
  EXPECT_THAT(end(), IsEmpty());
  routes.begin_list();
  EXPECT_THAT(end(), ElementsAre("a.com 10.0.0.1:1 g 0"));
}

} // namespace
} // namespace shunt::routing
