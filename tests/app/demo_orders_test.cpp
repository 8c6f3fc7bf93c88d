// What the demo's route service lets itself be told, and which URLs it passes requests on to.
#include "app/demo_orders.hpp"

#include <gtest/gtest.h>

namespace shunt::test {
namespace {

using namespace std::chrono_literals;
using app::demo_orders;
using app::demo_target;
using app::parse_host_port;

TEST(DemoOrders, AreTaken) {
  demo_orders orders;
  EXPECT_EQ(orders.take("reject", "403"), "");
  EXPECT_EQ(orders.take("delay", "1.5s"), "");
  EXPECT_EQ(orders.take("rewrite", "X-A:  b c "), "");
  EXPECT_EQ(orders.take("rewrite", "Content-Type:text/plain"), "");
  EXPECT_EQ(orders.take("die", "yes"), "");
  EXPECT_EQ(orders.reject, 403u);
  EXPECT_EQ(orders.delay, 1500ms);
  const std::vector<std::pair<std::string, std::string>> rewrites{{"X-A", "b c"}, {"Content-Type", "text/plain"}};
  EXPECT_EQ(orders.rewrites, rewrites);
  EXPECT_TRUE(orders.die);
}

TEST(DemoOrders, AreTakenBack) {
  demo_orders orders{.reject = 403, .delay = 1s, .rewrites = {}, .die = true};
  EXPECT_EQ(orders.take("reject", "no"), "");
  EXPECT_EQ(orders.take("delay", "0s"), "");
  EXPECT_EQ(orders.take("die", "no"), "");
  EXPECT_EQ(orders.reject, 0u);
  EXPECT_EQ(orders.delay, 0ms);
  EXPECT_FALSE(orders.die);
}

TEST(DemoOrders, AreRefusedWhenTheyMakeNoSense) {
  const std::pair<const char*, const char*> table[] = {
    {"reject", ""},           {"reject", "200"},        {"reject", "600"},
    {"reject", "403x"},       {"reject", "-1"},         {"delay", ""},
    {"delay", "2"},           {"delay", "-1s"},         {"delay", "61s"},
    {"rewrite", ""},          {"rewrite", "no colon"},  {"rewrite", ": value"},
    {"rewrite", "a b: c"},    {"rewrite", "X: a\rb"},   {"rewrite", "X: a\nY: b"},
    {"rewrite", "CONNECTION: close"}, {"rewrite", "content-length: 1"}, {"rewrite", "Transfer-Encoding: chunked"},
    {"die", "perhaps"},       {"sing", "yes"}};
  for (const auto& [name, value] : table) {
    demo_orders orders;
    EXPECT_NE(orders.take(name, value), "") << name << ": " << value;
    EXPECT_EQ(orders.reject, 0u);
    EXPECT_EQ(orders.delay, 0ms);
    EXPECT_TRUE(orders.rewrites.empty());
    EXPECT_FALSE(orders.die);
  }
}

TEST(DemoOrders, AreBounded) {
  demo_orders orders;
  for (int i = 0; i < 1000; ++i)
    orders.take("rewrite", "X: y");
  EXPECT_LE(orders.rewrites.size(), 64u);
}

struct target_row {
  const char* text;
  bool tls;
  const char* host;
  std::uint16_t port;
  const char* authority;
  const char* target;
};

TEST(DemoTarget, IsAnAbsoluteUrlOfEitherScheme) {
  const target_row table[] = {{"http://a.example/p?q=1", false, "a.example", 80, "a.example", "/p?q=1"},
                              {"https://a.example/p", true, "a.example", 443, "a.example", "/p"},
                              {"http://a.example:8080", false, "a.example", 8080, "a.example:8080", "/"},
                              {"http://[::1]/x", false, "::1", 80, "[::1]", "/x"},
                              {"http://[::1]:8080/x", false, "::1", 8080, "[::1]:8080", "/x"},
                              {"http://a.example:443/", false, "a.example", 443, "a.example:443", "/"}};
  for (const auto& row : table) {
    const auto found = demo_target::parse(row.text);
    ASSERT_TRUE(found) << row.text;
    EXPECT_EQ(found->tls, row.tls) << row.text;
    EXPECT_EQ(found->url.host, row.host) << row.text;
    EXPECT_EQ(found->url.port, row.port) << row.text;
    EXPECT_EQ(found->url.authority, row.authority) << row.text;
    EXPECT_EQ(found->url.target, row.target) << row.text;
  }
}

TEST(DemoTarget, IsNothingElse) {
  for (const auto* text : {"", "/path", "ftp://a/", "http://", "http:///x", "http://user@a/", "http://a/ b", "http://a/#f",
                           "http://a:0/", "http://a:99999/"})
    EXPECT_FALSE(demo_target::parse(text)) << text;
}

TEST(DemoTarget, IsAlsoHostAndPort) {
  EXPECT_EQ(parse_host_port("router.internal:8081").value().url.port, 8081);
  EXPECT_EQ(parse_host_port("[::1]:80").value().url.host, "::1");
  EXPECT_EQ(parse_host_port("127.0.0.1:80").value().url.host, "127.0.0.1");
  for (const auto* text : {"", "router", "router:", "router:0", ":80", "router:80/", "http://router:80", "r:80?x", "host80"})
    EXPECT_FALSE(parse_host_port(text)) << text;
}

} // namespace
} // namespace shunt::test
