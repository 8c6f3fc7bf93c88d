// What a changed file changes at once, and what it cannot.
#include "config/reload.hpp"
#include "config/schema.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Reload, FindsNothingInTheSameFile) {
  const settings defaults;
  const auto same = changes(defaults, defaults);
  EXPECT_THAT(same.at_once, IsEmpty());
  EXPECT_THAT(same.at_next_start, IsEmpty());
}

TEST(Reload, OpensAndClosesNoInternalListener) {
  EXPECT_TRUE(needs_restart("route_services_hairpinning"));
  EXPECT_TRUE(needs_restart("route_services_internal_server_port"));
  EXPECT_FALSE(needs_restart("route_services_hairpinning_allowlist"));
}

TEST(Reload, TellsWhatAppliesAtOnceFromWhatDoesNot) {
  const settings before;
  settings after;
  after.port = 1;
  after.endpoint_timeout = 7s;
  after.nats.user.push_back('u');
  after.backends.max_conns = 5;
  after.empty_pool.status = 418;
  after.empty_pool.keep = 1s;
  after.status.tls.certificate.push_back('n');
  after.status.tls.port = 1;
  after.prometheus.port = 1;
  after.prometheus.cert_path.push_back('n');
  const auto found = changes(before, after);
  EXPECT_THAT(found.at_once, ::testing::UnorderedElementsAre(
                               "endpoint_timeout", "backends.max_conns", "empty_pool.status",
                               "status.tls.certificate", "prometheus.cert_path"));
  EXPECT_THAT(found.at_next_start, ::testing::UnorderedElementsAre(
                                     "port", "nats.user", "empty_pool.keep", "status.tls.port",
                                     "prometheus.port"));
}

TEST(Reload, EveryKeyInTheListExists) {
  std::size_t fixed = 0;
  for (const auto& row : settings_schema())
    fixed += needs_restart(row.path);
  EXPECT_GT(fixed, 40u);
  for (const auto* key : {"nats.hosts", "limits.connections", "logging.level", "routing_api.uri"})
    EXPECT_TRUE(needs_restart(key)) << key;
  for (const auto* key : {"tls_pem", "ca_certs", "sticky_session_cookie_names", "http_rewrite.responses.add_headers_if_not_present"})
    EXPECT_FALSE(needs_restart(key)) << key;
}

} // namespace
} // namespace shunt::config::test
