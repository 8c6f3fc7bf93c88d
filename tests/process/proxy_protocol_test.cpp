// Load balancers in front that say for whom they speak, by the PROXY protocol.
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const tls_kit::minted& certificate() {
  static const auto made = tls_kit::mint({.common_name = "proxied", .dns = {"proxied.test"}});
  return made;
}

const auto signature = "\r\n\r\n\0\r\nQUIT\n"s;
const auto v1 = "PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n"s;
const auto v1_of_6 = "PROXY TCP6 2001:db8::7 ::1 4711 80\r\n"s;
const auto v1_unknown = "PROXY UNKNOWN\r\n"s;
/// The command and the family, 203.0.113.7:4711 to 127.0.0.1:80, and an extension (a NOOP).
const auto v2 = signature + "\x21\x11\x00\x10\xcb\x00\x71\x07\x7f\x00\x00\x01\x12\x67\x00\x50"s
                + "\x04\x00\x01\x00"s;
const auto v2_local = signature + "\x20\x00\x00\x00"s;

class ProxyProtocol : public SharedStage<ProxyProtocol> {
public:
  static nlohmann::json configuration() {
    return tls_front({&certificate()},
                     {{"enable_proxy", true}, {"proxy_senders", {"127.0.0.0/8"}}});
  }

protected:
  static std::uint16_t tls_port() { return here().under_test.tls_port(); }

  /// Who the backend thinks the client is. On a machine that does not let this thread run for the
  /// hundred milliseconds of the router's patience, the header comes too late; then once more.
  static std::string forwarded_for(const backend& there, const std::string& host,
                                   const std::string& header, bool tls) {
    EXPECT_TRUE(eventually([&] {
      const auto request = get_request(host);
      try {
        if (tls)
          return tls_client {
            tls_port(), {
              .preface = header
            }
            } -> send(request).response().status == 200;
        return client{port()}.send(header + request).response().status == 200;
      } catch (const std::exception&) {
        return false;
      }
    }));
    return there.last_request().one("X-Forwarded-For");
  }
};

TEST_F(ProxyProtocol, TellsWhoTheClientIs) {
  const struct {
    const char* what;
    std::string header;
    const char* client;
  } cases[] = {{"version 1", v1, "203.0.113.7"},
               {"version 1, IPv6", v1_of_6, "2001:db8::7"},
               {"version 1, unknown", v1_unknown, "127.0.0.1"},
               {"version 2", v2, "203.0.113.7"},
               {"version 2, the sender's own", v2_local, "127.0.0.1"},
               {"none", {}, "127.0.0.1"}};
  const backend there;
  const auto host = here().mapped(there);
  for (const auto& each : cases)
    for (const bool tls : {false, true})
      EXPECT_EQ(forwarded_for(there, host, each.header, tls), each.client)
        << each.what << (tls ? ", TLS" : "");
}

TEST_F(ProxyProtocol, IsSpokenByCurl) {
  const backend there;
  here().map("proxied.test", there);
  for (const bool tls : {false, true}) {
    const auto at = std::to_string(tls ? tls_port() : port());
    EXPECT_EQ(run_tool({"curl", "-sSk", "--http1.1", "--haproxy-protocol", "-w", "|%{http_code}",
                        "--connect-to", "::127.0.0.1:" + at,
                        (tls ? "https" : "http") + "://proxied.test:"s + at + "/curl"})
                .output,
              "hello|200");
    EXPECT_EQ(there.last_request().one("X-Forwarded-For"), "127.0.0.1");
  }
}

TEST_F(ProxyProtocol, IsForTheWholeConnection) {
  const backend there;
  const auto host = here().mapped(there);
  EXPECT_TRUE(eventually([&] {
    client one{port()};
    if (one.send(v1 + get_request(host, "/1") + get_request(host, "/2")).response().status != 200)
      return false;
    EXPECT_EQ(one.response().status, 200);
    EXPECT_EQ(there.last_request().target, "/2");
    EXPECT_EQ(there.last_request().one("X-Forwarded-For"), "203.0.113.7");
    EXPECT_EQ(one.send(get_request(host, "/3", "X-Forwarded-For: 192.0.2.1\r\n")).response().status,
              200);
    EXPECT_EQ(there.last_request().one("X-Forwarded-For"), "192.0.2.1, 203.0.113.7");
    EXPECT_EQ(one.send(v1 + get_request(host)).response().status, 400) << "a second header is none";
    return true;
  }));
}

TEST_F(ProxyProtocol, IsInTheAccessLog) {
  const backend there;
  for (const bool tls : {false, true}) {
    const auto host = here().mapped(there);
    forwarded_for(there, host, v2, tls);
    const auto line = here().under_test.wait_for_access(host + " - [");
    EXPECT_THAT(line, HasSubstr("\"203.0.113.7:4711\" \"" + there.address() + "\""));
    EXPECT_THAT(line, HasSubstr("x_forwarded_for:\"203.0.113.7\""));
  }
  const auto host = here().mapped(there);
  forwarded_for(there, host, v1_of_6, false);
  EXPECT_THAT(here().under_test.wait_for_access(host + " - ["),
              HasSubstr("\"[2001:db8::7]:4711\""));
}

TEST_F(ProxyProtocol, IsWhatTheHostIsComparedWith) {
  http_response answer;
  EXPECT_TRUE(eventually([&] {
    answer = here().ask(v1 + get_request("203.0.113.7:80"));
    return answer.has("X-Cf-RouterError");
  }));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "empty_host");
  EXPECT_TRUE(eventually([&] {
    answer = here().ask(v1 + get_request("127.0.0.1"));
    return answer.status != 400;
  }));
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "unknown_route");
  EXPECT_EQ(here().get("127.0.0.1").one("X-Cf-RouterError"), "empty_host");
}

TEST_F(ProxyProtocol, MalformedEndsTheConnectionWithoutAnAnswer) {
  const std::string cases[] = {"PROXY TCP5 203.0.113.7 127.0.0.1 1 2\r\n",
                               "PROXY TCP4 203.0.113 127.0.0.1 1 2\r\n",
                               "PROXY TCP4 203.0.113.7 127.0.0.1 1 65536\r\n",
                               "PROXY TCP4 203.0.113.7 127.0.0.1 1 2\n",
                               "PROXY TCP4 " + std::string(120, '1'),
                               signature + "\x31\x11\x00\x00"s,
                               signature + "\x21\x11\x00\x01\x00"s};
  for (const auto& each : cases)
    for (const auto at : {port(), tls_port()}) {
      client one{at};
      one.send(each);
      EXPECT_TRUE(one.sees_end()) << each;
    }
  const auto line = here().under_test.wait_for_log("proxy-header-refused");
  EXPECT_FALSE(line.at("data").at("error").get<std::string>().empty());
  EXPECT_THAT(line.at("data").at("remote_address").get<std::string>(), HasSubstr("127.0.0.1:"));
}

TEST_F(ProxyProtocol, IsNotWaitedForTwice) {
  const backend there;
  const auto host = here().mapped(there);
  client silent{port()};
  client hesitant{port()};
  hesitant.send("P"); // Of PROXY, or of POST.
  client stalled{port()};
  stalled.send("PROXY TCP4 203.0.1");
  EXPECT_TRUE(stalled.sees_end()) << "what began as a header must come at once";
  // By now the patience with the others, who came before, is over, too.
  silent.send(v1 + get_request(host));
  EXPECT_EQ(silent.response().status, 400) << "too late for a header";
  EXPECT_EQ(hesitant.send(post_request(host, "body").substr(1)).response("POST").status, 200);
  tls_client patient{tls_port()};
  EXPECT_TRUE(patient.handshake().established);
}

TEST(ProxyProtocolSenders, AreBelievedOnlyIfTheyAreOnTheList) {
  stage here{
    tls_front({&certificate()}, {{"enable_proxy", true}, {"proxy_senders", {"10.0.0.0/8"}}})};
  const backend there;
  const auto host = here.mapped(there);
  for (const auto& header : {v1, v2}) {
    EXPECT_EQ(here.ask(header + get_request(host)).status, 400);
    EXPECT_FALSE(
      (tls_client{here.under_test.tls_port(), {.preface = header}}.handshake().established));
  }
  EXPECT_EQ(there.request_count(), 0u);
  EXPECT_EQ(here.get(host).status, 200);
}

TEST(ProxyProtocolSenders, AreNobodyUnlessSwitchedOn) {
  stage here;
  const backend there;
  const auto host = here.mapped(there);
  EXPECT_EQ(here.ask(v1 + get_request(host)).status, 400);
  EXPECT_EQ(there.request_count(), 0u);
}

TEST(ProxyProtocolSenders, AreEverybodyWithoutAList) {
  stage here{{{"enable_proxy", true}}};
  const backend there;
  const auto host = here.mapped(there);
  EXPECT_TRUE(eventually([&] { return here.ask(v1 + get_request(host)).status == 200; }));
  EXPECT_EQ(there.last_request().one("X-Forwarded-For"), "203.0.113.7");
}

} // namespace
} // namespace shunt::test
