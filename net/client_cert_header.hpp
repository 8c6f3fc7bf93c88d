// X-Forwarded-Client-Cert: whether a request keeps the one it came with, loses it or gets one about
// its own client (`client_cert_table`), and how a certificate is written into it. Decisions are
// pure; the text is made once a connection, off the request path.
#pragma once

#include "config/choices.hpp"
#include "net/header_table.hpp"

#include <openssl/types.h>

#include <string>

namespace shunt::net {

/// What the decision rests on.
struct client_cert_facts {
  bool tls = false;         ///< The request came over TLS, the internal listener's included.
  bool certificate = false; ///< Over TLS, and the client showed a certificate.
  /// It came back from a route service: its signature decrypts and has not expired.
  bool signature_valid = false;
  bool route_service_bound = false; ///< Its route is bound to a route service.
};

client_cert_action decide_client_cert(config::forwarded_client_cert mode,
                                      const client_cert_facts& facts) noexcept;

/// The value for a client with this certificate. `raw`: base64 of the DER form, in one line;
/// `envoy`: `Hash=<SHA-256 of the DER form, hexadecimal>;Subject="<subject_text>"`.
/// Empty when OpenSSL cannot encode the certificate, which then is not to be vouched for: add
/// nothing.
std::string client_cert_value(const X509& certificate, config::xfcc_format format);

/// The subject as Go's pkix.Name prints it: RFC 2253, in an order that does not depend on the
/// certificate (SERIALNUMBER, CN, POSTALCODE, STREET, ST, L, OU, O, C, then the rest as
/// `oid=#der`), values of one type joined by `+`. Control characters, which Go would let through,
/// are written `\0D`: they could end the header line.
std::string subject_text(const X509& certificate);

} // namespace shunt::net
