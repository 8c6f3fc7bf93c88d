// Route services that are routes of the router themselves: their requests come back in by the internal
// listener, and no name is looked up for them. None of the hosts here exists anywhere else, and loopback is
// where the router must not look for route services, unless a test says otherwise.
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_backend.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <regex>
#include <set>

namespace shunt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

nlohmann::json settings(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json all{{"route_services_secret", "the-secret"},
                     {"route_services_hairpinning", true},
                     {"route_services_internal_server_port", 0},
                     {"sanitize_forwarded_proto", true},
                     {"enable_h2c", true},
                     {"route_services", {{"block_CIDRs", {"127.0.0.0/8", "::1"}}, {"enable_websockets", true}}}};
  all.merge_patch(more);
  return all;
}

std::uint16_t internal_port(const router& of) {
  const std::string address = of.wait_for_log("internal-listener-started").at("data").at("address");
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
}

/// A route service that sends what it gets to where it belongs, by the router's front, and adds a field.
backend::script forwarding_to(const std::uint16_t& router_port) {
  return [&router_port](backend_session& session) {
    const auto body = session.read_body();
    const auto& asked = session.request;
    const auto url = asked.one("X-CF-Forwarded-Url");
    const auto host_begin = url.find("://") + 3;
    const auto path_begin = std::min(url.find('/', host_begin), url.size());
    std::string fields;
    for (const auto& field : asked.fields)
      if (field.name.starts_with("X-") || field.name.starts_with("x-"))
        fields.append(field.name).append(": ").append(field.value).append("\r\n");
    const auto host = url.substr(host_begin, path_begin - host_begin);
    auto request = body.empty() ? get_request(host, url.substr(path_begin), fields) : post_request(host, body, fields);
    client inner{router_port};
    const auto answer = inner.send(request).response(asked.method);
    std::string out = "HTTP/1.1 ";
    out.append(std::to_string(answer.status)).append(" ").append(answer.reason).append("\r\nX-Was-Here: service\r\n");
    out.append("Content-Length: ").append(std::to_string(answer.body.size())).append("\r\n\r\n").append(answer.body);
    session.send(out);
  };
}

std::string at(const std::string& host, const std::string& rest = "/") {
  std::string url = "https://";
  return url.append(host).append(rest);
}

class Hairpin : public SharedStage<Hairpin> {
public:
  static nlohmann::json configuration() { return settings(); }

protected:
  /// A host of the app's whose route service is there.
  std::string bound_to(const std::string& url) { return here().mapped(app, {{"route_service_url", url}}); }

  std::uint16_t router_port = port();
  backend app{answers::echo()};
  backend logic{forwarding_to(router_port)};
};

TEST_F(Hairpin, ReachesAServiceThatIsARouteOfTheRouter) {
  const auto service = here().mapped(logic, {{"app", "service-guid"}});
  const auto host = bound_to(at(service, "/v1/log?level=2"));
  const auto answer = here().ask(post_request(host, "the body"), "POST");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "the body");
  EXPECT_EQ(answer.one("X-Was-Here"), "service");

  const auto at_service = logic.last_request();
  EXPECT_EQ(at_service.one("Host"), service);
  EXPECT_EQ(at_service.method, "POST");
  EXPECT_EQ(at_service.target, "/v1/log?level=2");
  EXPECT_EQ(at_service.one("X-CF-Forwarded-Url"), "http://" + host + "/");
  EXPECT_THAT(at_service.one("X-CF-Proxy-Signature"), Not(IsEmpty()));
  EXPECT_EQ(at_service.one("X-CF-ApplicationID"), "service-guid") << "it is an app like any other";
  EXPECT_FALSE(app.last_request().has("X-CF-Proxy-Signature"));
}

TEST_F(Hairpin, KeepsThePortOfTheUrlInHostAndLooksUpWithoutIt) {
  const auto service = here().mapped(logic);
  EXPECT_EQ(here().get(bound_to(at(service + ":8443"))).one("X-Was-Here"), "service");
  EXPECT_EQ(logic.last_request().one("Host"), service + ":8443");
}

TEST_F(Hairpin, IsASecondPassThroughTheRouter) {
  const auto service = here().mapped(logic);
  const auto host = bound_to(at(service));
  client one{port()};
  const auto from = std::to_string(one.local_port());
  one.send(get_request(host, "/x", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"));
  EXPECT_EQ(one.response().status, 200);
  const auto at_service = logic.last_request();
  EXPECT_EQ(at_service.one("X-Forwarded-For"), "192.0.2.1, 127.0.0.1, 127.0.0.1") << "the client's, and our own";
  EXPECT_EQ(at_service.one("X-Forwarded-Proto"), "http") << "as the client came, not as the router did";

  const auto inner = here().under_test.wait_for_access(service + " - [");
  EXPECT_THAT(inner, AllOf(HasSubstr("\"GET / HTTP/2.0\" 200 "), HasSubstr(logic.address()),
                           HasSubstr(at_service.one("X-Vcap-Request-Id"))));
  const auto outer = here().under_test.wait_for_access("\"GET /x HTTP/1.1\" 200 0 0 \"-\" \"-\" \"127.0.0.1:" + from);
  EXPECT_THAT(outer, AllOf(HasSubstr(host + " - ["), Not(HasSubstr(logic.address())),
                           Not(HasSubstr(at_service.one("X-Vcap-Request-Id")))));
}

TEST_F(Hairpin, UsesOneConnectionForManyRequests) {
  logic.answer_with(answers::ok("here"));
  const auto service = here().mapped(logic);
  const auto host = bound_to(at(service));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(here().get(host).body, "here");
  std::multiset<std::string> peers;
  const auto all_there = [&] {
    peers.clear();
    for (const auto& line : here().under_test.access_log())
      if (std::smatch found; line.starts_with(service) && std::regex_search(line, found, std::regex{"\"(127\\.0\\.0\\.1:\\d+)\""}))
        peers.insert(found[1]);
    return peers.size() == 5;
  };
  EXPECT_TRUE(eventually(all_there));
  EXPECT_EQ(std::set<std::string>(peers.begin(), peers.end()).size(), 1u);
}

TEST_F(Hairpin, CarriesLargeBodiesAndClientsOfHttp2) {
  const auto service = here().mapped(logic);
  const auto host = bound_to(at(service));
  const std::string body(3u << 20, 'b');
  EXPECT_EQ(here().ask(post_request(host, body), "POST").body, body);
  const auto url = "http://127.0.0.1:" + std::to_string(port()) + "/";
  const auto result = run_tool({"curl", "-sS", "--http2-prior-knowledge", "--max-time", "20", "-H", "Host: " + host,
                                "-d", "two", "-w", "|%{http_code}|%{http_version}", url});
  EXPECT_EQ(result.output, "two|200|2");
}

TEST_F(Hairpin, CarriesWebSockets) {
  logic.answer_with(answers::upgrade_echo());
  const auto service = here().mapped(logic);
  client one{port()};
  one.send(get_request(bound_to(at(service)), "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_EQ(one.response_head().status, 101);
  one.send("to and fro");
  EXPECT_EQ(one.reader().exactly(10), "to and fro");
}

TEST_F(Hairpin, PassesOnWhatTheServiceAnswersByItself) {
  logic.answer_with(answers::bytes("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"));
  const auto answer = here().get(bound_to(at(here().mapped(logic))));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(Hairpin, ReachesServicesByWildcardAndPath) {
  const auto parent = fresh_host();
  here().map("*." + parent + "/v1", logic);
  EXPECT_EQ(here().get(bound_to(at("any." + parent, "/v1/log"))).one("X-Was-Here"), "service");
  const auto elsewhere = here().get(bound_to(at("any." + parent, "/v2/log")));
  EXPECT_EQ(elsewhere.status, 502) << "no route: by way of the network, where there is no such name";
  EXPECT_THAT(elsewhere.one("X-Cf-RouterError"), HasSubstr("endpoint_failure (dial tcp"));
}

TEST_F(Hairpin, MeetsTheErrorsOfTheInnerPass) {
  const auto service = here().mapped(logic);
  const auto host = bound_to(at(service));
  EXPECT_EQ(here().get(host).status, 200);
  here().unmap(service, logic);
  const auto empty = here().get(host);
  EXPECT_EQ(empty.status, 503) << "a known route without instances is a route";
  EXPECT_EQ(empty.one("X-Cf-RouterError"), "no_endpoints");

  const refusing_port nobody;
  const auto down = fresh_host();
  here().map(down, nobody.port());
  const auto refused = here().get(bound_to(at(down)));
  EXPECT_EQ(refused.status, 502);
  EXPECT_THAT(refused.one("X-Cf-RouterError"), HasSubstr(nobody.address()));
}

TEST_F(Hairpin, DoesNotGoRoundInCircles) {
  const auto inner = here().mapped(logic, {{"route_service_url", at("nobody.example.com")}});
  const auto answer = here().get(bound_to(at(inner)));
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.body, HasSubstr("does not match the original request URL"));
  EXPECT_EQ(logic.request_count(), 0u);
}

// -- The listener.

/// 0: the connection ended without an answer. In TLS 1.3 a client learns only then that it is not welcome.
int status_at(std::uint16_t port, const std::string& host, const tls_client_options& options) {
  tls_client one{port, options};
  if (!one.handshake().established)
    return 0;
  try {
    return one->send(get_request(host)).response().status;
  } catch (const std::exception&) {
    return 0;
  }
}

TEST_F(Hairpin, ListensToNobodyElse) {
  const auto internal = internal_port(here().under_test);
  const auto host = here().mapped(app);
  const auto ca = tls_kit::mint_ca("shunt internal CA");
  const auto look_alike = tls_kit::mint({.common_name = "shunt", .ips = {"127.0.0.1"}, .issuer = &ca});
  const auto self_signed = tls_kit::mint({.common_name = "shunt", .ips = {"127.0.0.1"}});
  EXPECT_EQ(status_at(internal, host, {}), 0) << "no certificate";
  EXPECT_EQ(status_at(internal, host, {.own = &look_alike}), 0) << "one of a CA of the same name";
  EXPECT_EQ(status_at(internal, host, {.own = &self_signed}), 0) << "one of its own making";
  EXPECT_EQ(status_at(internal, host, {.max = TLS1_2_VERSION, .own = &look_alike}), 0) << "in an old version";
  const auto curl = run_tool({"curl", "-sSk", "--max-time", "20", "-H", "Host: " + host,
                              "https://127.0.0.1:" + std::to_string(internal) + "/"});
  EXPECT_NE(curl.exit_code, 0) << curl.output;
  EXPECT_THAT(curl.output, HasSubstr("certificate required"));
  client plain{internal};
  const auto answer = plain.send(get_request(host)).reader().rest();
  EXPECT_THAT(answer, HasSubstr("Client sent an HTTP request to an HTTPS server."));
  EXPECT_EQ(app.request_count(), 0u);
}

bool accepts_at(const char* address, std::uint16_t port) {
  const stream_socket one{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address, &to.sin_addr);
  return ::connect(one.descriptor(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

TEST_F(Hairpin, ListensOnOneAddressOnly) {
  const auto internal = internal_port(here().under_test);
  EXPECT_TRUE(accepts_at("127.0.0.1", internal));
  EXPECT_FALSE(accepts_at("127.0.0.2", internal));
  EXPECT_TRUE(accepts_at("127.0.0.2", port())) << "or the line above says nothing";
}

TEST_F(Hairpin, IsNotTheWayToAServiceThatNamesTheListener) {
  const auto internal = internal_port(here().under_test);
  const auto answer = here().get(bound_to(at("127.0.0.1:" + std::to_string(internal))));
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.one("X-Cf-RouterError"), HasSubstr("the address is not allowed"));
}

// -- With other settings.

const tls_kit::minted& local_certificate() {
  static const auto own = tls_kit::mint({.common_name = "localhost", .dns = {"localhost"}, .ips = {"127.0.0.1"}});
  return own;
}

/// Loopback is open to route services, and one of them listens there beside the router.
nlohmann::json open_settings(const nlohmann::json& more = nlohmann::json::object()) {
  auto all = settings({{"route_services", {{"block_CIDRs", nlohmann::json::array()}}},
                       {"ca_certs", {local_certificate().pem()}}});
  all.merge_patch(more);
  return all;
}

class HairpinElsewhere : public testing::Test {
protected:
  std::string bound_to(stage& here, const std::string& url) { return here.mapped(app, {{"route_service_url", url}}); }
  std::string url_outside() const { return at("localhost:" + std::to_string(outside.port())); }

  backend app{answers::echo()};
  backend inside_logic{answers::ok("inside")};
  backend outside_logic{answers::ok("outside")};
  tls_backend outside{outside_logic, {.own = &local_certificate()}};
};

TEST_F(HairpinElsewhere, LeavesOtherServicesToTheNetwork) {
  stage here{tls_front({&local_certificate()}, open_settings())}; // So that services are asked in TLS 1.3, too.
  const auto host = bound_to(here, url_outside());
  EXPECT_EQ(here.get(host).body, "outside") << "the router has no such route";
  here.map("localhost", inside_logic);
  EXPECT_TRUE(eventually([&] { return here.get(host).body == "inside"; }));
  here.unmap("localhost", inside_logic);
  EXPECT_TRUE(here.eventually_answers(host, "/", 503)) << "and it keeps what it knows of";
  const auto internal = internal_port(here.under_test);
  const auto impostor = here.get(bound_to(here, at("127.0.0.1:" + std::to_string(internal))));
  EXPECT_EQ(impostor.status, 526) << impostor.one("X-Cf-RouterError") << ": by the network even its own listener is a stranger's";
}

TEST_F(HairpinElsewhere, FollowsItsAllowlist) {
  stage here{open_settings({{"route_services_hairpinning_allowlist", {"*.Allowed.example.com", "exact.example.com"}}})};
  here.map("localhost", inside_logic);
  EXPECT_EQ(here.get(bound_to(here, url_outside())).body, "outside");
  for (const std::string host : {"a.allowed.example.com", "EXACT.example.com"}) {
    here.map(host, inside_logic);
    EXPECT_EQ(here.get(bound_to(here, at(host))).body, "inside") << host;
  }
  // An allowed name does not open another's route.
  here.map("*.example.com", inside_logic);
  EXPECT_EQ(here.get(bound_to(here, at("other.example.com"))).status, 502);

  here.under_test.configure(open_settings());
  here.under_test.process().signal(SIGHUP);
  here.under_test.wait_for_log("configuration-reloaded");
  const auto host = bound_to(here, url_outside());
  EXPECT_TRUE(eventually([&] { return here.get(host).body == "inside"; })) << "without a list all are allowed";
  EXPECT_EQ(here.get(bound_to(here, at("a.allowed.example.com"))).body, "inside");
  here.under_test.configure(open_settings({{"route_services_hairpinning_allowlist", {"*"}}}));
  here.under_test.process().signal(SIGHUP);
  const std::string error = here.under_test.wait_for_log("configuration-refused").at("data").at("error");
  EXPECT_THAT(error, HasSubstr("route_services_hairpinning_allowlist: '*'"));
}

TEST_F(HairpinElsewhere, GoesByTheNetworkUnlessItIsOn) {
  const auto unused = free_port();
  stage here{open_settings({{"route_services_hairpinning", false}, {"route_services_internal_server_port", unused}})};
  here.map("localhost", inside_logic);
  EXPECT_EQ(here.get(bound_to(here, url_outside())).body, "outside");
  EXPECT_FALSE(accepts_at("127.0.0.1", unused));
}

TEST_F(HairpinElsewhere, SpeaksHttp11IfHttp2IsOff) {
  stage here{settings({{"enable_http2", false}, {"go_max_procs", 3}})};
  const auto service = here.mapped(inside_logic);
  const auto host = bound_to(here, at(service));
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(here.get(host).body, "inside");
  EXPECT_THAT(here.under_test.wait_for_access(service + " - ["), HasSubstr("\"GET / HTTP/1.1\" 200 "));
}

TEST_F(HairpinElsewhere, ShowsAServiceTheClientsCertificateThatTheRouterSaw) {
  const auto server = tls_kit::mint({.common_name = "server", .dns = {"server.test"}});
  const auto person = tls_kit::mint({.common_name = "person"});
  stage here{tls_front({&server}, settings({{"client_cert_validation", "request"},
                                            {"client_ca_certs", person.pem()},
                                            {"enable_proxy", true},
                                            {"forwarded_client_cert", "sanitize_set"}}))};
  const auto host = bound_to(here, at(here.mapped(inside_logic)));
  tls_client one{here.under_test.tls_port(), {.own = &person}};
  EXPECT_EQ(one->send(get_request(host)).response().body, "inside");
  const auto seen = inside_logic.last_request();
  const auto pem = person.pem();
  EXPECT_EQ(seen.one("X-Forwarded-Proto"), "https");
  EXPECT_THAT(seen.one("X-Forwarded-Client-Cert"), HasSubstr(pem.substr(pem.find('\n') + 1, 60)))
    << "and not the router's own";
}

TEST_F(HairpinElsewhere, GetsARequestThroughThatWasLetInByTheLastConnection) {
  stage here{settings({{"limits", {{"connections", 2}}}})};
  const auto host = bound_to(here, at(here.mapped(inside_logic)));
  client one{here.under_test.port()}, other{here.under_test.port()};
  EXPECT_EQ(other.send(get_request("nowhere.example.com")).response().status, 404);
  EXPECT_EQ(one.send(get_request(host)).response().body, "inside");
  client third{here.under_test.port()};
  EXPECT_EQ(third.response().status, 503) << "or there was no limit";
}

TEST_F(HairpinElsewhere, DrainsWithTheRouter) {
  stage here{settings({{"drain_timeout", "60s"}, {"go_max_procs", 2}})};
  const gate held;
  inside_logic.answer_with(held.holding("/hold"));
  const auto internal = internal_port(here.under_test);
  const auto service = here.mapped(inside_logic);
  EXPECT_EQ(here.get(bound_to(here, at(service))).body, "hello");
  client one{here.under_test.port()};
  one.send(get_request(bound_to(here, at(service, "/hold"))));
  ASSERT_TRUE(inside_logic.wait_for_requests(2));
  here.under_test.process().signal(SIGUSR1);
  EXPECT_TRUE(eventually([&] { return !accepts_at("127.0.0.1", internal); }));
  EXPECT_TRUE(here.under_test.process().running());
  held.open();
  EXPECT_EQ(one.response().body, "hello");
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0);
}

TEST_F(HairpinElsewhere, DoesNotHoldUpTheEnd) {
  stage here{settings({{"drain_timeout", "600s"}})};
  const auto host = bound_to(here, at(here.mapped(inside_logic)));
  EXPECT_EQ(here.get(host).body, "inside");
  here.under_test.process().signal(SIGUSR1);
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0) << "for connections of the router to itself";
}

/// What a router that cannot start says; its exit code must be 1.
std::string refused_start(const nlohmann::json& more, const std::vector<std::string>& command = {}) {
  const temporary_directory files;
  const nats_server nats;
  nlohmann::json all{{"port", 0},
                     {"status", {{"port", 0}, {"routes", {{"port", 0}}}}},
                     {"nats", {{"hosts", {{{"hostname", "127.0.0.1"}, {"port", nats.port()}}}}}}};
  all.merge_patch(more);
  write_file(files.path_of("router.yml"), all.dump());
  std::vector<std::string> argv{shunt_executable()};
  argv.insert(argv.end(), command.begin(), command.end());
  argv.insert(argv.end(), {"-c", files.path_of("router.yml")});
  child_process process{argv, files.path_of("output")};
  EXPECT_EQ(process.wait_for_exit(), 1);
  return process.output();
}

TEST(HairpinStart, FailsIfTheInternalPortIsTaken) {
  const backend other;
  const auto output = refused_start(settings({{"route_services_internal_server_port", other.port()}}));
  EXPECT_THAT(output, AllOf(HasSubstr("start-failed"),
                            HasSubstr("route_services_internal_server_port " + std::to_string(other.port()) + ": bind")));
}

TEST(HairpinStart, FailsOverAnEntryOfTheAllowlistThatIsNoHost) {
  const nlohmann::json bad{{"route_services_hairpinning_allowlist", {"good.example.com", "b_d.example.com"}}};
  for (const std::vector<std::string>& command : {std::vector<std::string>{}, {"check"}})
    EXPECT_THAT(refused_start(bad, command), HasSubstr("route_services_hairpinning_allowlist: 'b_d.example.com'"));
}

} // namespace
} // namespace shunt::test
