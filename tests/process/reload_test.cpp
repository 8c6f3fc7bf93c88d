// SIGHUP: the file is read again. What begins afterwards follows it, what began before goes on.
#include "tests/process/harness/environment.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/open_connections.hpp"
#include "tests/process/harness/tls_backend.hpp"
#include "tests/process/harness/tool.hpp"
#include "tests/process/reload_fixture.hpp"

#include <gmock/gmock.h>

#include <cstdio>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(Reload, ServesANewCertificateToNewConnectionsAndLeavesOthersAlone) {
  const gate held;
  there.answer_with(held.holding("/hold"));
  start(tls_front({&certificate("old")}));
  const auto host = here().mapped(there);
  tls_client kept{under_test().tls_port()};
  EXPECT_EQ(kept->send(get_request(host)).response().status, 200);
  tls_client busy{under_test().tls_port()};
  busy->send(get_request(host, "/hold"));
  ASSERT_TRUE(there.wait_for_requests(2));
  EXPECT_EQ(shown_certificate(), "old");

  const auto said = reload(tls_front({&certificate("new")}));
  EXPECT_EQ(said.at("changed"), "tls_pem");
  EXPECT_TRUE(eventually([&] { return shown_certificate() == "new"; }));
  EXPECT_EQ(kept->send(get_request(host)).response().status, 200);
  EXPECT_EQ(kept.handshake().peer_name, "old");
  held.open();
  EXPECT_EQ(busy->response().body, "hello");
  EXPECT_EQ(busy->send(get_request(host)).response().status, 200);
  EXPECT_THAT(under_test().log_tail(), Not(HasSubstr(certificate("new").key_pem().substr(40, 30))));
}

TEST_F(Reload, DisturbsNeitherAStreamNorAWebSocketByNewCertificatesAndCas) {
  start(usual());
  open_connections open{here(), there};
  const auto ca = tls_kit::mint_ca("another-ca");
  auto next = tls_front({&certificate("new")}, {{"enable_http2", true}, {"ca_certs", {ca.pem()}}});
  reload(next);
  EXPECT_TRUE(eventually([&] { return shown_certificate() == "new"; }));
  open.speak();
  next["tls_pem"][0]["private_key"] = certificate("old").key_pem();
  EXPECT_THAT(refused(next).at("error").get<std::string>(), HasSubstr("tls_pem"));
  EXPECT_EQ(shown_certificate(), "new");
  open.finish();
}

TEST_F(Reload, DoesNotLetSessionsOutliveTheirCa) {
  const auto old_ca = tls_kit::mint_ca("old-ca");
  const auto new_ca = tls_kit::mint_ca("new-ca");
  const auto own = tls_kit::mint({.common_name = "client", .issuer = &old_ca});
  const auto with_ca = [&](const tls_kit::minted& ca) {
    return tls_front({&certificate("old")}, {{"client_cert_validation", "require"},
                                             {"only_trust_client_ca_certs", true},
                                             {"client_ca_certs", ca.pem()}});
  };
  start(with_ca(old_ca));
  const auto host = here().mapped(there);
  net::ssl_session_ptr session;
  const auto answers = [&](const SSL_SESSION* resumed) {
    tls_client one{under_test().tls_port(), {.own = &own, .resume = resumed}};
    try {
      const bool answered = one->send(get_request(host)).response().status == 200;
      EXPECT_EQ(one.handshake().resumed, resumed != nullptr);
      session = one.bridge().session();
      return answered;
    } catch (const std::exception&) {
      return false;
    }
  };
  EXPECT_TRUE(answers(nullptr));
  ASSERT_TRUE(session);
  EXPECT_TRUE(answers(session.get()));
  reload(with_ca(new_ca));
  EXPECT_TRUE(eventually([&] { return !answers(nullptr); }));
  EXPECT_FALSE(answers(session.get())) << "the session is of before the change";
}

TEST_F(Reload, RefusesABadFileAndGoesOn) {
  const auto good = tls_front({&certificate("old")}, {{"empty_pool", {{"status", 410}}}});
  start(good);
  const auto host = here().mapped(there);
  here().unmap(host, there);
  EXPECT_TRUE(here().eventually_answers(host, "/", 410));

  auto mixed_up = tls_front({&certificate("new")});
  mixed_up["tls_pem"][0]["private_key"] = certificate("old").key_pem();
  auto without_ssl = good;
  without_ssl["enable_ssl"] = false;
  auto several = good;
  several["endpoint_timeout"] = "soon";
  several["max_idle_conns"] = "many";
  const std::pair<nlohmann::json, std::vector<std::string>> bad[] = {
    {mixed_up, {"tls_pem"}},
    {without_ssl, {"enable_ssl", "restart"}},
    {several, {"endpoint_timeout", "max_idle_conns"}}};
  for (const auto& [file, named] : bad) {
    auto changed = file;
    changed["empty_pool"] = {{"status", 411}};
    const auto said = refused(changed);
    EXPECT_EQ(said.at("file"), under_test().configuration_path());
    for (const auto& each : named)
      EXPECT_THAT(said.at("error").get<std::string>(), HasSubstr(each));
  }
  write_file(under_test().configuration_path(), "port: [\n");
  reread("configuration-refused");
  std::remove(under_test().configuration_path().c_str());
  reread("configuration-refused");

  EXPECT_EQ(here().get(host).status, 410);
  EXPECT_EQ(shown_certificate(), "old");
  reload(tls_front({&certificate("new")}, {{"empty_pool", {{"status", 412}}}}));
  EXPECT_TRUE(here().eventually_answers(host, "/", 412));
  EXPECT_TRUE(eventually([&] { return shown_certificate() == "new"; }));
}

TEST_F(Reload, ChangesWhatNewRequestsGet) {
  start();
  const auto host = here().mapped(there);
  here().unmap(host, there);
  EXPECT_TRUE(here().eventually_answers(host, "/", 503));
  const auto said =
    reload({{"empty_pool", {{"status", 418}, {"body", "gone fishing"}}},
            {"http_rewrite",
             {{"responses",
               {{"add_headers_if_not_present", {{{"name", "X-Added"}, {"value", "later"}}}}}}}}});
  EXPECT_THAT(said.at("changed").get<std::string>(), HasSubstr("empty_pool.status"));
  EXPECT_THAT(said.at("changed").get<std::string>(), HasSubstr("empty_pool.body"));
  EXPECT_THAT(said.at("changed").get<std::string>(), Not(HasSubstr("endpoint_timeout")));
  EXPECT_TRUE(here().eventually_answers(host, "/", 418));
  const auto answer = here().get(host);
  EXPECT_EQ(answer.body, "gone fishing");
  EXPECT_EQ(answer.one("X-Added"), "later");
  EXPECT_TRUE(lines("configuration-needs-restart").empty());
}

TEST_F(Reload, LeavesRequestsUnderWayTheirTime) {
  const gate held;
  there.answer_with(held.holding("/hold"));
  start();
  const auto host = here().mapped(there);
  client before{here().under_test.port()};
  before.send(get_request(host, "/hold"));
  ASSERT_TRUE(there.wait_for_requests(1));
  reload({{"endpoint_timeout", slowed_text(200ms)}});
  const backend silent{answers::silent()};
  const auto other = here().mapped(silent);
  EXPECT_TRUE(eventually([&] {
    const auto began = clock::now();
    return here().get(other).status == 502 && clock::now() - began < slowed(4s);
  }));
  held.open();
  EXPECT_EQ(before.response().status, 200);
}

TEST_F(Reload, ChangesTimesOfNewConnections) {
  start({{"frontend_idle_timeout", "900s"}});
  const auto host = here().mapped(there);
  client old{under_test().port()};
  EXPECT_EQ(old.send(get_request(host)).response().status, 200);
  reload({{"frontend_idle_timeout", slowed_text(100ms)}});
  EXPECT_TRUE(eventually([&] {
    client fresh{under_test().port()};
    return fresh.send(get_request(host)).response().status == 200 && fresh.sees_close(2s);
  }));
  EXPECT_TRUE(under_test().process().running());
}

TEST_F(Reload, ChangesWhomBackendsMustBeKnownBy) {
  const auto ca = tls_kit::mint_ca("backend-ca");
  const auto own = tls_kit::mint({.common_name = "b", .dns = {"app.internal"}, .issuer = &ca});
  start();
  const tls_backend secret{there, {.own = &own}};
  const auto host = fresh_host();
  const nlohmann::json registration{
    {"port", nullptr}, {"tls_port", secret.port()}, {"server_cert_domain_san", "app.internal"}};
  here().map(host, secret.port(), registration);
  EXPECT_EQ(here().get(host).status, 526);
  EXPECT_EQ(reload({{"ca_certs", {ca.pem()}}}).at("changed"), "ca_certs");
  here().map(host, secret.port(), registration); // It had left the route.
  EXPECT_TRUE(eventually([&] {
    here().map(host, secret.port(), registration);
    return here().get(host).status == 200;
  }));
}

TEST_F(Reload, SwitchesTheProxyProtocolOn) {
  start();
  const auto host = here().mapped(there);
  const auto request = "PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n" + get_request(host);
  EXPECT_EQ(here().ask(request).status, 400);
  reload({{"enable_proxy", true}});
  EXPECT_TRUE(eventually([&] { return here().ask(request).status == 200; }));
  EXPECT_EQ(there.last_request().one("X-Forwarded-For"), "203.0.113.7");
}

TEST_F(Reload, NamesWhatHasToWaitForARestart) {
  start();
  const auto host = here().mapped(there);
  reload({{"go_max_procs", 2}, {"index", 7}, {"secure_cookies", true}});
  const auto waiting = under_test().wait_for_log("configuration-needs-restart");
  EXPECT_EQ(waiting.at("log_level"), 2);
  const auto keys = waiting.at("data").at("keys").get<std::string>();
  EXPECT_THAT(keys, HasSubstr("go_max_procs"));
  EXPECT_THAT(keys, HasSubstr("index"));
  EXPECT_THAT(keys, Not(HasSubstr("secure_cookies")));
  EXPECT_EQ(lines("configuration-reloaded").back().at("data").at("changed"), "secure_cookies");
  reload(nlohmann::json::object());
  EXPECT_EQ(lines("configuration-needs-restart").size(), 1u) << "it is as it was at the start";
  EXPECT_EQ(here().get(host).status, 200);
}

TEST_F(Reload, OfTheSameFileChangesNothing) {
  start(tls_front({&certificate("old")}));
  EXPECT_EQ(reread("configuration-reloaded").at("changed"), "");
  EXPECT_EQ(shown_certificate(), "old");
}

TEST_F(Reload, OfTheSameFileLeavesClientsTheirSessionsAndBackendsTheirConnections) {
  start(tls_front({&certificate("old")}));
  const auto host = here().mapped(there);
  const temporary_directory files;
  const auto asked = [&](const std::string& version, const std::string& option) {
    const auto said = run_tool({"openssl", "s_client", version, "-ign_eof", "-connect",
                                "127.0.0.1:" + std::to_string(under_test().tls_port()), option, files.path_of(version)},
                               get_request(host, "/", "Connection: close\r\n"));
    EXPECT_THAT(said.output, HasSubstr("HTTP/1.1 200"));
    return said.output;
  };
  const std::vector<std::string> versions{"-tls1_2", "-tls1_3"};
  for (const auto& version : versions) {
    EXPECT_THAT(asked(version, "-sess_out"), HasSubstr("New, TLSv1"));
    EXPECT_THAT(asked(version, "-sess_in"), HasSubstr("Reused, TLSv1"));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(reread("configuration-reloaded").at("changed"), "");
    for (const auto& version : versions)
      EXPECT_THAT(asked(version, "-sess_in"), HasSubstr("Reused, TLSv1")) << "after " << i + 1;
  }
  EXPECT_EQ(there.connection_count(), 1u);

  reload(tls_front({&certificate("new")}));
  EXPECT_TRUE(eventually([&] { return shown_certificate() == "new"; }));
  for (const auto& version : versions)
    EXPECT_THAT(asked(version, "-sess_in"), HasSubstr("New, TLSv1"));
}

TEST_F(Reload, TakesCasOfTheMachineThatChangedWhileTheFileDidNot) {
  const auto old_ca = tls_kit::mint_ca("old-ca"), new_ca = tls_kit::mint_ca("new-ca");
  const auto own = tls_kit::mint({.common_name = "client", .issuer = &new_ca});
  const temporary_directory files;
  write_file(files.path_of("system.pem"), old_ca.pem());
  const environment_variable where{"SSL_CERT_FILE", files.path_of("system.pem")};
  start(tls_front({&certificate("old")}, {{"client_cert_validation", "require"},
                                          {"client_ca_certs", old_ca.pem()},
                                          {"only_trust_client_ca_certs", false}}));
  const auto host = here().mapped(there);
  const auto answers = [&] {
    try {
      return tls_client{under_test().tls_port(), {.own = &own}} -> send(get_request(host)).response().status == 200;
    } catch (const std::exception&) {
      return false;
    }
  };
  EXPECT_FALSE(answers());
  write_file(files.path_of("system.pem"), new_ca.pem());
  EXPECT_EQ(reread("configuration-reloaded").at("changed"), "");
  EXPECT_TRUE(eventually(answers));
  write_file(files.path_of("system.pem"), old_ca.pem());
  reread("configuration-reloaded");
  EXPECT_TRUE(eventually([&] { return !answers(); }));
}

TEST_F(Reload, TakesAnErrorPageThatChangedWhileTheFileDidNot) {
  const temporary_directory files;
  write_file(files.path_of("page"), "before");
  start({{"html_error_template_file", files.path_of("page")}});
  EXPECT_EQ(here().get("unknown.test").body, "before");
  write_file(files.path_of("page"), "after");
  EXPECT_EQ(reread("configuration-reloaded").at("changed"), "");
  EXPECT_TRUE(eventually([&] { return here().get("unknown.test").body == "after"; }));
  write_file(files.path_of("page"), "{{nonsense");
  EXPECT_THAT(reread("configuration-refused").at("error").get<std::string>(), HasSubstr("html_error_template_file"));
  EXPECT_EQ(here().get("unknown.test").body, "after");
}

TEST_F(Reload, ManyTimesUnderTrafficLosesNoRequest) {
  start(tls_front({&certificate("old")}));
  const auto host = here().mapped(there);
  client plain{under_test().port()};
  tls_client secret{under_test().tls_port()};
  for (int i = 0; i < 10; ++i) {
    under_test().configure(tls_front({&certificate(i % 2 == 0 ? "new" : "old")},
                                     {{"endpoint_timeout", std::to_string(10 + i) + "s"}}));
    under_test().process().signal(SIGHUP);
    for (int k = 0; k < 20; ++k) {
      EXPECT_EQ(plain.send(get_request(host)).response().status, 200);
      EXPECT_EQ(secret->send(get_request(host)).response().status, 200);
      EXPECT_EQ(
        tls_client { under_test().tls_port() } -> send(get_request(host)).response().status, 200);
    }
  }
}

TEST_F(Reload, ChangesTheCertificateOfTheStatusPort) {
  const auto with = [](const std::string& name) {
    const auto& own = certificate(name);
    return nlohmann::json{
      {"status", {{"tls", {{"certificate", own.pem()}, {"key", own.key_pem()}}}}}};
  };
  const auto shown = [&] {
    return tls_client{under_test().status_tls_port()}.handshake().peer_name;
  };
  start(with("old"));
  EXPECT_EQ(shown(), "old");
  reload(with("new"));
  EXPECT_TRUE(eventually([&] { return shown() == "new"; }));
}

} // namespace
} // namespace shunt::test
