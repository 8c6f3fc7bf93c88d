// The batch that carries records from a loop to the writer of the access log.
#include "routing/access_record.hpp"

#include "tests/routing/access_records.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace shunt::routing {
namespace {

using namespace std::literals;
using namespace test;

auto fields_of(const access_record& r) {
  return std::tuple{r.host,
                    r.method,
                    r.target,
                    r.protocol,
                    r.referer,
                    r.user_agent,
                    r.remote_address,
                    r.backend_address,
                    r.x_forwarded_for,
                    r.x_forwarded_proto,
                    r.vcap_request_id,
                    r.local_address,
                    r.app_id,
                    r.app_index,
                    r.instance_id,
                    r.tls_sni,
                    r.caller_cf_app,
                    r.caller_cf_space,
                    r.caller_cf_org,
                    r.route_policy,
                    r.x_cf_routererror,
                    r.started_at_ns,
                    r.response_time_ns,
                    r.gorouter_time_ns,
                    r.backend_time_ns,
                    r.dial_time_ns,
                    r.dns_time_ns,
                    r.tls_time_ns,
                    r.failed_attempts_time_ns,
                    r.route_service_time_ns,
                    r.app_time_ns,
                    r.rx_bytes,
                    r.tx_bytes,
                    r.failed_attempts,
                    r.status,
                    r.route_service_bypassed};
}

/// No two fields alike, so that none can be taken for another.
access_record distinct() {
  access_record r{"h",
                  "me",
                  "tar",
                  "prot",
                  "refer",
                  "user-a",
                  "remote-",
                  "backend-",
                  "forwarded",
                  "forwarded-",
                  "vcap-reques",
                  "local-addres",
                  "application-i",
                  "application-in",
                  "instance-id-15",
                  "server-name-of-17",
                  "caller-app-of---18",
                  "caller-space-of--19.",
                  "caller-organization-21",
                  "route-policys-rule---22",
                  "cf-router-error-",
                  {},
                  {}};
  std::int64_t* const numbers[] = {
    &r.started_at_ns, &r.response_time_ns, &r.gorouter_time_ns, &r.backend_time_ns,
    &r.dial_time_ns,  &r.dns_time_ns,      &r.tls_time_ns,      &r.failed_attempts_time_ns,
    &r.route_service_time_ns, &r.app_time_ns};
  for (std::int64_t next = 100; auto* number : numbers)
    *number = next++;
  r.rx_bytes = 200;
  r.tx_bytes = 201;
  r.failed_attempts = 202;
  r.status = 203;
  r.route_service_bypassed = true;
  return r;
}

TEST(AccessBatch, GivesBackWhatWasAppended) {
  const auto first = distinct();
  const access_record second; // All empty.
  auto third = example();
  const std::array values{"a"sv, ""sv, "ccc"sv};
  third.extra_headers = values;
  access_batch batch;
  for (const auto& record : {first, second, third})
    batch.append(record);
  EXPECT_EQ(batch.records(), 3u);

  const access_record* const expected[] = {&first, &second, &third};
  std::size_t seen = 0;
  batch.for_each([&](const access_record& record) {
    ASSERT_LT(seen, 3u);
    EXPECT_EQ(fields_of(record), fields_of(*expected[seen]));
    EXPECT_EQ(
      std::vector(record.extra_headers.begin(), record.extra_headers.end()),
      std::vector(expected[seen]->extra_headers.begin(), expected[seen]->extra_headers.end()));
    ++seen;
  });
  EXPECT_EQ(seen, 3u);
}

TEST(AccessBatch, CarriesTagsBesideExtraHeaders) {
  auto record = example();
  const std::array values{"value"sv};
  const std::array tags{"key"sv, ""sv, "other key"sv, "other value"sv};
  record.extra_headers = values;
  record.tags = tags;
  record.kind = record_kind::attempt;
  record.tls = true;
  access_batch batch;
  batch.append(record);
  batch.append(example());
  std::vector<std::size_t> counts;
  batch.for_each([&](const access_record& read) {
    counts.push_back(read.tags.size());
    if (counts.size() > 1)
      return;
    EXPECT_EQ(read.extra_headers.front(), "value");
    EXPECT_TRUE(std::ranges::equal(read.tags, tags));
    EXPECT_EQ(read.kind, record_kind::attempt);
    EXPECT_TRUE(read.tls);
    EXPECT_EQ(fields_of(read), fields_of(record));
  });
  EXPECT_EQ(counts, (std::vector<std::size_t>{4, 0}));
}

TEST(AccessBatch, OwnsTheTextItWasGiven) {
  access_batch batch;
  std::string host = "first.example";
  auto record = example();
  record.host = host;
  batch.append(record);
  host.assign(host.size(), '?');
  batch.for_each([](const access_record& read) { EXPECT_EQ(read.host, "first.example"); });
}

TEST(AccessBatch, KeepsEarlierRecordsWhileItGrows) {
  access_batch batch;
  for (int i = 0; i < 2000; ++i) {
    auto record = example();
    record.status = static_cast<std::uint16_t>(i);
    batch.append(record);
  }
  int expected = 0;
  batch.for_each([&](const access_record& record) {
    EXPECT_EQ(record.status, expected++);
    EXPECT_EQ(line_of(record).substr(0, 13), "a.example.com");
  });
  EXPECT_EQ(expected, 2000);
}

TEST(AccessBatch, IsUsedAgainAfterClear) {
  access_batch batch;
  batch.append(distinct());
  const auto bytes = batch.bytes();
  EXPECT_FALSE(batch.empty());
  batch.clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  batch.for_each([](const access_record&) { ADD_FAILURE() << "a record after clear"; });
  batch.append(distinct());
  EXPECT_EQ(batch.bytes(), bytes);
}

TEST(AccessBatch, SurvivesAHugeRecord) {
  access_batch batch;
  const std::string huge(1'000'000, 'x');
  auto record = example();
  record.target = huge;
  batch.append(record);
  batch.clear();
  batch.append(record);
  batch.for_each([&](const access_record& read) { EXPECT_EQ(read.target, huge); });
}

} // namespace
} // namespace shunt::routing
