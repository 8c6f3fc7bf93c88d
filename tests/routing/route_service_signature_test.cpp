// Signatures of route services: gorouter's bytes, the order in which a returning one is checked,
// and that nothing passes which no router has made.
#include "routing/route_service_signature.hpp"

#include "routing/base64.hpp"
#include "routing/random.hpp"

#include <openssl/evp.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

namespace shunt::routing {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

constexpr unix_ns signed_at = 1'735'787'045'123'456'789;
constexpr signature_nonce counting{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/// Two independent libraries agreed on these.
const signature_texts known{
  .signature =
    "hMUzfTEF8Tot54i96CQ6W7Ow2o3lHd4bZ9grHWWVQBmTCMV1IbU8yLzya6RaE0r25m36LU9X4tRgoHUCh87Q"
    "pfJloB0Junfpc-CtEPwyxQGBiexBG1dhmmcnH4o4rpYGPy_4rt8HEQJvL-Ol1ILKC-17V0wKmQ==",
  .metadata = "eyJub25jZSI6IkFBRUNBd1FGQmdjSUNRb0wifQ=="};

/// Deriving takes time on purpose: once for all tests.
const signature_key& first_key() {
  static const signature_key key{"example-secret"};
  return key;
}
const signature_key& second_key() {
  static const signature_key key{"another-secret"};
  return key;
}

std::string url_base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes, base64_alphabet::url);
  return out;
}

/// Any plaintext, sealed as a router would.
std::string sealed(const std::string& plain, const signature_key& key = first_key()) {
  std::string out(plain.size() + 16, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  auto* context = EVP_CIPHER_CTX_new();
  int done = 0;
  EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key.bytes().data(), counting.data());
  EVP_EncryptUpdate(context, bytes, &done, reinterpret_cast<const unsigned char*>(plain.data()),
                    static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(context, bytes + done, &done);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, bytes + plain.size());
  EVP_CIPHER_CTX_free(context);
  return url_base64(out);
}

class RouteServiceSignature : public testing::Test {
protected:
  signature_verdict verify(const signature_texts& texts, unix_ns now = signed_at,
                           std::chrono::nanoseconds timeout = 60s) {
    return codec.verify(texts.signature, texts.metadata, now, timeout);
  }
  std::string reason(const std::string& signature, const std::string& metadata = known.metadata) {
    const auto verdict = verify({signature, metadata});
    EXPECT_EQ(verdict.outcome, signature_outcome::invalid);
    return std::string{verdict.reason};
  }

  signature_codec codec{first_key()};
  signature_codec rotated{second_key(), &first_key()};
};

// -- The bytes.

TEST_F(RouteServiceSignature, HasTheKeyOfItsSecret) {
  const std::array<unsigned char, 16> expected{0xb5, 0xf9, 0xff, 0x42, 0x2b, 0xbf, 0xf6, 0x7f,
                                               0x25, 0x6f, 0xe7, 0xb4, 0x32, 0xd1, 0x73, 0x7b};
  EXPECT_EQ(first_key().bytes(), expected);
}

TEST_F(RouteServiceSignature, IsWrittenToTheByte) {
  signature_texts out{"old", "old"};
  for (int again = 0; again < 2; ++again) {
    ASSERT_TRUE(codec.sign({"https://app.example.com/path?q=1", signed_at}, counting, out));
    EXPECT_EQ(out.signature, known.signature);
    EXPECT_EQ(out.metadata, known.metadata);
  }
}

TEST_F(RouteServiceSignature, IsReadAgain) {
  const auto verdict = verify(known);
  EXPECT_EQ(verdict.outcome, signature_outcome::valid) << verdict.reason;
  EXPECT_EQ(verdict.request.forwarded_url, "https://app.example.com/path?q=1");
  EXPECT_EQ(verdict.request.requested, signed_at);
  EXPECT_EQ(verdict.request.session, "");
  EXPECT_EQ(verdict.reason, "");
  EXPECT_FALSE(verdict.by_previous_key);
}

TEST_F(RouteServiceSignature, CarriesASession) {
  signature_texts out;
  ASSERT_TRUE(codec.sign({"https://a/?x=<&>", signed_at, "id \"1\""}, counting, out));
  const auto verdict = verify(out);
  EXPECT_EQ(verdict.request.session, "id \"1\"");
  EXPECT_EQ(verdict.request.forwarded_url, "https://a/?x=<&>");
  EXPECT_EQ(out.signature, sealed(R"({"forwarded_url":"https://a/?x=\u003c\u0026\u003e",)"
                                  R"("requested_time":"2025-01-02T03:04:05.123456789Z",)"
                                  R"("shunt_session":"id \"1\""})"));
}

TEST_F(RouteServiceSignature, HoldsAnyUrl) {
  rng random{7};
  signature_texts out;
  for (std::size_t bytes = 0; bytes < 300; ++bytes) {
    std::string url;
    for (std::size_t i = 0; i < bytes; ++i)
      url += static_cast<char>(random.below(128));
    ASSERT_TRUE(codec.sign({url, signed_at}, counting, out));
    EXPECT_EQ(verify(out).request.forwarded_url, url);
  }
}

TEST_F(RouteServiceSignature, IsReadFromAnyJson) {
  const auto plain =
    R"( { "Other" : [1,{"x":null}], "FORWARDED_URL":"no","forwarded_url":"https:)"
    R"(\/\/a\u002eb", "Requested_Time" : "2025-01-02T05:04:05.123456789+02:00" } )"s;
  const signature_texts texts{sealed(plain),
                              url_base64(R"({"x":{},"NONCE":"AAECAwQFBgcICQoL","y":1.5} )")};
  const auto verdict = verify(texts);
  EXPECT_EQ(verdict.outcome, signature_outcome::valid) << verdict.reason;
  EXPECT_EQ(verdict.request.forwarded_url, "https://a.b");
  EXPECT_EQ(verdict.request.requested, signed_at);
}

TEST_F(RouteServiceSignature, MayBeBrokenIntoLines) {
  auto texts = known;
  texts.signature.insert(20, "\r\n").append("\n");
  texts.metadata.insert(5, "\n");
  EXPECT_EQ(verify(texts).outcome, signature_outcome::valid);
}

// -- The checks, in their order: what fails first is what is said.

TEST_F(RouteServiceSignature, NeedsMetadata) {
  EXPECT_EQ(reason("!", ""), "No metadata found");
}

TEST_F(RouteServiceSignature, LooksAtTheMetadataFirst) {
  const std::pair<std::string, const char*> rows[] = {
    {"!", "illegal base64 data at input byte 0"},
    {"eyJub25jZSI6IkFBRUNBd1FGQmdjSUNRb0wifQ", "illegal base64 data at input byte 36"},
    {"\r\n", "unexpected end of JSON input"},
    {url_base64("x"), "invalid character 'x' looking for beginning of value"},
    {url_base64("{} x"), "invalid character 'x' after top-level value"},
    {url_base64("[]"), "json: cannot unmarshal array into Go value of type routeservice.Metadata"},
    {url_base64(R"({"nonce":1})"),
     "json: cannot unmarshal number into Go struct field Metadata.nonce of type []uint8"},
    {url_base64(R"({"nonce":"A"})"), "illegal base64 data at input byte 0"}};
  for (const auto& [metadata, expected] : rows)
    EXPECT_EQ(reason("?", metadata), expected) << metadata;
}

TEST_F(RouteServiceSignature, ThenAtTheSignature) {
  EXPECT_EQ(reason("?", url_base64("{}")), "illegal base64 data at input byte 0");
  EXPECT_EQ(reason(std::string(signature_codec::text_bytes_max + 4, 'A')), "too long");
}

TEST_F(RouteServiceSignature, ThenAtTheNonce) {
  for (const auto* metadata :
       {"{}", "null", R"({"nonce":null})", R"({"nonce":""})", R"({"nonce":"AAECAwQFBgcICQo="})",
        R"({"nonce":"AAECAwQFBgcICQoLDA=="})"})
    EXPECT_EQ(reason("", url_base64(metadata)), "incorrect nonce length") << metadata;
}

TEST_F(RouteServiceSignature, ThenOpensIt) {
  for (const auto& signature : {""s, url_base64("short"), url_base64(std::string(16, 'x')),
                                url_base64(std::string(100, 'x')), sealed("{}", second_key())})
    EXPECT_EQ(reason(signature), "cipher: message authentication failed") << signature;
}

TEST_F(RouteServiceSignature, ThenReadsIt) {
  const std::pair<const char*, const char*> rows[] = {
    {"", "unexpected end of JSON input"},
    {"x", "invalid character 'x' looking for beginning of value"},
    {"1", "json: cannot unmarshal number into Go value of type routeservice.Signature"},
    {R"({"forwarded_url":{}})",
     "json: cannot unmarshal object into Go struct field Signature.forwarded_url of type string"},
    {R"({"requested_time":1})", "Time.UnmarshalJSON: input is not a JSON string"},
    {R"({"requested_time":"now"})",
     R"(parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse)"}};
  for (const auto& [plain, expected] : rows)
    EXPECT_EQ(reason(sealed(plain)), expected) << plain;
}

TEST_F(RouteServiceSignature, ThenAtItsAge) {
  const struct {
    unix_ns now;
    std::chrono::nanoseconds timeout;
    bool expired;
  } rows[] = {{signed_at, 0s, false},
              {signed_at + 1, 0s, true},
              {signed_at + 60'000'000'000, 60s, false},
              {signed_at + 60'000'000'001, 60s, true},
              {signed_at - 3'600'000'000'000, 60s, false}, // The future passes.
              {std::numeric_limits<unix_ns>::max(), 60s, true},
              {std::numeric_limits<unix_ns>::min(), 60s, false}};
  for (const auto& row : rows) {
    const auto verdict = verify(known, row.now, row.timeout);
    EXPECT_EQ(verdict.outcome, row.expired ? signature_outcome::expired : signature_outcome::valid)
      << row.now;
    EXPECT_EQ(verdict.reason, row.expired ? "route service request expired" : "");
    EXPECT_EQ(verdict.request.forwarded_url, "https://app.example.com/path?q=1");
  }
}

TEST_F(RouteServiceSignature, WithoutATimeHasExpired) {
  for (const auto* plain :
       {"{}", "null", R"({"requested_time":null})", R"({"requested_time":"0001-01-01T00:00:00Z"})"})
    EXPECT_EQ(verify({sealed(plain), known.metadata}).outcome, signature_outcome::expired) << plain;
  EXPECT_EQ(
    verify({sealed(R"({"requested_time":"9999-01-01T00:00:00Z"})"), known.metadata}).outcome,
    signature_outcome::valid);
}

// -- Two keys.

TEST_F(RouteServiceSignature, MayBeOfThePreviousKey) {
  const auto verdict = rotated.verify(known.signature, known.metadata, signed_at, 60s);
  EXPECT_EQ(verdict.outcome, signature_outcome::valid);
  EXPECT_TRUE(verdict.by_previous_key);
  EXPECT_EQ(verdict.current_key_error, "cipher: message authentication failed");
  EXPECT_EQ(verdict.previous_key_error, "");
  EXPECT_EQ(verdict.request.forwarded_url, "https://app.example.com/path?q=1");
}

TEST_F(RouteServiceSignature, IsMadeWithTheCurrentKeyOnly) {
  signature_texts out;
  ASSERT_TRUE(rotated.sign({"https://a", signed_at}, counting, out));
  EXPECT_EQ(verify(out).outcome, signature_outcome::invalid);
  const auto verdict = rotated.verify(out.signature, out.metadata, signed_at, 60s);
  EXPECT_EQ(verdict.outcome, signature_outcome::valid);
  EXPECT_FALSE(verdict.by_previous_key);
}

TEST_F(RouteServiceSignature, OfThePreviousKeyExpiresToo) {
  const auto verdict =
    rotated.verify(known.signature, known.metadata, signed_at + 61'000'000'000, 60s);
  EXPECT_EQ(verdict.outcome, signature_outcome::expired);
  EXPECT_TRUE(verdict.by_previous_key);
}

TEST_F(RouteServiceSignature, SaysLastWhatThePreviousKeySaid) {
  // The current key opens it, but there is no JSON inside.
  const auto verdict = rotated.verify(sealed("x", second_key()), known.metadata, signed_at, 60s);
  EXPECT_EQ(verdict.outcome, signature_outcome::invalid);
  EXPECT_EQ(verdict.current_key_error, "invalid character 'x' looking for beginning of value");
  EXPECT_EQ(verdict.previous_key_error, "cipher: message authentication failed");
  EXPECT_EQ(verdict.reason, verdict.previous_key_error);
  EXPECT_FALSE(verdict.by_previous_key);
  const auto broken = rotated.verify("?", known.metadata, signed_at, 60s);
  EXPECT_EQ(broken.reason, "illegal base64 data at input byte 0");
  EXPECT_EQ(broken.previous_key_error, broken.current_key_error);
}

// -- Nothing else passes.

/// Changes that mean nothing: the name `nonce` may be spelled in any case, and where there was
/// padding there may be a space behind the object. (What is encrypted cannot be changed at all.)
bool means_the_same(std::string_view metadata, std::string_view original) {
  std::string a, b;
  if (decode_base64(a, metadata, base64_alphabet::url)
      || decode_base64(b, original, base64_alphabet::url))
    return false;
  a.resize(a.find_last_not_of(" \t\r\n") + 1);
  const std::size_t name_begin = 2, name_end = 7; // {"nonce":
  for (auto i = name_begin; i < std::min(name_end, a.size()); ++i)
    a[i] = static_cast<char>(a[i] | 0x20);
  return a == b;
}

class Mutations : public RouteServiceSignature {
protected:
  /// Fresh texts of both lengths of padding and more.
  signature_texts fresh(std::size_t url_bytes) {
    signature_nonce nonce;
    for (auto& byte : nonce)
      byte = static_cast<unsigned char>(random.below(256));
    signature_texts out;
    EXPECT_TRUE(codec.sign({std::string(url_bytes, 'u'), signed_at}, nonce, out));
    return out;
  }
  void expect_refused(const signature_texts& texts, const signature_texts& original,
                      std::string_view what) {
    if (verify(texts).outcome == signature_outcome::invalid)
      return;
    EXPECT_TRUE(texts.signature == original.signature
                && means_the_same(texts.metadata, original.metadata))
      << what << ": " << texts.signature << " " << texts.metadata;
  }
  /// Every text that differs from `original` in one way, in one of its two halves.
  template <class Change>
  void each_half(const signature_texts& original, std::string_view what, Change&& change) {
    for (auto half : {&signature_texts::signature, &signature_texts::metadata}) {
      for (std::size_t at = 0; at <= (original.*half).size(); ++at) {
        auto texts = original;
        change(texts.*half, at, [&] {
          if (texts.*half != original.*half)
            expect_refused(texts, original, what);
          texts = original;
        });
      }
    }
  }

  rng random{20250102};
};

TEST_F(Mutations, OfOneBitAreRefused) {
  for (std::size_t bytes = 0; bytes < 4; ++bytes)
    each_half(fresh(bytes), "bit", [](std::string& text, std::size_t at, auto&& check) {
      for (int bit = 0; bit < 8 && at < text.size(); ++bit) {
        text[at] = static_cast<char>(text[at] ^ 1 << bit);
        check();
      }
    });
}

TEST_F(Mutations, OfOneBitOfWhatIsEncodedAreRefused) {
  for (std::size_t bytes = 0; bytes < 4; ++bytes)
    each_half(fresh(bytes), "byte", [](std::string& text, std::size_t at, auto&& check) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string decoded;
        ASSERT_FALSE(decode_base64(decoded, text, base64_alphabet::url));
        if (at >= decoded.size())
          return;
        decoded[at] = static_cast<char>(decoded[at] ^ 1 << bit);
        text = url_base64(decoded);
        check();
      }
    });
}

TEST_F(Mutations, OfOneCharacterAreRefused) { // Unused bits of the last one included.
  for (std::size_t bytes = 0; bytes < 4; ++bytes)
    each_half(fresh(bytes), "character", [](std::string& text, std::size_t at, auto&& check) {
      for (int c = 0; c < 256 && at < text.size(); ++c) {
        text[at] = static_cast<char>(c);
        check();
      }
    });
}

TEST_F(Mutations, ThatShortenAreRefused) {
  for (std::size_t bytes = 0; bytes < 4; ++bytes)
    each_half(fresh(bytes), "shorter", [](std::string& text, std::size_t at, auto&& check) {
      if (at == text.size())
        return;
      const auto whole = text;
      text.resize(at);
      check();
      text = whole.substr(at + 1);
      check();
      text = std::string{whole}.erase(at, 1);
      check();
    });
}

TEST_F(Mutations, ThatLengthenAreRefused) {
  for (std::size_t bytes = 0; bytes < 4; ++bytes)
    each_half(fresh(bytes), "longer", [](std::string& text, std::size_t at, auto&& check) {
      const auto whole = text;
      for (const auto* more : {"A", "=", "==", "AAAA", "Zg==", " ", ","}) {
        text = std::string{whole}.insert(at, more);
        check();
      }
      text = whole + whole;
      check();
    });
}

TEST_F(Mutations, ThatSwapHalvesAreRefused) {
  for (int i = 0; i < 100; ++i) {
    const auto one = fresh(20), other = fresh(20);
    EXPECT_EQ(verify(one).outcome, signature_outcome::valid);
    EXPECT_EQ(verify({one.signature, other.metadata}).outcome, signature_outcome::invalid);
    EXPECT_EQ(verify({other.signature, one.metadata}).outcome, signature_outcome::invalid);
    EXPECT_EQ(verify({one.metadata, one.signature}).outcome, signature_outcome::invalid);
  }
}

} // namespace
} // namespace shunt::routing
