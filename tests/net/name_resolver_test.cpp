// Asking name servers: what they say, that one which is silent stops nobody else, and that nothing waits for it.
#include "net/name_resolver.hpp"

#include "tests/net/loop_fixture.hpp"

#include <boost/asio/ip/udp.hpp>

#include <map>
#include <vector>

namespace shunt::net {
namespace {

using asio::ip::udp;
using answer = name_resolver::answer;

/// A DNS server for one zone (RFC 1035): names with an address, and silence for all whose name begins with `slow`.
class zone {
public:
  explicit zone(event_loop& loop) : socket_{loop.context(), udp::endpoint{asio::ip::address_v4::loopback(), 0}} {
    receive();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port()); }

  bool silent = true;
  std::map<std::string, std::array<char, 4>> hosts;
  std::map<std::string, int> asked; ///< For IPv4 addresses.

private:
  void receive() {
    socket_.async_receive_from(asio::buffer(bytes_), from_, [this](error_code failed, std::size_t count) {
      if (failed)
        return;
      reply({bytes_.data(), count});
      receive();
    });
  }
  void reply(std::string_view query) {
    std::string name;
    std::size_t at = 12; // Behind the header: one question.
    while (query[at] != 0) {
      name += (name.empty() ? "" : ".") + std::string{query.substr(at + 1, static_cast<unsigned char>(query[at]))};
      at += 1 + static_cast<unsigned char>(query[at]);
    }
    const auto question_end = at + 5;
    const bool for_ipv4 = query[at + 2] == 1;
    asked[name] += for_ipv4;
    if (silent && name.starts_with("slow"))
      return;
    const auto host = hosts.find(name);
    const bool found = host != hosts.end();
    const bool told = found && for_ipv4;
    std::string out{query.substr(0, 2)};
    out += {'\x81', found ? '\x80' : '\x83', 0, 1, 0, static_cast<char>(told), 0, 0, 0, 0};
    out += query.substr(12, question_end - 12);
    if (told) {
      out += {'\xc0', 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
      out.append(host->second.data(), 4);
    }
    socket_.send_to(asio::buffer(out), from_);
  }

  udp::socket socket_;
  udp::endpoint from_;
  std::array<char, 512> bytes_;
};

class NameResolver : public loop_fixture {
protected:
  NameResolver() {
    there.hosts = {{"one.test", {127, 0, 0, 1}}, {"two.test", {127, 0, 0, 2}}};
    loop.names().ask(there.address());
  }
  static task<answer> find(event_loop& loop, std::string host, std::chrono::nanoseconds timeout) {
    auto found = co_await loop.names().resolve(host, timeout);
    co_return found;
  }
  running<answer> look_for(const std::string& host, std::chrono::nanoseconds timeout = 1h) {
    return running<answer>{find(loop, host, timeout)};
  }
  answer finished(const running<answer>& search) {
    EXPECT_TRUE(drive_until([&] { return search.done(); }));
    return search.value();
  }

  /// That many who wait for names of which nobody says anything.
  std::vector<std::unique_ptr<name_resolver::lookup>> wait_for_slow(std::size_t count) {
    std::vector<std::unique_ptr<name_resolver::lookup>> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back(std::make_unique<name_resolver::lookup>(loop.names(), "slow" + std::to_string(i) + ".test", 1h));
    return all;
  }

  zone there{loop};
};

TEST_F(NameResolver, FindsAddresses) {
  const auto found = finished(look_for("one.test"));
  EXPECT_FALSE(found.code) << found.code.message();
  ASSERT_EQ(found.addresses.size(), 1u);
  EXPECT_EQ(found.addresses[0].to_string(), "127.0.0.1");
}

TEST_F(NameResolver, SaysThatThereIsNoSuchName) {
  const auto found = finished(look_for("none.test."));
  EXPECT_EQ(found.code, asio::error::host_not_found);
  EXPECT_TRUE(found.addresses.empty());
}

TEST_F(NameResolver, KnowsTheHostsOfTheMachine) {
  const auto found = finished(look_for("localhost"));
  EXPECT_FALSE(found.code) << found.code.message();
  EXPECT_FALSE(found.addresses.empty());
  EXPECT_TRUE(there.asked.empty());
}

TEST_F(NameResolver, LetsNobodyWaitForTheNameOfAnother) {
  const auto slow = wait_for_slow(50);
  EXPECT_EQ(finished(look_for("two.test")).addresses.at(0).to_string(), "127.0.0.2");
  for (const auto& each : slow)
    EXPECT_FALSE(each->await_ready());
}

TEST_F(NameResolver, WaitsNoLongerThanItMay) {
  const auto patient = look_for("slow.test"), hasty = look_for("slow.test", 1s);
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  pass(2s);
  EXPECT_EQ(finished(hasty).code, asio::error::timed_out);
  EXPECT_FALSE(patient.done());
  pass(2h);
  EXPECT_EQ(finished(patient).code, asio::error::timed_out);
}

TEST_F(NameResolver, AsksOnceForAllWhoWait) {
  std::vector<running<answer>> many;
  for (int i = 0; i < 20; ++i)
    many.push_back(look_for("one.test"));
  for (const auto& each : many)
    EXPECT_EQ(finished(each).addresses.size(), 1u);
  EXPECT_EQ(there.asked["one.test"], 1);
  EXPECT_EQ(finished(look_for("one.test")).addresses.size(), 1u);
  EXPECT_EQ(there.asked["one.test"], 2) << "what was true a moment ago is asked for again";
}

TEST_F(NameResolver, AsksNewServersAtOnceWhileTheOldOnesAreSilent) {
  const auto waiting = look_for("slow.test");
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  zone other{loop};
  other.silent = false;
  other.hosts = {{"slow.test", {127, 0, 0, 3}}};
  loop.names().ask(other.address());
  EXPECT_EQ(finished(look_for("slow.test")).addresses.at(0).to_string(), "127.0.0.3");
  EXPECT_FALSE(waiting.done());
  pass(2h);
  EXPECT_EQ(finished(waiting).code, asio::error::timed_out);
}

TEST_F(NameResolver, AsksAnewForWhoComesLaterThanTheSilence) {
  const auto waiting = look_for("slow.test");
  const auto began = std::chrono::steady_clock::now(); // Not before the resolver's own clock says so.
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  there.hosts["slow.test"] = {127, 0, 0, 4};
  there.silent = false;
  EXPECT_TRUE(drive_until([&] { return std::chrono::steady_clock::now() - began > 1s; }));
  EXPECT_EQ(finished(look_for("slow.test")).addresses.size(), 1u);
  EXPECT_FALSE(waiting.done());
  pass(2h);
  EXPECT_TRUE(waiting.done());
}

TEST_F(NameResolver, EndsAtOnceWhileServersAreSilent) {
  event_loop other{1, budget};
  std::optional<name_resolver::lookup> silent;
  other.start();
  other.run([&] {
    other.names().ask(there.address());
    silent.emplace(other.names(), "slow.test", 1h);
  });
  EXPECT_TRUE(drive_until([&] { return there.asked["slow.test"] == 1; }));
  const auto began = std::chrono::steady_clock::now();
  other.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST_F(NameResolver, RefusesMoreNamesThanItMayAskForAtOnce) {
  const auto slow = wait_for_slow(name_resolver::flights_max);
  EXPECT_EQ(finished(look_for("one.test")).code, asio::error::no_buffer_space);
}

} // namespace
} // namespace shunt::net
