// A relay passes bytes on, and stops doing so in the ways it is asked to.
#include "chaos/relay.hpp"
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/client.hpp"

#include <gtest/gtest.h>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;
using test::client;
using test::get_request;

class Relay : public testing::Test {
protected:
  test::backend there;
  relay_loop loop;
  relay between{loop, there.port()};

  bool answers() {
    try {
      return client{between.port()}.send(get_request("x")).response().status == 200;
    } catch (const test::socket_error&) {
      return false;
    }
  }
};

TEST_F(Relay, PassesOnBothDirectionsAndTheEnd) {
  client one{between.port()};
  EXPECT_EQ(one.send(get_request("x")).response().body, "hello");
  EXPECT_EQ(one.send(get_request("y", "/", "Connection: close\r\n")).response().status, 200);
  EXPECT_TRUE(one.sees_close());
}

TEST_F(Relay, ResetsWhatItCutsAndWhatComesAfterwards) {
  client one{between.port()};
  EXPECT_EQ(one.send(get_request("x")).response().status, 200);
  between.cut();
  EXPECT_TRUE(one.sees_end());
  EXPECT_FALSE(answers());
  between.pass();
  EXPECT_TRUE(answers());
}

TEST_F(Relay, HoldsBackWhatItStallsAndLosesNothing) {
  client one{between.port()};
  EXPECT_EQ(one.send(get_request("x")).response().status, 200);
  between.stall();
  one.send(get_request("x"));
  EXPECT_FALSE(there.wait_for_requests(2, 200ms));
  between.pass();
  EXPECT_EQ(one.response().status, 200);
}

TEST_F(Relay, DelaysBothDirections) {
  between.delay(100ms);
  client one{between.port()};
  const auto start = test::clock::now();
  EXPECT_EQ(one.send(get_request("x")).response().status, 200);
  EXPECT_GE(test::clock::now() - start, 200ms);
}

TEST_F(Relay, ResetsClientsOfATargetThatIsNotThere) {
  relay to_nobody{loop, 1};
  client one{to_nobody.port()};
  EXPECT_TRUE(one.sees_end());
}

} // namespace
} // namespace shunt::chaos
