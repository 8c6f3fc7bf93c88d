// Changes sent as NATS requests: the answer says whether the router routes by them.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <future>

namespace shunt::test {
namespace {

class Confirmation : public SharedStage<Confirmation> {
public:
  static nlohmann::json configuration() { return {{"go_max_procs", 2}}; }

protected:

  static nlohmann::json ask_for(const std::string& subject, const nlohmann::json& message) {
    const auto answer = here().bus.request(subject, message.dump());
    return answer ? nlohmann::json::parse(*answer) : nlohmann::json{"no answer"};
  }
  static nlohmann::json map(const std::string& uri, const backend& to, const nlohmann::json& more = {}) {
    return ask_for("router.register", registration(to.port(), uri, more));
  }
  static nlohmann::json unmap(const std::string& uri, const backend& to) {
    return ask_for("router.unregister", registration(to.port(), uri));
  }
};

TEST_F(Confirmation, SaysThatAnEndpointIsRoutedTo) {
  const backend to;
  const auto host = fresh_host();
  EXPECT_EQ(here().get(host).status, 404); // So that its absence is leased.
  const auto said = map(host, to);
  EXPECT_EQ(said.at("confirmed"), true);
  EXPECT_EQ(said.at("nodes"), 1);
  EXPECT_EQ(said.at("pending"), nlohmann::json::array());
  EXPECT_FALSE(said.at("change").get<std::string>().empty());
  EXPECT_EQ(here().get(host).status, 200); // No waiting.
}

TEST_F(Confirmation, HoldsForOneThatWasThereBefore) {
  const backend to;
  const auto host = fresh_host();
  map(host, to);
  EXPECT_EQ(map(host, to).at("confirmed"), true);
}

TEST_F(Confirmation, HoldsForAllUrisOfAMessage) {
  const backend to;
  const auto one = fresh_host(), other = fresh_host();
  EXPECT_EQ(map(one, to, {{"uris", {one, other + "/path"}}}).at("confirmed"), true);
  EXPECT_EQ(here().get(one).status, 200);
  EXPECT_EQ(here().get(other, "/path").status, 200);
}

TEST_F(Confirmation, SaysThatNothingGoesToAnEndpointAnyMore) {
  const backend blue, green;
  const auto host = fresh_host();
  map(host, blue);
  map(host, green);
  for (int i = 0; i < 4; ++i)
    here().get(host);
  const auto said = unmap(host, blue);
  EXPECT_EQ(said.at("confirmed"), true);
  EXPECT_EQ(said.at("drained"), true);
  const auto before = blue.request_count();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(blue.request_count(), before);
}

TEST_F(Confirmation, WaitsForWhatIsUnderWayOnTheEndpoint) {
  const gate held;
  const backend blue{held.holding("/slow")};
  const auto host = fresh_host();
  map(host, blue);
  auto slow = std::async(std::launch::async, [&] { return here().get(host, "/slow"); });
  ASSERT_TRUE(blue.wait_for_requests(1));
  auto said = std::async(std::launch::async, [&] { return unmap(host, blue); });
  EXPECT_EQ(said.wait_for(milliseconds{200}), std::future_status::timeout);
  held.open();
  EXPECT_EQ(said.get().at("drained"), true);
  EXPECT_EQ(slow.get().status, 200);
}

TEST_F(Confirmation, TellsWhoDidNotDrainInTime) {
  const gate held;
  const backend blue{held.holding("/slow")};
  const auto host = fresh_host();
  map(host, blue);
  auto slow = std::async(std::launch::async, [&] { return here().get(host, "/slow"); });
  ASSERT_TRUE(blue.wait_for_requests(1));
  const auto said = unmap(host, blue); // After `confirm_timeout`.
  held.open();
  EXPECT_EQ(said.at("confirmed"), true);
  EXPECT_EQ(said.at("drained"), false);
  EXPECT_EQ(said.at("pending").at(0).at("reason"), "requests in flight");
  EXPECT_EQ(slow.get().status, 200);
}

} // namespace
} // namespace shunt::test
