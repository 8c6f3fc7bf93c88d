// Both ends of links between nodes: transports that a test looks into, strangers, and a node by hand.
#pragma once

#include "cluster/peer_transport.hpp"

#include "net/listener.hpp"
#include "tests/process/harness/patience.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cluster::ends {

using namespace std::chrono_literals;
using test::eventually;

inline routing::node_hello node_called(const std::string& name) {
  routing::node_hello node;
  node.cluster = "test";
  node.node = name;
  node.incarnation = 5;
  node.shards = 4;
  return node;
}

/// What one side of a link heard. Any thread.
struct link_record final : link_listener {
  void on_open() override {
    const std::lock_guard lock{mutex};
    opened = true;
  }
  void on_frame(arrived_frame frame) override {
    const std::lock_guard lock{mutex};
    (frame.lane == link_lane::main ? main : slices) += frame.payload;
    if (hold)
      held.push_back(frame.credit);
  }
  void on_closed(std::string why) override {
    const std::lock_guard lock{mutex};
    closed = true;
    reason = why;
    held.clear();
  }

  template <class Look>
  auto with(Look look) {
    const std::lock_guard lock{mutex};
    return look(*this);
  }
  bool is_open() {
    return with([](auto& r) { return r.opened && !r.closed; });
  }
  bool is_closed() {
    return with([](auto& r) { return r.closed; });
  }

  std::mutex mutex;
  bool opened = false, closed = false, hold = false;
  std::string reason, main, slices;
  std::vector<std::shared_ptr<const void>> held;
};

/// Accepts everybody, or nobody, and remembers.
struct judge final : transport_listener {
  void on_greeting(greeting heard) override {
    const std::lock_guard lock{mutex};
    greetings.push_back(heard);
    if (!refusal.empty()) {
      transport->refuse(heard.link, code, refusal);
      return;
    }
    auto& record = records.emplace_back(std::make_shared<link_record>());
    record->hold = hold;
    transport->accept(heard.link, record);
  }
  void on_dial_failed(dial_failure failure) override {
    const std::lock_guard lock{mutex};
    failures.push_back(failure);
  }
  void on_stranger(std::string, std::string reason) override {
    const std::lock_guard lock{mutex};
    strangers.push_back(reason);
  }

  template <class Look>
  auto with(Look look) {
    const std::lock_guard lock{mutex};
    return look(*this);
  }

  std::mutex mutex;
  peer_transport* transport = nullptr;
  std::string refusal;
  refusal_code code = refusal_code::unfit; ///< Of that refusal.
  bool hold = false;
  std::vector<greeting> greetings;
  std::vector<std::shared_ptr<link_record>> records;
  std::vector<dial_failure> failures;
  std::vector<std::string> strangers;
};

/// One end of links. `host`: where it listens.
struct end {
  explicit end(const std::string& name, transport_options options = {}, const std::string& host = "127.0.0.1") {
    options.self = node_called(name);
    if (options.silence_limit == transport_options{}.silence_limit) // These ends say nothing by themselves.
      options.silence_limit = test::slowed(60s);
    if (options.greeting_limit == transport_options{}.greeting_limit)
      options.greeting_limit = test::slowed(20s);
    options.listening_socket = net::open_listening_socket(host, 0);
    port = net::port_of(options.listening_socket);
    const std::lock_guard lock{known->mutex}; // Until it knows the transport.
    transport = std::make_unique<peer_transport>(options, known, counted);
    known->transport = transport.get();
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port); }
  std::shared_ptr<link_record> record(std::size_t index = 0) {
    return known->with([&](auto& k) { return k.records.size() > index ? k.records[index] : nullptr; });
  }
  link_ptr link(std::size_t index = 0) {
    return known->with([&](auto& k) { return k.greetings.at(index).link; });
  }
  bool links(std::size_t index = 0) {
    return eventually([&] { return record(index) && record(index)->is_open(); });
  }
  dial_failure failure() {
    EXPECT_TRUE(eventually([&] { return known->with([](auto& k) { return !k.failures.empty(); }); }));
    return known->with([](auto& k) { return k.failures.empty() ? dial_failure{} : k.failures.back(); });
  }
  std::string stranger() {
    EXPECT_TRUE(eventually([&] { return known->with([](auto& k) { return !k.strangers.empty(); }); }));
    return known->with([](auto& k) { return k.strangers.empty() ? "" : k.strangers.back(); });
  }

  std::shared_ptr<cluster_metrics> counted = std::make_shared<cluster_metrics>();
  cluster_metrics& metrics = *counted;
  std::shared_ptr<judge> known = std::make_shared<judge>();
  std::uint16_t port = 0;
  std::unique_ptr<peer_transport> transport;
};

inline std::string frame_of(std::string payload) {
  const auto size = payload.size();
  for (int shift = 0; shift < 32; shift += 8)
    payload.insert(payload.begin(), static_cast<char>(size >> shift));
  return payload;
}

/// A socket without manners.
class stranger {
public:
  explicit stranger(std::uint16_t port, std::uint32_t host = INADDR_LOOPBACK) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(host);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
      throw std::runtime_error{"cannot connect"};
    const timeval patience{10 * test::slowness(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~stranger() { ::close(fd_); }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

  void say(std::string_view bytes) { EXPECT_GE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0); }
  /// The next frame; nothing when the connection ended or was silent.
  std::optional<peer_frame> hear() {
    std::string bytes;
    while (!frame_length(bytes) || bytes.size() < frame_length_bytes + *frame_length(bytes)) {
      char c = 0;
      if (::recv(fd_, &c, 1, 0) != 1)
        return std::nullopt;
      bytes += c;
    }
    return decode(std::string_view{bytes}.substr(frame_length_bytes)).frame;
  }
  /// True once the other side ended the connection.
  bool ended() {
    char rest[4096];
    for (;;) {
      const auto count = ::recv(fd_, rest, sizeof rest, 0);
      if (count == 0 || (count < 0 && errno == ECONNRESET))
        return true;
      if (count < 0)
        return false;
    }
  }

  int fd() const { return fd_; }

private:
  int fd_;
};

/// A node by hand, linked.
struct node_by_hand {
  explicit node_by_hand(std::uint16_t port) : main{port}, slices{port} {
    main.say(encode(hello_frame{1, 1, link_lane::main, 0, node_called("hand")}));
    const auto welcome = main.hear();
    if (!welcome || !std::holds_alternative<welcome_frame>(*welcome))
      throw std::runtime_error{"no welcome"};
    const auto token = std::get<welcome_frame>(*welcome).token;
    slices.say(encode(hello_frame{1, 1, link_lane::slices, token, node_called("hand")}));
    slices.hear();
  }
  stranger main, slices;
};

} // namespace shunt::cluster::ends
