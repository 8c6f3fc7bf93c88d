// What comes by two connections counts once.
#include "net/nats_overlap.hpp"

#include <gtest/gtest.h>

#include <nats/nats.h>

#include <string>

namespace shunt::net {
namespace {

nats_message message(const std::string& payload, const std::string& subject = "router.register",
                     const std::string& reply = {}) {
  return nats_message{subject, reply, payload};
}

class NatsOverlap : public testing::Test {
protected:
  static void SetUpTestSuite() { nats_Open(-1); } // Messages are the library's.
};

TEST_F(NatsOverlap, RepeatsNothingWhileThereIsOneConnection) {
  nats_overlap overlap{1};
  EXPECT_FALSE(overlap.repeats(message("a")));
  EXPECT_FALSE(overlap.repeats(message("a")));
}

TEST_F(NatsOverlap, KnowsWhatTheFirstConnectionBrought) {
  nats_overlap overlap{1};
  overlap.begin();
  EXPECT_FALSE(overlap.repeats(message("a")));
  EXPECT_FALSE(overlap.repeats(message("a"))) << "on one connection nothing repeats";
  EXPECT_FALSE(overlap.repeats(message("b", "router.unregister")));
  overlap.switched(10);
  EXPECT_TRUE(overlap.repeats(message("a")));
  EXPECT_FALSE(overlap.repeats(message("b"))) << "it was another subject";
  EXPECT_TRUE(overlap.repeats(message("b", "router.unregister")));
  EXPECT_TRUE(overlap.repeats(message("a")));
  EXPECT_FALSE(overlap.repeats(message("a"))) << "a third is new";
  EXPECT_FALSE(overlap.repeats(message("a", "router.register", "reply")));
}

TEST_F(NatsOverlap, EndsWithWhatWaited) {
  nats_overlap overlap{1};
  overlap.begin();
  EXPECT_FALSE(overlap.repeats(message("a")));
  overlap.switched(1);
  EXPECT_FALSE(overlap.repeats(message("new")));
  EXPECT_FALSE(overlap.repeats(message("a"))) << "it came when the first connection was gone";
}

TEST_F(NatsOverlap, MayBeCalledOff) {
  nats_overlap overlap{1};
  overlap.begin();
  EXPECT_FALSE(overlap.repeats(message("a")));
  overlap.call_off();
  overlap.begin();
  overlap.switched(5);
  EXPECT_FALSE(overlap.repeats(message("a")));
}

} // namespace
} // namespace shunt::net
