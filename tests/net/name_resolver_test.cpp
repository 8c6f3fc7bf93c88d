// Asking name servers: what they say, that one which is silent stops nobody else, and that nothing waits for it.
#include "net/name_resolver.hpp"

#include "tests/net/dns_zone.hpp"
#include "tests/net/loop_fixture.hpp"

#include <vector>

namespace shunt::net {
namespace {

using answer = name_resolver::answer;

class NameResolver : public loop_fixture {
protected:
  NameResolver() {
    there.hosts = {{"one.test", {"127.0.0.1"}}, {"two.test", {"127.0.0.2"}}};
    loop.names().ask(there.address());
  }
  static task<answer> find(event_loop& loop, std::string host, std::chrono::nanoseconds timeout) {
    auto found = co_await loop.names().resolve(host, timeout);
    co_return found;
  }
  running<answer> look_for(const std::string& host, std::chrono::nanoseconds timeout = 1h) {
    return running<answer>{find(loop, host, timeout)};
  }
  answer finished(const running<answer>& search) {
    EXPECT_TRUE(drive_until([&] { return search.done(); }));
    return search.value();
  }

  /// That many who wait for names of which nobody says anything.
  std::vector<std::unique_ptr<name_resolver::lookup>> wait_for_slow(std::size_t count) {
    std::vector<std::unique_ptr<name_resolver::lookup>> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back(std::make_unique<name_resolver::lookup>(loop.names(), "slow" + std::to_string(i) + ".test", 1h));
    return all;
  }

  dns_zone there{loop};
};

TEST_F(NameResolver, FindsAddresses) {
  const auto found = finished(look_for("one.test"));
  EXPECT_FALSE(found.code) << found.code.message();
  ASSERT_EQ(found.addresses.size(), 1u);
  EXPECT_EQ(found.addresses[0].to_string(), "127.0.0.1");
}

TEST_F(NameResolver, SaysThatThereIsNoSuchName) {
  const auto found = finished(look_for("none.test."));
  EXPECT_EQ(found.code, asio::error::host_not_found);
  EXPECT_TRUE(found.addresses.empty());
}

TEST_F(NameResolver, KnowsTheHostsOfTheMachine) {
  const auto found = finished(look_for("localhost"));
  EXPECT_FALSE(found.code) << found.code.message();
  EXPECT_FALSE(found.addresses.empty());
  EXPECT_TRUE(there.asked.empty());
}

TEST_F(NameResolver, LetsNobodyWaitForTheNameOfAnother) {
  const auto slow = wait_for_slow(50);
  EXPECT_EQ(finished(look_for("two.test")).addresses.at(0).to_string(), "127.0.0.2");
  for (const auto& each : slow)
    EXPECT_FALSE(each->await_ready());
}

TEST_F(NameResolver, WaitsNoLongerThanItMay) {
  const auto patient = look_for("slow.test"), hasty = look_for("slow.test", 1s);
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  pass(2s);
  EXPECT_EQ(finished(hasty).code, asio::error::timed_out);
  EXPECT_FALSE(patient.done());
  pass(2h);
  EXPECT_EQ(finished(patient).code, asio::error::timed_out);
}

TEST_F(NameResolver, AsksOnceForAllWhoWait) {
  std::vector<running<answer>> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(look_for("one.test"));
  for (const auto& each : many)
    EXPECT_EQ(finished(each).addresses.size(), 1u);
  EXPECT_EQ(there.asked["one.test"], 1);
  EXPECT_EQ(finished(look_for("one.test")).addresses.size(), 1u);
  EXPECT_EQ(there.asked["one.test"], 2) << "what was true a moment ago is asked for again";
}

TEST_F(NameResolver, AsksNewServersAtOnceWhileTheOldOnesAreSilent) {
  const auto waiting = look_for("slow.test");
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  dns_zone other{loop};
  other.silent = false;
  other.hosts = {{"slow.test", {"127.0.0.3"}}};
  loop.names().ask(other.address());
  EXPECT_EQ(finished(look_for("slow.test")).addresses.at(0).to_string(), "127.0.0.3");
  EXPECT_FALSE(waiting.done());
  pass(2h);
  EXPECT_EQ(finished(waiting).code, asio::error::timed_out);
}

TEST_F(NameResolver, AsksAnewForWhoComesLaterThanTheSilence) {
  const auto waiting = look_for("slow.test");
  const auto began = std::chrono::steady_clock::now(); // Not before the resolver's own clock says so.
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  there.hosts["slow.test"] = {"127.0.0.4"};
  there.silent = false;
  EXPECT_TRUE(drive_until([&] { return std::chrono::steady_clock::now() - began > 1s; }));
  EXPECT_EQ(finished(look_for("slow.test")).addresses.size(), 1u);
  EXPECT_FALSE(waiting.done());
  pass(2h);
  EXPECT_TRUE(waiting.done());
}

TEST_F(NameResolver, EndsAtOnceWhileServersAreSilent) {
  event_loop other{1, budget};
  std::optional<name_resolver::lookup> silent;
  other.start();
  other.run([&] {
    other.names().ask(there.address());
    silent.emplace(other.names(), "slow.test", 1h);
  });
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  const auto began = std::chrono::steady_clock::now();
  other.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST_F(NameResolver, RefusesMoreNamesThanItMayAskForAtOnce) {
  const auto slow = wait_for_slow(name_resolver::flights_max);
  EXPECT_EQ(finished(look_for("one.test")).code, asio::error::no_buffer_space);
}

} // namespace
} // namespace shunt::net
