// The signature that travels with a request through a route service and back (gorouter's format;
// docs.cloudfoundry.org, "Route Services"): when it was sent and where it wants to go, encrypted
// with AES-128-GCM under a key that all routers derive from `route_services_secret`. Only a router
// can have made what opens, so whoever brings it has been at the route service. It may be used
// again until it expires. Signatures and keys are not for logs.
#pragma once

#include "routing/rfc3339.hpp"
#include "routing/signature_json.hpp"

#include <openssl/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing {

/// What a secret becomes. Wiped when it goes.
class signature_key {
public:
  /// PBKDF2-HMAC-SHA-256, 100001 rounds: tens of milliseconds, so once a secret, never on a loop.
  /// Throws std::runtime_error if OpenSSL cannot.
  explicit signature_key(std::string_view secret);
  signature_key(const signature_key&) = default;
  signature_key& operator=(const signature_key&) = default;
  ~signature_key();

  const std::array<unsigned char, 16>& bytes() const noexcept { return bytes_; }

private:
  std::array<unsigned char, 16> bytes_{};
};

/// 12 random bytes; never twice under one key.
using signature_nonce = std::array<unsigned char, 12>;

/// What is signed. The views live as long as their texts.
struct signed_request {
  std::string_view forwarded_url;
  unix_ns requested = 0;
  std::string_view session = {}; ///< Shunt's own, which gorouter ignores; empty = left out.
};

/// The values of X-CF-Proxy-Signature and X-CF-Proxy-Metadata. Reused.
struct signature_texts {
  std::string signature;
  std::string metadata;
};

enum class signature_outcome : std::uint8_t {
  valid,
  expired, ///< Genuine, but too old: 504.
  invalid, ///< Everything else: 502, or 400 where only strictness asked.
};

/// Its views are good until the next call of the codec that answered it, and of the url and the
/// session only unless `invalid`.
struct signature_verdict {
  signature_outcome outcome = signature_outcome::invalid;
  bool by_previous_key = false; ///< It was the second key that opened it.
  signed_request request;
  std::string_view reason;            ///< Why it is not valid, in gorouter's words.
  std::string_view current_key_error; ///< What the first key said; empty if it opened it.
  std::string_view previous_key_error;
};

/// Signs with the current key, and opens with both. Holds the ciphers' contexts and buffers: one a
/// loop, used by one thread at a time.
class signature_codec {
public:
  /// Throws std::runtime_error if OpenSSL cannot.
  explicit signature_codec(const signature_key& current, const signature_key* previous = nullptr);

  /// False only if OpenSSL fails, which is no client's doing.
  bool sign(const signed_request& request, const signature_nonce& nonce, signature_texts& out);

  /// Checks 1 to 6 of a returning request: whatever the two texts hold. A time in the future
  /// passes. No other signature passes than the one a router made, to the letter; of the metadata,
  /// which is not encrypted, the nonce counts, and the JSON around it may be spelled otherwise.
  signature_verdict verify(std::string_view signature, std::string_view metadata, unix_ns now,
                           std::chrono::nanoseconds timeout);

  /// More is refused unread: no request head is as long.
  static constexpr std::size_t text_bytes_max = 16 * 1024 * 1024;

private:
  struct context_free {
    void operator()(EVP_CIPHER_CTX* context) const noexcept;
  };
  using context_ptr = std::unique_ptr<EVP_CIPHER_CTX, context_free>;
  static context_ptr make_context(const signature_key& key, bool encrypts);

  bool decode(std::string_view signature, std::string_view metadata, std::string& error);
  bool read_metadata(std::string& error);
  bool open(EVP_CIPHER_CTX* context, std::string& error);
  bool decrypt(EVP_CIPHER_CTX* context);

  context_ptr sealing_, opening_, opening_previous_;
  std::string sealed_, plain_, decoded_, nonce_; ///< Reused from call to call.
  std::string url_, session_, error_, previous_error_;
  std::optional<unix_ns> requested_;
  json_scratch scratch_;
};

} // namespace shunt::routing
