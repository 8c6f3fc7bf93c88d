// SIGHUP with other values for what logs, status ports, limits and the route table go by: they count from then on, a bad
// one is refused, and nobody's requests notice.
#include "tests/process/harness/open_connections.hpp"
#include "tests/process/reload_fixture.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ReloadSettings : public Reload {
protected:
  /// With clients that are in the middle of things.
  void start_busy(const json& more = json::object()) {
    start(usual(more));
    open = std::make_unique<open_connections>(here(), there);
  }
  json to(const json& more) { return reload(usual(more)); }
  /// Refuses a file with the usual settings but for these, and names `key`.
  void expect_refused(const json& more, const std::string& key) {
    EXPECT_THAT(refused(usual(more)).at("error").get<std::string>(), HasSubstr(key));
    open->speak();
  }
  std::string path_of(const std::string& name) { return under_test().path_of(name); }
  std::size_t lines_in(const std::string& name, const std::string& with) {
    std::size_t count = 0;
    std::ifstream file{path_of(name)};
    for (std::string line; std::getline(file, line);)
      count += line.find(with) != line.npos;
    return count;
  }

  std::unique_ptr<open_connections> open;
};

/// Where syslog's datagrams go.
class datagrams {
public:
  datagrams() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
        || ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error{"no socket for datagrams"};
    port_ = ntohs(address.sin_port);
    const timeval patience{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  datagrams(const datagrams&) = delete;
  datagrams& operator=(const datagrams&) = delete;
  ~datagrams() { ::close(socket_); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  bool bring(const std::string& text) {
    return eventually([&] {
      char bytes[8192];
      const auto read = ::recv(socket_, bytes, sizeof bytes, 0);
      return read > 0 && std::string_view(bytes, static_cast<std::size_t>(read)).find(text) != std::string_view::npos;
    });
  }

private:
  int socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
};

// -- Logs

TEST_F(ReloadSettings, ChangesTheComponentLog) {
  start_busy({{"logging", {{"level", "info"}}}});
  EXPECT_TRUE(lines("status-listener-started").front().at("timestamp").is_number());
  const auto unheard = fresh_host();
  here().map(unheard, there);
  here().unmap(unheard, there);
  EXPECT_TRUE(lines("unregister-route").empty());
  expect_refused({{"logging", {{"level", "loud"}}}}, "logging.level");
  const auto said = to(
    {{"logging", {{"level", "debug"}, {"syslog", "another.name"}, {"format", {{"timestamp", "rfc3339"}}}}}});
  EXPECT_EQ(said.at("changed"), "logging.level, logging.syslog, logging.format.timestamp");
  const auto last = lines("configuration-reloaded").back();
  EXPECT_EQ(last.at("source"), "another.name");
  EXPECT_TRUE(last.at("timestamp").is_string());
  const auto heard = fresh_host();
  here().map(heard, there);
  here().unmap(heard, there);
  EXPECT_TRUE(eventually([&] { return !lines("unregister-route").empty(); }));
  open->finish();
}

TEST_F(ReloadSettings, ChangesWhatTheAccessLogSays) {
  start_busy();
  here().get(open->host(), "/before", "X-Kept: one\r\n");
  EXPECT_THAT(under_test().wait_for_access("/before"), testing::Not(HasSubstr("x_kept")));
  expect_refused({{"access_log", {{"queue_records", "many"}}}}, "access_log.queue_records");
  to({{"extra_headers_to_log", {"X-Kept"}},
      {"logging", {{"extra_access_log_fields", {"failed_attempts"}}, {"redact_query_params", "all"}}}});
  EXPECT_TRUE(eventually([&] {
    here().get(open->host(), "/after?secret=1", "X-Kept: one\r\n");
    return lines_in("access.log", "/after") > 0 && lines_in("access.log", "x_kept:\"one\"") > 0;
  }));
  const auto line = under_test().wait_for_access("x_kept");
  EXPECT_THAT(line, HasSubstr("failed_attempts:0"));
  EXPECT_THAT(line, testing::Not(HasSubstr("secret")));
  open->finish();
}

TEST_F(ReloadSettings, GoesOnInAnotherAccessLogWithoutLosingALine) {
  start_busy({{"go_max_procs", 2}});
  expect_refused({{"access_log", {{"file", path_of("no/such/directory")}}}}, "access_log.file");
  std::atomic<bool> enough{false};
  std::size_t asked = 0;
  std::thread asking{[&] {
    client one{under_test().port()};
    for (; !enough; ++asked)
      EXPECT_EQ(one.send(get_request(open->host(), "/counted")).response().status, 200);
  }};
  for (int i = 0; i < 6; ++i)
    to({{"access_log", {{"file", path_of(i % 2 == 0 ? "other.log" : "access.log")}}}});
  enough = true;
  asking.join();
  std::size_t found = 0;
  EXPECT_TRUE(eventually([&] {
    found = lines_in("access.log", "/counted") + lines_in("other.log", "/counted");
    return found >= asked;
  })) << found << " of " << asked;
  EXPECT_EQ(found, asked);
  open->finish();
}

TEST_F(ReloadSettings, BeginsAndEndsToSendTheAccessLogToSyslog) {
  datagrams first, second;
  start_busy();
  const auto to_syslog = [&](const datagrams& where) {
    return json{{"access_log", {{"enable_streaming", true}, {"file", ""}}},
                {"logging", {{"syslog_addr", where.address()}}}};
  };
  expect_refused({{"access_log", {{"enable_streaming", true}}}, {"logging", {{"syslog_addr", "nowhere"}}}},
                 "logging.syslog_addr");
  to(to_syslog(first));
  EXPECT_TRUE(eventually([&] {
    here().get(open->host(), "/first");
    return first.bring("/first");
  }));
  to(to_syslog(second));
  EXPECT_TRUE(eventually([&] {
    here().get(open->host(), "/second");
    return second.bring("/second");
  }));
  EXPECT_EQ(lines_in("access.log", "/second"), 0u);
  to(json::object());
  here().get(open->host(), "/file");
  EXPECT_NE(under_test().wait_for_access("/file"), "");
  open->finish();
}

// -- Status, limits and the end

TEST_F(ReloadSettings, ChangesTheCredentialsOfTheStatusPorts) {
  start_busy();
  const auto asked_as = [&](const char* encoded) {
    return client{under_test().routes_port()}
      .send(get_request("localhost", "/routes", std::string{"Authorization: Basic "} + encoded + "\r\n"))
      .response()
      .status;
  };
  const auto old = "dGVzdGVyOnNlY3JldA==", fresh = "dGVzdGVyOm5ldw=="; // tester:secret, tester:new
  EXPECT_EQ(asked_as(old), 200);
  expect_refused({{"status", {{"pass", {1, 2}}}}}, "status.pass");
  to({{"status", {{"pass", "new"}}}});
  EXPECT_TRUE(eventually([&] { return asked_as(fresh) == 200; }));
  EXPECT_EQ(asked_as(old), 401);
  EXPECT_THAT(under_test().log_tail(), testing::Not(HasSubstr("\"new\"")));
  open->finish();
}

TEST_F(ReloadSettings, LimitsConnectionsByWhatTheFileSaysNow) {
  start_busy();
  expect_refused({{"limits", {{"connections", 0}}}}, "limits.connections");
  to({{"limits", {{"connections", 1}}}});
  EXPECT_TRUE(eventually([&] { return here().ask(get_request(open->host())).status == 503; }));
  open->speak();
  to(json::object());
  EXPECT_TRUE(here().eventually_answers(open->host(), "/", 200));
  open->finish();
}

TEST_F(ReloadSettings, KeepsAsManyIdleConnectionsAsTheFileSaysNow) {
  start_busy();
  const backend other;
  const auto host = here().mapped(other);
  expect_refused({{"max_idle_conns_per_host", -1}}, "max_idle_conns_per_host");
  const auto reuses = [&] {
    const auto before = other.connection_count();
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(here().get(host).status, 200);
    return other.connection_count() == before;
  };
  EXPECT_TRUE(eventually(reuses));
  // One at a time always finds the one that is kept; of two at a time the second is kept or not.
  const auto kept_of_two = [&] {
    const gate held;
    const backend slow{held.holding("/hold")};
    const auto name = here().mapped(slow);
    client one{under_test().port()}, two{under_test().port()};
    one.send(get_request(name, "/hold"));
    two.send(get_request(name, "/hold"));
    EXPECT_TRUE(slow.wait_for_requests(2));
    held.open();
    EXPECT_EQ(one.response().status, 200);
    EXPECT_EQ(two.response().status, 200);
    return eventually([&] { return slow.ended_count() > 0; }, 300ms) ? 1 : 2;
  };
  EXPECT_EQ(kept_of_two(), 2);
  to({{"max_idle_conns_per_host", 1}});
  EXPECT_TRUE(eventually([&] { return kept_of_two() == 1; }));
  open->finish();
}

TEST_F(ReloadSettings, DrainsByWhatTheFileSaysNow) {
  start_busy({{"drain_timeout", "600s"}});
  expect_refused({{"drain_timeout", "soon"}}, "drain_timeout");
  to({{"drain_timeout", slowed_text(200ms)}, {"drain_wait", "1ms"}});
  open->speak();
  under_test().process().signal(SIGUSR1);
  EXPECT_EQ(under_test().process().wait_for_exit(), 0) << "although a stream is still under way";
  EXPECT_FALSE(lines("router.drain.timed-out").empty());
}

// -- The route table

TEST_F(ReloadSettings, PrunesByWhatTheFileSaysNow) {
  start_busy({{"prune_stale_droplets_interval", "600s"}, {"droplet_stale_threshold", "600s"}});
  expect_refused({{"droplet_stale_threshold", "0s"}}, "droplet_stale_threshold");
  to({{"prune_stale_droplets_interval", "200ms"}, {"droplet_stale_threshold", "1s"}});
  const backend stale;
  const auto host = here().mapped(stale);
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_TRUE(eventually([&] { return !under_test().lists(host, stale.address()); }));
  EXPECT_TRUE(here().eventually_answers(host, "/", 503)) << "a known route without backends";
  EXPECT_TRUE(under_test().lists(open->host(), there.address())) << "it has its time";
  const auto said = here().bus.request("router.greet", "{}");
  ASSERT_TRUE(said);
  EXPECT_EQ(json::parse(*said).at("pruneThresholdInSeconds"), 1);
  open->finish();
}

TEST_F(ReloadSettings, ForgetsEmptyRoutesByWhatTheFileSaysNow) {
  start_busy();
  const auto host = here().mapped(there);
  here().unmap(host, there);
  EXPECT_TRUE(here().eventually_answers(host, "/", 503));
  expect_refused({{"empty_pool", {{"keep", "-1s"}}}}, "empty_pool.keep");
  to({{"empty_pool", {{"keep", "0s"}}}, {"prune_stale_droplets_interval", "200ms"}});
  EXPECT_TRUE(here().eventually_answers(host, "/", 404));
  const auto next = here().mapped(there);
  here().unmap(next, there);
  EXPECT_TRUE(here().eventually_answers(next, "/", 404));
  open->finish();
}

TEST_F(ReloadSettings, LetsAsManyWaitAsTheFileSaysNow) {
  start_busy();
  const json option{{"options", {{"hold", "30s"}}}};
  const auto host = fresh_host();
  here().map(host, there.port(), option);
  here().unmap(host, there.port());
  expect_refused({{"hold", {{"requests", -1}}}}, "hold.requests");
  to({{"hold", {{"requests_per_route", 0}}}});
  EXPECT_TRUE(here().eventually_answers(host, "/", 503)) << "nobody may wait";
  to(json::object());
  std::future<http_response> waiting;
  EXPECT_TRUE(eventually([&] { // Until the shard has heard it, too.
    waiting = std::async(std::launch::async, [&] { return here().get(host); });
    return waiting.wait_for(slowed(500ms)) == std::future_status::timeout;
  }));
  here().map(host, there.port(), option);
  EXPECT_EQ(waiting.get().status, 200);
  open->finish();
}

TEST_F(ReloadSettings, ChecksHealthByWhatTheFileSaysNow) {
  start_busy({{"health_checks", {{"enabled", false}}}});
  const backend checked;
  const auto host = fresh_host();
  const json option{{"options", {{"health_check_path", "/healthz"}}}};
  here().map(host, checked.port(), option);
  const auto is_asked = [&] {
    here().bus.announce(checked.port(), host, option);
    const auto all = checked.requests();
    return std::any_of(all.begin(), all.end(), [](const auto& each) { return each.target == "/healthz"; });
  };
  expect_refused({{"health_checks", {{"interval", "1ms"}}}}, "health_checks.interval");
  EXPECT_FALSE(is_asked());
  to({{"health_checks", {{"enabled", true}, {"interval", "1s"}}}});
  EXPECT_TRUE(eventually(is_asked));
  open->finish();
}

TEST_F(ReloadSettings, WaitsForConfirmationsAsLongAsTheFileSaysNow) {
  const auto port = free_port();
  const auto waiting = [&](const std::string& time) {
    const json node{{"name", "router-0"}, {"host", "127.0.0.1"}, {"port", port}};
    return json{{"cluster", {{"name", "alone"}, {"shards", 4}, {"node", node}, {"confirm_timeout", time}}}};
  };
  start_busy(waiting("600s"));
  expect_refused(waiting("never"), "cluster.confirm_timeout");
  to(waiting(slowed_text(300ms)));
  // Its stream is still under way, so the endpoint is not drained.
  const auto said = here().bus.request("router.unregister", registration(there.port(), open->host()).dump());
  ASSERT_TRUE(said);
  EXPECT_EQ(json::parse(*said).at("drained"), false);
  here().map(open->host(), there);
  open->finish();
}

TEST_F(ReloadSettings, TakesAsManyReservationsAsTheFileSaysNow) {
  start_busy();
  const auto is_reserved = [&](const std::string& host) {
    here().bus.publish("router.reserve", json{{"uris", {host}}}.dump());
    return eventually([&] { return here().get(host).status == 503; }, slowed(500ms));
  };
  EXPECT_TRUE(eventually([&] { return is_reserved("first.test"); }));
  expect_refused({{"reservations", {{"max", -1}}}}, "reservations.max");
  to({{"reservations", {{"max", 1}}}});
  EXPECT_TRUE(eventually([&] { return !is_reserved(fresh_host()); }));
  to({{"reservations", {{"max", 1000}}}});
  EXPECT_TRUE(eventually([&] { return is_reserved("second.test"); }));
  EXPECT_EQ(here().get("first.test").status, 503);
  open->finish();
}

} // namespace
} // namespace shunt::test
