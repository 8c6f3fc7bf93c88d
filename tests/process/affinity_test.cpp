// Requests that belong to one instance: by cookie, by header, or because it is nearer.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using testing::HasSubstr;

/// Two instances of one route, told apart by what they answer.
class Affinity : public SharedStage<Affinity> {
public:
  static nlohmann::json configuration() {
    return {{"balancing_algorithm_az_preference", "locally-optimistic"}, {"zone", "near"}};
  }

protected:
  const std::string host = fresh_host();
  const backend one{answers::ok("one", "Set-Cookie: JSESSIONID=s; Path=/\r\n")};
  const backend two{answers::ok("two", "Set-Cookie: JSESSIONID=s; Path=/\r\n")};
  const std::string app = "01234567-89ab-cdef-0123-456789abcdef";
  const std::string process = "76543210-89ab-cdef-0123-456789abcdef";

  void map_both(const std::string& uri, const nlohmann::json& first = {},
                const nlohmann::json& second = {}) {
    nlohmann::json of_one = {{"app", app},
                             {"private_instance_id", "ins-1"},
                             {"private_instance_index", "0"},
                             {"tags", {{"process_id", process}}}};
    auto of_two = of_one;
    of_two["private_instance_id"] = "ins-2";
    of_two["private_instance_index"] = "1";
    of_one.update(first.is_null() ? nlohmann::json::object() : first);
    of_two.update(second.is_null() ? nlohmann::json::object() : second);
    here().map(uri, one, of_one);
    here().map(uri, two, of_two);
  }
};

TEST_F(Affinity, ASessionStaysWithItsInstance) {
  map_both(host);
  const auto begun = here().get(host);
  const auto cookies = begun.all("Set-Cookie");
  ASSERT_EQ(cookies.size(), 2u) << begun.raw_head;
  EXPECT_EQ(cookies[1], std::string{"__VCAP_ID__="} + (begun.body == "one" ? "ins-1" : "ins-2")
                          + "; Path=/; HttpOnly");
  const auto back = "Cookie: JSESSIONID=s; " + cookies[1].substr(0, cookies[1].find(';')) + "\r\n";
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(here().get(host, "/", back).body, begun.body);
}

TEST_F(Affinity, TheCookieOfAPathBelongsToThePath) {
  map_both(host + "/Shop");
  EXPECT_THAT(here().get(host, "/shop/x").all("Set-Cookie").back(), HasSubstr("; Path=/Shop;"));
}

TEST_F(Affinity, ASessionWhoseInstanceLeftGoesOnElsewhere) {
  map_both(host);
  here().unmap(host, two);
  ASSERT_TRUE(eventually([&] {
    const auto answer = here().get(host, "/", "Cookie: JSESSIONID=s; __VCAP_ID__=ins-2\r\n");
    return answer.body == "one" && answer.all("Set-Cookie").size() == 2;
  }));
}

TEST_F(Affinity, AnInstanceIsAddressedByHeader) {
  map_both(host);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(here().get(host, "/", "X-CF-App-Instance: " + app + ":1\r\n").body, "two");
  EXPECT_FALSE(two.last_request().has("X-CF-App-Instance"));
  EXPECT_EQ(here().get(host, "/", "X-CF-Process-Instance: " + process + ":0\r\n").body, "one");
  EXPECT_TRUE(one.last_request().has("X-CF-Process-Instance"));
}

TEST_F(Affinity, AnInstanceThatIsNotThereIsNamed) {
  map_both(host);
  const auto answer = here().get(host, "/", "X-CF-App-Instance: " + app + ":7\r\n");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "unknown_route");
  EXPECT_EQ(answer.body, "400 Bad Request: Requested instance ('7') with guid ('" + app
                           + "') does not exist for route ('" + host + "')\n");
  EXPECT_EQ(here().get("nowhere.test", "/", "X-CF-App-Instance: " + app + ":0\r\n").status, 400);
}

TEST_F(Affinity, AnInstanceThatIsDeadIsTriedOnce) {
  const refusing_port dead;
  map_both(host);
  here().map(host, dead.port(), {{"app", app}, {"private_instance_index", "2"}});
  const auto answer = here().get(host, "/", "X-CF-App-Instance: " + app + ":2\r\n");
  EXPECT_EQ(answer.status, 502);
  nlohmann::json failures = nlohmann::json::array();
  here().bus.announce(1, "marks-the-end.test"); // Its line comes after all of the request's.
  ASSERT_TRUE(eventually([&] {
    bool end = false;
    failures.clear();
    for (const auto& entry : here().under_test.log()) {
      end = end
            || (entry.value("message", "") == "route-registered"
                && entry["data"].value("uri", "") == "marks-the-end.test");
      if (entry.value("message", "") == "backend-endpoint-failed"
          && entry["data"].value("vcap_request_id", "") == answer.one("X-Vcap-Request-Id"))
        failures.push_back(entry["data"]);
    }
    return end;
  }));
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].at("num-endpoints"), 1);
}

TEST_F(Affinity, AMalformedInstanceHeaderIsRefused) {
  map_both(host);
  const auto by_app = here().get(host, "/", "X-CF-App-Instance: nonsense\r\n");
  EXPECT_EQ(by_app.status, 400);
  EXPECT_EQ(by_app.one("X-Cf-RouterError"), "invalid_cf_app_instance_header");
  const auto by_process = here().get(host, "/", "X-CF-Process-Instance: nonsense\r\n");
  EXPECT_EQ(by_process.status, 400);
  EXPECT_EQ(by_process.one("X-Cf-RouterError"), "invalid_cf_process_instance_header");
}

TEST_F(Affinity, TheOwnZoneIsPreferred) {
  map_both(host, {{"availability_zone", "far"}}, {{"availability_zone", "near"}});
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(here().get(host).body, "two");
  here().unmap(host, two);
  EXPECT_TRUE(eventually([&] { return here().get(host).body == "one"; }));
}

} // namespace
} // namespace shunt::test
