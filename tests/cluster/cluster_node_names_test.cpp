// Nodes that find each other by names, of which one may stand for several.
#include "net/listener.hpp"
#include "tests/cluster/cluster_node_fixture.hpp"
#include "tests/net/dns_zone.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <optional>

namespace shunt {
namespace {

using test::eventually;
using testing::IsEmpty;

class ClusterNodeNames : public cluster_node_fixture {
protected:
  ClusterNodeNames() {
    loop.start();
    loop.run([this] { zone.emplace(loop); });
  }
  ~ClusterNodeNames() override { loop.stop(); }

  void call(const std::string& name, std::vector<std::string> addresses) {
    loop.run([&] { zone->hosts[name] = std::move(addresses); });
  }
  int asked_for(const std::string& name) {
    int count = 0;
    loop.run([&] { count = zone->asked[name]; });
    return count;
  }
  /// Listens at `host`, at that port or at any.
  std::unique_ptr<node> make_at(const std::string& host, std::uint16_t port, const std::string& name,
                                std::vector<std::string> peers = {}) {
    cluster_node_options options;
    options.hello.address = host + ":0";
    options.listen_address = host;
    options.listen_port = port;
    options.delays.look_again = 200ms;
    options.name_servers = zone->address();
    return make(name, std::move(peers), options);
  }
  static std::uint16_t port_of(const node& of) {
    return static_cast<std::uint16_t>(std::stoi(of.address.substr(of.address.rfind(':') + 1)));
  }
  static std::string all_at(std::uint16_t port) { return "all.test:" + std::to_string(port); }

  net::buffer_budget budget{std::numeric_limits<std::size_t>::max()};
  net::event_loop loop{0, budget};
  std::optional<net::dns_zone> zone;
};

TEST_F(ClusterNodeNames, LinksToOthersByANameThatIsItsOwnToo) {
  call("all.test", {"127.0.0.2", "127.0.0.3"});
  const auto b = make_at("127.0.0.3", 0, "b");
  const auto a = make_at("127.0.0.2", port_of(*b), "a", {all_at(port_of(*b))});
  EXPECT_TRUE(a->sees("b"));
  EXPECT_TRUE(b->sees("a"));
  EXPECT_THAT(a->log.lines("peer-refused-this-node"), IsEmpty());
}

TEST_F(ClusterNodeNames, LinksToAllThatANameStandsFor) {
  call("all.test", {"127.0.0.2", "127.0.0.3"});
  const auto b = make_at("127.0.0.2", 0, "b");
  const auto c = make_at("127.0.0.3", port_of(*b), "c");
  const auto a = make_at("127.0.0.1", 0, "a", {all_at(port_of(*b))});
  EXPECT_TRUE(a->sees("b"));
  EXPECT_TRUE(a->sees("c")) << "though it is linked already to one of them";
  EXPECT_TRUE(b->sees("c")) << "which it is told of";
}

TEST_F(ClusterNodeNames, KeepsALinkWhileItLooksForOthers) {
  std::uint16_t port = 0;
  {
    const int socket = net::open_listening_socket("127.0.0.2", 0);
    port = net::port_of(socket);
    ::close(socket);
  }
  const auto a = make_at("127.0.0.1", 0, "a", {all_at(port)}); // Of that name nobody knows yet.
  const auto z = make_at("127.0.0.2", port, "z", {a->address});
  ASSERT_TRUE(a->sees("z") && z->sees("a") && a->has_link() && z->has_link());
  call("all.test", {"127.0.0.2"});
  const auto before = asked_for("all.test");
  EXPECT_TRUE(eventually([&] { return asked_for("all.test") >= before + 5; }));
  for (auto* each : {a.get(), z.get()}) {
    EXPECT_EQ(each->metrics.links_opened.value(), 1u);
    EXPECT_THAT(each->log.lines("link-closed"), IsEmpty());
    EXPECT_THAT(each->log.lines("peer-refused-this-node"), IsEmpty());
    EXPECT_THAT(each->log.lines("connection-refused"), IsEmpty());
  }
}

} // namespace
} // namespace shunt
