// What a client and the log hear when serving a request ends by an exception, as it does when there is no memory:
// the global operators of this program refuse large pieces while a test wants them to.
#include "tests/actors/support/router_in_process.hpp"
#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/client.hpp"

#include <gtest/gtest.h>

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t large_bytes = 40 * 1024;
std::atomic<bool> refuses_large{false};

/// Not on the threads of the test, whose clients and backends read large messages.
bool is_on_loop() {
  std::array<char, 16> name{};
  return pthread_getname_np(pthread_self(), name.data(), name.size()) == 0
         && std::string_view{name.data()}.starts_with("loop-");
}

} // namespace

void* operator new(std::size_t bytes) {
  if (bytes < large_bytes || !refuses_large || !is_on_loop())
    if (void* memory = std::malloc(bytes))
      return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace shunt {
namespace {

using test::backend;
using test::client;
using test::get_request;
using test::router_in_process;

class without_memory {
public:
  without_memory() { refuses_large = true; }
  ~without_memory() { refuses_large = false; }
  without_memory(const without_memory&) = delete;
  without_memory& operator=(const without_memory&) = delete;
};

TEST(Defect, IsToldToAClientThatHasHeardNothing) {
  const backend app;
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", app.port());
  const auto large = get_request("a.example", "/", "X-Large: " + std::string(large_bytes, 'x') + "\r\n");
  client visitor{router.port()};
  {
    const without_memory now; // The head for the backend is what there is no room for.
    visitor.send(large);
    const auto answer = visitor.response();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.one("X-Cf-RouterError"), "unknown_failure");
    EXPECT_EQ(answer.body, "");
    EXPECT_FALSE(answer.has("Content-Type"));
    EXPECT_TRUE(visitor.sees_close());
    EXPECT_EQ(app.request_count(), 0u);
    const auto id = answer.one("X-Vcap-Request-Id");
    ASSERT_TRUE(router.log.await("panic-check"));
    const auto line = router.log.lines("panic-check").front();
    EXPECT_EQ(line.at("log_level"), 3);
    EXPECT_EQ(line.at("data").at("host"), "a.example");
    EXPECT_EQ(line.at("data").at("error"), "panic: std::bad_alloc");
    EXPECT_EQ(line.at("data").at("vcap_request_id"), id);
  }
  client another{router.port()};
  EXPECT_EQ(another.send(large).response().status, 200) << "the loop goes on";
  EXPECT_FALSE(router.access_log().await({"\"GET / HTTP/1.1\" 502", "x_cf_routererror:\"unknown_failure\""}).empty());
}

TEST(Defect, CutsOffAClientThatMayHaveHeardSomething) {
  const std::string head =
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Large: " + std::string(large_bytes, 'x') + "\r\n\r\n";
  const backend app{[head](test::backend_session& session) { session.send(head); }};
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", app.port());
  client visitor{router.port()};
  {
    const without_memory now; // The answer is decided on, but there is no room for it.
    visitor.send(get_request("a.example"));
    EXPECT_TRUE(visitor.sees_end());
    ASSERT_TRUE(router.log.await("panic-check"));
  }
  client another{router.port()};
  EXPECT_EQ(another.send(get_request("a.example")).response().status, 200);
}

} // namespace
} // namespace shunt
