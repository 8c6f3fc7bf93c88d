// Messages that were heard before: when a repetition may stand for a registration, and when not.
#include "routing/known_messages.hpp"
#include "routing/registration.hpp"
#include "routing/slice.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::routing {
namespace {

using namespace std::chrono_literals;

constexpr message_hash first_hash{1, 2};
constexpr message_hash second_hash{3, 4};

endpoint_ptr endpoint_at(std::uint16_t port, std::string_view app = "app") {
  endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = port;
  spec.app = app;
  return endpoint::make(spec);
}

registration registers(const endpoint_ptr& target, std::string uri) {
  return registration::make(false, target, std::move(uri));
}

registration unregisters(const endpoint_ptr& target, std::string uri) {
  return registration::make(true, target, std::move(uri));
}

class KnownMessages : public ::testing::Test {
protected:
  /// Has the message with these uris heard, handed over and applied.
  endpoint_ptr hear(const message_hash& hash, std::uint16_t port, std::vector<std::string> uris) {
    auto target = endpoint_at(port);
    known.remember(hash, target, static_cast<std::uint32_t>(uris.size()));
    for (auto& uri : uris)
      table.register_endpoint(registers(target, std::move(uri)), now, 0);
    return target;
  }

  table_rules rules;
  slice table{rules};
  known_messages known;
  time_point now{1000s};
};

TEST_F(KnownMessages, AreNotHeardAgainBeforeTheyWereHeard) {
  EXPECT_FALSE(known.hear_again(first_hash, now));
}

TEST_F(KnownMessages, KeepARouteFromAgeingWhenTheyAreHeardAgain) {
  hear(first_hash, 1, {"a.example.com"});
  for (int heartbeat = 0; heartbeat < 20; ++heartbeat) {
    now += 60s;
    EXPECT_TRUE(known.hear_again(first_hash, now));
    EXPECT_EQ(table.prune(now).endpoints, 0u);
  }
  now += 121s;
  EXPECT_EQ(table.prune(now).endpoints, 1u);
}

TEST_F(KnownMessages, MakeNothingOlderThatWasHeardLater) {
  const auto target = hear(first_hash, 80, {"a.com"});
  known.settle();
  ASSERT_TRUE(known.hear_again(first_hash, now));
  const auto heard = target->heard();
  ASSERT_TRUE(known.hear_again(first_hash, now - 20s));
  EXPECT_EQ(target->heard(), heard);
}

TEST_F(KnownMessages, AreReadAnewOnceAnyOfTheirRoutesLetGoOfTheEndpoint) {
  const auto target = hear(first_hash, 1, {"a.example.com", "b.example.com"});
  EXPECT_TRUE(known.hear_again(first_hash, now));
  table.unregister_endpoint(unregisters(target, "b.example.com"), now);
  EXPECT_FALSE(known.hear_again(first_hash, now));
}

TEST_F(KnownMessages, AreReadAnewOnceTheEndpointWasPruned) {
  hear(first_hash, 1, {"a.example.com"});
  now += 121s;
  EXPECT_EQ(table.prune(now).endpoints, 1u);
  EXPECT_FALSE(known.hear_again(first_hash, now));
}

TEST_F(KnownMessages, AreReadAnewOnceAnotherRegistrationChangedTheEndpoint) {
  hear(first_hash, 1, {"a.example.com"});
  table.register_endpoint(registers(endpoint_at(1, "other-app"), "a.example.com"), now, 0);
  EXPECT_FALSE(known.hear_again(first_hash, now));
}

TEST_F(KnownMessages, AreReadAnewWhileSomethingAboutTheAddressIsOnItsWay) {
  const auto target = hear(first_hash, 1, {"a.example.com"});
  known.doubt(*target); // An unregister that the shard has not seen yet, say.
  EXPECT_FALSE(known.hear_again(first_hash, now));
  known.settle();
  EXPECT_TRUE(known.hear_again(first_hash, now));
}

TEST_F(KnownMessages, AreRecognisedAfterTheSameEndpointCameInAnotherMessage) {
  hear(first_hash, 1, {"a.example.com"});
  const auto again = hear(second_hash, 1, {"a.example.com"}); // Equal, but an object of its own.
  EXPECT_TRUE(known.hear_again(second_hash, now));
  EXPECT_EQ(again->placed(), 1u);
}

TEST_F(KnownMessages, AreForgottenWhenNoRouteHoldsTheirEndpoint) {
  const auto gone = hear(first_hash, 1, {"a.example.com"});
  hear(second_hash, 2, {"b.example.com"});
  table.unregister_endpoint(unregisters(gone, "a.example.com"), now);
  known.sweep(10);
  EXPECT_EQ(known.size(), 1u);
  EXPECT_TRUE(known.hear_again(second_hash, now));
  hear(first_hash, 1, {"a.example.com"}); // In the place of the old one.
  EXPECT_TRUE(known.hear_again(first_hash, now));
}

TEST_F(KnownMessages, AreNotForgottenBeforeTheShardsSawThem) {
  const auto target = endpoint_at(1);
  known.remember(first_hash, target, 1);
  known.doubt(*target);
  known.sweep(10);
  EXPECT_EQ(known.size(), 1u);
}

TEST(EndpointPlaces, AreGivenBackWhenATableEnds) {
  const auto target = endpoint_at(1);
  {
    slice table{table_rules{}};
    for (int i = 0; i < 20; ++i)
      table.register_endpoint(registers(target, std::string{"h"}.append(std::to_string(i)).append(".example.com")),
                              time_point{1s}, 0);
    EXPECT_EQ(target->placed(), 20u);
  }
  EXPECT_EQ(target->placed(), 0u);
}

TEST(EndpointPlaces, AreCountedThroughCrowdsThatGrowAndShrink) {
  slice table{table_rules{}};
  std::vector<endpoint_ptr> all;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    all.push_back(endpoint_at(port));
    table.register_endpoint(registers(all.back(), "crowd.example.com"), time_point{1s}, 0);
  }
  for (std::size_t i = 0; i < all.size(); i += 2)
    table.unregister_endpoint(unregisters(all[i], "crowd.example.com"), time_point{2s});
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i]->placed(), i % 2) << i;
}

} // namespace
} // namespace shunt::routing
