// Tasks: when they start, who is resumed, where results, exceptions and frames go.
#include "net/task.hpp"

#include "net/sanitizer.hpp"

#include "net/latch.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::net {
namespace {

/// Tells that it was destroyed.
struct witness {
  explicit witness(int& destroyed) : destroyed_{&destroyed} {}
  witness(witness&& other) noexcept : destroyed_{std::exchange(other.destroyed_, nullptr)} {}
  witness& operator=(witness&&) = delete;
  ~witness() {
    if (destroyed_ != nullptr)
      ++*destroyed_;
  }

private:
  int* destroyed_;
};

task<int> answer(int value) {
  co_return value;
}

task<int> sum(int a, int b) {
  const auto first = co_await answer(a);
  const auto second = co_await answer(b);
  co_return first + second;
}

task<void> note(std::string& log, std::string text) {
  log += text;
  co_return;
}

task<int> fail() {
  throw std::runtime_error{"broken"};
  co_return 0;
}

task<void> wait_for(latch& gate, std::string& log, witness) {
  log += "waits ";
  co_await gate;
  log += "goes on ";
}

template <class T>
task<void> put(task<T> work, std::optional<T>& to) {
  to.emplace(co_await work);
}

constexpr auto ignore = [](const std::exception_ptr&) {};

template <class T>
T result_of(task<T> work) {
  std::optional<T> result;
  start(put(std::move(work), result), ignore);
  return std::move(result.value());
}

TEST(Task, StartsWhenItIsAwaitedAndNotBefore) {
  std::string log;
  auto work = note(log, "ran");
  EXPECT_EQ(log, "");
  start(std::move(work), ignore);
  EXPECT_EQ(log, "ran");
}

TEST(Task, GivesItsValueToItsAwaiter) {
  EXPECT_EQ(result_of(sum(40, 2)), 42);
}

TEST(Task, MovesValuesThatCannotBeCopied) {
  const auto make = []() -> task<std::unique_ptr<std::string>> {
    co_return std::make_unique<std::string>("mine");
  };
  EXPECT_EQ(*result_of(make()), "mine");
}

TEST(Task, ThrowsInItsAwaiterWhatItThrew) {
  std::exception_ptr heard;
  const auto wrap = []() -> task<void> { co_await fail(); };
  start(wrap(), [&](const std::exception_ptr& failure) { heard = failure; });
  ASSERT_TRUE(heard);
  EXPECT_THROW(std::rethrow_exception(heard), std::runtime_error);
}

TEST(Task, LetsItsAwaiterCatchAndGoOn) {
  const auto careful = []() -> task<std::string> {
    std::string caught;
    try {
      co_await fail();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    const auto after = co_await answer(7);
    co_return caught + " " + std::to_string(after);
  };
  EXPECT_EQ(result_of(careful()), "broken 7");
}

TEST(Task, ThatWasNeverAwaitedIsDestroyedWithWhatItWasGiven) {
  int destroyed = 0;
  latch gate;
  std::string log;
  {
    auto work = wait_for(gate, log, witness{destroyed});
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(log, "");
}

TEST(Task, DestroyedInTheMiddleOfItsWorkDestroysWhatItHolds) {
  int destroyed = 0;
  latch gate;
  std::string log;
  {
    auto work = wait_for(gate, log, witness{destroyed});
    // As when an owner dies: started by hand, because `start` owns what it starts.
    const auto awaiter = work.operator co_await();
    awaiter.await_suspend(std::noop_coroutine()).resume();
    EXPECT_EQ(log, "waits ");
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
}

TEST(Task, MovedFromOwnsNothing) {
  int destroyed = 0;
  latch gate;
  std::string log;
  auto first = wait_for(gate, log, witness{destroyed});
  {
    auto second = std::move(first);
    EXPECT_EQ(destroyed, 0);
  }
  EXPECT_EQ(destroyed, 1);
}

TEST(Task, AssignedToLetsGoOfWhatItHad) {
  int first_destroyed = 0, second_destroyed = 0;
  latch gate;
  std::string log;
  auto kept = wait_for(gate, log, witness{first_destroyed});
  kept = wait_for(gate, log, witness{second_destroyed});
  EXPECT_EQ(first_destroyed, 1);
  EXPECT_EQ(second_destroyed, 0);
}

TEST(Task, ResumesItsAwaiterWhenItEndsLater) {
  latch gate;
  std::string log;
  int destroyed = 0;
  const auto outer = [](latch& opened, std::string& to, int& count) -> task<void> {
    co_await wait_for(opened, to, witness{count});
    to += "outer ends";
  };
  start(outer(gate, log, destroyed), [&](const std::exception_ptr&) { log += ", told"; });
  EXPECT_EQ(log, "waits ");
  gate.open();
  EXPECT_EQ(log, "waits goes on outer ends, told");
  EXPECT_EQ(destroyed, 1);
}

TEST(Task, StartedDestroysItsFrameAfterTellingOfItsEnd) {
  latch gate;
  std::string log;
  int destroyed = 0;
  int destroyed_when_told = -1;
  start(wait_for(gate, log, witness{destroyed}),
        [&](const std::exception_ptr&) { destroyed_when_told = destroyed; });
  gate.open();
  EXPECT_EQ(destroyed_when_told, 0);
  EXPECT_EQ(destroyed, 1);
}

TEST(Task, AwaitsThousandsInARow) {
  const auto count = []() -> task<int> {
    int total = 0;
    for (int i = 0; i < 5'000; ++i)
      total += co_await answer(1);
    co_return total;
  };
  EXPECT_EQ(result_of(count()), 5'000);
}

TEST(Task, NestsDeeply) {
  struct nest {
    static task<int> depth(int levels) {
      if (levels == 0)
        co_return 0;
      const auto below = co_await depth(levels - 1);
      co_return below + 1;
    }
  };
  EXPECT_EQ(result_of(nest::depth(1'000)), 1'000);
}

TEST(Latch, OpenedBeforeLetsThroughAtOnce) {
  latch gate;
  EXPECT_FALSE(gate.is_open());
  gate.open();
  gate.open(); // Opens once; again is nothing.
  EXPECT_TRUE(gate.is_open());
  std::string log;
  int destroyed = 0;
  start(wait_for(gate, log, witness{destroyed}), ignore);
  EXPECT_EQ(log, "waits goes on ");
}

TEST(Frames, AreUsedAgainForTheSameSize) {
  for (const std::size_t bytes : {1u, 64u, 65u, 100u, 4095u, 4096u}) {
    auto* first = allocate_frame(bytes);
    release_frame(first, bytes);
    auto* second = allocate_frame(bytes);
    if (!under_address_sanitizer) { // Which is to see all of them.
      EXPECT_EQ(first, second) << bytes;
    }
    release_frame(second, bytes);
  }
}

TEST(Frames, OfOneClassHoldTheLargestOfIt) {
  // What was allocated for 65 bytes may come back for 128: the sanitizers see whether it is there.
  auto* small = allocate_frame(65);
  release_frame(small, 65);
  auto* large = static_cast<char*>(allocate_frame(128));
  if (!under_address_sanitizer) {
    EXPECT_EQ(static_cast<void*>(large), small);
  }
  large[0] = large[127] = 'x';
  release_frame(large, 128);
}

TEST(Frames, AreNeverHandedOutTwice) {
  std::vector<void*> taken;
  std::set<void*> different;
  for (int turn = 0; turn < 2; ++turn) {
    for (int i = 0; i < 600; ++i) { // More than are kept.
      taken.push_back(allocate_frame(300));
      different.insert(taken.back());
    }
    EXPECT_EQ(different.size(), 600u);
    for (auto* frame : taken)
      release_frame(frame, 300);
    taken.clear();
    different.clear();
  }
}

TEST(Frames, TooLargeToKeepAreLeftToTheSystem) {
  auto* frame = static_cast<char*>(allocate_frame(100'000));
  frame[0] = frame[99'999] = 'x';
  release_frame(frame, 100'000);
}

} // namespace
} // namespace shunt::net
