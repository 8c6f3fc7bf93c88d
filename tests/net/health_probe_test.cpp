// One endpoint asked again and again: what counts as health, what is kept, and that nothing lasts
// longer or grows larger than it may.
#include "net/health_probe.hpp"

#include "tests/net/loop_fixture.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace shunt::net {
namespace {

using testing::HasSubstr;
using acceptor = asio::basic_socket_acceptor<tcp, executor>;

constexpr auto probe_request = "GET /h HTTP/1.1\r\nHost: a.com\r\n\r\n";
constexpr auto ok_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HealthProbe : public loop_fixture {
protected:
  void TearDown() override {
    probe->close();
    probe = nullptr;
    loop_fixture::TearDown();
  }
  std::shared_ptr<health_probe> make(bool http2 = false) {
    health_probe::target whom;
    whom.host = "127.0.0.1";
    whom.port = backend.local_endpoint().port();
    whom.address = "127.0.0.1:80";
    whom.http2 = http2;
    return std::make_shared<health_probe>(loop, whom);
  }
  running<probe_result> start_check(std::chrono::nanoseconds timeout = 20s,
                                    std::chrono::nanoseconds keep = 90s) {
    health_probe::terms on;
    on.timeout = timeout;
    on.keep = keep;
    return running<probe_result>{health_probe::check(probe, probe_request, on)};
  }
  peer_socket accept() {
    acceptor::protocol_type::socket::native_handle_type descriptor = -1;
    error_code code = asio::error::would_block;
    backend.non_blocking(true);
    (void)drive_until([&] {
      auto accepted = backend.accept(code);
      if (!code)
        descriptor = accepted.release();
      return !code;
    });
    return peer_socket{descriptor};
  }
  probe_result end_of(const running<probe_result>& check) {
    EXPECT_TRUE(drive_until([&] { return check.done(); }));
    return check.value();
  }
  /// One check on a connection of its own, answered so; then the peer closes.
  probe_result answered(const std::string& answer) {
    probe->close();
    probe = make();
    const auto check = start_check();
    auto far = accept();
    EXPECT_EQ(take_until(far, std::string_view{probe_request}.size()), probe_request);
    far.send(answer);
    far.shutdown_send();
    return end_of(check);
  }

  acceptor backend{loop.get_executor(), tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  std::shared_ptr<health_probe> probe = make();
};

TEST_F(HealthProbe, JudgesByTheStatus) {
  using enum probe_outcome;
  for (const auto& [line, expected] :
       {std::pair{"200 OK", success}, {"204 No Content", success}, {"302 Found", success},
        {"399 Odd", success}, {"400 Bad", bad_status}, {"404 None", bad_status},
        {"500 Ill", bad_status}, {"503 Busy", bad_status}, {"101 Switching", bad_status}}) {
    const auto result =
      answered(std::string{"HTTP/1.1 "}.append(line).append("\r\nContent-Length: 0\r\n\r\n"));
    EXPECT_EQ(result.outcome, expected) << line << ": " << result.problem;
  }
  EXPECT_EQ(answered("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").outcome, success);
  EXPECT_EQ(answered("HTTP/1.1 500 Ill\r\n\r\n").problem, "status 500");
}

TEST_F(HealthProbe, FailsWithoutAnHttpAnswer) {
  using enum probe_outcome;
  EXPECT_EQ(answered("").outcome, error);
  EXPECT_EQ(answered("HTTP/1.1 200").outcome, error);
  EXPECT_EQ(answered("220 smtp ready\r\n").outcome, error);
  std::string interims;
  for (int i = 0; i < 100; ++i)
    interims += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_EQ(answered(interims).outcome, error);
  std::string large{"HTTP/1.1 200 OK\r\n"};
  while (large.size() < 20'000)
    large += "A: " + std::string(1'000, 'a') + "\r\n";
  EXPECT_EQ(answered(large + "\r\n").outcome, error);
  backend.close();
  probe->close();
  probe = std::make_shared<health_probe>(loop, health_probe::target{"127.0.0.1", 1, "127.0.0.1:1", {}, false});
  EXPECT_THAT(end_of(start_check()).problem, HasSubstr("connection refused"));
}

TEST_F(HealthProbe, KeepsItsConnection) {
  auto check = start_check();
  auto far = accept();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(take_until(far, std::string_view{probe_request}.size()), probe_request);
    far.send(ok_answer);
    EXPECT_EQ(end_of(check).outcome, probe_outcome::success);
    EXPECT_TRUE(probe->is_connected());
    if (i < 2)
      check = start_check();
  }
  far.shutdown_send();
  EXPECT_TRUE(drive_until([&] { return !probe->is_connected(); })) << "it is not used once it ended";
}

TEST_F(HealthProbe, OpensAnotherWhereTheOldOneEndsUnderIt) {
  auto check = start_check();
  auto far = accept();
  take_until(far, std::string_view{probe_request}.size());
  far.send(ok_answer);
  EXPECT_EQ(end_of(check).outcome, probe_outcome::success);
  check = start_check();
  take_until(far, std::string_view{probe_request}.size());
  far.shutdown_send(); // Before a word of the answer.
  auto fresh = accept();
  EXPECT_EQ(take_until(fresh, std::string_view{probe_request}.size()), probe_request);
  fresh.send(ok_answer);
  EXPECT_EQ(end_of(check).outcome, probe_outcome::success);
}

TEST_F(HealthProbe, KeepsNoConnectionThatMayNotBeKept) {
  using namespace std::string_literals;
  for (const auto& answer :
       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"s,
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"s, "HTTP/1.1 200 OK\r\n\r\nuntil the end"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"s}) {
    probe = make();
    const auto check = start_check();
    auto far = accept();
    far.send(answer);
    EXPECT_EQ(end_of(check).outcome, probe_outcome::success) << answer;
    EXPECT_FALSE(probe->is_connected()) << answer;
  }
  probe = make();
  const auto check = start_check(20s, 0s);
  auto far = accept();
  far.send(ok_answer);
  EXPECT_EQ(end_of(check).outcome, probe_outcome::success);
  EXPECT_FALSE(probe->is_connected()) << "the router keeps none";
}

TEST_F(HealthProbe, EndsInTimeWhateverTheEndpointDoes) {
  auto check = start_check(5s);
  auto silent = accept();
  pass(6s);
  EXPECT_EQ(end_of(check).outcome, probe_outcome::timeout);
  check = start_check(5s);
  auto slow = accept();
  for (const char c : std::string{"HTTP/1."}) { // A byte at a time is no excuse.
    slow.send(std::string(1, c));
    settle();
  }
  pass(12s);
  EXPECT_EQ(end_of(check).outcome, probe_outcome::timeout);
  EXPECT_FALSE(probe->is_connected());
}

TEST_F(HealthProbe, EndsWhenItIsClosed) {
  const auto check = start_check();
  auto far = accept();
  take_until(far, std::string_view{probe_request}.size());
  probe->close();
  EXPECT_EQ(end_of(check).outcome, probe_outcome::error);
  EXPECT_EQ(take_to_end(far), "");
  EXPECT_TRUE(far.ended);
}

TEST_F(HealthProbe, SpeaksHttp2WhereTheEndpointDoes) {
  probe = make(true);
  auto check = start_check();
  auto far = accept();
  std::vector<wire_ptr> served;
  bool over = false;
  http2_link_ptr server{new http2_link{adopt(::dup(far.descriptor())), http2_role::server, {}, 1,
                                       [&](wire_ptr stream) { served.push_back(std::move(stream)); }}};
  net::start(server->run({}), [&](const std::exception_ptr&) { over = true; });
  for (const auto& [answer, outcome] : {std::pair{ok_answer, probe_outcome::success},
                                        {"HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n",
                                         probe_outcome::bad_status}}) {
    ASSERT_TRUE(drive_until([&] { return !served.empty(); }));
    ASSERT_TRUE(drive_until([&] {
      served.back()->listen();
      return !served.back()->bytes().empty();
    }));
    EXPECT_THAT(std::string{served.back()->bytes()}, HasSubstr("GET /h HTTP/1.1\r\n"));
    EXPECT_FALSE(finish(send(served.back(), answer)));
    EXPECT_EQ(end_of(check).outcome, outcome);
    served.back()->close();
    served.clear();
    if (outcome == probe_outcome::success)
      check = start_check(); // By the same connection.
  }
  probe->close();
  EXPECT_TRUE(drive_until([&] { return over; }));
}

} // namespace
} // namespace shunt::net
