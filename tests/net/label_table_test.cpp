// The places of label values: found again, bounded, and the same for all threads.
#include "net/label_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <vector>

namespace shunt::net {
namespace {

TEST(LabelTable, FindsAValueAgain) {
  label_table labels{8};
  const auto a = labels.place_of("a");
  const auto b = labels.place_of("b");
  EXPECT_NE(a, b);
  EXPECT_EQ(labels.place_of("a"), a);
  EXPECT_EQ(labels.text(a), "a");
  EXPECT_EQ(labels.text(b), "b");
  EXPECT_EQ(labels.size(), 2u);
}

TEST(LabelTable, HasAPlaceForTheEmptyText) {
  label_table labels{1};
  const auto empty = labels.place_of("");
  EXPECT_NE(empty, labels.other());
  EXPECT_EQ(labels.place_of(""), empty);
}

TEST(LabelTable, SendsWhatIsTooMuchToOnePlace) {
  for (const std::size_t most : {0, 1, 2, 3, 7, 64, 100}) {
    label_table labels{most};
    std::vector<std::uint32_t> places;
    for (std::size_t i = 0; i < 3 * most + 3; ++i)
      places.push_back(labels.place_of("app-" + std::to_string(i)));
    EXPECT_EQ(labels.size(), most);
    for (std::size_t i = 0; i < places.size(); ++i) {
      EXPECT_EQ(places[i] == labels.other(), i >= most) << i << " of " << most;
      EXPECT_EQ(labels.place_of("app-" + std::to_string(i)), places[i])
        << "who was there first, stays";
      EXPECT_LT(places[i], labels.place_count());
    }
    EXPECT_EQ(labels.text(labels.other()), "_other");
  }
}

TEST(LabelTable, GivesNoPlaceToTextsThatAreTooLongOrMeanOther) {
  label_table labels{8};
  EXPECT_EQ(labels.place_of(std::string(label_table::text_bytes_max + 1, 'x')), labels.other());
  EXPECT_EQ(labels.place_of("_other"), labels.other());
  EXPECT_EQ(labels.size(), 0u);
  EXPECT_NE(labels.place_of(std::string(label_table::text_bytes_max, 'x')), labels.other());
}

TEST(LabelTable, GivesAllThreadsTheSamePlaces) {
  constexpr std::size_t most = 500, tried = 800;
  label_table labels{most};
  std::vector<std::vector<std::uint32_t>> seen(4, std::vector<std::uint32_t>(tried));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < seen.size(); ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < tried; ++i) {
        const auto which = t % 2 == 0 ? i : tried - 1 - i;
        seen[t][which] = labels.place_of("app-" + std::to_string(which));
      }
    });
  for (auto& each : threads)
    each.join();
  EXPECT_LE(labels.size(), most);
  std::set<std::uint32_t> places;
  for (std::size_t i = 0; i < tried; ++i) {
    const auto place = labels.place_of("app-" + std::to_string(i));
    for (const auto& mine : seen) {
      if (mine[i] != labels.other()) { // Whoever was told a place was told the right one.
        EXPECT_EQ(mine[i], place);
      }
    }
    if (place != labels.other()) {
      EXPECT_EQ(labels.text(place), "app-" + std::to_string(i));
      EXPECT_TRUE(places.insert(place).second);
    }
  }
  EXPECT_EQ(places.size(), labels.size());
}

struct cell {
  explicit cell(int first = 0) : value{first} {}
  std::atomic<int> value;
};

TEST(Labelled, MakesACellOnceAndShowsIt) {
  label_table labels{2};
  labelled<cell> cells{labels};
  ++cells.at(labels.place_of("a"), 10).value;
  ++cells.at(labels.place_of("a"), 99).value;
  ++cells.at(labels.place_of("b")).value;
  ++cells.at(labels.place_of("c"), 5).value;
  ++cells.at(labels.place_of("d"), 77).value;
  std::map<std::string, int> seen;
  cells.for_each(
    [&](std::string_view text, const cell& each) { seen.emplace(text, each.value.load()); });
  EXPECT_EQ(seen, (std::map<std::string, int>{{"_other", 7}, {"a", 12}, {"b", 1}}));
}

TEST(Labelled, IsReadWhileItGrows) {
  label_table labels{1000};
  labelled<cell> cells{labels};
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (int i = 0; i < 2000; ++i)
      ++cells.at(labels.place_of("app-" + std::to_string(i)), 1).value;
    done = true;
  }};
  std::size_t before = 0;
  for (bool last = false; !last;) {
    last = done;
    std::size_t now = 0;
    cells.for_each([&](std::string_view text, const cell& each) {
      ++now;
      EXPECT_FALSE(text.empty());
      EXPECT_GE(each.value.load(std::memory_order_relaxed), 1);
    });
    EXPECT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(before, 1001u);
}

} // namespace
} // namespace shunt::net
