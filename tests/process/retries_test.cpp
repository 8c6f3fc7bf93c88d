// Which failures are tried again on another backend, and which backends are then left alone.
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace shunt::test {
namespace {

class Retries : public SharedStage<Retries> {
protected:
  /// Log lines about failed attempts on that address.
  static int failures_of(const std::string& address) {
    int count = 0;
    for (const auto& entry : here().under_test.log())
      if (entry.value("message", "") == "backend-endpoint-failed"
          && entry.at("data").at("route-endpoint").at("Addr") == address)
        ++count;
    return count;
  }
};

TEST_F(Retries, GoToAnotherBackendWhenOneRefuses) {
  const refusing_port dead;
  const backend there;
  const auto host = here().mapped(there);
  here().map(host, dead.port());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(here().get(host).status, 200);
    EXPECT_EQ(here().ask(post_request(host, "body"), "POST").status, 200);
  }
  // Marked after the first failure, and left alone for thirty seconds.
  ASSERT_TRUE(eventually([&] { return failures_of(dead.address()) > 0; }));
  EXPECT_EQ(failures_of(dead.address()), 1);
}

TEST_F(Retries, SendTheBodyThatTheRefusedAttemptDidNotTake) {
  const refusing_port dead;
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  here().map(host, dead.port());
  const std::string body(300'000, 'b');
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(here().ask(post_request(host, body), "POST").body, body);
}

TEST_F(Retries, EndAfterTheAttemptsAllowedWithTheLastError) {
  const refusing_port dead[4];
  const auto host = fresh_host();
  for (const auto& each : dead)
    here().map(host, each.port());
  EXPECT_EQ(here().get(host).status, 502);
  const auto failures = [&] {
    int count = 0;
    for (const auto& each : dead)
      count += failures_of(each.address());
    return count;
  };
  ASSERT_TRUE(eventually([&] { return failures() >= 3; }));
  EXPECT_EQ(failures(), 3);
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_NE(line.find(" 502 "), line.npos);
}

TEST_F(Retries, DoNotTryTheOnlyBackendTwice) {
  const refusing_port dead;
  const auto host = fresh_host();
  here().map(host, dead.port());
  EXPECT_EQ(here().get(host).status, 502);
  ASSERT_TRUE(eventually([&] { return failures_of(dead.address()) > 0; }));
  EXPECT_EQ(failures_of(dead.address()), 1);
}

TEST_F(Retries, TryMarkedBackendsAgainWhenAllAreMarked) {
  auto dead = std::make_unique<refusing_port>();
  const refusing_port other;
  const auto host = fresh_host();
  here().map(host, dead->port());
  here().map(host, other.port());
  EXPECT_EQ(here().get(host).status, 502);
  const auto port = dead->port();
  dead.reset();
  const backend alive{answers::ok("back"), port};
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(here().get(host).status, 200);
}

struct eof_case {
  const char* name;
  const char* request; ///< Up to the Host line.
  bool retried;
};

class EofRetries : public Retries, public testing::WithParamInterface<eof_case> {};

TEST_P(EofRetries, HappenOnlyWhereTheRequestMayBeRepeated) {
  const backend closing{answers::closing()};
  const backend good;
  const auto host = fresh_host();
  here().map(host, closing);
  here().map(host, good);
  const auto& param = GetParam();
  const std::string method{param.request, std::string_view{param.request}.find(' ')};
  int failed = 0;
  for (int i = 0; i < 4; ++i) { // The two take turns, so half of the first attempts fail.
    const auto answer = here().ask(
      std::string{param.request} + "\r\nConnection: close\r\nHost: " + host + "\r\n\r\n", method);
    EXPECT_TRUE(answer.status == 200 || answer.status == 502);
    if (answer.status != 200) {
      ++failed;
      EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (EOF)");
    }
  }
  EXPECT_GT(closing.request_count(), 0u);
  if (param.retried)
    EXPECT_EQ(failed, 0);
  else
    EXPECT_EQ(static_cast<std::size_t>(failed), closing.request_count());
}

INSTANTIATE_TEST_SUITE_P(
  All, EofRetries,
  testing::Values(
    eof_case{"Get", "GET / HTTP/1.1", true}, eof_case{"Head", "HEAD / HTTP/1.1", true},
    eof_case{"Options", "OPTIONS / HTTP/1.1", true}, eof_case{"Trace", "TRACE / HTTP/1.1", true},
    eof_case{"Post", "POST / HTTP/1.1\r\nContent-Length: 0", false},
    eof_case{"Put", "PUT / HTTP/1.1\r\nContent-Length: 0", false},
    eof_case{"Delete", "DELETE / HTTP/1.1", false},
    eof_case{"Key", "POST / HTTP/1.1\r\nContent-Length: 0\r\nIdempotency-Key: k", true},
    eof_case{"XKey", "POST / HTTP/1.1\r\nContent-Length: 0\r\nX-Idempotency-Key: k", true}),
  [](const auto& each) { return each.param.name; });

TEST_F(Retries, AreNotMadeForARequestWithABody) {
  const backend closing{answers::closing()};
  const auto host = here().mapped(closing);
  here().map(host, closing);
  const auto answer =
    here().ask("GET / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(closing.request_count(), 1u);
}

TEST_F(Retries, AreNotMadeAfterAResetOrATimeout) {
  const backend resetting{answers::resetting()};
  const auto host = here().mapped(resetting);
  EXPECT_EQ(here().get(host).status, 502);
  EXPECT_EQ(resetting.request_count(), 1u);
}

TEST_F(Retries, LeaveABackendAloneThatReset) {
  const backend resetting{answers::resetting()};
  const backend good;
  const auto host = fresh_host();
  here().map(host, resetting);
  here().map(host, good);
  int failed = 0;
  for (int i = 0; i < 10; ++i)
    failed += here().get(host).status == 502 ? 1 : 0;
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(resetting.request_count(), 1u);
}

TEST_F(Retries, ForgiveABackendThatMerelyClosed) {
  const backend closing{answers::closing()};
  const backend good;
  const auto host = fresh_host();
  here().map(host, closing);
  here().map(host, good);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_GE(closing.request_count(), 4u);
}

/// Answers the first request of each connection, and closes instead of answering the second.
backend::script stale_after_one() {
  return [](backend_session& session) {
    if (session.request_number == 1)
      answers::ok("hello")(session);
    else
      answers::closing()(session);
  };
}

TEST_F(Retries, ResendSilentlyWhenAPooledConnectionTurnsOutDead) {
  const backend there{stale_after_one()};
  const auto host = here().mapped(there);
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_GE(there.connection_count(), 4u);
  here().under_test.wait_for_access(host + " - [");
  EXPECT_EQ(failures_of(there.address()), 0);
}

TEST_F(Retries, DoNotResendWhatMayNotBeRepeated) {
  const backend there{stale_after_one()};
  const auto host = here().mapped(there);
  EXPECT_EQ(here().ask(post_request(host, "one"), "POST").status, 200);
  const auto answer = here().ask(post_request(host, "two"), "POST");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (EOF)");
  EXPECT_EQ(there.request_count(), 2u);
}

/// Answers, keeps the connection for the pool, and closes it at once all the same.
TEST_F(Retries, NoticeConnectionsThatDiedInThePool) {
  const backend there{[](backend_session& session) {
    answers::ok("hello")(session);
    session.close();
  }};
  const auto host = here().mapped(there);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(here().get(host).status, 200);
}

} // namespace
} // namespace shunt::test
