// What goes wrong with a backend's TLS, and what it is called.
#include "net/tls_failure.hpp"

#include "net/backend_tls.hpp"

#include "tls_test_kit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/err.h>

namespace shunt::net {
namespace {

using namespace tls_kit;
using routing::failure_class;
using testing::MatchesRegex;
using testing::StartsWith;

const std::string verify = "tls: failed to verify certificate: x509: ";

class TlsFailure : public testing::Test {
protected:
  std::shared_ptr<const backend_tls> make() const {
    config::settings s;
    s.ca_certs = {ca.pem()};
    return backend_tls::make(s, {});
  }

  /// What a connection to a backend with these habits ends with.
  tls_failure failure(const peer_options& backend, std::string_view name = "ins-1") const {
    const auto context = server_context(backend);
    link l{make()->new_session(name, false), serve_with(context.get())};
    EXPECT_FALSE(l.connect());
    EXPECT_EQ(ERR_peek_error(), 0u);
    return l.client_failure().value_or(tls_failure{failure_class::no_endpoint, "none"});
  }
  tls_failure failure_of(const recipe& shown, std::string_view name = "ins-1") const {
    const auto certificate = mint(shown);
    return failure({.own = &certificate}, name);
  }

  /// What a connection ends with whose other side sends `bytes`, and perhaps closes.
  tls_failure answered(std::string_view bytes, bool closes = false) const {
    const auto certificate = mint({.dns = {"ins-1"}, .issuer = &ca});
    const auto context = server_context({.own = &certificate});
    link l{make()->new_session("ins-1", false), serve_with(context.get())};
    l.client_steps();
    l.server_writes(bytes);
    if (closes)
      l.server_closes();
    l.client_steps();
    return l.client_failure().value_or(tls_failure{failure_class::no_endpoint, "none"});
  }

  minted ca = mint_ca("backend-ca");
};

// -- Names

TEST_F(TlsFailure, ListsTheNamesOfACertificateForOthers) {
  const auto names = [this](std::vector<std::string> dns, std::vector<std::string> ips,
                            std::string common_name = "x") {
    return recipe{.common_name = std::move(common_name),
                  .dns = std::move(dns),
                  .ips = std::move(ips),
                  .issuer = &ca};
  };
  const struct {
    recipe shown;
    const char* name;
    const char* text;
  } rows[] = {
    {names({"other"}, {}), "ins-1", "certificate is valid for other, not ins-1"},
    {names({"b", "*.a"}, {"10.0.0.1"}), "ins-1", "certificate is valid for b, *.a, not ins-1"},
    {names({}, {"10.0.0.1"}), "ins-1",
     "certificate is not valid for any names, but wanted to match ins-1"},
    {names({}, {}), "ins-1", "certificate is not valid for any names, but wanted to match ins-1"},
    {names({}, {}, "ins-1"), "ins-1",
     "certificate relies on legacy Common Name field, use SANs instead"},
    {names({"other"}, {}), "10.0.0.1",
     "cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs"},
    {names({"other"}, {"10.0.0.2", "fd00::1"}), "10.0.0.1",
     "certificate is valid for 10.0.0.2, fd00::1, not 10.0.0.1"},
    {names(std::vector<std::string>(100, "n"), {}), "ins-1",
     "certificate is valid for 100 names, but none matched ins-1"},
    {names(std::vector<std::string>(20, std::string(60, 'n')), {}), "ins-1",
     "certificate is valid for 20 names, but none matched ins-1"},
    {names({}, std::vector<std::string>(100, "10.0.0.2")), "10.0.0.1",
     "certificate is valid for 100 IP SANs, but none matched 10.0.0.1"},
  };
  for (const auto& row : rows) {
    const auto found = failure_of(row.shown, row.name);
    EXPECT_EQ(found.reason, failure_class::hostname_mismatch);
    EXPECT_EQ(found.text, verify + row.text);
  }
}

TEST_F(TlsFailure, LetsNothingUnprintableOutOfACertificate) {
  const auto found = failure_of({.dns = {"a\r\nX-Evil: 1\x80"}, .issuer = &ca});
  EXPECT_EQ(found.text, verify + "certificate is valid for a??X-Evil: 1?, not ins-1");
}

// -- Trust and time

TEST_F(TlsFailure, TellsUntrustedFromExpiredAndFromMisnamed) {
  const auto other_ca = mint_ca("other");
  const auto old_middle =
    mint({.common_name = "old", .ca = true, .issuer = &ca, .from_s = -7200, .until_s = -3600});
  const std::string unknown = "certificate signed by unknown authority";
  const std::string time = "certificate has expired or is not yet valid: current time "
                           "....-..-..T..:..:..Z is ";
  const std::string stamp = " ....-..-..T..:..:..Z";
  using enum failure_class;
  const struct {
    recipe shown;
    failure_class reason;
    std::string pattern;
  } rows[] = {
    {{.dns = {"ins-1"}}, untrusted, unknown},
    {{.dns = {"ins-1"}, .issuer = &other_ca}, untrusted, unknown},
    {{.dns = {"ins-1"}, .issuer = &ca, .usage = "clientAuth"},
     untrusted,
     "certificate specifies an incompatible key usage"},
    {{.dns = {"ins-1"}, .issuer = &ca, .from_s = -9, .until_s = -5},
     certificate_expired,
     time + "after" + stamp},
    {{.dns = {"ins-1"}, .issuer = &ca, .from_s = 500, .until_s = 900},
     certificate_expired,
     time + "before" + stamp},
    // Several things at once: the time counts before the name, and the name before the CA.
    {{.dns = {"other"}, .issuer = &other_ca, .from_s = -9, .until_s = -5},
     certificate_expired,
     time + "after" + stamp},
    {{.dns = {"other"}, .issuer = &other_ca},
     hostname_mismatch,
     "certificate is valid for other, not ins-1"},
    {{.dns = {"other"}}, hostname_mismatch, "certificate is valid for other, not ins-1"},
  };
  for (const auto& row : rows) {
    const auto found = failure_of(row.shown);
    EXPECT_EQ(found.reason, row.reason) << found.text;
    EXPECT_THAT(found.text, MatchesRegex(verify + row.pattern));
  }
}

TEST_F(TlsFailure, QuotesTheTimeItIsGiven) {
  const auto shown = mint({.dns = {"ins-1"}, .issuer = &ca, .from_s = -7200, .until_s = -3600});
  const auto context = server_context({.own = &shown});
  auto session = make()->new_session("ins-1", false);
  auto* client = session.get();
  link l{std::move(session), serve_with(context.get())};
  EXPECT_FALSE(l.connect());
  ERR_put_error(ERR_LIB_SSL, 0, SSL_R_CERTIFICATE_VERIFY_FAILED, "", 0);
  const auto found = tls_failure_of(client, SSL_ERROR_SSL, tls_phase::handshake, 4107542399);
  EXPECT_THAT(found.text, StartsWith(verify
                                     + "certificate has expired or is not yet valid: "
                                       "current time 2100-02-28T23:59:59Z is after 2"));
}

// -- Alerts

TEST_F(TlsFailure, RepeatsTheAlertOfTheBackend) {
  using enum failure_class;
  const struct {
    char alert;
    failure_class reason;
    const char* text;
  } rows[] = {
    {10, other, "unexpected message"},
    {20, other, "bad record MAC"},
    {40, handshake_failure, "handshake failure"},
    {42, certificate_refused, "bad certificate"},
    {43, other, "unsupported certificate"},
    {45, other, "expired certificate"},
    {46, other, "unknown certificate"},
    {48, certificate_refused, "unknown certificate authority"},
    {49, other, "access denied"},
    {70, other, "protocol version not supported"},
    {71, other, "insufficient security level"},
    {80, other, "internal error"},
    {112, other, "unrecognized name"},
    {116, certificate_refused, "certificate required"},
    {120, other, "no application protocol"},
    {77, other, "alert(77)"},
  };
  for (const auto& row : rows) {
    const auto found = answered(std::string{"\x15\x03\x03\x00\x02\x02", 6} + row.alert);
    EXPECT_EQ(found.reason, row.reason) << row.text;
    EXPECT_EQ(found.text, std::string{"remote error: tls: "} + row.text);
  }
}

TEST_F(TlsFailure, KnowsACertificateThatIsMissedInEitherVersion) {
  const auto shown = mint({.dns = {"ins-1"}, .issuer = &ca});
  // In TLS 1.3 the refusal arrives when the handshake is over for the client.
  const auto late = failure({.own = &shown, .requires_certificate = true});
  EXPECT_EQ(late.reason, failure_class::certificate_refused);
  EXPECT_EQ(late.text, "remote error: tls: certificate required");
  const auto early = failure({.max = TLS1_2_VERSION, .own = &shown, .requires_certificate = true});
  EXPECT_EQ(early.reason, failure_class::handshake_failure); // OpenSSL's choice of alert.
  EXPECT_EQ(early.text, "remote error: tls: handshake failure");
}

TEST_F(TlsFailure, KnowsABackendWithoutACommonSuiteOrVersion) {
  const auto shown = mint({.dns = {"ins-1"}, .issuer = &ca});
  const auto suite = failure({.max = TLS1_2_VERSION, .ciphers = "AES128-SHA", .own = &shown});
  EXPECT_EQ(suite.reason, failure_class::handshake_failure);
  const auto version = failure({.max = TLS1_1_VERSION, .own = &shown});
  EXPECT_EQ(version.reason, failure_class::other);
  EXPECT_THAT(version.text, testing::HasSubstr("tls: "));
}

// -- No TLS at all

TEST_F(TlsFailure, KnowsAnAnswerThatIsNoTls) {
  using namespace std::string_literals;
  for (const auto& bytes :
       {"HTTP/1.1 400 Bad Request\r\n\r\n"s, "SSH-2.0-OpenSSH_9.2\r\n"s,
        "220 mail.example ESMTP\r\n"s, "J\0\0\0\n8.0.36\0"s, "\0\0\0\0\0\0\0\0"s,
        "\x17\x03\x03\0\5hello"s, "\x16\x03\x03\xff\xff\2"s, "\x80\x03\x03\0\5hello"s,
        "\x16\xfe\xfd\0\5hello"s, "\x14\x03\x03\0\5hello"s}) {
    const auto found = answered(bytes);
    EXPECT_EQ(found.reason, failure_class::not_tls) << testing::PrintToString(bytes);
    EXPECT_EQ(found.text, "tls: first record does not look like a TLS handshake");
  }
}

TEST_F(TlsFailure, TakesAnEndWithoutAnAnswerForAnEnd) {
  for (const auto* bytes : {"", "HTT", "\x16\x03"}) {
    const auto found = answered(bytes, true);
    EXPECT_EQ(found.reason, failure_class::eof) << bytes;
    EXPECT_EQ(found.text, "EOF");
  }
}

TEST_F(TlsFailure, BlamesNoTransportForBrokenRecordsLater) {
  const auto shown = mint({.dns = {"ins-1"}, .issuer = &ca});
  const auto context = server_context({.own = &shown});
  link l{make()->new_session("ins-1", false), serve_with(context.get())};
  ASSERT_TRUE(l.connect());
  l.server_writes("HTTP/1.1 200 OK\r\n\r\n");
  char in = 0;
  ERR_clear_error();
  const int result = SSL_read(l.client(), &in, 1);
  const auto found =
    tls_failure_of(l.client(), SSL_get_error(l.client(), result), tls_phase::established, 0);
  EXPECT_EQ(found.reason, failure_class::other);
  EXPECT_THAT(found.text, StartsWith("tls: "));
}

TEST_F(TlsFailure, TakesAnEndWithoutGoodbyeForAnEnd) {
  const auto shown = mint({.dns = {"ins-1"}, .issuer = &ca});
  const auto context = server_context({.own = &shown});
  link l{make()->new_session("ins-1", false), serve_with(context.get())};
  ASSERT_TRUE(l.connect());
  l.server_closes();
  char in = 0;
  const int result = SSL_read(l.client(), &in, 1);
  EXPECT_EQ(SSL_get_error(l.client(), result), SSL_ERROR_ZERO_RETURN);
}

TEST_F(TlsFailure, HasTextsForWhatNoSessionReports) {
  EXPECT_EQ(tls_handshake_timed_out().reason, failure_class::handshake_timeout);
  EXPECT_EQ(tls_handshake_timed_out().text, "net/http: TLS handshake timeout");
  EXPECT_EQ(tls_name_impossible(".a\n").reason, failure_class::hostname_mismatch);
  EXPECT_EQ(tls_name_impossible(".a\n").text,
            verify + "certificate is not valid for any names, but wanted to match .a?");
}

} // namespace
} // namespace shunt::net
