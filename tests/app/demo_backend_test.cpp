// What the demo backend registers and when, what it answers, and how it leaves.
#include "app/demo_backend.hpp"

#include "tests/app/nats_fixture.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <future>

namespace shunt::test {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;
using app::demo_backend;
using app::demo_backend_options;
using response = http::response<http::string_body>;

/// A client that talks to one backend over one connection.
class browser {
public:
  explicit browser(std::uint16_t port) {
    socket.connect({asio::ip::make_address("127.0.0.1"), port});
  }

  void send(const std::string& bytes) { asio::write(socket, asio::buffer(bytes)); }

  response receive(bool head = false) {
    http::response_parser<http::string_body> parser;
    parser.skip(head);
    http::read(socket, buffer, parser);
    return parser.release();
  }

  response ask(const std::string& bytes, bool head = false) {
    send(bytes);
    return receive(head);
  }

  asio::io_context loop;
  asio::ip::tcp::socket socket{loop};
  beast::flat_buffer buffer;
};

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: blue.localhost\r\nX-Probe: yes\r\n\r\n";
}

class DemoBackend : public NatsFixture {
protected:
  demo_backend_options options() const {
    return {"blue", "127.0.0.1:0", url(), {"blue.localhost", "shared.localhost/app"}, 0ms};
  }
};

// -- Registering

TEST_F(DemoBackend, RegistersTheAddressItListensOn) {
  const demo_backend backend{options()};
  const auto seen = next_registration().body;
  EXPECT_EQ(seen["host"], "127.0.0.1");
  EXPECT_EQ(seen["port"], backend.port());
  EXPECT_EQ(seen["uris"], (nlohmann::json{"blue.localhost", "shared.localhost/app"}));
  EXPECT_EQ(seen["private_instance_index"], "0");
  EXPECT_EQ(seen["app"].get<std::string>().size(), 36u);
}

TEST_F(DemoBackend, RegistersAtOnceWhenARouterStarts) {
  const demo_backend backend{options()};
  const auto first = next_registration().body;
  publish("router.start", R"({"id":"0-r","minimumRegisterIntervalInSeconds":3600})");
  EXPECT_EQ(next_registration().body, first);
}

TEST_F(DemoBackend, AdoptsTheIntervalThatARouterAnswersToItsGreeting) {
  const demo_backend backend{options()};
  const auto greeting = next_greeting();
  next_registration();
  ASSERT_FALSE(greeting.reply.empty());
  publish(greeting.reply, R"({"minimumRegisterIntervalInSeconds":1})");
  for (int beat = 0; beat < 3; ++beat) // One for the answer, the others by the clock.
    ASSERT_FALSE(next_registration().body.is_null()) << beat;
}

TEST_F(DemoBackend, KeepsAHeartbeatOfItsOwnWhateverRoutersAnnounce) {
  auto steady = options();
  steady.heartbeat = 20ms;
  const demo_backend backend{steady};
  next_registration();
  publish("router.start", R"({"minimumRegisterIntervalInSeconds":3600})");
  for (int beat = 0; beat < 10; ++beat)
    ASSERT_FALSE(next_registration().body.is_null()) << beat;
}

TEST_F(DemoBackend, SurvivesAnnouncementsThatMakeNoSense) {
  const demo_backend backend{options()};
  next_registration();
  for (const auto* text : {"", "{", "[]", R"({"minimumRegisterIntervalInSeconds":-1})",
                           R"({"minimumRegisterIntervalInSeconds":"5"})", "\xff\xfe"}) {
    publish("router.start", text);
    EXPECT_FALSE(next_registration().body.is_null()) << text;
  }
}

TEST_F(DemoBackend, RegistersAgainWhenNatsComesBack) {
  const demo_backend backend{options()};
  const auto first = next_registration().body;
  stop_server();
  start_server();
  EXPECT_EQ(next_registration().body, first);
}

TEST_F(DemoBackend, ThrowsWhenNatsCannotBeReached) {
  auto lost = options();
  lost.nats = "nats://127.0.0.1:1";
  EXPECT_THROW(demo_backend{lost}, std::runtime_error);
}

// -- Answering

TEST_F(DemoBackend, AnswersWithItsNameAndWhatItReceived) {
  const demo_backend backend{options()};
  browser client{backend.port()};
  for (const auto* target : {"/", "/deep/path?q=1"}) { // Over the same connection.
    const auto answer = client.ask(get(target));
    EXPECT_EQ(answer.result_int(), 200u);
    EXPECT_EQ(answer.body(), "Hello from blue.\n\nGET " + std::string{target}
                               + " HTTP/1.1\nHost: blue.localhost\nX-Probe: yes\n");
  }
}

TEST_F(DemoBackend, EchoesABodyAndItsType) {
  const demo_backend backend{options()};
  browser client{backend.port()};
  const auto answer =
    client.ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\n"
               "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(answer.body(), "abcde");
  EXPECT_EQ(answer[http::field::content_type], "a/b");
}

TEST_F(DemoBackend, SendsNoBodyWithAnAnswerToHead) {
  const demo_backend backend{options()};
  browser client{backend.port()};
  const auto head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_GT(std::stoi(std::string{head[http::field::content_length]}), 0);
  EXPECT_EQ(client.ask(get("/")).result_int(), 200u); // What follows is not taken for its body.
}

TEST_F(DemoBackend, TakesItsTimeWhenAsked) {
  const demo_backend backend{options()};
  browser client{backend.port()};
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client.ask(get("/slow?ms=150")).result_int(), 200u);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 150ms);
  for (const auto* bad : {"/slow", "/slow?ms=", "/slow?ms=-1", "/slow?ms=60001", "/slow?ms=1x"})
    EXPECT_EQ(client.ask(get(bad)).result_int(), 400u) << bad;
}

TEST_F(DemoBackend, RefusesWhatItCannotReadAndCloses) {
  const demo_backend backend{options()};
  const std::pair<std::string, unsigned> cases[] = {
    {"nonsense\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\n\r\n", 413}};
  for (const auto& [bytes, status] : cases) {
    browser client{backend.port()};
    const auto answer = client.ask(bytes);
    EXPECT_EQ(answer.result_int(), status) << bytes.substr(0, 60);
    EXPECT_FALSE(answer.keep_alive());
  }
}

TEST_F(DemoBackend, EchoesWebSocketMessages) {
  const demo_backend backend{options()};
  browser client{backend.port()};
  beast::websocket::stream<asio::ip::tcp::socket&> peer{client.socket};
  peer.handshake("blue.localhost", "/ws");
  for (const std::string text : {"one", "two"}) {
    peer.write(asio::buffer(text));
    beast::flat_buffer message;
    peer.read(message);
    EXPECT_EQ(beast::buffers_to_string(message.data()), text);
  }
  peer.close(beast::websocket::close_code::normal);
}

// -- Leaving

TEST_F(DemoBackend, UnregistersWhatItRegistered) {
  demo_backend backend{options()};
  const auto first = next_registration().body;
  EXPECT_TRUE(backend.stop(patience));
  EXPECT_EQ(next_unregistration().body, first);
}

TEST_F(DemoBackend, AnswersARequestUnderWayBeforeItStops) {
  demo_backend backend{options()};
  browser client{backend.port()};
  const auto go_on = client.ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                                "Expect: 100-continue\r\n\r\n");
  ASSERT_EQ(go_on.result_int(), 100u); // Now the request is under way for certain.
  auto stopped = std::async(std::launch::async, [&] { return backend.stop(patience); });
  EXPECT_FALSE(next_unregistration().body.is_null());
  const auto answer = client.ask("done");
  EXPECT_EQ(answer.body(), "done");
  EXPECT_FALSE(answer.keep_alive()); // Or the router would send it the next request.
  EXPECT_TRUE(stopped.get());
}

TEST_F(DemoBackend, StopsWaitingForARequestThatDoesNotEnd) {
  demo_backend backend{options()};
  browser client{backend.port()};
  client.ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_FALSE(backend.stop(50ms));
}

TEST_F(DemoBackend, NeverRegistersAgainOnceItHasLeft) {
  demo_backend backend{options()};
  next_registration();
  ASSERT_TRUE(backend.stop(patience));
  next_unregistration();
  publish("router.start", "{}");
  const demo_backend successor{options()}; // Its registration is the next, or the ghost's is.
  EXPECT_EQ(next_registration().body["port"], successor.port());
}

} // namespace
} // namespace shunt::test
