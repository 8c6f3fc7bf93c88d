// OpenSSL's reasons in gorouter's words.
#include "net/tls_failure.hpp"

#include "net/tls_handles.hpp"
#include "net/tls_names.hpp"

#include "config/cat.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <openssl/err.h>

namespace shunt::net {

namespace {

using config::cat;
using routing::failure_class;

/// Room for some names of a certificate. The text becomes a header.
constexpr std::size_t names_bytes_max = 1'024;
constexpr std::size_t names_max = 100; ///< As in gorouter.
constexpr std::size_t text_bytes_max = 2'048;

/// A certificate's names and the registered one may hold anything, line breaks included.
std::string printable(std::string text) {
  if (text.size() > text_bytes_max)
    text.resize(text_bytes_max);
  for (char& c : text)
    if (c < ' ' || c > '~')
      c = '?';
  return text;
}

// -- Certificates

struct expected_name {
  std::string text;
  bool is_address = false;
};

expected_name expected_by(SSL* session) {
  auto* expected = SSL_get0_param(session);
  if (const char* host = X509_VERIFY_PARAM_get0_host(expected, 0); host != nullptr)
    return {host, false};
  char* address = X509_VERIFY_PARAM_get1_ip_asc(expected);
  expected_name result{address != nullptr ? address : "", true};
  OPENSSL_free(address);
  return result;
}

/// Of a refused peer only the chain is left; an accepted one would be there as well.
const X509* leaf_of(const SSL* session) {
  const auto* chain = SSL_get_peer_cert_chain(session);
  return sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : nullptr;
}

std::string joined(const std::vector<std::string>& names) {
  std::string result;
  for (const auto& name : names)
    result.append(result.empty() ? "" : ", ").append(name);
  return result;
}

std::string names_text(const std::vector<std::string>& names, const expected_name& expected) {
  const auto text = joined(names);
  if (names.size() >= names_max || text.size() > names_bytes_max)
    return cat("certificate is valid for ", std::to_string(names.size()),
               expected.is_address ? " IP SANs" : " names", ", but none matched ", expected.text);
  if (text.empty())
    return cat("certificate is not valid for any names, but wanted to match ", expected.text);
  return cat("certificate is valid for ", text, ", not ", expected.text);
}

bool has_alternative_names(const X509* certificate) {
  return X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;
}

std::string mismatch_text(SSL* session) {
  const auto expected = expected_by(session);
  const auto* leaf = leaf_of(session);
  if (leaf == nullptr)
    return names_text({}, expected);
  if (expected.is_address) {
    const auto addresses = ip_names(leaf);
    return addresses.empty() ? cat("cannot validate certificate for ", expected.text,
                                   " because it doesn't contain any IP SANs")
                             : names_text(addresses, expected);
  }
  if (!has_alternative_names(leaf) && common_name(leaf) == expected.text)
    return "certificate relies on legacy Common Name field, use SANs instead";
  return names_text(dns_names(leaf), expected);
}

std::string utc(const std::tm& at) {
  std::array<char, 24> text{};
  const auto bytes = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &at);
  return {text.data(), bytes};
}

std::string utc(std::time_t at) {
  std::tm fields{};
  return gmtime_r(&at, &fields) != nullptr ? utc(fields) : std::string{};
}

std::string utc(const ASN1_TIME* at) {
  std::tm fields{};
  return ASN1_TIME_to_tm(at, &fields) == 1 ? utc(fields) : std::string{};
}

/// The backend's own certificate is quoted if it is at fault, else no dates: the other one is gone.
std::string expiry_text(const SSL* session, std::time_t now) {
  const std::string_view lead = "certificate has expired or is not yet valid: ";
  auto at = now;
  const auto* leaf = leaf_of(session);
  if (leaf != nullptr && X509_cmp_time(X509_get0_notAfter(leaf), &at) < 0)
    return cat(lead, "current time ", utc(now), " is after ", utc(X509_get0_notAfter(leaf)));
  if (leaf != nullptr && X509_cmp_time(X509_get0_notBefore(leaf), &at) > 0)
    return cat(lead, "current time ", utc(now), " is before ", utc(X509_get0_notBefore(leaf)));
  return std::string{lead};
}

std::string other_text(long result) {
  switch (result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG: return "certificate signed by unknown authority";
    case X509_V_ERR_INVALID_PURPOSE: return "certificate specifies an incompatible key usage";
    case X509_V_ERR_INVALID_CA: return "certificate is not authorized to sign other certificates";
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return "too many intermediates for path length constraint";
    default: return X509_verify_cert_error_string(result);
  }
}

tls_failure certificate_failure(SSL* session, long result, std::time_t now) {
  const std::string_view lead = "tls: failed to verify certificate: x509: ";
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {failure_class::hostname_mismatch, printable(cat(lead, mismatch_text(session)))};
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {failure_class::certificate_expired, printable(cat(lead, expiry_text(session, now)))};
    default: return {failure_class::untrusted, printable(cat(lead, other_text(result)))};
  }
}

// -- Alerts

struct alert_name {
  int number;
  const char* text;
};

/// RFC 8446, section 6, and older ones.
constexpr alert_name alerts[] = {
  {0, "close notify"},
  {10, "unexpected message"},
  {20, "bad record MAC"},
  {21, "decryption failed"},
  {22, "record overflow"},
  {30, "decompression failure"},
  {40, "handshake failure"},
  {42, "bad certificate"},
  {43, "unsupported certificate"},
  {44, "revoked certificate"},
  {45, "expired certificate"},
  {46, "unknown certificate"},
  {47, "illegal parameter"},
  {48, "unknown certificate authority"},
  {49, "access denied"},
  {50, "error decoding message"},
  {51, "error decrypting message"},
  {60, "export restriction"},
  {70, "protocol version not supported"},
  {71, "insufficient security level"},
  {80, "internal error"},
  {86, "inappropriate fallback"},
  {90, "user canceled"},
  {100, "no renegotiation"},
  {109, "missing extension"},
  {110, "unsupported extension"},
  {111, "certificate unobtainable"},
  {112, "unrecognized name"},
  {113, "bad certificate status response"},
  {114, "bad certificate hash value"},
  {115, "unknown PSK identity"},
  {116, "certificate required"},
  {120, "no application protocol"},
};

std::string alert_text(int number) {
  for (const auto& alert : alerts)
    if (alert.number == number)
      return alert.text;
  return cat("alert(", std::to_string(number), ")");
}

failure_class class_of_alert(int number) {
  switch (number) {
    case 42:
    case 48:
    case 116: return failure_class::certificate_refused;
    case 40: return failure_class::handshake_failure;
    default: return failure_class::other;
  }
}

/// OpenSSL reports the peer's alerts as reasons from here on.
std::optional<int> alert_in(unsigned long error) {
  const int number = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || number < 0 || number > 255)
    return {};
  return number;
}

// -- Bytes that are no TLS

/// While our hello has no answer yet, everything that is no proper record of an answer.
bool is_not_tls(const SSL* session, unsigned long error) {
  if (SSL_get_state(session) != TLS_ST_CW_CLNT_HELLO || ERR_GET_LIB(error) != ERR_LIB_SSL)
    return false;
  switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_BAD_CHANGE_CIPHER_SPEC:
    case SSL_R_CCS_RECEIVED_EARLY:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG: return true;
    default: return false;
  }
}

bool is_certificate_failure(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_SSL
         && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

std::string reason_text(unsigned long error) {
  const char* reason = ERR_reason_error_string(error);
  return printable(cat("tls: ", reason != nullptr ? reason : "unknown error"));
}

} // namespace

tls_failure tls_failure_of(SSL* session, int ssl_error, tls_phase phase, std::time_t now) {
  const auto error = ERR_peek_error(); // The first one; others tell what followed from it.
  ERR_clear_error();
  if (ssl_error != SSL_ERROR_SSL || error == 0)
    return {failure_class::eof, "EOF"};
  if (const auto alert = alert_in(error))
    return {class_of_alert(*alert), cat("remote error: tls: ", alert_text(*alert))};
  if (phase == tls_phase::handshake && is_certificate_failure(error))
    return certificate_failure(session, SSL_get_verify_result(session), now);
  if (phase == tls_phase::handshake && is_not_tls(session, error))
    return {failure_class::not_tls, "tls: first record does not look like a TLS handshake"};
  return {failure_class::other, reason_text(error)};
}

tls_failure tls_handshake_timed_out() {
  return {failure_class::handshake_timeout, "net/http: TLS handshake timeout"};
}

tls_failure tls_name_impossible(std::string_view name) {
  return {failure_class::hostname_mismatch,
          printable(cat("tls: failed to verify certificate: x509: certificate is not valid for any "
                        "names, but wanted to match ",
                        name))};
}

} // namespace shunt::net
