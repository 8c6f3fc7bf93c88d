// Listening: on which addresses, who may share a port, what is accepted, what happens to those who
// wait at the door when it closes, and when there are no more descriptors.
#include "net/listener.hpp"

#include "tests/net/loop_fixture.hpp"

#include <boost/system/system_error.hpp>

#include <fcntl.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace shunt::net {
namespace {

/// A client's socket, connected to the port over loopback; -1 when refused.
int connect_to(std::uint16_t port, bool ipv6 = false) {
  const int descriptor = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  const auto* where =
    ipv6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  if (::connect(descriptor, where, ipv6 ? sizeof v6 : sizeof v4) == 0)
    return descriptor;
  ::close(descriptor);
  return -1;
}

bool machine_has_ipv6() {
  const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  const bool bound =
    descriptor >= 0 && ::bind(descriptor, reinterpret_cast<const sockaddr*>(&v6), sizeof v6) == 0;
  ::close(descriptor);
  return bound;
}

class Listener : public loop_fixture {
protected:
  std::unique_ptr<listener> listen_on(int descriptor) {
    auto made = std::make_unique<listener>(
      loop, descriptor, [this](int accepted_one) { accepted.emplace_back(accepted_one); },
      [this](error_code reason) { pauses.push_back(reason); });
    made->open();
    return made;
  }
  [[nodiscard]] bool accepts(std::size_t count) {
    return drive_until([&] { return accepted.size() >= count; });
  }

  std::vector<peer_socket> accepted;
  std::vector<error_code> pauses;
};

TEST_F(Listener, AcceptsConnectionsAndHandsThemOver) {
  const int descriptor = open_listening_socket("127.0.0.1", 0);
  const auto port = port_of(descriptor);
  const auto door = listen_on(descriptor);
  peer_socket client{connect_to(port)};
  ASSERT_TRUE(accepts(1));
  client.send("hello");
  EXPECT_EQ(take_until(accepted[0], 5), "hello");
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ::getsockopt(accepted[0].descriptor(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
  EXPECT_NE(no_delay, 0);
  EXPECT_NE(::fcntl(accepted[0].descriptor(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted[0].descriptor(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(pauses.empty());
}

TEST_F(Listener, AcceptsMoreThanFitIntoOneTurn) {
  const int descriptor = open_listening_socket("127.0.0.1", 0);
  const auto port = port_of(descriptor);
  std::vector<peer_socket> clients;
  for (int i = 0; i < 200; ++i)
    ASSERT_GE(clients.emplace_back(connect_to(port)).descriptor(), 0);
  const auto door = listen_on(descriptor);
  EXPECT_TRUE(accepts(200));
}

TEST_F(Listener, HearsBothFamiliesOnOnePort) {
  const auto sockets = open_listening_sockets(0, 1);
  ASSERT_EQ(sockets.size(), 1u);
  const auto port = port_of(sockets[0]);
  const auto door = listen_on(sockets[0]);
  const peer_socket v4{connect_to(port)};
  EXPECT_GE(v4.descriptor(), 0);
  EXPECT_TRUE(accepts(1));
  if (!machine_has_ipv6())
    GTEST_SKIP() << "no IPv6 here";
  const peer_socket v6{connect_to(port, true)};
  EXPECT_GE(v6.descriptor(), 0);
  EXPECT_TRUE(accepts(2));
}

TEST_F(Listener, HearsOnlyTheAddressThatItWasGiven) {
  const int v4 = open_listening_socket("127.0.0.1", 0);
  const auto port = port_of(v4);
  const auto door = listen_on(v4);
  EXPECT_GE(peer_socket{connect_to(port)}.descriptor(), 0);
  EXPECT_LT(peer_socket{connect_to(port, true)}.descriptor(), 0);
  if (!machine_has_ipv6())
    GTEST_SKIP() << "no IPv6 here";
  const int v6 = open_listening_socket("::1", 0);
  const auto other_port = port_of(v6);
  const auto other_door = listen_on(v6);
  EXPECT_GE(peer_socket{connect_to(other_port, true)}.descriptor(), 0);
}

TEST_F(Listener, SharesThePortOfOneAddressAmongAllLoops) {
  const auto sockets = open_listening_sockets("127.0.0.1", 0, 3);
  ASSERT_EQ(sockets.size(), 3u);
  const auto port = port_of(sockets[0]);
  std::vector<std::unique_ptr<listener>> doors;
  for (const int each : sockets) {
    EXPECT_EQ(port_of(each), port);
    doors.push_back(listen_on(each));
  }
  EXPECT_LT(peer_socket{connect_to(port, true)}.descriptor(), 0) << "there alone";
  std::vector<peer_socket> clients;
  for (int i = 0; i < 50; ++i)
    ASSERT_GE(clients.emplace_back(connect_to(port)).descriptor(), 0);
  EXPECT_TRUE(accepts(50));
}

TEST_F(Listener, SharesOnePortAmongAllLoops) {
  const auto sockets = open_listening_sockets(0, 4);
  ASSERT_EQ(sockets.size(), 4u);
  std::vector<std::unique_ptr<listener>> doors;
  for (const int each : sockets) {
    EXPECT_EQ(port_of(each), port_of(sockets[0]));
    doors.push_back(listen_on(each));
  }
  std::vector<peer_socket> clients;
  for (int i = 0; i < 50; ++i)
    ASSERT_GE(clients.emplace_back(connect_to(port_of(sockets[0]))).descriptor(), 0);
  EXPECT_TRUE(accepts(50));
}

/// The error of opening a port; none when it could be opened.
template <class Open>
error_code error_of(Open open) {
  try {
    open();
    return {};
  } catch (const boost::system::system_error& failed) {
    return failed.code();
  }
}

TEST_F(Listener, SharesItsPortWithNobodyElse) {
  const auto sockets = open_listening_sockets(0, 2);
  const auto port = port_of(sockets[0]);
  // Not even with another router, which asks for a shared port as well.
  EXPECT_EQ(error_of([&] { open_listening_sockets(port, 2); }), asio::error::address_in_use);
  EXPECT_EQ(error_of([&] { open_listening_socket("127.0.0.1", port); }),
            asio::error::address_in_use);
  for (const int each : sockets)
    ::close(each);
  const int alone = open_listening_socket("127.0.0.1", port); // Now it is free.
  EXPECT_EQ(port_of(alone), port);
  EXPECT_EQ(error_of([&] { open_listening_sockets(port, 1); }), asio::error::address_in_use);
  ::close(alone);
}

TEST_F(Listener, ThrowsForWhatIsNoAddress) {
  EXPECT_TRUE(error_of([] { open_listening_socket("localhost", 0); }));
  EXPECT_TRUE(error_of([] { open_listening_socket("192.0.2.1", 0); })); // Not this machine's.
}

TEST_F(Listener, LeaksNoDescriptorWhenItFails) {
  const auto sockets = open_listening_sockets(0, 1);
  const auto port = port_of(sockets[0]);
  const int before = ::dup(0);
  ::close(before);
  EXPECT_TRUE(error_of([&] { open_listening_sockets(port, 3); }));
  const int after = ::dup(0);
  ::close(after);
  EXPECT_EQ(after, before);
  ::close(sockets[0]);
}

TEST_F(Listener, ClosingEmptiesTheQueueFirst) {
  const int descriptor = open_listening_socket("127.0.0.1", 0);
  const auto port = port_of(descriptor);
  const auto door = listen_on(descriptor);
  std::vector<peer_socket> clients;
  for (int i = 0; i < 100; ++i) { // Connected, as far as the clients know; no handler has run.
    ASSERT_GE(clients.emplace_back(connect_to(port)).descriptor(), 0);
    clients.back().send("hello");
  }
  EXPECT_TRUE(accepted.empty());
  door->close();
  EXPECT_EQ(accepted.size(), 100u);
  EXPECT_EQ(take_until(accepted[99], 5), "hello");
  EXPECT_LT(connect_to(port), 0);
  door->close(); // Twice is once.
  settle();
  EXPECT_EQ(accepted.size(), 100u);
  EXPECT_TRUE(pauses.empty());
}

TEST_F(Listener, MayBeClosedByWhoIsHandedAConnection) {
  const int descriptor = open_listening_socket("127.0.0.1", 0);
  const auto port = port_of(descriptor);
  std::unique_ptr<listener> door;
  door = std::make_unique<listener>(
    loop, descriptor,
    [&](int accepted_one) {
      accepted.emplace_back(accepted_one);
      door->close();
    },
    [this](error_code reason) { pauses.push_back(reason); });
  const peer_socket first{connect_to(port)}, second{connect_to(port)};
  door->open();
  ASSERT_TRUE(accepts(2));
  pass(1s);
  EXPECT_TRUE(pauses.empty()) << pauses.front().message(); // It was closed, not out of anything.
  EXPECT_LT(connect_to(port), 0);
}

TEST_F(Listener, DiesQuietlyWhileItWaits) {
  const int descriptor = open_listening_socket("127.0.0.1", 0);
  const auto port = port_of(descriptor);
  auto door = listen_on(descriptor);
  settle();
  door.reset();
  settle();
  EXPECT_LT(connect_to(port), 0);
}

// -- Out of descriptors. In a process of its own, whose limit may be lowered.

class listener_at_its_limit {
public:
  [[noreturn]] void run() {
    door_.open();
    const peer_socket first{connect_to(port_)}, second{connect_to(port_)};
    use_up_descriptors();
    drive_until([&] { return pauses_ > 0; }, "no pause");
    must(reason_ == boost::system::errc::too_many_files_open, "another reason");
    loop_.context().poll();
    must(pauses_ == 1 && accepted_ == 0, "it spins");
    let_it_try_again(); // There still are none: it says so, and waits once more.
    drive_until([&] { return pauses_ == 2; }, "no second try");
    for (const int each : spare_)
      ::close(each);
    let_it_try_again();
    drive_until([&] { return accepted_ == 2; }, "does not recover");
    must(pauses_ == 2, "pauses without need");
    std::_Exit(0);
  }

private:
  static void must(bool holds, const char* otherwise) {
    if (holds)
      return;
    std::fprintf(stderr, "%s\n", otherwise);
    std::_Exit(1);
  }
  template <class Done>
  void drive_until(Done done, const char* otherwise) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      must(std::chrono::steady_clock::now() < until, otherwise);
      loop_.context().restart();
      loop_.context().run_one_for(1ms);
    }
  }
  void let_it_try_again() {
    now_ += 1h;
    loop_.deadlines().advance(now_);
  }
  void use_up_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 128;
    must(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "cannot set the limit");
    for (int each = ::dup(0); each >= 0; each = ::dup(0))
      spare_.push_back(each);
  }

  buffer_budget budget_{1 << 20};
  event_loop loop_{0, budget_};
  steady_time now_ = std::chrono::steady_clock::now();
  int descriptor_ = open_listening_socket("127.0.0.1", 0);
  std::uint16_t port_ = port_of(descriptor_);
  std::size_t accepted_ = 0;
  std::size_t pauses_ = 0;
  error_code reason_;
  std::vector<int> spare_;
  listener door_{loop_, descriptor_, [this](int) { ++accepted_; },
                 [this](error_code reason) {
                   reason_ = reason;
                   ++pauses_;
                 }};
};

TEST(ListenerDeathTest, PausesWhenDescriptorsRunOutAndRecovers) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "these sanitizers need descriptors themselves, to look at virtual functions";
#endif
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(listener_at_its_limit{}.run(), ::testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace shunt::net
