// Syslog sinks against real sockets on loopback, with a clock that the tests move.
#include "config/settings.hpp"
#include "net/log_sink.descriptor.hpp"
#include "net/log_sink.hpp"
#include "net/log_sink.syslog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// What a sink reported: "message: error".
class reports {
public:
  log_trouble callback() {
    return [this](std::string_view message, std::string_view error) {
      all.push_back(std::string{message} + ": " + std::string{error});
    };
  }

  std::vector<std::string> all;
};

constexpr std::string_view frame_begin = "<14>1 2025-01-02T03:04:05Z node-1 gorouter ";

/// What a message for `line` looks like under the options below.
std::string message_of(std::string_view line) {
  return std::string{frame_begin} + std::to_string(::getpid()) + " - \xef\xbb\xbf"
         + std::string{line};
}

class SyslogSink : public testing::Test {
protected:
  syslog_sink_options options_for(std::string network, std::uint16_t port) {
    syslog_sink_options options;
    options.network = std::move(network);
    options.address = "127.0.0.1:" + std::to_string(port);
    options.app_name = "gorouter";
    options.hostname = "node-1";
    options.wall_clock = [] { return std::chrono::system_clock::time_point{1'735'787'045'900ms}; };
    options.clock = [this] { return now; };
    options.waiting_bytes_max = 1024;
    return options;
  }
  std::shared_ptr<log_sink> open(syslog_sink_options options) {
    return open_syslog_sink(std::move(options), trouble.callback());
  }

  std::chrono::steady_clock::time_point now{};
  reports trouble;
};

/// A socket on 127.0.0.1. Reads give up after some seconds, so that a failing test ends.
descriptor loopback_socket(int type, std::uint16_t port) {
  descriptor socket{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const timeval patience{10, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::system_error{errno, std::generic_category(), "bind"};
  return socket;
}

std::uint16_t port_of(const descriptor& socket) {
  sockaddr_in address{};
  socklen_t bytes = sizeof(address);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
  return ntohs(address.sin_port);
}

std::string receive(const descriptor& socket) {
  std::string bytes(70'000, '\0');
  const auto received = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
  return bytes;
}

/// A syslog server over TCP.
class tcp_server {
public:
  explicit tcp_server(std::uint16_t port = 0, int receive_buffer_bytes = 0)
    : listener_{loopback_socket(SOCK_STREAM, port)} {
    if (receive_buffer_bytes > 0)
      ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof(receive_buffer_bytes));
    ::listen(listener_.get(), 8);
  }

  std::uint16_t port() const { return port_of(listener_); }
  void accept() { connection_ = descriptor{::accept(listener_.get(), nullptr, nullptr)}; }
  void hang_up() { connection_ = descriptor{}; }
  bool is_called() const {
    const descriptor connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    return bool{connection};
  }
  void stop_waiting() const {
    const timeval patience{0, 1};
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  /// So many bytes, or fewer if no more come.
  std::string read(std::size_t bytes) const {
    std::string text;
    while (text.size() < bytes) {
      const auto more = receive(connection_);
      if (more.empty())
        break;
      text += more;
    }
    return text;
  }

private:
  descriptor listener_;
  descriptor connection_;
};

TEST_F(SyslogSink, SendsADatagramForEachLine) {
  const auto server = loopback_socket(SOCK_DGRAM, 0);
  const auto sink = open(options_for("udp", port_of(server)));
  sink->write("one\ntwo\n");
  EXPECT_EQ(receive(server), message_of("one"));
  EXPECT_EQ(receive(server), message_of("two"));
  EXPECT_TRUE(sink->flush(0ms));
  EXPECT_THAT(trouble.all, IsEmpty());
}

TEST_F(SyslogSink, TruncatesTheLineAndNotTheHeader) {
  const auto server = loopback_socket(SOCK_DGRAM, 0);
  auto options = options_for("udp4", port_of(server));
  options.truncate_bytes = 5;
  const auto sink = open(options);
  sink->write("12345\n123456\n1234\xc3\xa4\n");
  EXPECT_EQ(receive(server), message_of("12345"));
  EXPECT_EQ(receive(server), message_of("12345"));
  EXPECT_EQ(receive(server), message_of("1234")); // Not in the middle of a character.
}

TEST_F(SyslogSink, CutsTextBetweenCharacters) {
  EXPECT_EQ(cut_text("abc", 3), "abc");
  EXPECT_EQ(cut_text("abc", 2), "ab");
  EXPECT_EQ(cut_text("a\xf0\x9f\x98\x80", 4), "a");
  EXPECT_EQ(cut_text("\x80\x80\x80\x80\x80\x80", 5), "\x80\x80"); // No UTF-8: three less.
  EXPECT_EQ(cut_text("\x80\x80", 1), "");
  EXPECT_EQ(cut_text("abc", 0), "");
}

TEST_F(SyslogSink, CutsALineThatFitsNoDatagram) {
  const auto server = loopback_socket(SOCK_DGRAM, 0);
  const auto sink = open(options_for("udp", port_of(server)));
  sink->write(std::string(100'000, 'x') + "\n");
  const auto received = receive(server);
  EXPECT_EQ(received.size(), 65'507u);
  EXPECT_TRUE(received.ends_with("xxx"));
  EXPECT_EQ(sink->dropped(), 0u);
}

TEST_F(SyslogSink, NamesNothingWithADash) {
  const auto server = loopback_socket(SOCK_DGRAM, 0);
  auto options = options_for("udp", port_of(server));
  options.app_name = "";
  options.hostname = "two words\n";
  open(options)->write("line\n");
  EXPECT_EQ(receive(server), "<14>1 2025-01-02T03:04:05Z twowords - " + std::to_string(::getpid())
                               + " - \xef\xbb\xbfline");
}

TEST_F(SyslogSink, CountsDatagramsThatWereRefused) {
  auto server = loopback_socket(SOCK_DGRAM, 0);
  const auto port = port_of(server);
  const auto sink = open(options_for("udp", port));
  server = descriptor{};
  for (int i = 0; i < 10; ++i)
    sink->write("lost\n"); // Each is refused, which the next one is told.
  EXPECT_GE(sink->dropped(), 5u);
  EXPECT_THAT(trouble.all, ElementsAre(HasSubstr("error-emitting-access-log-to-writer-syslog: ")));

  server = loopback_socket(SOCK_DGRAM, port);
  sink->write("refusal arrives\n");
  sink->write("found\n");
  EXPECT_EQ(receive(server), message_of("refusal arrives"));
  EXPECT_EQ(receive(server), message_of("found"));
  EXPECT_THAT(trouble.all, ElementsAre(HasSubstr("refused"), HasSubstr("works again")));
}

TEST_F(SyslogSink, EndsEachMessageWithALineFeedOverTcp) {
  tcp_server server;
  const auto sink = open(options_for("tcp", server.port()));
  server.accept();
  sink->write("one\ntwo\n");
  EXPECT_TRUE(sink->flush(10s));
  const auto expected = message_of("one") + "\n" + message_of("two") + "\n";
  EXPECT_EQ(server.read(expected.size()), expected);
  EXPECT_THAT(trouble.all, IsEmpty());
}

TEST_F(SyslogSink, ConnectsAnewAtOnceIfTheConnectionHadLasted) {
  tcp_server server;
  const auto sink = open(options_for("tcp", server.port()));
  server.accept();
  server.hang_up();
  now += 1h;
  sink->write("line\n");
  server.accept();
  EXPECT_TRUE(sink->flush(10s));
  EXPECT_EQ(server.read(message_of("line\n").size()), message_of("line\n"));
  EXPECT_EQ(sink->dropped(), 0u);
  EXPECT_THAT(trouble.all, ElementsAre(HasSubstr("closed by the server")));
}

TEST_F(SyslogSink, PausesLongerAndLongerBetweenAttempts) {
  auto server = std::make_unique<tcp_server>();
  const auto port = server->port();
  auto options = options_for("tcp", port);
  options.backoff_min = 100ms;
  options.backoff_max = 300ms;
  const auto sink = open(options);
  server->accept();
  server.reset();
  sink->write("line\n"); // Finds the connection closed: 100 ms.
  for (const auto pause : {100ms, 200ms, 300ms, 300ms}) {
    now += pause - 1ms;
    {
      const tcp_server watcher{port};
      watcher.stop_waiting();
      EXPECT_TRUE(sink->tend());
      EXPECT_FALSE(watcher.is_called()) << "before " << pause.count() << " ms";
    }
    now += 1ms;
    EXPECT_FALSE(sink->flush(1ms)); // Refused; the next pause begins.
  }
  EXPECT_THAT(trouble.all, SizeIs(1));

  tcp_server back{port};
  now += 300ms;
  EXPECT_TRUE(sink->flush(10s));
  back.accept();
  EXPECT_EQ(back.read(message_of("line\n").size()), message_of("line\n"));
}

TEST_F(SyslogSink, DropsWholeLinesWhileTheServerIsAway) {
  auto server = std::make_unique<tcp_server>();
  const auto port = server->port();
  const auto sink = open(options_for("tcp", port));
  server->accept();
  server.reset();
  const auto message = message_of("line") + "\n";
  const auto kept = 1024 / message.size();
  for (std::size_t i = 0; i < kept + 3; ++i)
    sink->write("line\n");
  EXPECT_EQ(sink->dropped(), 3u);

  tcp_server back{port};
  now += 1h;
  EXPECT_TRUE(sink->flush(10s));
  back.accept();
  std::string expected;
  for (std::size_t i = 0; i < kept; ++i)
    expected += message;
  EXPECT_EQ(back.read(expected.size()), expected);
  EXPECT_THAT(trouble.all, ElementsAre(HasSubstr("closed by the server"),
                                       HasSubstr("works again, 3 lines were lost")));
}

TEST_F(SyslogSink, NeitherBlocksOnASlowServerNorTearsItsLines) {
  tcp_server server{0, 4096};
  auto options = options_for("tcp", server.port());
  options.waiting_bytes_max = 64 * 1024;
  const auto sink = open(options);
  server.accept();
  const std::string line(1000, 'x');
  std::size_t written = 0;
  for (; sink->dropped() == 0; ++written)
    sink->write(line + "\n");
  ASSERT_FALSE(trouble.all.empty());
  EXPECT_THAT(trouble.all.front(), HasSubstr("too slow"));

  std::string received;
  const auto expected_bytes = (written - sink->dropped()) * (message_of(line).size() + 1);
  while (received.size() < expected_bytes) {
    sink->tend();
    const auto more = server.read(1);
    ASSERT_FALSE(more.empty());
    received += more;
  }
  EXPECT_TRUE(sink->flush(10s));
  std::size_t lines = 0;
  for_each_line(received, [&](std::string_view each) {
    ++lines;
    ASSERT_EQ(each, message_of(line));
  });
  EXPECT_EQ(lines + sink->dropped(), written);
}

TEST_F(SyslogSink, RefusesToStartWithoutAServer) {
  std::uint16_t port = 0;
  { port = tcp_server{}.port(); }
  EXPECT_THROW(open(options_for("tcp", port)), std::runtime_error);
}

TEST_F(SyslogSink, RefusesSettingsThatNameNoServer) {
  for (const auto& [network, address] :
       {std::pair{"tcpish", "127.0.0.1:514"}, std::pair{"udp", "127.0.0.1"},
        std::pair{"udp", "127.0.0.1:"}, std::pair{"udp", "::1:514"},
        std::pair{"udp6", "127.0.0.1:514"}, std::pair{"udp", "127.0.0.1:no-such-port"}}) {
    auto options = options_for(network, 0);
    options.address = address;
    EXPECT_THROW(open(options), std::runtime_error) << network << " " << address;
  }
}

TEST(LogSinks, AreOpenedByTheSettings) {
  std::string directory = testing::TempDir() + "log_sinks_XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const auto path = directory + "/access.log";
  const auto server = loopback_socket(SOCK_DGRAM, 0);
  config::settings settings;
  EXPECT_THAT(open_access_sinks(settings, nullptr), IsEmpty());
  settings.access_log.file = path;
  settings.access_log.enable_streaming = true;
  settings.logging.syslog = "gorouter";
  settings.logging.syslog_addr = "127.0.0.1:" + std::to_string(port_of(server));
  settings.logging.syslog_truncate = 3;
  const auto sinks = open_access_sinks(settings, nullptr);
  ASSERT_THAT(sinks, SizeIs(2));
  for (const auto& sink : sinks)
    sink->write("line\n");
  std::string text;
  std::getline(std::ifstream{path}, text, '\0');
  EXPECT_EQ(text, "line\n");
  EXPECT_TRUE(receive(server).ends_with(" - \xef\xbb\xbflin"));
  std::filesystem::remove_all(directory);
}

} // namespace
} // namespace shunt::net
