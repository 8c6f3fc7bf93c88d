#include "routing/route_service_signature.hpp"

#include "routing/base64.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <limits>
#include <stdexcept>

namespace shunt::routing {

namespace {

constexpr int derivation_rounds = 100'001;
constexpr std::size_t tag_bytes = 16;

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

/// ASCII letters in any case, as Go matches the names of members.
bool names_equal(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if ((a[i] >= 'A' && a[i] <= 'Z' ? a[i] | 0x20 : a[i]) != lower[i])
      return false;
  return true;
}

/// Go's decoder reads on after a member of the wrong type, and answers the first such error.
class member_reader : public json_members {
public:
  const std::string& error() const { return error_; }

protected:
  ~member_reader() = default;

  /// Whether there is a text to take: null leaves a member as it was.
  bool is_text(json_type type, std::string_view member, std::string_view go_type) {
    if (type != json_type::string && type != json_type::null)
      fail("json: cannot unmarshal ", name_of(type), " into Go struct field ", member, " of type ",
           go_type);
    return type == json_type::string;
  }
  template <class... Parts>
  void fail(const Parts&... parts) {
    if (error_.empty())
      (error_.append(parts), ...);
  }

private:
  std::string error_;
};

class metadata_reader final : public member_reader {
public:
  explicit metadata_reader(std::string& nonce) : nonce_{nonce} { nonce_.clear(); }

  void member(std::string_view name, json_type type, std::string_view text) override {
    if (!names_equal(name, "nonce"))
      return;
    if (type == json_type::null)
      nonce_.clear();
    else if (is_text(type, "Metadata.nonce", "[]uint8"))
      if (const auto at = decode_base64(nonce_, text, base64_alphabet::standard)) {
        nonce_.clear();
        fail("illegal base64 data at input byte ", std::to_string(*at));
      }
  }

private:
  std::string& nonce_;
};

class request_reader final : public member_reader {
public:
  request_reader(std::string& url, std::string& session, std::optional<unix_ns>& requested)
    : url_{url}, session_{session}, requested_{requested} {
    url_.clear();
    session_.clear();
    requested_.reset();
  }

  void member(std::string_view name, json_type type, std::string_view text) override {
    if (names_equal(name, "forwarded_url")) {
      if (is_text(type, "Signature.forwarded_url", "string"))
        url_ = text;
    } else if (names_equal(name, "requested_time")) {
      read_time(type, text);
    } else if (names_equal(name, "shunt_session") && type == json_type::string) {
      session_ = text;
    }
  }

private:
  void read_time(json_type type, std::string_view text) {
    if (type == json_type::null)
      return;
    if (type != json_type::string)
      return fail("Time.UnmarshalJSON: input is not a JSON string");
    const auto time = parse_rfc3339(text);
    if (!time)
      return fail("parsing time \"", text, "\" as \"2006-01-02T15:04:05Z07:00\": cannot parse");
    requested_ = time;
  }

  std::string& url_;
  std::string& session_;
  std::optional<unix_ns>& requested_;
};

/// Reads an object into `members`; Go's text in `error` if it is none, or one of other types.
bool read_object(std::string_view text, member_reader& members, std::string_view go_type,
                 json_scratch& scratch, std::string& error) {
  json_type type{};
  if (!read_json(text, type, members, scratch, error))
    return false;
  if (type != json_type::object && type != json_type::null) {
    error = "json: cannot unmarshal ";
    error.append(name_of(type)).append(" into Go value of type routeservice.").append(go_type);
    return false;
  }
  error = members.error();
  return error.empty();
}

bool decode_text(std::string& out, std::string_view text, std::string& error) {
  if (text.size() > signature_codec::text_bytes_max) {
    error = "too long";
    return false;
  }
  const auto at = decode_base64(out, text, base64_alphabet::url);
  if (at)
    error.assign("illegal base64 data at input byte ").append(std::to_string(*at));
  return !at;
}

/// Saturates, as Go does.
bool is_older(unix_ns time, unix_ns now, std::chrono::nanoseconds limit) {
  unix_ns age = 0;
  if (__builtin_sub_overflow(now, time, &age))
    age = now > time ? std::numeric_limits<unix_ns>::max() : std::numeric_limits<unix_ns>::min();
  return age > limit.count();
}

} // namespace

signature_key::signature_key(std::string_view secret) {
  if (PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), nullptr, 0,
                        derivation_rounds, EVP_sha256(), static_cast<int>(bytes_.size()),
                        bytes_.data())
      != 1)
    throw std::runtime_error{"route_services_secret: OpenSSL derives no key from it"};
}

signature_key::~signature_key() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

void signature_codec::context_free::operator()(EVP_CIPHER_CTX* context) const noexcept {
  EVP_CIPHER_CTX_free(context);
}

signature_codec::context_ptr signature_codec::make_context(const signature_key& key,
                                                           bool encrypts) {
  context_ptr made{EVP_CIPHER_CTX_new()};
  if (!made
      || EVP_CipherInit_ex(made.get(), EVP_aes_128_gcm(), nullptr, key.bytes().data(), nullptr,
                           encrypts ? 1 : 0)
           != 1)
    throw std::runtime_error{"route services: OpenSSL has no AES-128-GCM"};
  return made;
}

signature_codec::signature_codec(const signature_key& current, const signature_key* previous)
  : sealing_{make_context(current, true)},
    opening_{make_context(current, false)},
    opening_previous_{previous ? make_context(*previous, false) : nullptr} {
}

bool signature_codec::sign(const signed_request& request, const signature_nonce& nonce,
                           signature_texts& out) {
  plain_ = R"({"forwarded_url":)";
  append_json_string(plain_, request.forwarded_url);
  plain_ += R"(,"requested_time":")";
  append_rfc3339(plain_, request.requested);
  plain_ += '"';
  if (!request.session.empty()) {
    plain_ += R"(,"shunt_session":)";
    append_json_string(plain_, request.session);
  }
  plain_ += '}';
  sealed_.resize(plain_.size() + tag_bytes);
  auto* context = sealing_.get();
  int bytes = 0, rest = 0;
  if (EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) != 1
      || EVP_EncryptUpdate(context, bytes_of(sealed_), &bytes, bytes_of(plain_),
                           static_cast<int>(plain_.size()))
           != 1
      || EVP_EncryptFinal_ex(context, bytes_of(sealed_) + bytes, &rest) != 1
      || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag_bytes,
                             bytes_of(sealed_) + plain_.size())
           != 1)
    return false;
  out.signature.clear();
  append_base64(out.signature, sealed_, base64_alphabet::url);
  decoded_ = R"({"nonce":")";
  append_base64(decoded_, {reinterpret_cast<const char*>(nonce.data()), nonce.size()},
                base64_alphabet::standard);
  decoded_ += R"("})";
  out.metadata.clear();
  append_base64(out.metadata, decoded_, base64_alphabet::url);
  return true;
}

signature_verdict signature_codec::verify(std::string_view signature, std::string_view metadata,
                                          unix_ns now, std::chrono::nanoseconds timeout) {
  signature_verdict verdict;
  error_.clear();
  previous_error_.clear();
  const bool decoded = decode(signature, metadata, error_);
  bool opened = decoded && open(opening_.get(), error_);
  verdict.current_key_error = error_;
  verdict.reason = error_;
  if (!opened && opening_previous_) {
    if (decoded) // What cannot be decoded cannot be with another key either.
      opened = open(opening_previous_.get(), previous_error_);
    else
      previous_error_ = error_;
    verdict.by_previous_key = opened;
    verdict.previous_key_error = previous_error_;
    verdict.reason = previous_error_;
  }
  if (!opened)
    return verdict;
  // A signature without a time is as old as can be, as Go's zero time is.
  verdict.request = {url_, requested_.value_or(std::numeric_limits<unix_ns>::min()), session_};
  const bool expired = is_older(verdict.request.requested, now, timeout);
  verdict.outcome = expired ? signature_outcome::expired : signature_outcome::valid;
  verdict.reason = expired ? "route service request expired" : "";
  return verdict;
}

/// Into `nonce_` and `sealed_`.
bool signature_codec::decode(std::string_view signature, std::string_view metadata,
                             std::string& error) {
  if (metadata.empty()) {
    error = "No metadata found";
    return false;
  }
  return decode_text(decoded_, metadata, error) && read_metadata(error)
         && decode_text(sealed_, signature, error);
}

bool signature_codec::read_metadata(std::string& error) {
  metadata_reader reader{nonce_};
  return read_object(decoded_, reader, "Metadata", scratch_, error);
}

bool signature_codec::open(EVP_CIPHER_CTX* context, std::string& error) {
  if (nonce_.size() != signature_nonce{}.size()) {
    error = "incorrect nonce length";
    return false;
  }
  if (!decrypt(context)) {
    error = "cipher: message authentication failed";
    return false;
  }
  request_reader reader{url_, session_, requested_};
  return read_object(plain_, reader, "Signature", scratch_, error);
}

/// `sealed_` into `plain_`. The tag is compared in constant time.
bool signature_codec::decrypt(EVP_CIPHER_CTX* context) {
  if (sealed_.size() < tag_bytes)
    return false;
  const auto text_bytes = sealed_.size() - tag_bytes;
  plain_.resize(text_bytes);
  ERR_set_mark(); // A client's fault must not look like that of the thread's next connection.
  int bytes = 0, rest = 0;
  const bool genuine =
    EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, bytes_of(nonce_)) == 1
    && (text_bytes == 0
        || EVP_DecryptUpdate(context, bytes_of(plain_), &bytes, bytes_of(sealed_),
                             static_cast<int>(text_bytes))
             == 1)
    && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, tag_bytes, bytes_of(sealed_) + text_bytes)
         == 1
    && EVP_DecryptFinal_ex(context, bytes_of(plain_) + bytes, &rest) == 1;
  ERR_pop_to_mark();
  return genuine;
}

} // namespace shunt::routing
