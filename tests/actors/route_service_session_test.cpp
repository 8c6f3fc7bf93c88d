// Sessions of route services on real loops: what a request of one loop learns of another's session, and that
// no request waits long for it.
#include "actors/route_service_sessions.hpp"
#include "tests/actors/support/router_in_process.hpp"
#include "tests/process/harness/patience.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace shunt {
namespace {

using namespace std::literals;
using test::eventually;
using test::router_in_process;
using enum routing::use_verdict;

constexpr bool to_app = true;

/// A router of two loops. Sessions live on the first; what is asked, is asked on either.
class RouteServiceSession : public testing::Test {
protected:
  ~RouteServiceSession() override {
    on(0, [this](loop_context&) { session.end(); });
  }

  template <class Work>
  void on(std::size_t loop, Work work) {
    router.run_on_loop(loop, work);
  }
  routing::session_id begin(const routing::session_limits& limits = {}) {
    routing::session_id id;
    on(0, [&](loop_context& here) {
      session.begin(here.sessions, limits, [](void* counter) { ++*static_cast<std::atomic<int>*>(counter); }, &fired);
      id = session->id();
    });
    return id;
  }
  void end() {
    on(0, [this](loop_context&) { session.end(); });
  }

  static net::task<void> ask(route_service_sessions& among, routing::session_id id, bool comes_back,
                             std::promise<routing::use_verdict>& answer) {
    const auto verdict = co_await among.use(id, comes_back);
    answer.set_value(verdict);
  }
  routing::use_verdict use_on(std::size_t loop, const routing::session_id& id, bool comes_back = to_app) {
    std::promise<routing::use_verdict> answer;
    on(loop, [&](loop_context& here) {
      net::start(ask(here.sessions, id, comes_back, answer), [](const std::exception_ptr&) {});
    });
    return answer.get_future().get();
  }
  void end_use_on(std::size_t loop, const routing::session_id& id) {
    on(loop, [&](loop_context& here) {
      here.sessions.use_ended(id, to_app, std::chrono::steady_clock::now());
    });
  }
  /// As the first loop sees it.
  routing::session_times times() {
    routing::session_times seen;
    on(0, [&](loop_context&) { seen = session->facts().times(std::chrono::steady_clock::now()); });
    return seen;
  }

  router_in_process router{router_in_process::defaults(), 2};
  open_session session;
  std::atomic<int> fired{0};
};

TEST_F(RouteServiceSession, IsKnownToItsOwnLoop) {
  const auto id = begin({.uses_max = 1});
  EXPECT_EQ(use_on(0, id), admitted);
  EXPECT_EQ(use_on(0, id), used_up);
  EXPECT_EQ(use_on(0, id, !to_app), admitted);
  end();
  EXPECT_EQ(use_on(0, id), over);
}

TEST_F(RouteServiceSession, RemembersThatItGaveItsServiceUp) {
  const auto id = begin();
  on(0, [&](loop_context&) { session->give_up_service(); });
  end();
  EXPECT_EQ(use_on(0, id), too_late);
  EXPECT_EQ(use_on(0, id, !to_app), over);
  EXPECT_TRUE(eventually([&] { return use_on(1, id) == too_late; }));
}

/// An answer that takes more than its five milliseconds is none: on a busy machine, ask anew.
TEST_F(RouteServiceSession, IsKnownToOtherLoops) {
  EXPECT_TRUE(eventually([&] {
    const auto id = begin({.uses_max = 1});
    return use_on(1, id) == admitted && use_on(1, id) == used_up && use_on(1, id, !to_app) == admitted;
  }));
  const auto ended = begin();
  end();
  EXPECT_TRUE(eventually([&] { return use_on(1, ended) == over; }));
}

TEST_F(RouteServiceSession, CountsTheUsesOfAllLoopsTogether) {
  EXPECT_TRUE(eventually([&] {
    const auto id = begin();
    for (std::uint32_t i = 0; i < routing::signature_uses_at_once_max; ++i)
      if (use_on(i % 2, id) != admitted)
        return false;
    return use_on(1, id) == looping && use_on(0, id) == looping;
  }));
}

TEST_F(RouteServiceSession, HearsOfUsesThatEndElsewhere) {
  EXPECT_TRUE(eventually([&] {
    const auto id = begin();
    for (std::uint32_t i = 0; i < 3 * routing::signature_uses_at_once_max; ++i) {
      if (use_on(1, id) != admitted)
        return false;
      end_use_on(1, id);
    }
    return true;
  }));
  const auto id = begin();
  EXPECT_TRUE(eventually([&] { return use_on(1, id) == admitted; }));
  const auto before = times().app;
  EXPECT_TRUE(eventually([&] { return times().app > before; })) << "the app has it";
}

TEST_F(RouteServiceSession, IsUnknownIfItIsAnotherProcesss) {
  auto id = begin({.uses_max = 1});
  id.incarnation += 1;
  for (std::size_t loop : {0, 1})
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(use_on(loop, id), unknown);
  end_use_on(0, id);
  id = session->id();
  id.loop = 2;
  EXPECT_EQ(use_on(0, id), unknown) << "there is no such loop";
  EXPECT_LT(times().app, 0s);
}

TEST_F(RouteServiceSession, KeepsNobodyWaitingWhoseLoopIsBusy) {
  const auto id = begin({.uses_max = 1});
  std::promise<void> busy, go_on;
  std::thread blocker{[&] {
    on(0, [&](loop_context&) {
      busy.set_value();
      go_on.get_future().wait();
    });
  }};
  busy.get_future().wait();
  EXPECT_EQ(use_on(1, id), unknown);
  EXPECT_EQ(use_on(1, id), unknown);
  go_on.set_value();
  blocker.join();
  // What it was told meanwhile counts, though its answer comes to nobody.
  EXPECT_TRUE(eventually([&] { return times().app >= 0s; }));
  EXPECT_EQ(use_on(0, id), used_up);
  EXPECT_TRUE(eventually([&] { return use_on(1, id) == used_up; })) << "later answers find their questions";
}

TEST_F(RouteServiceSession, CallsWhenTheServicesTimeIsOver) {
  begin({.timeout = 20ms});
  EXPECT_TRUE(eventually([&] { return fired == 1; }));
  const auto id = session->id();
  EXPECT_EQ(use_on(0, id), too_late);
}

TEST_F(RouteServiceSession, CallsNobodyWhoIsNotWaitingAnyMore) {
  begin({.timeout = 20ms});
  end();
  begin({.timeout = 20ms});
  on(0, [this](loop_context&) { session->answered(); });
  const auto id = begin({.timeout = 20ms}); // Which also ends the one before.
  EXPECT_EQ(use_on(0, id), admitted);
  open_session other;
  std::atomic<int> last{0};
  on(0, [&](loop_context& here) {
    other.begin(here.sessions, {.timeout = 40ms}, [](void* f) { ++*static_cast<std::atomic<int>*>(f); }, &last);
  });
  EXPECT_TRUE(eventually([&] { return last == 1; })) << "later than all of these";
  EXPECT_EQ(fired, 0);
  on(0, [&](loop_context&) { other.end(); });
}

TEST_F(RouteServiceSession, LeavesNothingBehind) {
  begin();
  begin();
  end();
  on(0, [](loop_context& here) { EXPECT_EQ(here.sessions.open_sessions(), 0u); });
}

} // namespace
} // namespace shunt
