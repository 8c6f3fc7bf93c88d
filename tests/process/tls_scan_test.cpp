// What testssl.sh, which people audit their servers with, finds in a router's TLS: nothing that is
// the router's own weakness.
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <map>
#include <set>

namespace shunt::test {
namespace {

/// Findings by their id: severity and text.
using findings = std::map<std::string, std::pair<std::string, std::string>>;

const std::set<std::string> weak{"LOW", "MEDIUM", "HIGH", "CRITICAL"};

/// Said of any router with a certificate that a test made, and not the router's doing.
const std::map<std::string, std::string> excused{
  {"cert_revocation", "nobody runs an OCSP server or a revocation list for a test's certificate"},
  {"cert_serialNumberLen", "the kit that makes them numbers them from 1"},
};

/// Said of the scanner itself.
const std::set<std::string> remarks{
  "engine_problem", // This OpenSSL knows no GOST.
};

/// A certificate for localhost that a browser would accept, if it knew the authority.
const tls_kit::minted& authority() {
  static const auto ca = tls_kit::mint_ca("scan-ca");
  return ca;
}

tls_kit::minted certificate_of(tls_kit::key_kind kind) {
  return tls_kit::mint({.common_name = "localhost",
                        .dns = {"localhost"},
                        .issuer = &authority(),
                        .kind = kind,
                        .until_s = 300L * 24 * 3600,
                        .usage = "serverAuth"});
}

/// Both listeners with TLS, for clients and for the status, on defaults beyond what has none, and `more`.
nlohmann::json settings(tls_kit::key_kind kind, const nlohmann::json& more = nlohmann::json::object()) {
  const auto own = certificate_of(kind);
  auto all = tls_front({&own}, {{"status", {{"tls", {{"certificate", own.pem()}, {"key", own.key_pem()}}}}}});
  all.erase("max_tls_version");
  all.erase("enable_http2");
  all.merge_patch(more);
  return all;
}

findings scan(std::uint16_t port, const std::vector<std::string>& checks) {
  const temporary_directory files;
  write_file(files.path_of("ca.pem"), authority().pem());
  std::vector<std::string> argv{"testssl",    "--quiet",
                                "--color",    "0",
                                "--warnings", "batch",
                                "--nodns",    "none",
                                "--ip",       "127.0.0.1",
                                "--add-ca",   files.path_of("ca.pem"),
                                "--jsonfile", files.path_of("found.json")};
  argv.insert(argv.end(), checks.begin(), checks.end());
  argv.push_back("localhost:" + std::to_string(port));
  const auto said = run_tool(argv, {}, 240s);
  const auto all = nlohmann::json::parse(read_file(files.path_of("found.json")), nullptr, false);
  if (!all.is_array())
    throw std::runtime_error{"testssl found nothing at all:\n" + said.output};
  findings found;
  for (const auto& each : all)
    found[each.at("id")] = {each.at("severity"), each.at("finding")};
  return found;
}

/// Fails for every weakness, for every check that did not work, and for each that was not done.
void expect_no_weakness(const findings& found, const std::vector<std::string>& wanted) {
  for (const auto& [id, about] : found) {
    const auto& [severity, text] = about;
    const bool worked = weak.contains(severity) || severity == "OK" || severity == "INFO";
    EXPECT_TRUE(worked || remarks.contains(id)) << severity << " " << id << ": " << text;
    EXPECT_TRUE(!weak.contains(severity) || excused.contains(id))
      << severity << " " << id << ": " << text;
  }
  for (const auto& id : wanted)
    EXPECT_TRUE(found.contains(id)) << id << " was not looked at";
}

/// Of protocols, suites, the certificate and every vulnerability that has a name.
const std::vector<std::string> everything{"-p", "-s", "-S", "-U"};
const std::vector<std::string> expected_checks{"SSLv2",
                                               "SSLv3",
                                               "TLS1",
                                               "TLS1_1",
                                               "TLS1_2",
                                               "cipherlist_NULL",
                                               "cipherlist_LOW",
                                               "cert_trust",
                                               "heartbleed",
                                               "CCS",
                                               "ticketbleed",
                                               "ROBOT",
                                               "secure_renego",
                                               "secure_client_renego",
                                               "CRIME_TLS",
                                               "BREACH",
                                               "POODLE_SSL",
                                               "fallback_SCSV",
                                               "SWEET32",
                                               "FREAK",
                                               "DROWN",
                                               "LOGJAM",
                                               "BEAST",
                                               "LUCKY13",
                                               "RC4"};

void expect_sound(const findings& found, const std::string& key) {
  expect_no_weakness(found, expected_checks);
  EXPECT_EQ(found.at("TLS1_2").second, "offered");
  EXPECT_EQ(found.at("cert_chain_of_trust").first, "OK") << found.at("cert_chain_of_trust").second;
  EXPECT_NE(found.at("cert_keySize").second.find(key), std::string::npos) << found.at("cert_keySize").second;
}

TEST(TlsScan, FindsNoWeaknessInTheDefaultSettings) {
  const stage here{settings(tls_kit::key_kind::p256)};
  const auto found = scan(here.under_test.tls_port(), everything);
  expect_sound(found, "EC");
  EXPECT_EQ(found.at("ALPN_HTTP2").second, "h2");
}

TEST(TlsScan, FindsNoWeaknessWithAnRsaCertificate) {
  const stage here{settings(tls_kit::key_kind::rsa)};
  const auto found = scan(here.under_test.tls_port(), everything);
  expect_sound(found, "RSA 2048");
  EXPECT_EQ(found.at("ALPN_HTTP2").second, "h2");
}

TEST(TlsScan, FindsNoWeaknessAtTheStatusPort) {
  const stage here{settings(tls_kit::key_kind::rsa)};
  const auto found = scan(here.under_test.status_tls_port(), everything);
  expect_sound(found, "RSA 2048");
  EXPECT_FALSE(found.contains("ALPN_HTTP2")) << "it speaks HTTP/1.1 alone";
}

TEST(TlsScan, FindsNoWeaknessWithTls13) {
  const stage here{settings(tls_kit::key_kind::rsa, {{"max_tls_version", "TLSv1.3"}})};
  for (const auto port : {here.under_test.tls_port(), here.under_test.status_tls_port()}) {
    const auto found = scan(port, {"-P"});
    expect_no_weakness(found, {"protocol_negotiated", "cipher_negotiated", "cipher_order"});
    EXPECT_EQ(found.at("protocol_negotiated").second, "Default protocol TLS1.3");
  }
}

TEST(TlsScan, FindsTheWeaknessThatAnOperatorAsksFor) {
  const stage here{settings(tls_kit::key_kind::p256, {{"cipher_suites", "ECDHE-ECDSA-AES128-SHA"}})};
  for (const auto port : {here.under_test.tls_port(), here.under_test.status_tls_port()})
    EXPECT_TRUE(weak.contains(scan(port, {"-L"}).at("LUCKY13").first)) << "or the other tests cannot fail";
}

} // namespace
} // namespace shunt::test
