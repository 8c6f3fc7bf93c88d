// Hosts of backends that are gone from one moment to the next, as when a cell loses its power: nothing says that their
// connections ended. It costs the requests that were there some seconds, and is not waited for again.
#include "tests/process/harness/http2_backend.hpp"
#include "tests/process/harness/stage.hpp"

#include "tests/process/harness/apps_front.hpp"

#include <atomic>

namespace shunt::test {
namespace {

using namespace http2_scripts;

class LostHosts : public SharedStage<LostHosts> {
public:
  static nlohmann::json configuration() {
    return {{"enable_http2", true},
            {"enable_h2c", true},
            {"endpoint_keep_alive_probe_interval", "100ms"},
            {"endpoint_dial_timeout", slowed_text(500ms)},
            {"endpoint_timeout", slowed_text(2min)},
            {"go_max_procs", 1}}; // So that requests share a connection.
  }
};

TEST_F(LostHosts, OfHttp2AreNotAskedForLong) {
  std::atomic<int> held{0};
  http2_backend lost{apps_certificate(), each_request([&](http2_peer& peer, std::uint32_t stream, const std::string& head) {
                       if (field_of(head, ":path") == "/held")
                         ++held;
                       else
                         peer.send(answer(stream, "lost"));
                     })};
  http2_backend there{apps_certificate(), each_request([](http2_peer& peer, std::uint32_t stream, const std::string&) {
                        peer.send(answer(stream, "there"));
                      })};
  const auto host = fresh_host();
  here().map(host, lost.port(), {{"protocol", "h2c"}});
  ASSERT_EQ(here().get(host).body, "lost");
  client first{port()};
  first.send(get_request(host, "/held"));
  ASSERT_TRUE(eventually([&] { return held == 1; }));
  here().map(host, there.port(), {{"protocol", "h2c"}});
  lost.go_deaf();
  client second{port()}, third{port()}; // One of them goes to each.
  second.send(get_request(host));
  third.send(get_request(host));
  EXPECT_EQ(first.response().body, "there");
  EXPECT_EQ(second.response().body, "there");
  EXPECT_EQ(third.response().body, "there");
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(here().ask(post_request(host, "body")).body, "there") << "the endpoint is left alone";
}

} // namespace
} // namespace shunt::test
