// What goes to Loggregator's agent, which is a socket of the test's, or nobody.
#include "net/metron.hpp"

#include "config/settings.hpp"
#include "routing/access_line.hpp"
#include "routing/access_record.hpp"
#include "tests/routing/envelope_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::literals;
using test::envelope_read;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

/// An agent on 127.0.0.1. Reads give up after some seconds, so that a failing test ends.
class agent {
public:
  explicit agent(std::uint16_t port = 0) {
    const timeval patience{10, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
        || ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error{"no socket for an agent"};
    port_ = ntohs(address.sin_port);
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string receive() const {
    std::string bytes(70'000, '\0');
    const auto read = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(read, 0)));
    return bytes;
  }
  bool has_none() const {
    char byte = 0;
    return ::recv(socket_.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }

private:
  descriptor socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = 0;
};

class Metron : public testing::Test {
protected:
  log_trouble trouble() {
    return [this](std::string_view message, std::string_view error) {
      troubles.push_back(std::string{message} + ": " + std::string{error});
    };
  }
  std::shared_ptr<metron> open(const std::string& address) {
    auto made = std::make_shared<metron>(address, trouble());
    made->look_up();
    return made;
  }

  std::vector<std::string> troubles;
};

TEST_F(Metron, GetsADatagramForEachMessage) {
  const agent there;
  const auto to = open("localhost:" + std::to_string(there.port()));
  EXPECT_TRUE(to->hears(metron::clock::now()));
  to->send("one");
  to->send("two");
  EXPECT_EQ(there.receive(), "one");
  EXPECT_EQ(there.receive(), "two");
  EXPECT_EQ(to->lost(), 0u);
  EXPECT_THAT(troubles, IsEmpty());
}

TEST_F(Metron, IsMissedOnceAndWhatIsLostIsCounted) {
  std::uint16_t port = 0;
  { port = agent{}.port(); }
  const auto to = open("127.0.0.1:" + std::to_string(port));
  EXPECT_TRUE(to->hears(metron::clock::now())) << "nobody knows yet";
  for (int i = 0; i < 4; ++i)
    to->send("nobody reads this");
  EXPECT_EQ(to->lost(), 3u) << "of the fourth nobody knows yet";
  ASSERT_THAT(troubles, SizeIs(1));
  EXPECT_THAT(troubles.front(), HasSubstr("metron-unreachable: 127.0.0.1:" + std::to_string(port)));
  const auto now = metron::clock::now();
  EXPECT_FALSE(to->hears(now));
  EXPECT_TRUE(to->hears(now + metron::quiet)) << "somebody may listen by then";
  const agent late{port};
  to->send("read");
  EXPECT_EQ(late.receive(), "read");
}

TEST_F(Metron, ThatCannotBeFoundKeepsNobodyWaiting) {
  const auto to = open("no-such-host.invalid:3457");
  EXPECT_FALSE(to->hears(metron::clock::now() + 1h));
  to->send("lost");
  EXPECT_EQ(to->lost(), 1u);
  EXPECT_THAT(troubles, ElementsAre(HasSubstr("metron-unreachable: no-such-host.invalid:3457: ")));
  const agent there;
  to->use(there.address());
  to->look_up();
  EXPECT_TRUE(to->hears(metron::clock::now()));
  to->send("found");
  EXPECT_EQ(there.receive(), "found");
}

TEST_F(Metron, MayBeNobody) {
  const auto to = open("");
  EXPECT_FALSE(to->hears(metron::clock::now() + 1h));
  EXPECT_THAT(troubles, IsEmpty());
  config::settings settings;
  settings.logging.metron_address = "";
  settings.logging.loggregator_enabled = true;
  EXPECT_FALSE(loggregator_rules{settings}.anything());
}

TEST_F(Metron, LosesWhatIsTooLongForADatagram) {
  const agent there;
  const auto to = open(there.address());
  to->send(std::string(65'508, 'x'));
  EXPECT_EQ(to->lost(), 1u);
  EXPECT_THAT(troubles, IsEmpty()) << "clients could fill the log";
  to->send("short");
  EXPECT_EQ(there.receive(), "short");
}

TEST_F(Metron, IsNotWaitedForByWhoeverEnds) {
  metron to{"no-such-host.invalid:3457", trouble()};
  std::stop_source ended;
  ended.request_stop();
  to.look_up(ended.get_token()); // Whether the name is known to be none by then or not.
}

TEST(MetronAddress, IsAHostAndAPort) {
  for (const auto good : {"", "localhost:3457", "127.0.0.1:1", "[::1]:3457", ":3457"})
    EXPECT_NO_THROW(check_metron_address(good)) << good;
  for (const auto bad : {"localhost", "localhost:", "::1:3457"})
    EXPECT_THROW(check_metron_address(bad), std::runtime_error) << bad;
}

// -- The sink

class LoggregatorSink : public Metron {
protected:
  LoggregatorSink() {
    settings.index = 7;
    settings.logging.loggregator_enabled = true;
    settings.send_http_start_stop_server_event = settings.send_http_start_stop_client_event = false;
    record.host = "a.example";
    record.method = "GET";
    record.target = "/";
    record.app_id = "app";
    record.vcap_request_id = "00010203-0405-4607-8809-0a0b0c0d0e0f";
  }
  std::shared_ptr<log_sink> sink() {
    const auto sinks = open_access_sinks(settings, nullptr, open(there.address()));
    return sinks.size() == 1 ? sinks.front() : nullptr;
  }
  void take(std::string_view line = "line") { sink()->take(record, {}, line); }

  const agent there;
  config::settings settings;
  routing::access_record record;
};

TEST_F(LoggregatorSink, SendsTheLinesOfApps) {
  const std::array tags{"space_id"sv, "s"sv};
  record.tags = tags;
  take();
  const envelope_read read{there.receive()};
  EXPECT_EQ(read.what, envelope_read::type::log);
  EXPECT_EQ(read.event.text(1), "line");
  EXPECT_EQ(read.event.text(4), "app");
  EXPECT_EQ(read.event.text(6), "7");
  EXPECT_THAT(read.tags, ElementsAre(Pair("space_id", "s")));
  EXPECT_TRUE(there.has_none());
}

TEST_F(LoggregatorSink, KeepsLinesOfNoAppToItself) {
  record.app_id = "";
  take();
  EXPECT_TRUE(there.has_none());
}

TEST_F(LoggregatorSink, ShortensALineThatIsTooLongForADatagram) {
  const auto target = "/" + std::string(70'000, 'x');
  record.target = target;
  std::string line;
  routing::append_line(line, record, {});
  take(line);
  const auto text = envelope_read{there.receive()}.event.text(1);
  EXPECT_LT(text.size(), 25'000u);
  EXPECT_THAT(text, HasSubstr("REQUEST-URI-TOO-LONG-TO-LOG--TRUNCATED"));
  EXPECT_EQ(text.find('\n'), text.npos);
}

TEST_F(LoggregatorSink, TellsOfRequestsAndAttemptsWhereThatIsWanted) {
  settings.logging.loggregator_enabled = false;
  settings.send_http_start_stop_server_event = true;
  EXPECT_FALSE(sink()->takes_lines());
  take();
  EXPECT_EQ(envelope_read{there.receive()}.event.number(4), 2u);
  record.kind = routing::record_kind::attempt;
  take();
  EXPECT_TRUE(there.has_none());
  settings.send_http_start_stop_client_event = true;
  take();
  EXPECT_EQ(envelope_read{there.receive()}.event.number(4), 1u);
}

TEST_F(LoggregatorSink, IsNotThereIfNothingIsWanted) {
  settings.logging.loggregator_enabled = false;
  EXPECT_EQ(sink(), nullptr);
  settings.logging.loggregator_enabled = true;
  EXPECT_THAT(open_access_sinks(settings, nullptr), IsEmpty()) << "without an agent";
}

} // namespace
} // namespace shunt::net
