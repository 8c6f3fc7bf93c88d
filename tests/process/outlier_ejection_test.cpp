// An instance that is broken costs a few requests, and is tried again after a while.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <optional>

namespace shunt::test {
namespace {

constexpr auto broken = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
constexpr int failures_in_a_row = 3;

template <class Derived>
class OutlierStage : public SharedStage<Derived> {
protected:
  /// How many of so many requests were answered with that.
  static int answered(const std::string& host, int requests, int status) {
    client one{SharedStage<Derived>::port()};
    int count = 0;
    for (int i = 0; i < requests; ++i)
      count += one.send(get_request(host)).response().status == status;
    return count;
  }
};

class OutlierEjection : public OutlierStage<OutlierEjection> {
public:
  static nlohmann::json configuration() {
    return {{"go_max_procs", 1}, // Each loop judges for itself.
            {"outlier_ejection",
             {{"consecutive_failures", failures_in_a_row}, {"base_ejection_time", "2s"}, {"max_ejected_percent", 50}}},
            {"prometheus", {{"enabled", true}}}};
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

// -- By the share of requests that fail.

constexpr int judged_from = 10;

class OutlierEjectionByRate : public OutlierStage<OutlierEjectionByRate> {
public:
  static nlohmann::json configuration() {
    return {{"go_max_procs", 1},
            {"outlier_ejection",
             {{"error_rate_percent", 50},
              {"requests_min", judged_from},
              {"interval", "8760h"}, // So that the test lies in one.
              {"base_ejection_time", "1h"},
              {"max_ejected_percent", 50}}}};
  }

protected:
  /// A script whose every `nth` answer is a failure.
  static backend::script failing_each(int nth) {
    return [nth, asked = std::make_shared<std::atomic<int>>(0)](backend_session& session) {
      (++*asked % nth == 0 ? answers::bytes(broken) : answers::ok("hello"))(session);
    };
  }
};

TEST_F(OutlierEjectionByRate, AvoidsAnInstanceThatFailsNowAndThen) {
  backend there[4];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  there[0].answer_with(failing_each(2));
  EXPECT_EQ(answered(host, 80, 500), judged_from / 2);
  EXPECT_EQ(there[0].request_count(), static_cast<std::size_t>(judged_from));
}

TEST_F(OutlierEjectionByRate, LeavesOneAloneThatFailsLess) {
  backend there[4];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  there[0].answer_with(failing_each(4));
  EXPECT_EQ(answered(host, 80, 500), 5);
  EXPECT_EQ(there[0].request_count(), 20u);
}

// -- Again and again.

constexpr auto first_ejection = 1s;

class OutlierEjectionInARow : public OutlierStage<OutlierEjectionInARow> {
public:
  static nlohmann::json configuration() {
    return {{"go_max_procs", 1},
            {"outlier_ejection",
             {{"consecutive_failures", 1},
              {"base_ejection_time", slowed_text(first_ejection)},
              {"max_ejected_percent", 50}}}};
  }
};

TEST_F(OutlierEjectionInARow, LastsLongerThanTheFirst) {
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  there[0].answer_with(answers::bytes(broken));
  std::optional<clock::time_point> failed; // For the last time.
  int spared = 0; // Requests in a row that came later than a first ejection lasts, and did not fail.
  const auto ask = [&] {
    const auto sent = clock::now();
    if (here().get(host).status == 500) {
      failed = clock::now();
      spared = 0;
    } else if (failed && sent > *failed + slowed(first_ejection)) {
      ++spared;
    }
  };
  EXPECT_TRUE(eventually([&] {
    ask();
    return spared >= 4; // Of two that follow each other one would have been for it.
  }));
  EXPECT_GE(there[0].request_count(), 2u);
  EXPECT_TRUE(eventually([&] {
    ask();
    return spared == 0;
  })) << "it is tried again after all";
}

} // namespace
} // namespace shunt::test
