// What the shards, and those that take their places, hear of NATS.
#include "app/registry_bridge.hpp"

#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"

#include <gmock/gmock.h>

#include <array>

namespace shunt::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr nats_changed connected{.connected = true};
constexpr nats_changed disconnected{.connected = false};
constexpr nats_changed dropped{.connected = true, .dropped = true};

class RegistryBridge : public test::actors_by_hand {
protected:
  RegistryBridge() {
    std::vector<route_shard_actor> shards;
    for (auto& each : records)
      shards.push_back(own(test::spawn_recording_shard(system, each)));
    bridge.open({}, shards, {});
  }

  /// What each of the shards heard since this was called last.
  std::vector<nats_changed> heard() {
    run();
    EXPECT_EQ(records[0].nats, records[1].nats);
    auto both = std::exchange(records[0].nats, {});
    records[1].nats.clear();
    return both;
  }
  /// What one hears that takes the place of another now.
  std::vector<nats_changed> heard_by_a_successor() {
    test::shard_record record;
    const auto successor = test::spawn_recording_shard(system, record);
    bridge.replace_shard(1, successor);
    run();
    kill(successor);
    return record.nats;
  }

  std::array<test::shard_record, 2> records;
  registry_bridge bridge;
};

TEST_F(RegistryBridge, TellsNobodyOfTheFirstConnection) {
  bridge.on_connected(); // At first the whole router waits.
  EXPECT_THAT(heard(), IsEmpty());
  bridge.on_connected();
  EXPECT_THAT(heard(), ElementsAre(connected));
}

TEST_F(RegistryBridge, TellsOfAConnectionThatWasLostBeforeTheFirst) {
  bridge.on_disconnected();
  bridge.on_connected();
  EXPECT_THAT(heard(), ElementsAre(disconnected, connected));
}

TEST_F(RegistryBridge, TellsOfDropsAndOfTheirEnd) {
  bridge.on_connected();
  bridge.on_dropped(3);
  bridge.on_dropped(1);
  bridge.on_connected(); // Nothing more is lost, and everybody was asked to register.
  EXPECT_THAT(heard(), ElementsAre(dropped, dropped, connected));
}

TEST_F(RegistryBridge, TellsOfTheRoutingApiOnlyWhatIsNews) {
  bridge.on_synchronised(); // As everybody believes.
  run();
  EXPECT_THAT(records[0].routing_api, IsEmpty());
  bridge.on_out_of_date();
  bridge.on_out_of_date();
  test::shard_record late;
  const auto successor = test::spawn_recording_shard(system, late);
  bridge.replace_shard(1, successor);
  bridge.on_synchronised();
  run();
  kill(successor);
  constexpr routing_api_changed away{.followed = false}, followed{.followed = true};
  EXPECT_THAT(records[0].routing_api, ElementsAre(away, followed));
  EXPECT_THAT(records[1].routing_api, ElementsAre(away)) << "until it was replaced";
  EXPECT_THAT(late.routing_api, ElementsAre(away, followed));
  EXPECT_THAT(late.nats, IsEmpty());
}

TEST_F(RegistryBridge, TellsASuccessorNothingWhileAllIsWell) {
  EXPECT_THAT(heard_by_a_successor(), IsEmpty());
  bridge.on_connected();
  bridge.on_disconnected();
  bridge.on_dropped(1);
  bridge.on_connected();
  EXPECT_THAT(heard_by_a_successor(), IsEmpty());
}

TEST_F(RegistryBridge, TellsASuccessorThatNatsIsAway) {
  bridge.on_connected();
  bridge.on_disconnected();
  EXPECT_THAT(heard_by_a_successor(), ElementsAre(disconnected));
}

TEST_F(RegistryBridge, TellsASuccessorThatMessagesAreDropped) {
  bridge.on_connected();
  bridge.on_dropped(1);
  EXPECT_THAT(heard_by_a_successor(), ElementsAre(dropped));
}

TEST_F(RegistryBridge, TellsTheKeeperOfReservationsThatIsThereNow) {
  std::vector<std::shared_ptr<net::nats_batch>> first, second;
  const auto spawn = [&](auto& into) {
    return own(system.spawn([&into]() -> reservation_keeper_actor::behavior_type {
      return {
        [&into](const reservation_messages& m) { into.push_back(m.batch); },
        [](const shard_replaced&) {},
        [](const use_policy&) {},
        [](const await_reservations&) { return reservations_loaded{}; },
        [](end_reservations) {},
        [](write_reservations) {},
      };
    }));
  };
  bridge.on_reservations(net::nats_batch{}); // Nobody is there yet.
  bridge.keep_reservations(spawn(first));
  bridge.on_reservations(net::nats_batch{});
  bridge.keep_reservations(spawn(second));
  bridge.on_reservations(net::nats_batch{});
  run();
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(second.size(), 1u);
}

TEST_F(RegistryBridge, TakesDropsThatAreReportedLateForNoSignOfAConnection) {
  bridge.on_connected();
  bridge.on_disconnected();
  bridge.on_dropped(1);
  ASSERT_FALSE(heard_by_a_successor().empty());
  EXPECT_EQ(heard_by_a_successor().front(), disconnected);
}

TEST_F(RegistryBridge, TellsASuccessorWhatComesLater) {
  test::shard_record record;
  bridge.replace_shard(0, own(test::spawn_recording_shard(system, record)));
  bridge.on_disconnected();
  run();
  EXPECT_THAT(record.nats, ElementsAre(disconnected));
  EXPECT_THAT(records[0].nats, IsEmpty());
  EXPECT_THAT(records[1].nats, ElementsAre(disconnected));
  for (const auto& shard : bridge.shards())
    kill(shard); // While the record is there.
}

TEST(NatsOptions, NoticeASilentConnectionWithinHalfTheStaleThresholdInACluster) {
  config::settings settings;
  const auto noticed_after = [&] {
    const auto options = nats_options_of(settings, {});
    return options.ping_interval * (options.pings_unanswered_max + 1);
  };
  settings.nats_client_ping_interval = std::chrono::seconds{60};
  EXPECT_EQ(noticed_after(), std::chrono::seconds{180});
  settings.cluster.name = "prod";
  EXPECT_EQ(noticed_after(), std::chrono::seconds{60});
  settings.droplet_stale_threshold = std::chrono::seconds{4};
  EXPECT_LE(noticed_after(), std::chrono::seconds{2});
  settings.nats_client_ping_interval = std::chrono::milliseconds{200};
  EXPECT_EQ(noticed_after(), std::chrono::milliseconds{600});
}

} // namespace
} // namespace shunt::app
