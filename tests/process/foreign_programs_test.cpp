// Programs that others wrote, in the places of clients, load balancers and backends for which the other tests have peers of
// our own.
#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/curl.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// A program that serves at a port which it has to be told.
class foreign_server {
public:
  using command = std::function<std::vector<std::string>(std::uint16_t port)>;

  /// Somebody may have taken the port that was free; then at another.
  explicit foreign_server(const command& at) {
    for (int left = 5; left > 0; --left) {
      port_ = free_port();
      process_ = std::make_unique<child_process>(at(port_), files_.path_of("output"));
      if (eventually([this] { return accepts() || !process_->running(); }) && process_->running())
        return;
    }
    throw std::runtime_error{"a server did not start: " + process_->output()};
  }
  std::uint16_t port() const { return port_; }

private:
  bool accepts() const {
    try {
      const client one{port_};
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  temporary_directory files_;
  std::uint16_t port_ = 0;
  std::unique_ptr<child_process> process_;
};

// -- HAProxy in front.

class BehindHaproxy : public SharedStage<BehindHaproxy>, public testing::WithParamInterface<const char*> {
public:
  static nlohmann::json configuration() {
    return {{"enable_proxy", true}, {"proxy_senders", {"127.0.0.1/32"}}};
  }
};

TEST_P(BehindHaproxy, ClientsAreKnownByTheirOwnAddress) {
  const temporary_directory files;
  const foreign_server balancer{[&](std::uint16_t at) {
    write_file(files.path_of("haproxy.cfg"),
               "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n"
               "listen shunt\n bind 127.0.0.1:" + std::to_string(at) + "\n server router 127.0.0.1:"
                 + std::to_string(port()) + " " + GetParam() + "\n");
    return std::vector<std::string>{"haproxy", "-db", "-f", files.path_of("haproxy.cfg")};
  }};
  const backend there;
  const auto host = here().mapped(there);
  const auto at = std::to_string(balancer.port());
  for (const std::string from : {"127.0.0.5", "127.0.0.77"}) {
    EXPECT_EQ(run_tool({"curl", "-sS", "--interface", from, "--connect-to", "::127.0.0.1:" + at, "http://" + host + ":" + at})
                .output,
              "hello");
    EXPECT_EQ(there.last_request().one("X-Forwarded-For"), from);
  }
}

INSTANTIATE_TEST_SUITE_P(By, BehindHaproxy, testing::Values("send-proxy", "send-proxy-v2"), [](const auto& each) {
  return std::string{each.param} == "send-proxy" ? "Version1" : "Version2";
});

// -- OpenSSL's own server as a backend.

const tls_kit::minted& backend_ca() {
  static const auto made = tls_kit::mint_ca("ca-of-foreign-backends");
  return made;
}

const tls_kit::minted& backend_certificate() {
  static const auto made = tls_kit::mint({.common_name = "foreign", .dns = {"foreign.internal"}, .issuer = &backend_ca()});
  return made;
}

class OpensslBackends : public SharedStage<OpensslBackends> {
public:
  static nlohmann::json configuration() { return {{"ca_certs", {backend_ca().pem()}}, {"backends", {{"max_attempts", 1}}}}; }

protected:
  OpensslBackends() {
    write_file(files.path_of("certificate.pem"), backend_certificate().pem());
    write_file(files.path_of("key.pem"), backend_certificate().key_pem());
  }
  /// It answers with a page about the handshake.
  foreign_server serving(const std::vector<std::string>& more = {}) const {
    return foreign_server{[&](std::uint16_t at) {
      std::vector<std::string> all{"openssl", "s_server", "-www", "-accept", "127.0.0.1:" + std::to_string(at), "-cert",
                                   files.path_of("certificate.pem"), "-key", files.path_of("key.pem")};
      all.insert(all.end(), more.begin(), more.end());
      return all;
    }};
  }
  static std::string mapped(const foreign_server& there, const std::string& name) {
    const auto host = fresh_host();
    here().map(host, there.port(), {{"port", nullptr}, {"tls_port", there.port()}, {"server_cert_domain_san", name}});
    return host;
  }

  const temporary_directory files;
  const curl asking{here().under_test};
};

TEST_F(OpensslBackends, AreSpokenToInTheLatestVersionThatTheySpeak) {
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    const auto there = serving({version});
    const auto answer = asking.get(mapped(there, "foreign.internal"));
    EXPECT_EQ(answer.status, 200) << answer.said;
    EXPECT_THAT(answer.body, HasSubstr(version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"));
  }
}

TEST_F(OpensslBackends, MustHaveTheNameThatTheyRegistered) {
  const auto there = serving();
  const auto answer = asking.get(mapped(there, "another.internal"));
  EXPECT_EQ(answer.status, 503) << answer.said;
  EXPECT_THAT(answer.one("X-Cf-RouterError"), HasSubstr("certificate is valid for foreign.internal, not another.internal"));
}

/// TLS 1.3 has an alert for just that. In TLS 1.2 OpenSSL's is that of any handshake that fails.
TEST_F(OpensslBackends, ThatWantACertificateOfUsSaySo) {
  for (const auto& [version, status] : {std::pair{"-tls1_3", 496}, {"-tls1_2", 525}}) {
    const auto there = serving({version, "-Verify", "1", "-verify_return_error"});
    const auto answer = asking.get(mapped(there, "foreign.internal"));
    EXPECT_EQ(answer.status, status) << answer.said << answer.one("X-Cf-RouterError");
  }
}

// -- curl, which is sent to the right instance.

class CurlBalancing : public SharedStage<CurlBalancing> {
public:
  static nlohmann::json configuration() {
    return {{"balancing_algorithm_az_preference", "locally-optimistic"}, {"zone", "near"}};
  }

protected:
  /// Instances that answer with their names, each with more of its own.
  std::string mapped(const std::map<std::string, nlohmann::json>& instances) {
    const auto host = fresh_host();
    for (const auto& [name, more] : instances) {
      auto options = more;
      options["private_instance_id"] = name;
      there.push_back(std::make_unique<backend>(answers::ok(name)));
      here().map(host, *there.back(), options);
    }
    return host;
  }

  const curl asking{here().under_test};
  std::vector<std::unique_ptr<backend>> there;
};

TEST_F(CurlBalancing, PrefersTheOwnZone) {
  const auto host = mapped({{"one", {{"availability_zone", "far"}}}, {"two", {{"availability_zone", "near"}}}});
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(asking.get(host).body, "two");
}

TEST_F(CurlBalancing, FollowsAHeader) {
  const nlohmann::json hashed{{"options", {{"loadbalancing", "hash"}, {"hash_header", "X-Tenant"}}}};
  const auto host = mapped({{"a", hashed}, {"b", hashed}, {"c", hashed}});
  std::set<std::string> homes;
  for (int tenant = 0; tenant < 12; ++tenant) {
    std::set<std::string> seen;
    for (int i = 0; i < 4; ++i)
      seen.insert(asking.get(host, {"-H", "X-Tenant: tenant-" + std::to_string(tenant)}).body);
    EXPECT_THAT(seen, SizeIs(1)) << tenant;
    homes.insert(seen.begin(), seen.end());
  }
  EXPECT_THAT(homes, SizeIs(3)) << "each has some";
}

} // namespace
} // namespace shunt::test
