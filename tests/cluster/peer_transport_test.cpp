// Links between two transports in one process, and what strangers can do to them.
#include "cluster/peer_transport.hpp"

#include "tests/cluster/peer_ends.hpp"
#include "tests/net/silent_listener.hpp"
#include "tests/net/tls_test_kit.hpp"

#include <gmock/gmock.h>

#include <openssl/ssl.h>

#include <csignal>
#include <memory>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;
using net::tls_kit::mint;
using net::tls_kit::mint_ca;
using net::tls_kit::minted;
using namespace ends;
using testing::HasSubstr;

TEST(PeerTransport, LinksTwoNodesAndCarriesFramesBothWays) {
  end a{"a"}, b{"b"};
  a.transport->dial(b.address());
  ASSERT_TRUE(a.links());
  ASSERT_TRUE(b.links());
  const auto met = b.known->with([](auto& k) { return k.greetings[0]; });
  EXPECT_EQ(met.node, node_called("a"));
  EXPECT_FALSE(met.dialled);
  EXPECT_EQ(met.version, frame_version);
  EXPECT_TRUE(a.known->with([](auto& k) { return k.greetings[0].dialled; }));

  EXPECT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of("one ")));
  EXPECT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of("two ")));
  EXPECT_TRUE(a.transport->send(a.link(), send_queue::slices, frame_of("piece")));
  EXPECT_TRUE(b.transport->send(b.link(), send_queue::heartbeats, frame_of("beat")));
  EXPECT_TRUE(eventually([&] { return b.record()->with([](auto& r) { return r.main; }) == "one two "; }));
  EXPECT_TRUE(eventually([&] { return b.record()->with([](auto& r) { return r.slices; }) == "piece"; }));
  EXPECT_TRUE(eventually([&] { return a.record()->with([](auto& r) { return r.main; }) == "beat"; }));
  EXPECT_EQ(a.metrics.links_open.value(), 1);
  EXPECT_TRUE(eventually([&] { return a.metrics.queued_bytes.value() == 0; }));
}

TEST(PeerTransport, CarriesFramesOfEverySize) {
  end a{"a"}, b{"b"};
  a.transport->dial(b.address());
  ASSERT_TRUE(a.links() && b.links());
  std::string all;
  for (std::size_t bytes = 1; bytes <= frame_bytes_max; bytes = bytes * 3 + 1) {
    const std::string payload(bytes, static_cast<char>('a' + bytes % 26));
    all += payload;
    ASSERT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of(payload)));
  }
  const std::string largest(frame_bytes_max, 'z');
  all += largest;
  ASSERT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of(largest)));
  EXPECT_TRUE(eventually([&] { return b.record()->with([](auto& r) { return r.main.size(); }) == all.size(); }));
  EXPECT_TRUE(b.record()->with([&](auto& r) { return r.main == all; }));
}

TEST(PeerTransport, TellsBothSidesThatALinkEnded) {
  end a{"a"}, b{"b"};
  a.transport->dial(b.address());
  ASSERT_TRUE(a.links() && b.links());
  a.transport->close(a.link(), "as the test wants");
  EXPECT_TRUE(eventually([&] { return a.record()->is_closed() && b.record()->is_closed(); }));
  EXPECT_EQ(a.record()->reason, "as the test wants");
  EXPECT_TRUE(eventually([&] { return a.metrics.links_open.value() == 0 && b.metrics.links_open.value() == 0; }));
  EXPECT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of("too late")));
  EXPECT_TRUE(eventually([&] { return a.metrics.queued_bytes.value() == 0; }));
}

TEST(PeerTransport, EndsItsLinksWithItself) {
  end a{"a"};
  auto b = std::make_unique<end>("b");
  a.transport->dial(b->address());
  ASSERT_TRUE(a.links() && b->links());
  const auto record = b->record();
  b->transport.reset();
  EXPECT_TRUE(record->is_closed());
  EXPECT_TRUE(eventually([&] { return a.record()->is_closed(); }));
}

TEST(PeerTransport, TellsWhyANodeIsRefused) {
  end a{"a"}, b{"b"};
  b.known->refusal = "another cluster";
  a.transport->dial(b.address());
  const auto failure = a.failure();
  EXPECT_EQ(failure.refused, refusal_code::unfit);
  EXPECT_EQ(failure.node, "b");
  EXPECT_THAT(failure.reason, HasSubstr("another cluster"));
  EXPECT_EQ(failure.address, b.address());
}

TEST(PeerTransport, CanRefuseTheNodeThatItConnectedTo) {
  end a{"a"}, b{"b"};
  a.known->refusal = "not that one";
  a.transport->dial(b.address());
  ASSERT_TRUE(eventually([&] { return b.record() && b.record()->is_closed(); }));
  EXPECT_FALSE(b.record()->opened);
}

TEST(PeerTransport, RefusesANodeWithoutACommonVersion) {
  transport_options newer;
  newer.version_lowest = frame_version + 1;
  newer.version_highest = frame_version + 2;
  end a{"a"}, b{"b", newer};
  a.transport->dial(b.address());
  const auto failure = a.failure();
  EXPECT_EQ(failure.refused, refusal_code::version);
  EXPECT_THAT(failure.reason, HasSubstr("a speaks 1 to 2, b speaks 3 to 4"));
}

TEST(PeerTransport, SpeaksTheHighestVersionThatBothKnow) {
  transport_options newer;
  newer.version_highest = 3;
  transport_options newest;
  newest.version_highest = 4;
  end a{"a", newer}, b{"b", newest};
  a.transport->dial(b.address());
  ASSERT_TRUE(a.links() && b.links());
  EXPECT_EQ(a.known->greetings[0].version, 3);
  EXPECT_EQ(b.known->greetings[0].version, 3);
}

TEST(PeerTransport, TellsThatNobodyIsThere) {
  end a{"a"};
  std::uint16_t free_port = 0;
  {
    const net::silent_listener gone;
    free_port = gone.port();
  }
  a.transport->dial("127.0.0.1:" + std::to_string(free_port));
  EXPECT_THAT(a.failure().reason, HasSubstr("connection refused"));
  a.transport->dial("no address");
  EXPECT_TRUE(eventually([&] { return a.known->with([](auto& k) { return k.failures.size(); }) == 2; }));
  EXPECT_THAT(a.failure().reason, HasSubstr("expected host:port"));
}

TEST(PeerTransport, WaitsForNobodyWhoDoesNotAnswer) {
  transport_options hasty;
  hasty.greeting_limit = 100ms;
  end a{"a", hasty};
  const net::silent_listener silent;
  a.transport->dial("127.0.0.1:" + std::to_string(silent.port()));
  EXPECT_NE(a.failure().reason, "");
}

TEST(PeerTransport, WaitsForNoStrangerWhoIsSilent) {
  transport_options hasty;
  hasty.greeting_limit = 100ms;
  end a{"a", hasty};
  stranger silent{a.port};
  EXPECT_TRUE(silent.ended());
  EXPECT_THAT(a.stranger(), HasSubstr("silent"));
}

TEST(PeerTransport, EndsTheFirstOfTooManyStrangersForTheNext) {
  transport_options few;
  few.strangers_max = 2;
  end a{"a", few};
  stranger first{a.port}, second{a.port}, third{a.port};
  EXPECT_TRUE(first.ended());
  EXPECT_EQ(a.metrics.strangers.value(), 1);
}

TEST(PeerTransport, LinksANodeWhileStrangersHoldAllPlaces) {
  transport_options few;
  few.strangers_max = 2;
  end a{"a", few};
  stranger first{a.port}, second{a.port};
  end b{"b"};
  b.transport->dial(a.address());
  EXPECT_TRUE(b.links());
}

TEST(PeerTransport, EndsAConnectionThatDoesNotBeginWithAHello) {
  end a{"a"};
  for (const auto& garbage :
       {std::string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, frame_of("nonsense"), frame_of("\x91\x04"),
        std::string("\x00\x00\x00\x00", 4), std::string("\xff\xff\xff\xff", 4),
        encode(welcome_frame{1, 0, node_called("x")})}) {
    stranger rude{a.port};
    rude.say(garbage);
    EXPECT_TRUE(rude.ended());
  }
  EXPECT_TRUE(a.known->with([](auto& k) { return k.greetings.empty(); }));
  EXPECT_EQ(a.metrics.strangers.value(), 6);
}

TEST(PeerTransport, EndsALinkAtAFrameThatIsTooLong) {
  end a{"a"};
  node_by_hand hand{a.port};
  ASSERT_TRUE(a.links());
  hand.main.say(std::string_view{"\x00\x10\x00\x01", 4});
  EXPECT_TRUE(hand.main.ended());
  EXPECT_TRUE(hand.slices.ended());
  EXPECT_TRUE(eventually([&] { return a.record()->is_closed(); }));
  EXPECT_THAT(a.record()->reason, HasSubstr("1048577 bytes"));
}

TEST(PeerTransport, EndsALinkWithEitherOfItsConnections) {
  end a{"a"};
  node_by_hand hand{a.port};
  ASSERT_TRUE(a.links());
  hand.slices.say(std::string_view{"\x00\x00\x00\x00", 4});
  EXPECT_TRUE(hand.main.ended());
}

TEST(PeerTransport, LetsNobodyJoinALinkWithoutItsToken) {
  end a{"a"};
  stranger main{a.port}, other{a.port};
  main.say(encode(hello_frame{1, 1, link_lane::main, 0, node_called("hand")}));
  ASSERT_TRUE(main.hear());
  other.say(encode(hello_frame{1, 1, link_lane::slices, 12345, node_called("hand")}));
  const auto answer = other.hear();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::holds_alternative<refusal_frame>(*answer));
}

TEST(PeerTransport, EndsALinkThatIsSilent) {
  transport_options hasty;
  hasty.silence_limit = 100ms;
  end a{"a", hasty};
  node_by_hand hand{a.port};
  ASSERT_TRUE(eventually([&] { return a.record() && a.record()->is_closed(); }));
  EXPECT_THAT(a.record()->reason, HasSubstr("silent"));
}

TEST(PeerTransport, EndsALinkThatTakesTooLittle) {
  transport_options small;
  small.queue_bytes_max = 2 * 1024 * 1024;
  end a{"a", small};
  node_by_hand hand{a.port}; // Reads nothing.
  ASSERT_TRUE(a.links());
  const std::string piece(512 * 1024, 'x');
  std::size_t sent = 0;
  while (sent < 1000 && a.transport->send(a.link(), send_queue::changes, frame_of(piece)))
    ++sent;
  EXPECT_GE(sent, 3);
  EXPECT_LT(sent, 1000);
  EXPECT_TRUE(eventually([&] { return a.record()->is_closed(); }));
  EXPECT_THAT(a.record()->reason, HasSubstr("takes too little"));
  EXPECT_EQ(a.metrics.overflows.value(), 1);
  EXPECT_TRUE(eventually([&] { return a.metrics.queued_bytes.value() == 0; }));
}

transport_options with_little_room() {
  transport_options slow;
  slow.unconsumed_bytes_max = 1024 * 1024;
  return slow;
}

/// `b` lets go of nothing that arrives.
bool link_to_one_that_keeps_all(end& a, end& b) {
  b.known->hold = true;
  a.transport->dial(b.address());
  return a.links() && b.links();
}

TEST(PeerTransport, ReadsNoFasterThanWhatArrivedIsLetGoOf) {
  const auto slow = with_little_room();
  end a{"a"}, b{"b", slow};
  ASSERT_TRUE(link_to_one_that_keeps_all(a, b));
  constexpr std::size_t pieces = 40, bytes = 512 * 1024;
  for (std::size_t i = 0; i < pieces; ++i)
    ASSERT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of(std::string(bytes, 'x'))));
  const auto arrived = [&] { return b.record()->with([](auto& r) { return r.main.size(); }); };
  ASSERT_TRUE(eventually([&] { return arrived() >= slow.unconsumed_bytes_max; }));
  EXPECT_LE(arrived(), 2 * slow.unconsumed_bytes_max);
  std::size_t let_go = 0;
  EXPECT_TRUE(eventually([&] {
    b.record()->with([&](auto& r) { let_go += r.held.size(), r.held.clear(); });
    return let_go == pieces;
  }));
}

TEST(PeerTransport, ReadsHeartbeatsWhileSlicesAreNotLetGoOf) {
  const auto slow = with_little_room();
  end a{"a"}, b{"b", slow};
  ASSERT_TRUE(link_to_one_that_keeps_all(a, b));
  for (int i = 0; i < 40; ++i)
    ASSERT_TRUE(a.transport->send(a.link(), send_queue::slices, frame_of(std::string(512 * 1024, 'x'))));
  const auto slices = [&] { return b.record()->with([](auto& r) { return r.slices.size(); }); };
  ASSERT_TRUE(eventually([&] { return slices() >= slow.unconsumed_bytes_max; }));
  ASSERT_TRUE(a.transport->send(a.link(), send_queue::heartbeats, frame_of("beat")));
  ASSERT_TRUE(a.transport->send(a.link(), send_queue::changes, frame_of("change")));
  EXPECT_TRUE(eventually([&] { return b.record()->with([](auto& r) { return r.main == "beatchange"; }); }));
  EXPECT_LE(slices(), 2 * slow.unconsumed_bytes_max);
}

// -- TLS.

struct authority {
  minted ca = mint_ca("cluster-ca");
  minted other_ca = mint_ca("other-ca");

  std::shared_ptr<const peer_tls> tls_for(const std::string& name) const { return tls(mint({.common_name = "x", .dns = {name}, .issuer = &ca})); }
  std::shared_ptr<const peer_tls> tls(const minted& own) const {
    return peer_tls::make({ca.pem(), own.pem(), own.key_pem()});
  }
};

transport_options with(std::shared_ptr<const peer_tls> tls) {
  transport_options options;
  options.tls = std::move(tls);
  return options;
}

TEST(PeerTransport, LinksWithTlsByNameAndCarriesFrames) {
  const authority by;
  end a{"a", with(by.tls_for("A"))};
  end b{"b", with(by.tls(mint({.common_name = "b", .issuer = &by.ca})))};
  a.transport->dial(b.address());
  ASSERT_TRUE(a.links() && b.links());
  const std::string large(frame_bytes_max, 'x');
  EXPECT_TRUE(a.transport->send(a.link(), send_queue::slices, frame_of(large)));
  EXPECT_TRUE(b.transport->send(b.link(), send_queue::changes, frame_of(large)));
  EXPECT_TRUE(eventually([&] { return b.record()->with([&](auto& r) { return r.slices == large; }); }));
  EXPECT_TRUE(eventually([&] { return a.record()->with([&](auto& r) { return r.main == large; }); }));
}

TEST(PeerTransport, RefusesANodeWhoseCertificateHasAnotherName) {
  const authority by;
  end a{"a", with(by.tls_for("impostor"))}, b{"b", with(by.tls_for("b"))};
  a.transport->dial(b.address());
  EXPECT_THAT(a.failure().reason, HasSubstr("does not name the node a"));
  EXPECT_THAT(b.stranger(), HasSubstr("does not name the node a"));
  b.transport->dial(a.address()); // The other way round, too.
  EXPECT_THAT(b.failure().reason, HasSubstr("does not name the node a"));
}

TEST(PeerTransport, BelievesNoRefusalInTheNameOfANodeThatTheCertificateDoesNotHave) {
  const authority by;
  end a{"a", with(by.tls_for("a"))}, b{"b", with(by.tls_for("impostor"))};
  b.known->refusal = "the two nodes are linked already";
  for (const auto code : {refusal_code::duplicate, refusal_code::itself, refusal_code::busy}) {
    b.known->with([&](auto& k) { k.code = code; });
    a.transport->dial(b.address());
    const auto failure = a.failure();
    EXPECT_EQ(failure.refused, std::nullopt);
    EXPECT_EQ(failure.node, "");
    EXPECT_THAT(failure.reason, HasSubstr("does not name the node b"));
    a.known->with([](auto& k) { k.failures.clear(); });
  }
}

TEST(PeerTransport, BelievesARefusalOfTheNodeThatTheCertificateNames) {
  const authority by;
  end a{"a", with(by.tls_for("a"))}, b{"b", with(by.tls_for("b"))};
  b.known->refusal = "the two nodes are linked already";
  b.known->code = refusal_code::duplicate;
  a.transport->dial(b.address());
  const auto failure = a.failure();
  EXPECT_EQ(failure.refused, refusal_code::duplicate);
  EXPECT_EQ(failure.node, "b");
}

TEST(PeerTransport, RefusesACertificateOfAnotherCa) {
  const authority by;
  const auto own = mint({.common_name = "a", .issuer = &by.other_ca});
  end a{"a", with(by.tls(own))}, b{"b", with(by.tls_for("b"))};
  a.transport->dial(b.address());
  EXPECT_NE(a.failure().reason, "");
  EXPECT_NE(b.stranger(), "");
  EXPECT_TRUE(b.known->with([](auto& k) { return k.greetings.empty(); }));
}

TEST(PeerTransport, RefusesAPeerWithoutACertificate) {
  std::signal(SIGPIPE, SIG_IGN); // It may be refused before it has said anything.
  const authority by;
  end b{"b", with(by.tls_for("b"))};
  const stranger nameless{b.port};
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls{SSL_new(context.get()), SSL_free};
  ASSERT_EQ(SSL_set_fd(tls.get(), nameless.fd()), 1);
  if (SSL_connect(tls.get()) == 1) { // In TLS 1.3 a client hears later that it was refused.
    const auto hello = encode(hello_frame{1, 1, link_lane::main, 0, node_called("hand")});
    SSL_write(tls.get(), hello.data(), static_cast<int>(hello.size()));
    char answer = 0;
    EXPECT_LE(SSL_read(tls.get(), &answer, 1), 0);
  }
  EXPECT_NE(b.stranger(), "");
  EXPECT_TRUE(b.known->with([](auto& k) { return k.greetings.empty(); }));
}

TEST(PeerTransport, RefusesWhoeverSpeaksNoTls) {
  const authority by;
  end a{"a"}, b{"b", with(by.tls_for("b"))};
  a.transport->dial(b.address());
  EXPECT_NE(a.failure().reason, "");
  EXPECT_TRUE(b.known->with([](auto& k) { return k.greetings.empty(); }));
}

TEST(PeerTransport, UsesNewCertificatesForNewLinks) {
  const authority by;
  end a{"a", with(by.tls_for("old-name"))}, b{"b", with(by.tls_for("b"))};
  a.transport->dial(b.address());
  EXPECT_NE(a.failure().reason, "");
  a.transport->use_tls(by.tls_for("a"));
  a.transport->dial(b.address());
  EXPECT_TRUE(a.links());
}

TEST(PeerTransport, ConnectsToNobodyFarAwayWithoutTls) {
  end a{"a"};
  a.transport->dial("192.0.2.1:7000"); // RFC 5737: nobody.
  EXPECT_THAT(a.failure().reason, HasSubstr("loopback only"));
}

/// Of this machine, where it is not loopback; 0: it has none.
std::uint32_t far_address() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(9);
  where.sin_addr.s_addr = htonl(0xc6336401); // RFC 5737: nobody. Nothing is sent there.
  socklen_t size = sizeof where;
  const bool found = ::connect(fd, reinterpret_cast<const sockaddr*>(&where), size) == 0
                     && ::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) == 0;
  ::close(fd);
  return found ? ntohl(where.sin_addr.s_addr) : 0;
}

TEST(PeerTransport, LetsNobodyInFromFarAwayWithoutTls) {
  const auto host = far_address();
  if (host == 0)
    GTEST_SKIP() << "only loopback here";
  end a{"a", {}, "0.0.0.0"};
  stranger far{a.port, host};
  EXPECT_TRUE(far.ended());
  EXPECT_THAT(a.stranger(), HasSubstr("loopback only"));
  EXPECT_EQ(a.metrics.strangers.value(), 1);
  EXPECT_TRUE(a.known->with([](auto& k) { return k.greetings.empty(); }));
}

TEST(PeerTransport, SaysWhichTlsFileIsAtFault) {
  const authority by;
  const auto own = mint({.common_name = "a", .issuer = &by.ca});
  EXPECT_THROW(peer_tls::make({"", own.pem(), own.key_pem()}), std::runtime_error);
  EXPECT_THROW(peer_tls::make({by.ca.pem(), "", own.key_pem()}), std::runtime_error);
  EXPECT_THROW(peer_tls::make({by.ca.pem(), own.pem(), by.ca.key_pem()}), std::runtime_error);
}

TEST(PeerTransport, ReadsAddresses) {
  EXPECT_EQ(split_address("10.0.0.1:7000")->host, "10.0.0.1");
  EXPECT_EQ(split_address("node.example:7000")->port, 7000);
  EXPECT_EQ(split_address("[::1]:7000")->host, "::1");
  for (const char* none : {"", "host", "host:", ":1", "host:0", "host:65536", "host:x", "::1:7000", "[]:1"})
    EXPECT_FALSE(split_address(none)) << none;
}

} // namespace
} // namespace shunt::cluster
