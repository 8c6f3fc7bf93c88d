// The table of failure classes, row by row.
#include "routing/failure.hpp"

#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using enum failure_class;

TEST(Failure, FollowsTheTable) {
  const struct {
    failure_class value;
    failure_rule rule;
  } rows[] = {
    {dial, {true, true, true, 502}},
    {not_tls, {true, true, true, 525}},
    {hostname_mismatch, {true, true, true, 503}},
    {untrusted, {true, true, true, 526}},
    {certificate_expired, {true, true, true, 526}},
    {certificate_refused, {true, true, true, 496}},
    {handshake_failure, {true, true, true, 525}},
    {handshake_timeout, {true, true, true, 502}},
    {idempotent_eof, {true, false, false, 502}},
    {eof, {false, false, false, 502}},
    {reset_on_read, {false, true, false, 502}},
    {timeout, {false, false, false, 502}},
    {client_cancelled, {false, false, false, 499}},
    {response_header_limits, {false, false, false, 502}},
    {no_endpoint, {false, false, false, 502}},
    {other, {false, false, false, 502}},
  };
  static_assert(std::size(rows) == failure_class_count);
  for (const auto& row : rows)
    EXPECT_EQ(rule_of(row.value), row.rule) << static_cast<int>(row.value);
}

TEST(Failure, OfAnIncompleteRequestMayBeRepeated) {
  EXPECT_EQ(rule_of_incomplete_request(timeout), (failure_rule{true, false, false, 502}));
  EXPECT_EQ(rule_of_incomplete_request(reset_on_read), (failure_rule{true, true, false, 502}));
  EXPECT_EQ(rule_of_incomplete_request(untrusted), (failure_rule{true, true, true, 526}));
  EXPECT_FALSE(rule_of_incomplete_request(client_cancelled).retry);
  EXPECT_FALSE(rule_of_incomplete_request(no_endpoint).retry);
}

TEST(Failure, OfACancelledRequestStillSaysWhatItSaysAboutTheEndpoint) {
  EXPECT_EQ(rule_of_cancelled(dial), (failure_rule{false, true, true, 499}));
  EXPECT_EQ(rule_of_cancelled(eof), (failure_rule{false, false, false, 499}));
}

} // namespace
} // namespace shunt::routing
