// When which addresses are connected to.
#include "cluster/dial_book.hpp"

#include <gmock/gmock.h>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct DialBook : testing::Test {
  std::vector<std::string> due() {
    std::vector<std::string> addresses;
    for (auto& each : book.due(now, [this](const std::string& node) { return node == linked; })) {
      addresses.push_back(each.address);
      turn = each.turn;
    }
    return addresses;
  }
  /// Until it is due again.
  std::chrono::milliseconds waits() {
    const auto began = now;
    while (due().empty())
      now += 1ms;
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - began);
  }

  routing::time_point now{1h};
  std::string linked;
  std::size_t turn = 0; ///< Of the last that was due.
  dial_book book{{100ms, 1s, 20s}, 7};
};

TEST_F(DialBook, NamesEachAddressOnceUntilItsAttemptIsOver) {
  book.add("a:1", true);
  book.add("b:1", true);
  book.add("a:1", false);
  EXPECT_THAT(due(), ElementsAre("a:1", "b:1"));
  now += 1h;
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(DialBook, WaitsLongerAfterEachFailureAndNeverQuiteAsLong) {
  book.add("a:1", true);
  due();
  for (const auto delay : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    book.failed("a:1", "", now);
    const auto waited = waits();
    EXPECT_GE(waited, delay * 3 / 4);
    EXPECT_LE(waited, delay * 5 / 4 + 1ms);
  }
}

TEST_F(DialBook, LeavesThoseAloneThatAreLinked) {
  book.add("10.0.0.1:1", true);
  due();
  book.linked("10.0.0.1:1", "node-a");
  linked = "node-a";
  EXPECT_THAT(due(), IsEmpty());
  linked.clear();
  book.lost("node-a", now);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_LE(waits(), 126ms);
}

TEST_F(DialBook, LeavesANodeAloneThatSaidThatItIsLinked) {
  book.add("10.0.0.1:1", true);
  due();
  linked = "node-a";
  book.failed("10.0.0.1:1", "node-a", now);
  now += 1h;
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(DialBook, NeverConnectsToItselfAgain) {
  for (const auto* me : {"10.0.0.1:1", "[fd00::1]:1"}) {
    book.add(me, true);
    EXPECT_THAT(due(), ElementsAre(me));
    book.is_itself(me, now);
    now += 1h;
    EXPECT_THAT(due(), IsEmpty());
  }
  book.add("found:1", false); // Whoever says that it is there means itself.
  due();
  book.is_itself("found:1", now);
  now += 1h;
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(DialBook, ConnectsToTheNextAddressOfANameThatIsItsOwn) {
  book.add("all:1", true);
  due();
  EXPECT_EQ(turn, 0u);
  auto longest = 0ms;
  for (std::size_t i = 1; i <= 20; ++i) {
    book.is_itself("all:1", now);
    longest = waits();
    EXPECT_LE(longest, std::min(100ms * (1 << std::min<std::size_t>(i - 1, 8)), 20'000ms) * 5 / 4 + 1ms);
    EXPECT_EQ(turn, i);
  }
  EXPECT_GE(longest, 15s) << "perhaps it is its name alone";
}

TEST_F(DialBook, LooksNowAndThenWhetherANameStandsForOthersToo) {
  linked = "node-a";
  book.add("all:1", true);
  book.add("10.0.0.1:1", true);
  ASSERT_THAT(due(), ElementsAre("all:1", "10.0.0.1:1"));
  book.linked("all:1", "node-a");
  book.leads_to("10.0.0.1:1", "node-a");
  book.failed("10.0.0.1:1", "node-a", now);
  for (std::size_t i = 1; i <= 5; ++i) {
    const auto waited = waits();
    EXPECT_GE(waited, 15s);
    EXPECT_LE(waited, 25s + 1ms);
    EXPECT_EQ(turn, i) << "each time another address";
    book.failed("all:1", i % 2 == 0 ? "node-a" : "", now);
  }
  book.lost("node-a", now);
  linked.clear();
  now += 1s;
  EXPECT_THAT(due(), ElementsAre("all:1", "10.0.0.1:1")) << "and at once when its node is gone";
}

TEST_F(DialBook, LooksAtManyNamesNoMoreThanFiveTimesASecond) {
  constexpr std::size_t names = 1000;
  linked = "node-a";
  for (std::size_t i = 0; i < names; ++i)
    book.add("name-" + std::to_string(i) + ":1", true);
  for (const auto& each : due())
    book.linked(each, "node-a");
  std::size_t looks = 0;
  for (const auto end = now + 1000s; now < end; now += 1s)
    for (const auto& each : due()) {
      ++looks;
      book.failed(each, "node-a", now);
    }
  EXPECT_LE(looks, 5500u);
  EXPECT_GE(looks, 4000u);
}

TEST_F(DialBook, ForgetsWhatWasOnlyFoundAndNeverAnswers) {
  book.add("found:1", false);
  book.add("configured:1", true);
  for (std::uint32_t i = 0; i <= dial_book::patience; ++i) {
    for (const auto& each : due())
      book.failed(each, "", now);
    now += 10s;
  }
  EXPECT_THAT(due(), ElementsAre("configured:1"));
}

TEST_F(DialBook, DoesNotDialWhoseOwnConnectionIsThere) {
  book.add("10.0.0.1:1", true);
  ASSERT_THAT(due(), ElementsAre("10.0.0.1:1"));
  book.failed("10.0.0.1:1", "", now); // Nobody listened yet,
  now += 10s;
  linked = "node-a"; // then it connected itself.
  book.leads_to("10.0.0.1:1", "node-a");
  EXPECT_THAT(due(), IsEmpty());
  linked.clear();
  book.lost("node-a", now);
  now += 10s;
  EXPECT_THAT(due(), ElementsAre("10.0.0.1:1"));
}

TEST_F(DialBook, KeepsOnlySoManyAddresses) {
  for (std::size_t i = 0; i < dial_book::addresses_max + 10; ++i)
    book.add("a:" + std::to_string(i), false);
  EXPECT_EQ(due().size(), dial_book::addresses_max);
}

} // namespace
} // namespace shunt::cluster
