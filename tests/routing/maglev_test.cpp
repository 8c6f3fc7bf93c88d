// The table of hash balancing: known answers, which a program of its own has computed from the
// description of the algorithm, and the properties for which it was chosen.
#include "routing/maglev.hpp"
#include "routing/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using ::testing::ElementsAre;
using positions = std::vector<std::size_t>;

constexpr auto anyone = [](std::size_t) { return true; };

std::vector<std::string> numbered(int count, const std::string& prefix = "instance-") {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back(prefix + std::to_string(i));
  return ids;
}

std::vector<std::string> without(std::vector<std::string> ids, std::size_t position) {
  ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(position));
  return ids;
}

maglev table_of(const std::vector<std::string>& ids) {
  std::vector<maglev::member> members;
  for (const auto& id : ids)
    members.push_back({id, id});
  return maglev{members};
}

/// Whom every slot belongs to, by name.
std::vector<std::string> owners(const std::vector<std::string>& ids) {
  const auto table = table_of(ids);
  std::vector<std::string> result;
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    result.push_back(ids.at(table.at(slot)));
  return result;
}

std::map<std::size_t, std::size_t> slots_by_member(const maglev& table) {
  std::map<std::size_t, std::size_t> count;
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    ++count[table.at(slot)];
  return count;
}

/// A hash of all positions in the order of slots, as the other program makes it.
std::uint64_t digest(const maglev& table, const std::string& separator = "") {
  std::string all;
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    all += (slot == 0 ? "" : separator) + std::to_string(table.at(slot));
  return fnv1a_64(all);
}

positions first_slots(const maglev& table, std::size_t count) {
  positions result;
  for (std::size_t slot = 0; slot < count; ++slot)
    result.push_back(table.at(slot));
  return result;
}

/// All members in the order in which they are offered from `from` on.
positions offered(const maglev& table, std::size_t from) {
  positions result;
  table.find(from, [&](std::size_t member) {
    result.push_back(member);
    return false;
  });
  return result;
}

// -- Known answers

TEST(Maglev, HashesByFnv1a) {
  EXPECT_EQ(fnv1a_64(""), 0xcbf29ce484222325);
  EXPECT_EQ(fnv1a_64("a"), 0xaf63dc4c8601ec8c);
  EXPECT_EQ(fnv1a_64("foobar"), 0x85944171f73967e8);
}

TEST(Maglev, FindsTheSlotOfAHeaderValue) {
  const struct {
    std::string value;
    std::size_t slot, member;
  } cases[] = {
    {"tenant-1", 462, 1},
    {"tenant-2", 2925, 2},
    {"alice", 2053, 0},
    {"bob", 1981, 0},
    {"", 1079, 3},
    {"Z\xc3\xbcrich", 1385, 4},
    {"01234567890123456789", 1759, 0},
  };
  const auto table = table_of(numbered(5));
  for (const auto& c : cases) {
    EXPECT_EQ(maglev::slot_of(c.value), c.slot) << c.value;
    EXPECT_EQ(table.at(c.slot), c.member) << c.value;
  }
}

TEST(Maglev, FillsTheTableAsDescribed) {
  const auto table = table_of(numbered(5));
  EXPECT_THAT(first_slots(table, 12), ElementsAre(0, 3, 0, 1, 4, 1, 4, 2, 3, 1, 1, 3));
  EXPECT_EQ(digest(table), 0xa00977464016d045);
}

TEST(Maglev, SortsNamesByTheirBytes) {
  const auto table = table_of({"b", "B", "\xc3\xa4", "a-long-instance-id-0123456789"});
  EXPECT_THAT(first_slots(table, 8), ElementsAre(0, 1, 3, 3, 1, 2, 2, 0));
  EXPECT_EQ(digest(table), 0x54ed166165985a8u);
  EXPECT_EQ(slots_by_member(table).at(1), 751u) << "\"B\" comes first and has the odd slot";
}

TEST(Maglev, FillsTheTableOfAThousandAsDescribed) {
  std::vector<std::string> ids;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    char id[40];
    std::snprintf(id, sizeof id, "%08x-1111-2222-3333-444455556666", i * 2654435761u);
    ids.emplace_back(id);
  }
  const auto table = table_of(ids);
  EXPECT_THAT(first_slots(table, 10),
              ElementsAre(515, 401, 499, 905, 461, 360, 622, 928, 133, 911));
  EXPECT_EQ(digest(table, ","), 0xac1e9ea6d9d25f9b);
}

// -- Properties

TEST(Maglev, DoesNotDependOnTheOrderOfTheMembers) {
  auto ids = numbered(40);
  const auto expected = owners(ids);
  rng random{7};
  for (int i = 0; i < 20; ++i) {
    for (std::size_t left = ids.size(); left > 1; --left)
      std::swap(ids[left - 1], ids[random.below(left)]);
    ASSERT_EQ(owners(ids), expected);
  }
}

TEST(Maglev, GivesEveryMemberAsManySlotsAsAnyOther) {
  for (const int count : {2, 3, 7, 10, 64, 500, 3000}) {
    const auto slots = slots_by_member(table_of(numbered(count)));
    ASSERT_EQ(slots.size(), static_cast<std::size_t>(count));
    const auto [least, most] = std::minmax_element(
      slots.begin(), slots.end(), [](auto& a, auto& b) { return a.second < b.second; });
    EXPECT_LE(most->second - least->second, 1u) << count;
  }
}

TEST(Maglev, SpreadsHeaderValuesWithinAFewPercent) {
  for (const int count : {2, 5, 10}) {
    const auto table = table_of(numbered(count));
    std::map<std::size_t, int> requests;
    constexpr int values = 100'000;
    for (const auto& value : numbered(values, "user-"))
      ++requests[table.at(maglev::slot_of(value))];
    const double fair = double{values} / count;
    for (const auto& [member, n] : requests)
      EXPECT_NEAR(n, fair, 0.05 * fair) << member << " of " << count;
  }
}

/// Share of all slots that have another owner, beside those that `leaver` had.
double disturbed(const std::vector<std::string>& before, const std::vector<std::string>& after,
                 const std::string& leaver) {
  int moved = 0;
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    moved += before[slot] != leaver && before[slot] != after[slot];
  return static_cast<double>(moved) / maglev::slot_count;
}

TEST(Maglev, MovesLittleMoreThanTheKeysOfAMemberThatLeaves) {
  // The same numbers, read backwards, are those of a member that joins.
  const struct {
    int members;
    double disturbed_most;
  } cases[] = {{2, 0}, {3, 0.01}, {5, 0.02}, {10, 0.03}, {30, 0.04}, {100, 0.05}, {1000, 0.02}};
  for (const auto& c : cases) {
    const auto ids = numbered(c.members);
    const auto before = owners(ids);
    for (std::size_t leaver = 0; leaver < ids.size(); leaver += (ids.size() + 19) / 20)
      EXPECT_LE(disturbed(before, owners(without(ids, leaver)), ids[leaver]), c.disturbed_most)
        << ids[leaver] << " of " << c.members;
  }
}

// -- Who is a member

TEST(Maglev, HasNoMemberForAnyoneWhenEmpty) {
  const maglev table;
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.at(0), maglev::nowhere);
  EXPECT_EQ(table.find(0, anyone), maglev::nowhere);
  EXPECT_EQ(table.find_other(0, anyone), maglev::nowhere);
}

TEST(Maglev, GivesAllSlotsToASingleMember) {
  const auto table = table_of({"only"});
  EXPECT_EQ(table.size(), 1u);
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    ASSERT_EQ(table.at(slot), 0u);
}

TEST(Maglev, PassesOverHoles) {
  const std::vector<maglev::member> with_holes{{}, {"a", "1"}, {}, {"b", "2"}, {}};
  const std::vector<maglev::member> dense{{"a", "1"}, {"b", "2"}};
  const maglev table{with_holes}, expected{dense};
  EXPECT_EQ(table.size(), 2u);
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    ASSERT_EQ(table.at(slot), expected.at(slot) == 0 ? 1u : 3u);
}

TEST(Maglev, TakesTheAddressForAMissingId) {
  const std::vector<maglev::member> anonymous{{"", "10.0.0.1:80"}, {"", "10.0.0.2:80"}};
  EXPECT_EQ(digest(maglev{anonymous}), digest(table_of({"10.0.0.1:80", "10.0.0.2:80"})));
}

TEST(Maglev, GivesASharedIdToTheSmallestAddressAndNamesTheOthersByTheirs) {
  const std::vector<maglev::member> members{{"same", "10.0.0.3:80"},
                                            {"other", "10.0.0.9:80"},
                                            {"same", "10.0.0.1:80"},
                                            {"same", "10.0.0.2:80"}};
  EXPECT_EQ(digest(maglev{members}),
            digest(table_of({"10.0.0.3:80", "other", "same", "10.0.0.2:80"})));
}

TEST(Maglev, GivesEveryoneItsShareWhenAnIdLooksLikeAnAddress) {
  std::vector<maglev::member> members{{"10.0.0.2:80", "10.0.0.1:80"}, {"", "10.0.0.2:80"}};
  EXPECT_EQ(slots_by_member(maglev{members}).at(0), 1501u);
  EXPECT_EQ(slots_by_member(maglev{members}).at(1), 1500u);
  std::reverse(members.begin(), members.end());
  EXPECT_EQ(slots_by_member(maglev{members}).at(1), 1501u) << "the order must not matter";
}

TEST(Maglev, LeavesOutTheLastNamesWhenThereAreMoreMembersThanSlots) {
  auto ids = numbered(4000, "");
  for (auto& id : ids)
    id.insert(0, 4 - id.size(), '0');
  std::reverse(ids.begin(), ids.end());
  const auto table = table_of(ids);
  EXPECT_EQ(table.size(), maglev::slot_count);
  const auto slots = slots_by_member(table);
  EXPECT_EQ(slots.size(), maglev::slot_count) << "one slot each";
  EXPECT_EQ(slots.begin()->first, 4000 - maglev::slot_count);
  EXPECT_EQ(offered(table, 17).size(), maglev::slot_count);
}

// -- Overflow and retries

TEST(Maglev, OffersTheOwnerOfTheSlotFirst) {
  const auto table = table_of(numbered(5));
  for (std::size_t slot = 0; slot < maglev::slot_count; ++slot)
    ASSERT_EQ(table.find(slot, anyone), slot);
}

TEST(Maglev, OffersEachMemberOnceInTheOrderOfSlots) {
  const auto table = table_of(numbered(5)); // Begins 0 3 0 1 4 1 4 2, ends 0 4 1 0 3 0 2 1.
  EXPECT_THAT(offered(table, 0), ElementsAre(0, 3, 1, 4, 2));
  EXPECT_THAT(offered(table, 2), ElementsAre(0, 1, 4, 2, 3));
  EXPECT_THAT(offered(table, 2999), ElementsAre(2, 1, 0, 3, 4)) << "around the end";
}

TEST(Maglev, OverflowsToTheNextMemberThatIsUsable) {
  const auto table = table_of(numbered(5));
  const auto only = [](std::set<std::size_t> usable) {
    return [usable = std::move(usable)](std::size_t member) { return usable.contains(member); };
  };
  EXPECT_EQ(table.find(0, only({1, 2, 3, 4})), 1u);
  EXPECT_EQ(table.find(0, only({1, 2, 4})), 3u);
  EXPECT_EQ(table.find(0, only({2})), 7u);
  EXPECT_EQ(table.find(3000, only({3})), 1u) << "around the end";
  EXPECT_EQ(table.find(0, only({})), maglev::nowhere);
}

TEST(Maglev, RetriesBehindTheLastSlotWithoutTheLastMember) {
  const auto table = table_of(numbered(5));
  EXPECT_EQ(table.find_other(0, anyone), 1u);
  EXPECT_EQ(table.find_other(3, anyone), 4u);
  EXPECT_EQ(table.find_other(9, anyone), 11u) << "slots 9 and 10 are of one member";
  EXPECT_EQ(table.find_other(3000, anyone), 0u) << "around the end";
  EXPECT_EQ(table.find_other(0, [](std::size_t member) { return member == 0; }), maglev::nowhere);
}

TEST(Maglev, ReturnsOnALaterRetryToAMemberThatWasTriedBeforeTheLast) {
  const auto table = table_of(numbered(5));
  const auto second = table.find_other(0, anyone);
  const auto third = table.find_other(second, anyone);
  EXPECT_THAT(positions({table.at(second), table.at(third)}), ElementsAre(3, 0));
}

TEST(Maglev, RetriesASingleMember) {
  const auto table = table_of({"only"});
  EXPECT_EQ(table.find_other(0, anyone), 1u);
  EXPECT_EQ(table.find_other(3000, anyone), 0u);
  EXPECT_EQ(table.find_other(0, [](std::size_t) { return false; }), maglev::nowhere);
}

TEST(Maglev, LimitsRequestsInFlightByTheMean) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
  const struct {
    std::uint64_t total;
    std::size_t members;
    double factor, most;
  } cases[] = {
    {40, 4, 1.5, 15},
    {10, 4, 2, 5},
    {10, 4, 1, 2.5},
    {40, 4, 0, unlimited},
    {40, 4, -1, unlimited},
    {40, 4, no_number, unlimited},
    {0, 4, 1.5, unlimited},
    {40, 0, 1.5, unlimited},
    {40, 4, unlimited, unlimited},
    {0, 4, unlimited, unlimited},
  };
  for (const auto& c : cases)
    EXPECT_EQ(in_flight_most(c.total, c.members, c.factor), c.most) << c.total << ' ' << c.factor;
}

TEST(Maglev, AlwaysHasSomeoneWithinTheLimitHoweverSmallTheFactor) {
  EXPECT_EQ(in_flight_most(12, 3, 0.5), 4);
  EXPECT_EQ(in_flight_most(1, 1, 0.001), 1);
}

} // namespace
} // namespace shunt::routing
