// Reservations from NATS to the disk and back: what outlives a router that is killed, and what one
// says that cannot keep them. What requests to such routes get is asked elsewhere.
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/registrar.hpp"
#include "tests/process/harness/router.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Reservations : public testing::Test {
protected:
  std::unique_ptr<router> start(json overrides = json::object()) {
    json all{{"prometheus", {{"enabled", true}}}, {"store", {{"path", store_path()}}}};
    all.merge_patch(overrides);
    return std::make_unique<router>(nats.port(), all);
  }
  std::string store_path() const { return files.path_of("store.db"); }
  void reserve(const std::string& uri, const json& more = json::object()) {
    json message{{"uris", {uri}}};
    message.merge_patch(more);
    bus.publish("router.reserve", message.dump());
  }
  void unreserve(const std::string& uri) {
    bus.publish("router.unreserve", json{{"uris", {uri}}}.dump());
  }
  static bool shows(const router& of, const std::string& metric) {
    const auto port = of.status_listener("prometheus.port");
    return client{port}
             .send(get_request("localhost", "/metrics"))
             .response()
             .body.find("\n" + metric + "\n")
           != std::string::npos;
  }
  static bool becomes(const router& of, const std::string& metric) {
    return eventually([&] { return shows(of, metric); });
  }
  static void kill(router& victim) {
    victim.process().signal(SIGKILL);
    ASSERT_TRUE(victim.process().wait_for_exit());
  }
  static std::size_t count_lines(const router& of, const std::string& message) {
    std::size_t count = 0;
    for (const auto& entry : of.log())
      count += entry.value("message", "") == message;
    return count;
  }

  nats_server nats;
  registrar bus{nats.url()};
  temporary_directory files;
};

TEST_F(Reservations, OutliveARouterThatIsKilled) {
  auto first = start();
  reserve("one.example.com/path", {{"app", "guid"}, {"options", {{"hold", "1s"}}}});
  reserve("two.example.com");
  reserve("three.example.com");
  unreserve("three.example.com");
  ASSERT_TRUE(eventually([&] { return count_lines(*first, "route-unreserved") == 1; }));
  const auto line = first->wait_for_log("route-reserved");
  EXPECT_EQ(line["data"]["uri"], "one.example.com/path");
  EXPECT_EQ(line["data"]["application_id"], "guid");
  EXPECT_EQ(line["data"]["seconds"], 86'400) << "empty_pool.keep";
  EXPECT_TRUE(becomes(*first, "shunt_reservations 2"));
  kill(*first);

  const auto second = start();
  EXPECT_EQ(second->wait_for_log("reservations-loaded")["data"]["reservations"], 2);
  EXPECT_TRUE(shows(*second, "shunt_reservations 2")) << "before the doors were open";
  unreserve("two.example.com");
  EXPECT_TRUE(becomes(*second, "shunt_reservations 1"));
  second->process().signal(SIGTERM);
  EXPECT_EQ(second->process().wait_for_exit(), 0);
  EXPECT_EQ(start()->wait_for_log("reservations-loaded")["data"]["reservations"], 1);
}

TEST_F(Reservations, EndWhenTheirTimeIsOverThoughNoRouterRuns) {
  auto first = start();
  reserve("short.example.com", {{"reserve_ttl_in_seconds", 1}});
  reserve("long.example.com");
  ASSERT_TRUE(becomes(*first, "shunt_reservations 2"));
  kill(*first);
  const auto over = clock::now() + 1s; // It was reserved before.
  ASSERT_TRUE(eventually([&] { return clock::now() >= over; }));
  const auto loaded = start()->wait_for_log("reservations-loaded");
  EXPECT_EQ(loaded["data"]["reservations"], 1);
}

TEST_F(Reservations, EndWithTheProcessWithoutAStoreAndOneIsWarned) {
  auto first = start({{"store", {{"path", ""}}}});
  reserve("one.example.com");
  reserve("two.example.com");
  EXPECT_TRUE(becomes(*first, "shunt_reservations 2"));
  EXPECT_EQ(count_lines(*first, "reservations-not-durable"), 1u);
  kill(*first);
  EXPECT_TRUE(shows(*start({{"store", {{"path", ""}}}}), "shunt_reservations 0"));
}

TEST_F(Reservations, AreRefusedBeyondTheirNumberAndWhenTheyCannotBeRead) {
  const auto here = start({{"reservations", {{"max", 1}}}});
  reserve("one.example.com");
  reserve("two.example.com");
  reserve("one.example.com", {{"options", {{"empty_status", 200}}}});
  EXPECT_TRUE(becomes(*here, "shunt_refused_reservations_total 2"));
  EXPECT_TRUE(becomes(*here, "shunt_reservations 1")); // Counted a moment later.
  EXPECT_EQ(here->wait_for_log("reservation-refused")["data"]["uri"], "two.example.com");
  EXPECT_THAT(here->wait_for_log("validation-error")["data"]["error"].get<std::string>(),
              HasSubstr("options.empty_status"));
}

TEST_F(Reservations, DoNotKeepARouterFromStartingWhenTheStoreIsBroken) {
  write_file(store_path(), std::string(10'000, '#'));
  const auto here = start();
  EXPECT_EQ(here->wait_for_log("store-corrupt")["data"]["file"], store_path());
  reserve("one.example.com");
  EXPECT_TRUE(becomes(*here, "shunt_reservations 1"));
  kill(*here);
  EXPECT_EQ(start()->wait_for_log("reservations-loaded")["data"]["reservations"], 1);
}

/// How a router ends that does not start.
std::string refusal(const std::string& configuration, const temporary_directory& files) {
  write_file(files.path_of("router.yml"), configuration);
  child_process process{{shunt_executable(), "-c", files.path_of("router.yml")},
                        files.path_of("output")};
  EXPECT_EQ(process.wait_for_exit(), 1);
  return process.output();
}

TEST_F(Reservations, NeedADirectoryThatIsThere) {
  const auto path = files.path_of("missing/store.db");
  write_file(files.path_of("check.yml"), json{{"store", {{"path", path}}}}.dump());
  child_process check{{shunt_executable(), "check", "-c", files.path_of("check.yml")},
                      files.path_of("check")};
  EXPECT_EQ(check.wait_for_exit(), 1);
  EXPECT_THAT(check.output(), HasSubstr("store.path: " + path));
}

TEST_F(Reservations, KeepARouterFromStartingWhenTheStoreIsOfANewerVersion) {
  auto first = start();
  reserve("one.example.com");
  ASSERT_TRUE(becomes(*first, "shunt_reservations 1"));
  first->process().signal(SIGTERM);
  ASSERT_EQ(first->process().wait_for_exit(), 0);
  std::fstream file{store_path(), std::ios::in | std::ios::out | std::ios::binary};
  file.seekp(60); // The user version, big endian (SQLite's file format, section 1.3).
  file.write("\0\0\0\x63", 4);
  file.close();
  const json settings{{"port", 0},
                      {"status", {{"port", 0}, {"routes", {{"port", 0}}}}},
                      {"nats", {{"hosts", {{{"hostname", "127.0.0.1"}, {"port", nats.port()}}}}}},
                      {"store", {{"path", store_path()}}}};
  EXPECT_THAT(refusal(settings.dump(), files),
              HasSubstr("store.path: " + store_path() + ": was written by a newer version"));
}

} // namespace
} // namespace shunt::test
