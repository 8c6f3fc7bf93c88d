// Reading subjects and comparing them with rules.
#include "net/tls_subject.hpp"

#include "config/cat.hpp"
#include "net/tls_names.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

namespace shunt::net {

namespace {

using config::certificate_subject;

std::vector<std::string>* list_of(certificate_subject& subject, int attribute) {
  switch (attribute) {
    case NID_countryName: return &subject.country;
    case NID_organizationName: return &subject.organization;
    case NID_organizationalUnitName: return &subject.organizational_unit;
    case NID_localityName: return &subject.locality;
    case NID_stateOrProvinceName: return &subject.province;
    case NID_streetAddress: return &subject.street_address;
    case NID_postalCode: return &subject.postal_code;
    default: return nullptr;
  }
}

void put(certificate_subject& subject, int attribute, std::string value) {
  if (attribute == NID_commonName)
    subject.common_name = std::move(value);
  else if (attribute == NID_serialNumber)
    subject.serial_number = std::move(value);
  else if (auto* list = list_of(subject, attribute))
    list->push_back(std::move(value));
}

void sort_values(certificate_subject& subject) {
  for (auto* list :
       {&subject.country, &subject.organization, &subject.organizational_unit, &subject.locality,
        &subject.province, &subject.street_address, &subject.postal_code})
    std::sort(list->begin(), list->end());
}

certificate_subject sorted_subject_of(const X509* certificate) {
  auto subject = subject_of(certificate);
  sort_values(subject);
  return subject;
}

bool is_ca(X509* certificate) {
  return (X509_get_extension_flags(certificate) & EXFLAG_CA) != 0;
}

bool is_subject_of_any(const certificate_subject& subject, const certificate_list& cas) {
  return std::any_of(cas.begin(), cas.end(),
                     [&](const auto& ca) { return sorted_subject_of(ca.get()) == subject; });
}

/// What a client's certificates say to rules.
struct subjects_of_chains {
  std::vector<certificate_subject> cas;
  std::optional<certificate_subject> client; ///< None if it is a CA: then no rule can be kept.

  explicit subjects_of_chains(const STACK_OF(X509) * certificates) {
    for (int i = 0; i < sk_X509_num(certificates); ++i) {
      auto* certificate = sk_X509_value(certificates, i);
      if (is_ca(certificate))
        cas.push_back(sorted_subject_of(certificate));
      else if (i == 0)
        client = sorted_subject_of(certificate);
    }
  }

  bool keep(const config::certificate_rule& rule) const {
    if (std::find(cas.begin(), cas.end(), rule.issuer_in_chain) == cas.end())
      return true;
    const auto& valid = rule.valid_cert_subjects;
    return client && std::find(valid.begin(), valid.end(), *client) != valid.end();
  }
};

} // namespace

certificate_subject subject_of(const X509* certificate) {
  certificate_subject subject;
  const auto* name = X509_get_subject_name(certificate);
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const auto* entry = X509_NAME_get_entry(name, i);
    if (auto value = utf8_text(X509_NAME_ENTRY_get_data(entry)))
      put(subject, OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)), std::move(*value));
  }
  return subject;
}

subject_rules::subject_rules(std::vector<config::certificate_rule> rules,
                             const certificate_list& cas)
  : rules_(std::move(rules)) {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    auto& rule = rules_[i];
    sort_values(rule.issuer_in_chain);
    for (auto& subject : rule.valid_cert_subjects)
      sort_values(subject);
    if (!is_subject_of_any(rule.issuer_in_chain, cas))
      throw std::runtime_error{
        config::cat(config::element("verify_client_certificate_metadata", i),
                    ".issuer_in_chain: no CA certificate found for rule with ca subject ",
                    "common_name \"", rule.issuer_in_chain.common_name, "\" in client_ca_certs")};
  }
}

bool subject_rules::allow(const STACK_OF(X509) * certificates) const {
  if (rules_.empty())
    return true;
  const subjects_of_chains subjects{certificates};
  return std::all_of(rules_.begin(), rules_.end(),
                     [&](const auto& rule) { return subjects.keep(rule); });
}

} // namespace shunt::net
