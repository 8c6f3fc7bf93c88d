// Keys of TLS. Those about versions, suites and client certificates are not even looked at while
// `enable_ssl` is off: deployments write them all the same.
#include "config/schema.hpp"

#define KEY(member, ...) SHUNT_CONFIG_KEY(settings, member, __VA_ARGS__)
#define SUBJECT(member, ...) SHUNT_CONFIG_KEY(certificate_subject, member, __VA_ARGS__)

namespace shunt::config {

namespace {

const schema_of<key_pair>& key_pair_fields() {
  static const schema_of<key_pair> fields{
    SHUNT_CONFIG_KEY(key_pair, cert_chain, text{}),
    SHUNT_CONFIG_KEY(key_pair, private_key, text{}),
  };
  return fields;
}

const schema_of<certificate_subject>& subject_fields() {
  static const schema_of<certificate_subject> fields{
    SUBJECT(country, texts{}),
    SUBJECT(organization, texts{}),
    SUBJECT(organizational_unit, texts{}),
    SUBJECT(common_name, text{}),
    SUBJECT(serial_number, text{}),
    SUBJECT(locality, texts{}),
    SUBJECT(province, texts{}),
    SUBJECT(street_address, texts{}),
    SUBJECT(postal_code, texts{}),
  };
  return fields;
}

struct subject {
  static std::string type() { return "subject"; }
  void operator()(const found_value& v, certificate_subject& out) const {
    read_map(subject_fields(), v, out);
  }
};

const schema_of<mtls_domain>& domain_fields() {
  static const schema_of<mtls_domain> fields{
    SHUNT_CONFIG_KEY(mtls_domain, name, text{}),
    SHUNT_CONFIG_KEY(mtls_domain, ca_certs, text{}),
    SHUNT_CONFIG_KEY(mtls_domain, forwarded_client_cert, choice<forwarded_client_cert>{}),
    SHUNT_CONFIG_KEY(mtls_domain, xfcc_format, choice<xfcc_format>{}),
  };
  return fields;
}

bool with_ssl(const settings& s) {
  return s.enable_ssl;
}

} // namespace

// Not in the unnamed namespace: rows find it by its argument's type.
std::string value_text(const certificate_subject&) {
  return {};
}

namespace {

const schema_of<certificate_rule>& rule_fields() {
  static const schema_of<certificate_rule> fields{
    SHUNT_CONFIG_KEY(certificate_rule, issuer_in_chain, subject{}),
    SHUNT_CONFIG_KEY(certificate_rule, valid_cert_subjects,
                     list_of<certificate_subject>{subject_fields}),
  };
  return fields;
}

} // namespace

schema_of<settings> tls_fields() {
  return {
    KEY(tls_pem, list_of<key_pair>{key_pair_fields}),
    KEY(cipher_suites, suite_names{}, with_ssl),
    KEY(min_tls_version, choice<tls_version>{}, with_ssl),
    KEY(max_tls_version, choice<tls_version, max_tls_version_text>{}, with_ssl),
    KEY(client_cert_validation, choice<client_cert_validation>{}, with_ssl),
    KEY(ca_certs, texts{}),
    KEY(client_ca_certs, text{}),
    KEY(only_trust_client_ca_certs, flag{}),
    KEY(enable_verify_client_certificate_metadata, flag{}),
    KEY(verify_client_certificate_metadata, list_of<certificate_rule>{rule_fields}),
    KEY(skip_ssl_validation, flag{}),
    KEY(tls_handshake_timeout, period{}),
    KEY(domains, list_of<mtls_domain>{domain_fields}),
  };
}

} // namespace shunt::config
