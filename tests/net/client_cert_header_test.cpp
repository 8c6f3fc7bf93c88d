// X-Forwarded-Client-Cert: every combination of mode and facts, and certificates as text: one made
// by another program, others made here with the subjects that are hard to write.
#include "net/client_cert_header.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_literals;

// -- The decision.

using enum client_cert_action;
using mode = config::forwarded_client_cert;

struct decision_row {
  bool tls;
  bool certificate;
  bool signature_valid;
  bool route_service_bound;
  client_cert_action always_forward;
  client_cert_action forward;
  client_cert_action sanitize_set;
};

TEST(ClientCertHeader, IsDecidedByModeClientAndRouteService) {
  const std::vector<decision_row> rows{
    {false, false, false, false, pass, remove, remove},
    {true, false, false, false, pass, remove, remove},
    {true, true, false, false, pass, pass, replace},
    // A bound route that the request has not yet taken: no signature.
    {false, false, false, true, pass, remove, remove},
    {true, false, false, true, pass, remove, remove},
    {true, true, false, true, pass, pass, replace},
    // A valid signature spares the field over TLS alone.
    {false, false, true, false, pass, remove, remove},
    {true, false, true, false, pass, pass, pass},
    {true, true, true, false, pass, pass, pass},
    // Back from the route service of its route.
    {false, false, true, true, pass, remove, remove},
    {true, false, true, true, pass, remove, pass},
    {true, true, true, true, pass, remove, pass},
    // A certificate without TLS is none.
    {false, true, false, false, pass, remove, remove},
  };
  for (const auto& row : rows) {
    const client_cert_facts facts{row.tls, row.certificate, row.signature_valid,
                                  row.route_service_bound};
    const auto where = testing::Message() << row.tls << row.certificate << row.signature_valid
                                          << row.route_service_bound;
    EXPECT_EQ(decide_client_cert(mode::always_forward, facts), row.always_forward) << where;
    EXPECT_EQ(decide_client_cert(mode::forward, facts), row.forward) << where;
    EXPECT_EQ(decide_client_cert(mode::sanitize_set, facts), row.sanitize_set) << where;
  }
}

// -- A certificate that the openssl command made, and what that says of it.

constexpr std::string_view known_pem =
  "-----BEGIN CERTIFICATE-----\n"
  "MIICETCCAbegAwIBAgIUH3wrLl8EVfMzrqeNvRBxG3naWcEwCgYIKoZIzj0EAwIw\n"
  "YDELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xDjAMBgNVBAsM\n"
  "BWFwcDoxMRAwDgYDVQQLDAdzcGFjZToyMRcwFQYDVQQDDA5jbGllbnQuZXhhbXBs\n"
  "ZTAgFw0yNjExMjcwNDUyMTZaGA8yMTI2MTEwMzA0NTIxNlowYDELMAkGA1UEBhMC\n"
  "REUxFjAUBgNVBAoMDUV4YW1wbGUsIEluYy4xDjAMBgNVBAsMBWFwcDoxMRAwDgYD\n"
  "VQQLDAdzcGFjZToyMRcwFQYDVQQDDA5jbGllbnQuZXhhbXBsZTBZMBMGByqGSM49\n"
  "AgEGCCqGSM49AwEHA0IABHtZT/EibupgmBVcaIb8Mjx2U2sGMkRokxcr1jF/eB7E\n"
  "qA5fp0j+eVtVgUPgRp9J5dPMJx3U/KgW7/UD9q4lA/KjTTBLMB0GA1UdDgQWBBRn\n"
  "1PMqCOgmcHpI9MqLrOUpVI0QUzAfBgNVHSMEGDAWgBRn1PMqCOgmcHpI9MqLrOUp\n"
  "VI0QUzAJBgNVHRMEAjAAMAoGCCqGSM49BAMCA0gAMEUCIQDHsCvgn73aW26ve7cl\n"
  "xcmbHjeQdWdgpnhWvlm5PJLOCwIgDTWlvdAE7yW73cX0BV1LzrUcVPDNapv45gRn\n"
  "sRySNH4=\n"
  "-----END CERTIFICATE-----\n";

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using x509_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;

x509_ptr known_certificate() {
  const std::unique_ptr<BIO, freed_by<&BIO_free>> bio{
    BIO_new_mem_buf(known_pem.data(), static_cast<int>(known_pem.size()))};
  return x509_ptr{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
}

TEST(ClientCertHeader, WritesARawCertificateAsPemHasItButInOneLine) {
  std::string expected{known_pem};
  for (const auto& armour : {"-----BEGIN CERTIFICATE-----"s, "-----END CERTIFICATE-----"s})
    expected.erase(expected.find(armour), armour.size());
  std::erase(expected, '\n');
  const auto certificate = known_certificate();
  ASSERT_TRUE(certificate);
  EXPECT_EQ(client_cert_value(*certificate, config::xfcc_format::raw), expected);
}

TEST(ClientCertHeader, WritesHashAndSubjectForEnvoy) {
  const auto certificate = known_certificate();
  ASSERT_TRUE(certificate);
  EXPECT_EQ(client_cert_value(*certificate, config::xfcc_format::envoy),
            "Hash=253f5b001069060e4b001c1c95b501f07fba155691a81c279d52f676a8538889;"
            R"(Subject="CN=client.example,OU=app:1+OU=space:2,O=Example\, Inc.,C=DE")");
}

// -- Certificates made here.

struct part {
  const char* type;
  std::string value;
  int encoding = MBSTRING_UTF8;
};

/// Nothing but a subject.
x509_ptr with_subject(const std::vector<part>& subject) {
  x509_ptr made{X509_new()};
  auto* name = X509_get_subject_name(made.get());
  for (const auto& [type, value, encoding] : subject)
    EXPECT_EQ(X509_NAME_add_entry_by_txt(name, type, encoding,
                                         reinterpret_cast<const unsigned char*>(value.data()),
                                         static_cast<int>(value.size()), -1, 0),
              1)
      << type;
  return made;
}

std::string subject_of(const std::vector<part>& subject) {
  return subject_text(*with_subject(subject));
}

x509_ptr signed_with_subject(const std::vector<part>& subject) {
  auto made = with_subject(subject);
  const key_ptr key{EVP_EC_gen("P-256")};
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 60);
  X509_set_pubkey(made.get(), key.get());
  EXPECT_GT(X509_sign(made.get(), key.get(), EVP_sha256()), 0);
  return made;
}

TEST(ClientCertSubject, OrdersTypesAsGoDoes) {
  EXPECT_EQ(subject_of({{"CN", "name"},
                        {"postalCode", "12345"},
                        {"street", "Road 1"},
                        {"C", "DE"},
                        {"ST", "Land"},
                        {"serialNumber", "7"},
                        {"OU", "unit"},
                        {"L", "Town"},
                        {"O", "org"}}),
            "SERIALNUMBER=7,CN=name,POSTALCODE=12345,STREET=Road 1,ST=Land,L=Town,OU=unit,O=org,"
            "C=DE");
}

TEST(ClientCertSubject, IsEmptyForAnEmptyName) {
  EXPECT_EQ(subject_of({}), "");
  const auto nameless = signed_with_subject({});
  EXPECT_TRUE(client_cert_value(*nameless, config::xfcc_format::envoy).ends_with(";Subject=\"\""));
}

TEST(ClientCertSubject, JoinsValuesOfOneTypeAndTakesTheLastOfNameAndNumber) {
  EXPECT_EQ(subject_of({{"OU", "a"}, {"O", "x"}, {"OU", "b"}, {"O", "y"}, {"OU", "c"}}),
            "OU=a+OU=b+OU=c,O=x+O=y");
  EXPECT_EQ(
    subject_of({{"CN", "first"}, {"CN", "last"}, {"serialNumber", "1"}, {"serialNumber", "2"}}),
    "SERIALNUMBER=2,CN=last");
}

TEST(ClientCertSubject, EscapesWhatWouldBreakTheText) {
  struct row {
    std::string value;
    std::string escaped;
  };
  const std::vector<row> rows{
    {"plain", "plain"},
    {"a,b", "a\\,b"},
    {"a+b", "a\\+b"},
    {"a\"b", "a\\\"b"},
    {"a\\", "a\\\\"},
    {"<a;b>", "\\<a\\;b\\>"},
    {"a=b/c", "a=b/c"},
    {"#a#", "\\#a#"},
    {" a b ", "\\ a b\\ "},
    {" ", "\\ "},
    {"a\r\nHost: evil", "a\\0D\\0AHost: evil"},
    {"a\x7f\x1f", "a\\7F\\1F"},
    {"a\0b"s, "a\\00b"},
    {"M\xc3\xbcller", "M\xc3\xbcller"},
  };
  for (const auto& [value, escaped] : rows)
    EXPECT_EQ(subject_of({{"CN", value, MBSTRING_UTF8}}), "CN=" + escaped);
}

TEST(ClientCertSubject, KeepsItsQuotesClosed) {
  const auto value =
    client_cert_value(*signed_with_subject({{"CN", "a\";By=\"b\\"}}), config::xfcc_format::envoy);
  EXPECT_TRUE(value.ends_with(R"(;Subject="CN=a\"\;By=\"b\\")")) << value;
}

TEST(ClientCertSubject, ReadsOtherEncodingsAsUtf8) {
  EXPECT_EQ(subject_of({{"CN", "M\xfc", V_ASN1_T61STRING}}), "CN=M\xc3\xbc");
  EXPECT_EQ(subject_of({{"CN", "\0M\0\xfc"s, V_ASN1_BMPSTRING}}), "CN=M\xc3\xbc");
}

TEST(ClientCertSubject, WritesOtherTypesLastAsNumbersAndBytes) {
  EXPECT_EQ(subject_of({{"emailAddress", "a@b.c"}, {"CN", "name"}, {"DC", "example"}}),
            "CN=name,0.9.2342.19200300.100.1.25=#13076578616d706c65,"
            "1.2.840.113549.1.9.1=#0c056140622e63");
  EXPECT_EQ(subject_of({{"2.5.4.12", "Dr*"}}), "2.5.4.12=#0c0344722a");
}

TEST(ClientCertSubject, WritesLongLengthsAsDerDoes) {
  const auto of_length = [](std::size_t length) {
    return subject_of({{"1.2.3.4", std::string(length, 'a')}}).substr(0, 18);
  };
  EXPECT_EQ(of_length(127), "1.2.3.4=#137f61616");
  EXPECT_EQ(of_length(128), "1.2.3.4=#138180616");
  EXPECT_EQ(of_length(255), "1.2.3.4=#1381ff616");
  EXPECT_EQ(of_length(256), "1.2.3.4=#138201006");
}

TEST(ClientCertSubject, LeavesNoComplaintBehindWhenAValueIsNoText) {
  const auto certificate = with_subject({{"CN", "\xff\xfe", V_ASN1_UTF8STRING}, {"O", "org"}});
  ERR_clear_error();
  EXPECT_EQ(subject_text(*certificate), "O=org");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(ClientCertHeader, IsEmptyForACertificateThatCannotBeEncoded) {
  ERR_clear_error();
  const x509_ptr unfinished{X509_new()};
  EXPECT_EQ(client_cert_value(*unfinished, config::xfcc_format::raw), "");
  EXPECT_EQ(client_cert_value(*unfinished, config::xfcc_format::envoy), "");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

} // namespace
} // namespace shunt::net
