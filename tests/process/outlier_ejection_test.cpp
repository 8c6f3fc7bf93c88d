// An instance that is broken costs a few requests, and is tried again after a while.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <list>

namespace shunt::test {
namespace {

constexpr auto broken = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
constexpr int failures_in_a_row = 3;

class OutlierEjection : public SharedStage<OutlierEjection> {
public:
  static nlohmann::json configuration() {
    return {{"go_max_procs", 1}, // Each loop judges for itself.
            {"outlier_ejection",
             {{"consecutive_failures", failures_in_a_row}, {"base_ejection_time", "2s"}, {"max_ejected_percent", 50}}},
            {"prometheus", {{"enabled", true}}}};
  }

protected:
  /// How many of so many requests were answered with that.
  static int answered(const std::string& host, int requests, int status) {
    client one{port()};
    int count = 0;
    for (int i = 0; i < requests; ++i)
      count += one.send(get_request(host)).response().status == status;
    return count;
  }
};

TEST_F(OutlierEjection, LetsABrokenInstanceCostFewRequestsAndTriesItAgain) {
  backend there[4];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  there[0].answer_with(answers::bytes(broken));
  EXPECT_EQ(answered(host, 60, 500), failures_in_a_row);
  EXPECT_EQ(there[0].request_count(), static_cast<std::size_t>(failures_in_a_row));
  const auto said = here().under_test.wait_for_log("endpoint-ejected").dump();
  EXPECT_NE(said.find(std::to_string(there[0].port())), std::string::npos) << said;
  EXPECT_GE(value(scrape(here().under_test), "shunt_endpoint_ejections_total"), 1);
  there[0].answer_with(answers::ok("mended"));
  EXPECT_TRUE(eventually([&] { return here().get(host).body == "mended"; }));
}

TEST_F(OutlierEjection, BlamesNoInstanceForWhatItsClientsAskFor) {
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  there[0].answer_with(answers::bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(answered(host, 30, 404), 15);
}

TEST_F(OutlierEjection, LeavesARouteItsShareOfInstances) {
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there) {
    each.answer_with(answers::bytes(broken));
    here().map(host, each);
  }
  EXPECT_EQ(answered(host, 30, 500), 30); // Not 503: one of them is asked on.
}

TEST_F(OutlierEjection, JudgesAnInstanceThatRegisteredAnewMeanwhileByItsSlowRequests) {
  const gate held;
  backend there[2];
  there[0].answer_with([held](backend_session& session) {
    if (session.request.target == "/hold") {
      held.wait(session);
      session.send(broken);
    } else {
      answers::ok("hello")(session);
    }
  });
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  std::list<client> waiting;
  for (int i = 0; i < 2 * failures_in_a_row; ++i) // One after the other: every second is for the first.
    waiting.emplace_back(port()).send(get_request(host, "/hold"));
  ASSERT_TRUE(there[0].wait_for_requests(failures_in_a_row));
  here().map(host, there[0], {{"private_instance_id", "anew"}});
  ASSERT_TRUE(eventually([&] {
    here().get(host);
    return there[0].last_request().one("X-CF-InstanceID") == "anew";
  }));
  held.open();
  for (auto& each : waiting)
    each.response();
  const auto before = there[0].request_count();
  EXPECT_EQ(answered(host, 10, 200), 10);
  EXPECT_EQ(there[0].request_count(), before);
}

TEST_F(OutlierEjection, CountsAttemptsThatFail) {
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  there[0].answer_with(answers::resetting());
  EXPECT_GE(answered(host, 40, 200), 40 - failures_in_a_row);
  EXPECT_LE(there[0].request_count(), static_cast<std::size_t>(failures_in_a_row));
}

} // namespace
} // namespace shunt::test
