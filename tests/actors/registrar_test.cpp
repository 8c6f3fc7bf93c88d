// From the messages of NATS to the shards' batches: who gets what, in which order, and when the
// credit of a batch is given back.
#include "actors/policy.hpp"
#include "actors/registrar.hpp"

#include "actors/route_shard.hpp"
#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"
#include "tests/actors/support/registrations.hpp"
#include "tests/net/log_capture.hpp"

#include <gmock/gmock.h>
#include <nats/nats.h>

#include <array>

namespace shunt {
namespace {

using namespace std::literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t shard_count = 3;
constexpr auto register_subject = "router.register"sv;
constexpr auto unregister_subject = "router.unregister"sv;

std::string payload_of(std::string_view uris, int port) {
  return R"({"host":"10.0.0.1","port":)" + std::to_string(port) + R"(,"uris":[)" + std::string{uris}
         + "]}";
}

std::string host_name(int number) {
  return std::string{"host-"}.append(std::to_string(number)).append(".example");
}

std::string in_quotes(std::string_view text) {
  return std::string{'"'}.append(text).append(1, '"');
}

class Registrar : public test::actors_by_hand {
public:
  static void SetUpTestSuite() { nats_Open(-1); } // Messages are the NATS library's.

protected:
  Registrar() {
    std::vector<route_shard_actor> shards;
    for (auto& record : records)
      shards.push_back(own(test::spawn_recording_shard(system, record)));
    registrar = own(spawn_registrar(system, shards, *log.log, counters));
    run();
  }
  /// The endpoint that the first message about `host` made.
  const routing::endpoint& endpoint_of(std::string_view host) const {
    return *records[routing::shard_of(host, shard_count)].batches.at(0).registrations->at(0).target;
  }

  std::shared_ptr<net::nats_batch>
  batch_of(std::initializer_list<std::pair<std::string_view, std::string>> messages,
           std::shared_ptr<net::nats_credit> credit = {}) {
    std::vector<net::nats_message> made;
    for (const auto& [subject, payload] : messages)
      made.emplace_back(subject, "", payload);
    return std::make_shared<net::nats_batch>(std::move(made), std::move(credit));
  }
  void hear(std::initializer_list<std::pair<std::string_view, std::string>> messages) {
    tell(registrar, registry_messages{batch_of(messages)});
  }
  /// All that reached the shards, as `+host:port` or `-host:port`, in the order of each shard.
  std::vector<std::string> heard() const {
    std::vector<std::string> all;
    for (const auto& record : records)
      for (const auto& batch : record.batches)
        for (const auto& each : *batch.registrations)
          all.push_back(std::string(each.unregister ? "-" : "+")
                          .append(each.uri)
                          .append(":")
                          .append(std::to_string(each.target->port())));
    return all;
  }

  net::log_capture log;
  registrar_counters counters;
  std::array<test::shard_record, shard_count> records;
  registrar_actor registrar;
};

TEST_F(Registrar, SendsEachHostToTheShardThatLeaseCachesAsk) {
  for (int i = 0; i < 40; ++i)
    hear({{register_subject, payload_of(in_quotes(host_name(i).append("/path")), 80)}});
  std::size_t seen = 0;
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    for (const auto& batch : records[shard].batches)
      for (const auto& each : *batch.registrations) {
        EXPECT_EQ(routing::shard_of(each.host(), shard_count), shard) << each.uri;
        ++seen;
      }
  EXPECT_EQ(seen, 40u);
  for (const auto& record : records)
    EXPECT_THAT(record.batches, testing::Not(IsEmpty()));
}

TEST_F(Registrar, SendsAShardOneBatchForAllItsMessages) {
  hear({{register_subject, payload_of(R"("a.example")", 1)},
        {unregister_subject, payload_of(R"("a.example")", 1)},
        {register_subject, payload_of(R"("A.example/x","a.example/y")", 2)}});
  const auto& record = records[routing::shard_of("a.example", shard_count)];
  ASSERT_THAT(record.batches, SizeIs(1));
  EXPECT_THAT(*record.batches.front().registrations, SizeIs(4));
}

TEST_F(Registrar, PassesOnWhatNeedsNoParsing) {
  auto routes = std::make_shared<std::vector<routing::registration>>();
  routes->push_back(test::registered("a.example", 1));
  routes->push_back(test::unregistered("a.example", 2));
  const auto source = std::make_shared<net::nats_batch>();
  tell(registrar, registry_routes{routes, source});
  EXPECT_THAT(heard(), ElementsAre("+a.example:1", "-a.example:2"));
  const auto& batches = records[routing::shard_of("a.example", shard_count)].batches;
  ASSERT_THAT(batches, SizeIs(1)) << "for one message";
  EXPECT_EQ(batches.front().source, source);
  EXPECT_EQ(counters.registers, 1u);
  EXPECT_EQ(counters.unregisters, 1u);
}

TEST_F(Registrar, KeepsTheOrderOfOneHost) {
  hear({{register_subject, payload_of(R"("a.example")", 1)},
        {unregister_subject, payload_of(R"("a.example")", 1)},
        {register_subject, payload_of(R"("a.example")", 2)}});
  hear({{unregister_subject, payload_of(R"("a.example")", 2)}});
  EXPECT_THAT(heard(), ElementsAre("+a.example:1", "-a.example:1", "+a.example:2", "-a.example:2"));
}

TEST_F(Registrar, CountsUris) {
  hear({{register_subject, payload_of(R"("a.example","b.example")", 1)},
        {unregister_subject, payload_of(R"("a.example")", 1)}});
  EXPECT_EQ(counters.registers, 2u);
  EXPECT_EQ(counters.unregisters, 1u);
  EXPECT_EQ(counters.rejected, 0u);
}

TEST_F(Registrar, LetsAMalformedMessageChangeNothing) {
  hear({{register_subject, payload_of(R"("a.example")", 1)},
        {register_subject, "{"},
        {register_subject, R"({"host":"10.0.0.1","port":"80","uris":["bad.example"]})"},
        {register_subject, payload_of(R"("a.example")", 2)}});
  EXPECT_THAT(heard(), ElementsAre("+a.example:1", "+a.example:2"));
  EXPECT_EQ(counters.rejected, 2u);
  const auto lines = log.lines("validation-error");
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["data"]["payload"], "{");
  EXPECT_EQ(lines[1]["data"]["subject"], "router.register");
}

TEST_F(Registrar, RejectsAnEndpointWithMoreTextThanItMayHave) {
  const std::string huge(routing::endpoint::text_bytes_max + 1, 'x');
  hear({{register_subject,
         R"({"host":"10.0.0.1","port":80,"app":")" + huge + R"(","uris":["a.example"]})"}});
  EXPECT_THAT(heard(), IsEmpty());
  EXPECT_EQ(counters.rejected, 1u);
  const auto lines = log.lines("validation-error");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_LE(lines[0]["data"]["payload"].get<std::string>().size(), 1024u);
}

TEST_F(Registrar, LogsFewOfManyMalformedMessages) {
  for (int i = 0; i < 500; ++i)
    hear({{register_subject, "nonsense"}});
  EXPECT_EQ(counters.rejected, 500u);
  const auto logged = log.lines("validation-error").size();
  EXPECT_GE(logged, 10u);
  EXPECT_LT(logged, 250u); // Ten a second, however slow the machine: 25 seconds would be too slow.
}

TEST_F(Registrar, ReportsAnUnknownBalancingAlgorithmAndRegistersWithoutIt) {
  hear({{register_subject, R"({"host":"10.0.0.1","port":1,"app":"guid","uris":["a.example"],)"
                           R"("options":{"loadbalancing":"best"}})"}});
  EXPECT_EQ(endpoint_of("a.example").loadbalancing(), "");
  EXPECT_EQ(counters.rejected, 0u);
  const auto lines = log.lines("invalid-load-balancing-algorithm");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["log_level"], 3);
  EXPECT_EQ(lines[0]["data"]["loadbalancing"], "best");
  EXPECT_EQ(lines[0]["data"]["uri"], "a.example");
  EXPECT_EQ(lines[0]["data"]["application_id"], "guid");
}

TEST_F(Registrar, PassesOnAKnownBalancingAlgorithm) {
  hear({{register_subject, R"({"host":"10.0.0.1","port":1,"uris":["a.example"],)"
                           R"("options":{"loadbalancing":"least-connection"}})"}});
  EXPECT_EQ(endpoint_of("a.example").loadbalancing(), "least-connection");
  EXPECT_THAT(log.lines("invalid-load-balancing-algorithm"), IsEmpty());
}

TEST_F(Registrar, LogsFewOfManyUnknownBalancingAlgorithms) {
  for (int i = 0; i < 500; ++i)
    hear({{register_subject,
           R"({"uris":["a.example"],"options":{"loadbalancing":")" + std::to_string(i) + "\"}}"}});
  EXPECT_LT(log.lines("invalid-load-balancing-algorithm").size(), 250u);
}

TEST_F(Registrar, ReportsAPolicyThatItDoesNotUnderstandAndKeepsIt) {
  hear({{register_subject, R"({"host":"10.0.0.1","port":1,"app":"guid","uris":["a.example"],)"
                           R"("options":{"route_policy_scope":"all","route_policy_sources":"cf:any"}})"}});
  EXPECT_EQ(endpoint_of("a.example").policy_scope(), "all") << "such a route refuses everybody";
  const auto lines = log.lines("invalid-route-policy");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["log_level"], 3);
  EXPECT_EQ(lines[0]["data"]["route_policy_scope"], "all");
  EXPECT_EQ(lines[0]["data"]["route_policy_sources"], "cf:any");
  EXPECT_EQ(lines[0]["data"]["uri"], "a.example");
  EXPECT_EQ(lines[0]["data"]["application_id"], "guid");
}

TEST_F(Registrar, PassesOnAPolicyThatItUnderstands) {
  hear({{register_subject, R"({"host":"10.0.0.1","port":1,"uris":["a.example"],)"
                           R"("options":{"route_policy_scope":"org","route_policy_sources":"cf:app:a"}})"}});
  EXPECT_EQ(endpoint_of("a.example").policy_sources(), "cf:app:a");
  EXPECT_THAT(log.lines("invalid-route-policy"), IsEmpty());
}

TEST_F(Registrar, PassesOnAHealthCheck) {
  hear({{register_subject,
         R"({"host":"10.0.0.1","port":1,"uris":["a.example"],)"
         R"("options":{"health_check_path":"/h","health_check_interval":"1m30s"}})"}});
  EXPECT_EQ(endpoint_of("a.example").health_check_path(), "/h");
  EXPECT_EQ(endpoint_of("a.example").health_check_interval_ms(), 90'000u);
  EXPECT_THAT(log.lines("invalid-health-check"), IsEmpty());
}

TEST_F(Registrar, ReportsAHealthCheckThatMakesNoSenseAndRegistersWithoutIt) {
  std::size_t reported = 0;
  for (const auto* options : {R"("health_check_path":"h")", R"("health_check_path":"/a b")",
                              R"("health_check_path":"/a\r\nHost: b")",
                              R"("health_check_path":"/h","health_check_interval":"soon")",
                              R"("health_check_path":"/h","health_check_interval":"0s")",
                              R"("health_check_path":"/h","health_check_interval":"-1s")"}) {
    for (auto& record : records)
      record = {};
    hear({{register_subject, R"({"host":"10.0.0.1","port":1,"uris":["a.example"],"options":{)"
                               + std::string{options} + "}}"}});
    EXPECT_EQ(endpoint_of("a.example").health_check_path(), "") << options;
    EXPECT_THAT(log.lines("invalid-health-check"), SizeIs(++reported)) << options;
  }
  EXPECT_EQ(counters.rejected, 0u);
}

TEST_F(Registrar, PassesOnTheOptionsOfARoute) {
  hear({{register_subject,
         R"({"host":"10.0.0.1","port":1,"uris":["a.example"],"options":{"hold":"15s","loadbalancing":)"
         R"("round-robin","empty_status":429,"empty_body":"zzz","route_service_failure":"open"}})"}});
  const auto options = routing::unpack_route_options(endpoint_of("a.example").packed_route_options());
  EXPECT_EQ(options.hold, 15s);
  EXPECT_EQ(options.empty_status, 429);
  EXPECT_EQ(options.empty_body, "zzz");
  EXPECT_TRUE(options.open_without_service);
  EXPECT_THAT(log.lines("invalid-route-option"), IsEmpty());
}

TEST_F(Registrar, ReportsAnOptionThatMakesNoSenseAndRegistersWithoutIt) {
  hear({{register_subject, R"({"host":"10.0.0.1","port":1,"uris":["a.example"],)"
                           R"("options":{"hold":"soon","empty_status":503}})"}});
  const auto options = routing::unpack_route_options(endpoint_of("a.example").packed_route_options());
  EXPECT_EQ(options.hold, 0s);
  EXPECT_EQ(options.empty_status, 503);
  EXPECT_THAT(log.lines("invalid-route-option"), SizeIs(1));
  EXPECT_EQ(counters.rejected, 0u);
}

/// Nodes whose files differ would repair each other for ever.
TEST_F(Registrar, PassesOnWhatWasSaidWhateverThisRouterDoes) {
  const std::string message = R"({"host":"10.0.0.1","port":1,"protocol":"http2","uris":["a.example"],)"
                              R"("options":{"health_check_path":"/h"}})";
  const auto hash_of = [&](const config::settings& settings) {
    for (auto& record : records)
      record.batches.clear();
    std::vector<route_shard_actor> shards;
    for (auto& record : records)
      shards.push_back(own(test::spawn_recording_shard(system, record)));
    registrar = own(spawn_registrar(system, shards, *log.log, counters, registrar_options_of(settings)));
    hear({{register_subject, message}});
    return endpoint_of("a.example").content_hash();
  };
  config::settings off;
  off.enable_http2 = false;
  off.health_checks.enabled = false;
  EXPECT_EQ(hash_of(off), hash_of({}));
  EXPECT_EQ(endpoint_of("a.example").protocol(), "http2");
  EXPECT_EQ(endpoint_of("a.example").health_check_path(), "/h");
}

TEST_F(Registrar, SaysNothingOfHealthChecksWhileThereAreNone) {
  config::settings off;
  off.health_checks.enabled = false;
  tell(registrar, use_policy{std::make_shared<const policy>(off)});
  const auto nonsense = R"({"host":"10.0.0.1","port":1,"uris":["a.example"],"options":{"health_check_path":"h"}})";
  hear({{register_subject, nonsense}});
  EXPECT_EQ(endpoint_of("a.example").health_check_path(), "");
  EXPECT_THAT(log.lines("invalid-health-check"), IsEmpty());
}

TEST_F(Registrar, LogsWhatIsUnregisteredAsItCame) {
  const auto payload = payload_of(R"("a.example")", 1);
  hear({{unregister_subject, payload}});
  const auto lines = log.lines("unregister-route");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["log_level"], 0);
  EXPECT_EQ(lines[0]["data"]["message"], payload);
  hear({{unregister_subject, payload_of(in_quotes(std::string(5'000, 'a')), 1)}});
  EXPECT_LE(log.lines("unregister-route").at(1)["data"]["message"].get<std::string>().size(),
            1024u);
}

TEST_F(Registrar, GivesCreditBackOnlyWhenEveryShardIsDone) {
  auto credit = std::make_shared<net::nats_credit>(1);
  ASSERT_TRUE(credit->take(0s));
  std::string uris;
  for (int i = 0; i < 20; ++i) // Enough for every shard.
    uris.append(i == 0 ? "" : ",").append(in_quotes(host_name(i)));
  tell(registrar, registry_messages{batch_of({{register_subject, payload_of(uris, 1)}}, credit)});
  for (auto& record : records) {
    ASSERT_THAT(record.batches, SizeIs(1));
    EXPECT_FALSE(credit->take(0s)); // Somebody still has it.
    record.batches.clear();
  }
  EXPECT_TRUE(credit->take(0s));
}

TEST_F(Registrar, GivesCreditBackForABatchThatSaysNothing) {
  auto credit = std::make_shared<net::nats_credit>(1);
  ASSERT_TRUE(credit->take(0s));
  tell(registrar, registry_messages{batch_of({{register_subject, "nonsense"}}, credit)});
  EXPECT_TRUE(credit->take(0s));
}

TEST_F(Registrar, TurnsToTheSuccessorOfAShard) {
  const auto index = routing::shard_of("a.example", shard_count);
  test::shard_record successor;
  tell(registrar, shard_replaced{index, own(test::spawn_recording_shard(system, successor))});
  hear({{register_subject, payload_of(R"("a.example")", 1)}});
  EXPECT_THAT(records[index].batches, IsEmpty());
  EXPECT_THAT(successor.batches, SizeIs(1));
}

TEST_F(Registrar, LetsTheSuccessorHearWhatItsPredecessorKnew) {
  const auto index = routing::shard_of("a.example", shard_count);
  route_shard_options options;
  options.index = index;
  const auto predecessor = own(spawn_route_shard(system, options, *log.log));
  tell(registrar, shard_replaced{index, predecessor});
  for (int i = 0; i < 3; ++i) // From the second on it changes nothing and may be passed over.
    hear({{register_subject, payload_of(R"("a.example")", 1)}});
  EXPECT_GE(counters.refreshed, 1u);
  kill(predecessor);
  test::shard_record successor;
  tell(registrar, shard_replaced{index, own(test::spawn_recording_shard(system, successor))});
  hear({{register_subject, payload_of(R"("a.example")", 1)}});
  ASSERT_THAT(successor.batches, SizeIs(1));
  EXPECT_EQ(successor.batches.front().registrations->front().uri, "a.example");
}

TEST_F(Registrar, DatesBackWhatWaitedWhileTheProcessStoodStill) {
  scheduler().advance_time(24h);
  const auto message = payload_of(R"("a.example")", 1);
  hear({{register_subject, message}});
  const auto target = records[routing::shard_of("a.example", shard_count)].batches.at(0).registrations->at(0).target;
  target->place(); // As a shard does that has applied it.
  for (auto& record : records)
    record.batches.clear();
  const auto now = scheduler().clock().now();
  auto batch = batch_of({{register_subject, message}});
  batch->pulled_at = now;
  batch->waited_since = now - 20s;
  tell(registrar, registry_messages{batch});
  ASSERT_EQ(counters.refreshed, 1u);
  EXPECT_LT(target->heard(), now - 20s);
  EXPECT_GT(target->heard(), now - 25s);
  batch->waited_since.reset();
  batch->pulled_at = now - 5s; // It lay in a mailbox meanwhile.
  tell(registrar, registry_messages{batch});
  ASSERT_EQ(counters.refreshed, 2u);
  EXPECT_LT(target->heard(), now - 4s);
  EXPECT_GE(target->heard(), now - 5s);
}

} // namespace
} // namespace shunt
