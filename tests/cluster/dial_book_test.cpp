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
    return book.due(now, [this](const std::string& node) { return node == linked; });
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
  dial_book book{{100ms, 1s}, 7};
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
  book.add("a:1", true);
  due();
  book.linked("a:1", "node-a");
  linked = "node-a";
  EXPECT_THAT(due(), IsEmpty());
  linked.clear();
  book.lost("node-a", now);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_LE(waits(), 126ms);
}

TEST_F(DialBook, LeavesANodeAloneThatSaidThatItIsLinked) {
  book.add("a:1", true);
  due();
  linked = "node-a";
  book.failed("a:1", "node-a", now);
  now += 1h;
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(DialBook, NeverConnectsToItselfAgain) {
  book.add("me:1", true);
  due();
  book.is_itself("me:1");
  book.failed("me:1", "", now);
  now += 1h;
  EXPECT_THAT(due(), IsEmpty());
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
  book.add("a:1", true);
  ASSERT_THAT(due(), ElementsAre("a:1"));
  book.failed("a:1", "", now); // Nobody listened yet,
  now += 10s;
  linked = "node-a"; // then it connected itself.
  book.leads_to("a:1", "node-a");
  EXPECT_THAT(due(), IsEmpty());
  linked.clear();
  book.lost("node-a", now);
  now += 10s;
  EXPECT_THAT(due(), ElementsAre("a:1"));
}

TEST_F(DialBook, KeepsOnlySoManyAddresses) {
  for (std::size_t i = 0; i < dial_book::addresses_max + 10; ++i)
    book.add("a:" + std::to_string(i), false);
  EXPECT_EQ(due().size(), dial_book::addresses_max);
}

} // namespace
} // namespace shunt::cluster
