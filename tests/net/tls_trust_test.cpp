// How chains are built, and which there are, above all while two CAs have the same name.
#include "net/tls_trust.hpp"

#include "net/system_certificates.hpp"
#include "net/tls_certificates.hpp"

#include "tls_test_kit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <openssl/err.h>
#include <openssl/objects.h>

namespace shunt::net {
namespace {

using namespace tls_kit;
using context_ptr = std::unique_ptr<X509_STORE_CTX, freed_with<&X509_STORE_CTX_free>>;

/// One check of `leaf`, which is not copied.
class verification_of {
public:
  verification_of(const minted& leaf, const certificate_list& trusted, const certificate_list& sent)
    : store_{make_trust_store({&trusted})} {
    for (const auto& certificate : sent)
      sk_X509_push(untrusted_.get(), X509_dup(certificate.get()));
    X509_STORE_CTX_init(context_.get(), store_.get(), leaf.certificate.get(), untrusted_.get());
  }
  X509_STORE_CTX* get() const { return context_.get(); }

private:
  trust_store_ptr store_;
  certificate_stack_ptr untrusted_{sk_X509_new_null()};
  context_ptr context_{X509_STORE_CTX_new()};
};

/// X509_V_OK, or why `leaf` is not believed.
int verified(const minted& leaf, const certificate_list& trusted,
             const certificate_list& sent = {}) {
  const verification_of verification{leaf, trusted, sent};
  const bool ok = X509_verify_cert(verification.get()) == 1;
  const int reason = X509_STORE_CTX_get_error(verification.get());
  EXPECT_EQ(ok, reason == X509_V_OK);
  ERR_clear_error();
  return reason;
}

class SameSubject : public testing::TestWithParam<bool> {
protected:
  minted ca(const minted* issuer = nullptr) const {
    return mint({.common_name = "ca", .ca = true, .issuer = issuer, .key_ids = GetParam()});
  }
  minted leaf(const minted& issuer) const {
    return mint({.common_name = "leaf", .issuer = &issuer, .key_ids = GetParam()});
  }
};

TEST_P(SameSubject, FindsTheTrustedCaThatSignedWhicheverComesFirst) {
  const auto one = ca(), two = ca(), three = ca(), untrusted = ca();
  const auto of_one = leaf(one), of_two = leaf(two), of_three = leaf(three);
  const auto forward = list_of({&one, &two, &three}), backward = list_of({&three, &two, &one});
  for (const auto* trusted : {&forward, &backward})
    for (const auto* certificate : {&of_one, &of_two, &of_three})
      EXPECT_EQ(verified(*certificate, *trusted), X509_V_OK);
  EXPECT_NE(verified(leaf(untrusted), forward), X509_V_OK);
}

TEST_P(SameSubject, FindsTheIntermediateThatSignedAmongThoseSent) {
  const auto root = mint_ca("root");
  const auto one = ca(&root), two = ca(&root);
  const auto of_one = leaf(one), of_two = leaf(two);
  const auto trusted = list_of({&root});
  const auto forward = list_of({&one, &two}), backward = list_of({&two, &one});
  for (const auto* sent : {&forward, &backward})
    for (const auto* certificate : {&of_one, &of_two})
      EXPECT_EQ(verified(*certificate, trusted, *sent), X509_V_OK);
}

TEST_P(SameSubject, BelievesNoNamesakeWithoutTheSignature) {
  const auto trusted = ca(), impostor = ca();
  EXPECT_EQ(verified(leaf(impostor), list_of({&trusted})),
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  EXPECT_NE(verified(leaf(impostor), list_of({&trusted}), list_of({&impostor})), X509_V_OK);
}

TEST_P(SameSubject, PrefersTheCaThatIsStillValid) {
  const auto valid = ca();
  minted old{certificate_ptr{X509_dup(valid.certificate.get())}, nullptr}; // The same key, earlier.
  X509_gmtime_adj(X509_getm_notAfter(old.certificate.get()), -60);
  X509_sign(old.certificate.get(), valid.key.get(), EVP_sha256());
  EXPECT_EQ(verified(leaf(valid), list_of({&old, &valid})), X509_V_OK);
  EXPECT_EQ(verified(leaf(valid), list_of({&valid, &old})), X509_V_OK);
  EXPECT_EQ(verified(leaf(valid), list_of({&old})), X509_V_ERR_CERT_HAS_EXPIRED);
}

INSTANTIATE_TEST_SUITE_P(KeyIds, SameSubject, testing::Bool(), [](const auto& param) {
  return param.param ? "WithKeyIds" : "WithoutKeyIds";
});

TEST(TlsTrust, EndsAChainAtAnyTrustedCertificate) {
  const auto root = mint_ca("root");
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &root});
  const auto leaf = mint({.common_name = "leaf", .issuer = &middle});
  EXPECT_EQ(verified(leaf, list_of({&middle})), X509_V_OK);
  EXPECT_EQ(verified(leaf, list_of({&leaf})), X509_V_OK);
  EXPECT_EQ(verified(leaf, list_of({&root}), list_of({&middle})), X509_V_OK);
  EXPECT_NE(verified(leaf, list_of({&root})), X509_V_OK);
}

TEST(TlsTrust, TakesNoSignatureOfOneThatIsNoCa) {
  const auto root = mint_ca("root");
  const auto server = mint({.common_name = "server", .issuer = &root});
  const auto leaf = mint({.common_name = "leaf", .issuer = &server});
  EXPECT_NE(verified(leaf, list_of({&root}), list_of({&server})), X509_V_OK);
}

TEST(TlsTrust, TakesTheSameCertificateTwice) {
  const auto root = mint_ca("root");
  EXPECT_EQ(verified(mint({.common_name = "leaf", .issuer = &root}), list_of({&root, &root})),
            X509_V_OK);
}

TEST(TlsTrust, GivesUpOnAPeerThatSendsMoreThanAHundredNamesakes) {
  const auto root = mint_ca("root");
  const recipe middle{.common_name = "middle", .ca = true, .issuer = &root, .key_ids = false};
  const auto signer = mint(middle);
  const auto leaf = mint({.common_name = "leaf", .issuer = &signer, .key_ids = false});
  const auto verified_behind = [&](int namesakes) {
    certificate_list sent;
    for (int i = 0; i < namesakes; ++i)
      sent.push_back(copy_of(mint(middle)));
    sent.push_back(copy_of(signer));
    return verified(leaf, list_of({&root}), sent);
  };
  EXPECT_EQ(verified_behind(50), X509_V_OK);
  EXPECT_NE(verified_behind(150), X509_V_OK);
}

// -- All chains

/// The names in all chains, the client's own first and the others sorted; none if there was too much to look at.
std::vector<std::string> names_in_all_chains(const minted& leaf, const certificate_list& trusted,
                                             const certificate_list& sent = {}) {
  const verification_of verification{leaf, trusted, sent};
  EXPECT_EQ(X509_verify_cert(verification.get()), 1);
  ERR_clear_error();
  const auto all = certificates_of_all_chains(verification.get());
  std::vector<std::string> names;
  for (int i = 0; all && i < sk_X509_num(all.get()); ++i) {
    char name[64] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(sk_X509_value(all.get(), i)), NID_commonName, name, sizeof name);
    names.emplace_back(name);
  }
  if (!names.empty())
    std::sort(names.begin() + 1, names.end());
  EXPECT_EQ(ERR_peek_error(), 0u);
  return names;
}

using names = std::vector<std::string>;

/// The same name and key, with another's signature.
minted cross_signed(const minted& ca, const minted& issuer) {
  minted other{certificate_ptr{X509_dup(ca.certificate.get())}, nullptr};
  X509_set_issuer_name(other.certificate.get(), X509_get_subject_name(issuer.certificate.get()));
  X509_sign(other.certificate.get(), issuer.key.get(), EVP_sha256());
  return other;
}

TEST(AllChains, GoOnAboveATrustedCa) {
  const auto root = mint_ca("root");
  const auto upper = mint({.common_name = "upper", .ca = true, .issuer = &root});
  const auto lower = mint({.common_name = "lower", .ca = true, .issuer = &upper});
  const auto leaf = mint({.common_name = "leaf", .issuer = &lower});
  const names whole{"leaf", "lower", "root", "upper"};
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root, &lower}), list_of({&lower, &upper})), whole);
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root, &upper, &lower})), whole) << "whatever is sent";
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root}), list_of({&upper, &lower})), whole);
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root, &lower}), list_of({&lower})), (names{"leaf", "lower"}));
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&leaf, &root}), list_of({&upper, &lower})), whole);
}

TEST(AllChains, HoldNothingFromWhichNoTrustedCaIsReached) {
  const auto root = mint_ca("root"), stranger = mint_ca("stranger");
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &root, .key_ids = false});
  const auto detour = cross_signed(middle, stranger);
  const auto leaf = mint({.common_name = "leaf", .issuer = &middle, .key_ids = false});
  const auto sent = list_of({&middle, &detour, &stranger});
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root}), sent), (names{"leaf", "middle", "root"}));
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root, &stranger}), sent),
            (names{"leaf", "middle", "middle", "root", "stranger"}));
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&middle}), sent), (names{"leaf", "middle"}));
}

TEST(AllChains, TellNamesakesByTheirKeys) {
  for (const bool ids : {true, false}) {
    const auto one = mint_ca("one"), two = mint_ca("two");
    const auto of_one = mint({.common_name = "ca", .ca = true, .issuer = &one, .key_ids = ids});
    const auto of_two = mint({.common_name = "ca", .ca = true, .issuer = &two, .key_ids = ids});
    const auto leaf = mint({.common_name = "leaf", .issuer = &of_two, .key_ids = ids});
    EXPECT_EQ(names_in_all_chains(leaf, list_of({&one, &two, &of_one, &of_two})), (names{"leaf", "ca", "two"}));
    EXPECT_EQ(names_in_all_chains(leaf, list_of({&one, &two}), list_of({&of_one, &of_two})),
              (names{"leaf", "ca", "two"}));
  }
}

TEST(AllChains, HoldOnlyCasThatMayIssueCertificatesOfClientsNow) {
  const auto root = mint_ca("root"), other = mint_ca("other");
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &root, .key_ids = false});
  auto over = cross_signed(middle, other);
  X509_gmtime_adj(X509_getm_notAfter(over.certificate.get()), -60);
  X509_sign(over.certificate.get(), other.key.get(), EVP_sha256());
  const auto for_servers =
    mint({.common_name = "for-servers", .ca = true, .issuer = &other, .key_ids = false, .usage = "serverAuth"});
  const auto detour = cross_signed(middle, for_servers);
  const auto leaf = mint({.common_name = "leaf", .issuer = &middle, .key_ids = false});
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root, &other}), list_of({&middle, &over, &detour, &for_servers})),
            (names{"leaf", "middle", "root"}));
}

TEST(AllChains, EndWhereCasIssueEachOther) {
  const auto root = mint_ca("root");
  const auto one = mint({.common_name = "one", .ca = true, .issuer = &root, .key_ids = false});
  const auto two = mint({.common_name = "two", .ca = true, .issuer = &one, .key_ids = false});
  const auto round = cross_signed(one, two);
  const auto leaf = mint({.common_name = "leaf", .issuer = &two, .key_ids = false});
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root}), list_of({&two, &one, &round})),
            (names{"leaf", "one", "one", "root", "two"}));
}

TEST(AllChains, AreNotKnownOfAPeerThatSendsMoreThanAHundredNamesakes) {
  const auto root = mint_ca("root");
  const recipe middle{.common_name = "middle", .ca = true, .issuer = &root, .key_ids = false};
  const auto signer = mint(middle);
  const auto leaf = mint({.common_name = "leaf", .issuer = &signer, .key_ids = false});
  certificate_list sent;
  sent.push_back(copy_of(signer));
  for (int i = 0; i < 50; ++i)
    sent.push_back(copy_of(mint(middle)));
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root}), sent), (names{"leaf", "middle", "root"}));
  for (int i = 0; i < 100; ++i)
    sent.push_back(copy_of(mint(middle)));
  EXPECT_EQ(names_in_all_chains(leaf, list_of({&root}), sent), names{});
}

// -- Reading

TEST(ReadCertificates, PassesOverWhatIsNone) {
  const auto one = mint_ca("one"), two = mint_ca("two");
  const std::string broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const std::string garbled = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
  const struct {
    std::string text;
    std::size_t found, unreadable;
  } rows[] = {
    {"", 0, 0},
    {"no PEM at all", 0, 0},
    {one.pem(), 1, 0},
    {"# one\n" + one.pem() + "\n# two\n" + two.pem(), 2, 0},
    {one.key_pem() + one.pem(), 1, 0},
    {one.pem() + broken + two.pem(), 2, 1},
    {garbled + two.pem(), 1, 1},
    {one.pem() + "-----BEGIN CERTIFICATE-----\n", 1, 1},
  };
  for (const auto& row : rows) {
    const auto read = read_certificates(row.text);
    EXPECT_EQ(read.list.size(), row.found) << row.text;
    EXPECT_EQ(read.unreadable, row.unreadable) << row.text;
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

/// Sets a variable of the environment for one test.
class with_variable {
public:
  with_variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name); old != nullptr)
      old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~with_variable() {
    if (old_)
      ::setenv(name_, old_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  with_variable(const with_variable&) = delete;
  with_variable& operator=(const with_variable&) = delete;

private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(SystemCertificates, ComeFromTheFileAndTheDirectoriesOfTheEnvironmentOnceEach) {
  auto pattern = (std::filesystem::temp_directory_path() / "shunt-cas-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path directory{pattern};
  const auto one = mint_ca("one"), two = mint_ca("two"), three = mint_ca("three");
  std::filesystem::create_directories(directory / "a");
  std::filesystem::create_directories(directory / "b");
  std::ofstream{directory / "bundle"} << one.pem() << two.pem();
  std::ofstream{directory / "a" / "two.pem"} << two.pem();
  std::ofstream{directory / "b" / "three.pem"} << three.pem();
  std::ofstream{directory / "b" / "junk"} << "junk";
  std::filesystem::create_symlink("three.pem", directory / "b" / "00000000.0");
  std::filesystem::create_symlink("missing", directory / "b" / "dangling");
  {
    const with_variable file{"SSL_CERT_FILE", directory / "bundle"};
    const with_variable none{"SSL_CERT_DIR", directory / "missing"};
    EXPECT_EQ(read_system_certificates().size(), 2u);
  }
  const with_variable file{"SSL_CERT_FILE", directory / "bundle"};
  const with_variable directories{"SSL_CERT_DIR",
                                  (directory / "a").string() + ":" + (directory / "b").string()};
  EXPECT_EQ(read_system_certificates().size(), 3u);
  std::filesystem::remove_all(directory);
}

} // namespace
} // namespace shunt::net
