// What the keeper makes of messages: who is told, what is stored, and how it goes on when the store
// fails, a shard dies, or it dies itself.
#include "cluster/reservation_keeper.hpp"

#include "cluster/embedded_store.hpp"
#include "cluster/memory_store.hpp"
#include "routing/uri.hpp"
#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"
#include "tests/net/log_capture.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <nats/nats.h>

#include <array>

namespace shunt {
namespace {

using namespace std::literals;
using cluster::store_errc;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr std::size_t shard_count = 3;
constexpr auto reserve_subject = "router.reserve"sv;
constexpr auto unreserve_subject = "router.unreserve"sv;
constexpr std::int64_t wall_start = 1'700'000'000'000;

/// A store in memory that fails as long as it is told to.
class fragile_store final : public cluster::durable_store {
public:
  void load(const std::function<void(cluster::document)>& each) override {
    fail_if_told();
    kept.load(each);
  }
  void apply(const cluster::document_changes& changes) override {
    ++attempts;
    fail_if_told();
    rewritten += changes.replace_all;
    kept.apply(changes);
  }
  std::size_t remove_expired(std::int64_t now_ms) override {
    fail_if_told();
    return kept.remove_expired(now_ms);
  }
  std::vector<std::string> keys() {
    std::vector<std::string> all;
    kept.load([&](const cluster::document& each) { all.push_back(each.key); });
    return all;
  }

  cluster::memory_store kept;
  std::optional<store_errc> failure;
  int attempts = 0;
  int rewritten = 0;

private:
  void fail_if_told() const {
    if (failure)
      throw cluster::store_error{*failure, "as the test wants"};
  }
};

class ReservationKeeper : public test::actors_by_hand {
public:
  static void SetUpTestSuite() { nats_Open(-1); } // Messages are the NATS library's.

protected:
  ReservationKeeper() {
    scheduler().advance_time(24h);
    for (auto& record : records)
      shards.push_back(own(test::spawn_recording_shard(system, record)));
    options.open_store = [this] {
      if (unopenable)
        throw cluster::store_error{*unopenable, "it cannot be opened"};
      return store;
    };
    options.durable = true;
    options.wall_clock_ms = [this] { return wall_ms; };
    options.own_thread = false;
  }

  void start() {
    keeper = own(spawn_reservation_keeper(system, shards, options, *log.log, counters));
    run();
  }
  /// The process begins anew, with what is in the store.
  void restart() {
    kill(keeper);
    forget();
    start();
  }
  void forget() {
    for (auto& each : records) {
      each.reserved.clear();
      each.unreserved.clear();
      each.reserve_messages = 0;
    }
  }
  void hear(std::initializer_list<std::pair<std::string_view, std::string>> messages) {
    std::vector<net::nats_message> made;
    for (const auto& [subject, payload] : messages)
      made.emplace_back(subject, "", payload);
    tell(keeper, reservation_messages{std::make_shared<net::nats_batch>(std::move(made))});
  }
  void reserve(const std::string& uri, const std::string& more = {}) {
    hear({{reserve_subject, R"({"uris":[")" + uri + "\"]" + more + "}"}});
  }
  void unreserve(const std::string& uri) {
    hear({{unreserve_subject, R"({"uris":[")" + uri + "\"]}"}});
  }
  void pass(std::chrono::seconds time) {
    wall_ms += std::chrono::milliseconds{time}.count();
    advance(time);
  }
  std::vector<std::string> reserved() const {
    std::vector<std::string> uris;
    for (const auto& record : records)
      for (const auto& each : record.reserved)
        uris.push_back(each.host + "/" + each.path);
    return uris;
  }
  std::vector<std::string> unreserved() const {
    std::vector<std::string> uris;
    for (const auto& record : records)
      for (const auto& [host, path] : record.unreserved)
        uris.push_back(host + "/" + path);
    return uris;
  }
  test::shard_record& record_of(std::string_view host) {
    return records[routing::shard_of(host, shard_count)];
  }
  /// What its shard heard of that host last.
  routing::reservation latest_of(std::string_view host) {
    routing::reservation latest;
    for (const auto& each : record_of(host).reserved)
      if (each.host == host)
        latest = each;
    return latest;
  }
  reservations_loaded ask_how_it_went() {
    reservations_loaded said;
    caf::scoped_actor self{system};
    auto request = self->request(keeper, caf::infinite, await_reservations{});
    run();
    request.receive([&](const reservations_loaded& m) { said = m; },
                    [](const caf::error&) { ADD_FAILURE() << "no answer"; });
    return said;
  }
  routing::time_point now() { return scheduler().clock().now(); }

  net::log_capture log;
  reservation_counters counters;
  std::array<test::shard_record, shard_count> records;
  std::vector<route_shard_actor> shards;
  std::shared_ptr<fragile_store> store = std::make_shared<fragile_store>();
  std::optional<store_errc> unopenable;
  std::int64_t wall_ms = wall_start;
  reservation_keeper_options options;
  reservation_keeper_actor keeper;
};

// -- What is heard

TEST_F(ReservationKeeper, TellsTheShardThatOwnsTheHost) {
  start();
  for (int i = 0; i < 20; ++i)
    reserve("H" + std::to_string(i) + ".com/Path", R"(,"app":"guid","reserve_ttl_in_seconds":60)");
  std::size_t seen = 0;
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    for (const auto& each : records[shard].reserved) {
      EXPECT_EQ(routing::shard_of(each.host, shard_count), shard);
      EXPECT_EQ(each.path, "path");
      EXPECT_EQ(each.app, "guid");
      EXPECT_EQ(each.until, now() + 60s);
      ++seen;
    }
  EXPECT_EQ(seen, 20u);
  EXPECT_EQ(counters.held, 20u);
  EXPECT_THAT(store->keys(), SizeIs(20));
}

TEST_F(ReservationKeeper, KeepsAReservationWithoutATimeAsLongAsItIsToldTo) {
  options.ttl = 7min;
  start();
  reserve("a.com");
  reserve("b.com", R"(,"reserve_ttl_in_seconds":0)");
  EXPECT_EQ(latest_of("a.com").until, now() + 7min);
  EXPECT_EQ(latest_of("b.com").until, now() + 7min);
}

TEST_F(ReservationKeeper, WritesOnceAndTellsTheEndOfManyMessages) {
  start();
  hear({{reserve_subject, R"({"uris":["a.com","b.com"]})"},
        {unreserve_subject, R"({"uris":["a.com"]})"},
        {unreserve_subject, R"({"uris":["c.com"]})"},
        {reserve_subject, R"({"uris":["c.com"],"app":"x"})"},
        {reserve_subject, R"({"uris":["c.com"],"app":"y"})"}});
  EXPECT_EQ(store->attempts, 1);
  EXPECT_THAT(reserved(), UnorderedElementsAre("b.com/", "c.com/"));
  EXPECT_THAT(unreserved(), ElementsAre("a.com/"));
  EXPECT_EQ(latest_of("c.com").app, "y");
  EXPECT_THAT(store->keys(), UnorderedElementsAre("b.com/", "c.com/"));
}

TEST_F(ReservationKeeper, GivesBackTheMessagesWhenItIsThroughWithThem) {
  start();
  const auto credit = std::make_shared<net::nats_credit>(1);
  ASSERT_TRUE(credit->take(0ms));
  std::vector<net::nats_message> one;
  one.emplace_back(reserve_subject, "", R"({"uris":["a.com"]})");
  tell(keeper, reservation_messages{std::make_shared<net::nats_batch>(std::move(one), credit)});
  EXPECT_TRUE(credit->take(0ms));
}

TEST_F(ReservationKeeper, TakesAnUnreserveOfWhatIsNotThere) {
  start();
  unreserve("a.com");
  EXPECT_EQ(counters.held, 0u);
  EXPECT_THAT(log.lines("route-unreserved"), IsEmpty());
  reserve("a.com");
  unreserve("a.com");
  EXPECT_EQ(counters.held, 0u);
  EXPECT_THAT(log.lines("route-unreserved"), SizeIs(1));
  EXPECT_THAT(store->keys(), IsEmpty());
}

TEST_F(ReservationKeeper, RejectsWhatCannotBeRead) {
  start();
  hear({{reserve_subject, R"({"uris":["a.com"],"options":{"hold":"soon"}})"},
        {unreserve_subject, "{}"}});
  EXPECT_THAT(reserved(), IsEmpty());
  EXPECT_EQ(counters.refused, 2u);
  const auto lines = log.lines("validation-error");
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0]["data"]["error"], testing::HasSubstr("options.hold"));
  EXPECT_EQ(lines[0]["data"]["subject"], "router.reserve");
  EXPECT_EQ(lines[1]["data"]["subject"], "router.unreserve");
}

TEST_F(ReservationKeeper, RefusesMoreThanItMayHold) {
  options.bounds.reservations_max = 2;
  start();
  for (const auto* host : {"a.com", "b.com", "c.com"})
    reserve(host);
  EXPECT_EQ(counters.held, 2u);
  EXPECT_EQ(counters.refused, 1u);
  EXPECT_THAT(reserved(), UnorderedElementsAre("a.com/", "b.com/"));
  const auto lines = log.lines("reservation-refused");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["uri"], "c.com");
  unreserve("a.com");
  reserve("c.com");
  EXPECT_EQ(counters.held, 2u);
}

TEST_F(ReservationKeeper, SaysWhatItReserves) {
  start();
  reserve("a.com/x", R"(,"route_service_url":"https://rs.com","reserve_ttl_in_seconds":60)");
  reserve("a.com/x", R"(,"route_service_url":"https://rs.com","reserve_ttl_in_seconds":60)");
  const auto lines = log.lines("route-reserved");
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["log_level"], 1);
  EXPECT_EQ(lines[0]["data"]["uri"], "a.com/x");
  EXPECT_EQ(lines[0]["data"]["route_service_url"], "https://rs.com");
  EXPECT_EQ(lines[0]["data"]["seconds"], 60);
  EXPECT_EQ(lines[1]["log_level"], 0) << "a renewal";
}

TEST_F(ReservationKeeper, SaysOnceThatReservationsEndWithTheProcess) {
  options.durable = false;
  start();
  EXPECT_THAT(log.lines("reservations-not-durable"), IsEmpty());
  reserve("a.com");
  reserve("b.com");
  EXPECT_THAT(log.lines("reservations-not-durable"), SizeIs(1));
}

// -- Time

TEST_F(ReservationKeeper, ForgetsWhatIsOver) {
  start();
  reserve("a.com", R"(,"reserve_ttl_in_seconds":60)");
  reserve("b.com", R"(,"reserve_ttl_in_seconds":600)");
  pass(59s);
  EXPECT_EQ(counters.held, 2u);
  pass(31s);
  EXPECT_EQ(counters.held, 1u);
  EXPECT_THAT(store->keys(), ElementsAre("b.com/"));
  EXPECT_EQ(log.lines("reservation-over").at(0)["data"]["uri"], "a.com");
}

TEST_F(ReservationKeeper, KeepsWhatIsRenewed) {
  start();
  for (int i = 0; i < 5; ++i) {
    reserve("a.com", R"(,"reserve_ttl_in_seconds":60)");
    pass(45s);
  }
  EXPECT_EQ(counters.held, 1u);
  EXPECT_THAT(store->keys(), SizeIs(1));
}

// -- A restart

TEST_F(ReservationKeeper, TellsTheShardsWhatItFindsInTheStore) {
  start();
  reserve("a.com/x", R"(,"app":"guid","reserve_ttl_in_seconds":600)");
  reserve("b.com", R"(,"reserve_ttl_in_seconds":60)");
  kill(keeper);
  wall_ms += 100'000; // Nobody was there meanwhile.
  forget();
  start();
  EXPECT_THAT(reserved(), ElementsAre("a.com/x"));
  EXPECT_EQ(latest_of("a.com").until, now() + 500s);
  EXPECT_EQ(latest_of("a.com").app, "guid");
  EXPECT_EQ(ask_how_it_went().count, 1u);
  EXPECT_EQ(ask_how_it_went().problem, "");
  EXPECT_EQ(counters.held, 1u);
  EXPECT_EQ(log.lines("reservations-loaded").back()["data"]["reservations"], 1);
  EXPECT_EQ(log.lines("reservations-loaded").back()["data"]["left_out"], 1);
}

TEST_F(ReservationKeeper, FindsInAFileWhatAnotherProcessReserved) {
  const test::temporary_directory files;
  config::settings settings;
  settings.store.path = files.path_of("store.db");
  options = reservation_keeper_options_of(settings, *log.log);
  EXPECT_EQ(options.ttl, 24h);
  EXPECT_TRUE(options.durable);
  options.own_thread = false;
  start();
  reserve("a.com", R"(,"options":{"empty_status":404,"hold":"1s"})");
  restart();
  EXPECT_THAT(reserved(), ElementsAre("a.com/"));
  const auto found = latest_of("a.com");
  ASSERT_TRUE(found.options);
  EXPECT_EQ(*found.options, (routing::route_options{.empty_status = 404, .hold = 1s}));
  unreserve("a.com");
  restart();
  EXPECT_THAT(reserved(), IsEmpty());
  kill(keeper);
}

TEST_F(ReservationKeeper, FindsInMemoryWhatItsPredecessorKept) {
  options = reservation_keeper_options_of(config::settings{}, *log.log);
  EXPECT_FALSE(options.durable);
  options.own_thread = false;
  start();
  reserve("a.com");
  restart();
  EXPECT_THAT(reserved(), ElementsAre("a.com/"));
}

TEST_F(ReservationKeeper, TellsASuccessorOfAShardAllOfItsOwn) {
  start();
  std::size_t of_it = 0;
  for (int i = 0; i < 1'000; ++i)
    of_it += routing::shard_of("h" + std::to_string(i) + ".com", shard_count) == 1;
  std::string uris;
  for (int i = 0; i < 1'000; ++i)
    uris += (i > 0 ? ",\"h" : "\"h") + std::to_string(i) + ".com\"";
  hear({{reserve_subject, "{\"uris\":[" + uris + "]}"}});
  test::shard_record record;
  const auto successor = own(test::spawn_recording_shard(system, record));
  tell(keeper, shard_replaced{1, successor});
  EXPECT_EQ(record.reserved.size(), of_it);
  for (const auto& each : record.reserved)
    EXPECT_EQ(routing::shard_of(each.host, shard_count), 1u);
  const std::array<std::string, 8> more{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"};
  const auto another = std::find_if(more.begin(), more.end(), [](const auto& host) {
    return routing::shard_of(host, shard_count) == 1;
  });
  ASSERT_NE(another, more.end());
  reserve(*another);
  EXPECT_EQ(record.reserved.size(), of_it + 1);
  kill(successor);
}

TEST_F(ReservationKeeper, SendsMuchInPieces) {
  options.bounds.reservations_max = 10'000;
  start();
  for (int batch = 0; batch < 4; ++batch) {
    std::string uris;
    for (int i = 0; i < 1'000; ++i)
      uris.append(i > 0 ? "," : "")
        .append("\"a.com/")
        .append(std::to_string(batch * 1'000 + i))
        .append("\"");
    hear({{reserve_subject, "{\"uris\":[" + uris + "]}"}});
  }
  restart();
  EXPECT_EQ(record_of("a.com").reserved.size(), 4'000u);
  EXPECT_EQ(record_of("a.com").reserve_messages, 8u);
}

// -- A store that fails

TEST_F(ReservationKeeper, ReservesAllTheSameWhenTheStoreFailsAndWritesWhenItIsBack) {
  start();
  store->failure = store_errc::unavailable;
  reserve("a.com");
  EXPECT_THAT(reserved(), ElementsAre("a.com/"));
  EXPECT_EQ(counters.held, 1u);
  EXPECT_EQ(counters.write_failures, 1u);
  const auto lines = log.lines("reservations-not-stored");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["error"], "as the test wants");
  EXPECT_EQ(lines[0]["data"]["unwritten"], 1);
  reserve("b.com");
  EXPECT_EQ(counters.write_failures, 1u) << "the store is left alone for a while";
  pass(1s);
  EXPECT_EQ(counters.write_failures, 2u);
  store->failure.reset();
  pass(1s);
  EXPECT_THAT(store->keys(), IsEmpty()) << "longer each time";
  pass(1s);
  EXPECT_THAT(store->keys(), UnorderedElementsAre("a.com/", "b.com/"));
  EXPECT_THAT(log.lines("reservations-stored-again"), SizeIs(1));
  reserve("c.com");
  EXPECT_THAT(store->keys(), SizeIs(3));
}

TEST_F(ReservationKeeper, TriesAgainAtLeastOnceAMinute) {
  start();
  store->failure = store_errc::unavailable;
  reserve("a.com");
  const auto pass_ten_minutes = [this] {
    for (int i = 0; i < 600; ++i)
      pass(1s);
  };
  pass_ten_minutes();
  const auto before = counters.write_failures.load();
  pass_ten_minutes();
  EXPECT_GE(counters.write_failures - before, 9u);
  EXPECT_LE(counters.write_failures - before, 11u);
}

TEST_F(ReservationKeeper, WritesEverythingAnewWhenTheStoreIsBroken) {
  start();
  reserve("a.com");
  reserve("b.com");
  unreserve("b.com");
  store->failure = store_errc::corrupt;
  reserve("c.com");
  store = std::make_shared<fragile_store>(); // As opening a file does that is broken.
  pass(1s);
  EXPECT_THAT(store->keys(), UnorderedElementsAre("a.com/", "c.com/"));
  EXPECT_EQ(store->rewritten, 1);
  EXPECT_EQ(counters.held, 2u);
}

TEST_F(ReservationKeeper, ReadsTheStoreWhenItCanBeOpenedAtLast) {
  start();
  reserve("a.com", R"(,"app":"old")");
  reserve("b.com");
  reserve("c.com");
  unopenable = store_errc::unavailable;
  restart();
  EXPECT_EQ(ask_how_it_went().problem, "") << "a router without reservations is better than none";
  reserve("a.com", R"(,"app":"new")");
  unreserve("b.com");
  EXPECT_EQ(counters.held, 1u);
  unopenable.reset();
  forget();
  pass(1s);
  EXPECT_THAT(reserved(), UnorderedElementsAre("a.com/", "c.com/"));
  EXPECT_EQ(latest_of("a.com").app, "new");
  EXPECT_THAT(store->keys(), UnorderedElementsAre("a.com/", "c.com/"));
}

TEST_F(ReservationKeeper, DoesNotLetTheRouterStartWithAStoreThatIsNotItsOwn) {
  unopenable = store_errc::not_ours;
  start();
  EXPECT_EQ(ask_how_it_went().problem, "it cannot be opened");
}

TEST_F(ReservationKeeper, WritesAtLastWhatItCouldNotBefore) {
  start();
  store->failure = store_errc::unavailable;
  reserve("a.com");
  store->failure.reset();
  caf::anon_send_exit(keeper, caf::exit_reason::user_shutdown);
  run();
  EXPECT_THAT(store->keys(), ElementsAre("a.com/"));
}

} // namespace
} // namespace shunt
