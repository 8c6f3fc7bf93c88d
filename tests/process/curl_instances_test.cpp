// Which instance answers curl: the one that a header names, or, of many, those that are neither ill nor broken.
#include "tests/process/harness/curl.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <set>

namespace shunt::test {
namespace {

using nlohmann::json;

const std::string app_guid = "01234567-89ab-cdef-0123-456789abcdef";
const std::string process_guid = "76543210-89ab-cdef-0123-456789abcdef";

class CurlInstances : public SharedStage<CurlInstances> {
protected:
  CurlInstances() {
    for (int i = 0; i < 3; ++i)
      here().map(host, there[i],
                 {{"app", app_guid},
                  {"private_instance_index", std::to_string(i)},
                  {"tags", {{"process_id", process_guid}}}});
  }
  curl_answer wanting(const std::string& field, const std::string& value) const {
    return ask.get(host, {"-H", field + ": " + value});
  }
  void expect_refusal(const curl_answer& answer, const std::string& error, const std::string& message) const {
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.one("X-Cf-RouterError"), error);
    EXPECT_EQ(answer.one("Cache-Control"), "no-cache, no-store");
    EXPECT_EQ(answer.one("Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(answer.one("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.body, "400 Bad Request: " + message + "\n");
  }

  const std::string host = fresh_host();
  const backend there[3] = {backend{answers::ok("0")}, backend{answers::ok("1")}, backend{answers::ok("2")}};
  const curl ask{here().under_test};
};

TEST_F(CurlInstances, AreAddressedByTheirIndex) {
  for (int i = 0; i < 3; ++i) {
    const auto index = std::to_string(i);
    EXPECT_EQ(wanting("X-CF-App-Instance", app_guid + ":" + index).body, index);
    EXPECT_FALSE(there[i].last_request().has("X-CF-App-Instance")) << "it is for the router";
    EXPECT_EQ(wanting("X-CF-Process-Instance", process_guid + ":" + index).body, index);
    EXPECT_EQ(there[i].last_request().one("X-CF-Process-Instance"), process_guid + ":" + index);
  }
}

TEST_F(CurlInstances, OfAProcessAreBalanced) {
  std::set<std::string> met;
  for (int i = 0; i < 6; ++i)
    met.insert(wanting("X-CF-Process-Instance", process_guid).body);
  EXPECT_EQ(met.size(), 3u);
}

TEST_F(CurlInstances, ThatAreNotThereAreNamed) {
  expect_refusal(wanting("X-CF-App-Instance", app_guid + ":9"), "unknown_route",
                 "Requested instance ('9') with guid ('" + app_guid + "') does not exist for route ('" + host + "')");
  expect_refusal(wanting("X-CF-Process-Instance", process_guid + ":9"), "unknown_route",
                 "Requested instance ('9') with process guid ('" + process_guid + "') does not exist for route ('"
                   + host + "')");
  expect_refusal(wanting("X-CF-Process-Instance", app_guid), "unknown_route",
                 "Requested instance with process guid ('" + app_guid + "') does not exist for route ('" + host
                   + "')");
  const auto nowhere = fresh_host();
  expect_refusal(ask.get(nowhere, {"-H", "X-CF-App-Instance: " + app_guid + ":0"}), "unknown_route",
                 "Requested instance ('0') with guid ('" + app_guid + "') does not exist for route ('" + nowhere
                   + "')");
}

TEST_F(CurlInstances, MustBeNamedRightly) {
  const std::vector<std::string> apps{
    "0", app_guid, app_guid + ":", app_guid + ":x", app_guid + ":-1", "01234567-89AB-CDEF-0123-456789ABCDEF:0"};
  for (const auto& wrong : apps)
    expect_refusal(wanting("X-CF-App-Instance", wrong), "invalid_cf_app_instance_header",
                   "Invalid X-CF-App-Instance Header");
  const std::vector<std::string> processes{"0", process_guid + ":", process_guid + ":x"};
  for (const auto& wrong : processes)
    expect_refusal(wanting("X-CF-Process-Instance", wrong), "invalid_cf_process_instance_header",
                   "Invalid X-CF-Process-Instance Header");
}

// -- Those that are ill.

/// The bodies or statuses of so many requests of one curl.
std::string many(const curl& ask, const std::string& host, int requests) {
  const auto ran = ask.get(host, {"-w", "%{http_code} "}, "/[1-" + std::to_string(requests) + "]");
  EXPECT_EQ(ran.exit_code, 0);
  return ran.said;
}

int count_of(const std::string& status, const std::string& in) {
  int count = 0;
  for (auto at = in.find(status); at != in.npos; at = in.find(status, at + 1))
    ++count;
  return count;
}

TEST(CurlIllInstances, AreEjectedAfterAFewFailures) {
  stage here{{{"outlier_ejection",
               {{"consecutive_failures", 3}, {"base_ejection_time", "600s"}, {"max_ejected_percent", 50}}}}};
  const curl ask{here.under_test};
  const backend broken{answers::bytes("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")};
  const backend well, another, third;
  const auto host = fresh_host();
  for (const auto* each : {&broken, &well, &another, &third})
    here.map(host, *each);
  const auto first = many(ask, host, 60);
  EXPECT_EQ(count_of("500", first), 3) << first;
  EXPECT_EQ(count_of("200", first), 57) << first;
  EXPECT_EQ(count_of("500", many(ask, host, 30)), 0);
}

TEST(CurlIllInstances, AreFoundByTheirHealthChecks) {
  stage here{{{"health_checks", {{"unhealthy_after", 1}, {"healthy_after", 1}}}}};
  const curl ask{here.under_test};
  const auto ill = std::make_shared<std::atomic<bool>>(true);
  const backend patient{[ill](backend_session& session) {
    const bool bad = *ill && session.request.target == "/healthz";
    answers::bytes(bad ? "HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n"
                       : "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npatient")(session);
  }};
  const backend well{answers::ok("well")};
  const auto host = fresh_host();
  const json checked{{"options", {{"health_check_path", "/healthz"}, {"health_check_interval", "1s"}}}};
  here.map(host, patient, checked);
  here.map(host, well, checked);
  here.under_test.wait_for_log("endpoint-unhealthy");
  EXPECT_TRUE(eventually([&] { // The verdict is on its way to the loops.
    return ask.get(host).body == "well" && ask.get(host).body == "well" && ask.get(host).body == "well";
  }));
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(ask.get(host).body, "well");
  *ill = false;
  EXPECT_TRUE(eventually([&] { return ask.get(host).body == "patient"; }, 20s));
}

} // namespace
} // namespace shunt::test
