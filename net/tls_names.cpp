// Reading subject alternative names, and looking names up.
#include "net/tls_names.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace shunt::net {

namespace {

using general_names = std::unique_ptr<GENERAL_NAMES, freed_with<&GENERAL_NAMES_free>>;

general_names alternative_names(const X509* certificate) {
  auto* found = X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr);
  ERR_clear_error(); // Left behind by an extension that is malformed.
  return general_names{static_cast<GENERAL_NAMES*>(found)};
}

std::string bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int bytes = ASN1_STRING_length(address);
  if (bytes != 4 && bytes != 16)
    return {};
  const int family = bytes == 4 ? AF_INET : AF_INET6;
  const auto* data = ASN1_STRING_get0_data(address);
  return inet_ntop(family, data, text.data(), text.size()) != nullptr ? text.data() : "";
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// RFC 6066 allows a name no more, and neither does OpenSSL.
constexpr std::size_t name_bytes_max = TLSEXT_MAXLEN_host_name;

} // namespace

std::vector<std::string> dns_names(const X509* certificate) {
  std::vector<std::string> result;
  const auto names = alternative_names(certificate);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
    if (const auto* name = sk_GENERAL_NAME_value(names.get(), i); name->type == GEN_DNS)
      result.push_back(bytes_of(name->d.dNSName));
  return result;
}

std::vector<std::string> ip_names(const X509* certificate) {
  std::vector<std::string> result;
  const auto names = alternative_names(certificate);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
    if (const auto* name = sk_GENERAL_NAME_value(names.get(), i); name->type == GEN_IPADD)
      if (auto text = address_text(name->d.iPAddress); !text.empty())
        result.push_back(std::move(text));
  return result;
}

std::optional<std::string> utf8_text(const ASN1_STRING* value) {
  unsigned char* text = nullptr;
  const int bytes = ASN1_STRING_to_UTF8(&text, value);
  if (bytes < 0) {
    ERR_clear_error();
    return {};
  }
  std::string result{reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes)};
  OPENSSL_free(text);
  return result;
}

std::string common_name(const X509* certificate) {
  const auto* subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
    last = at;
  if (last < 0)
    return {};
  return utf8_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last))).value_or("");
}

std::vector<std::string> claimed_names(const X509* certificate) {
  auto names = dns_names(certificate);
  if (names.empty())
    if (auto name = common_name(certificate); !name.empty())
      names.push_back(std::move(name));
  return names;
}

void sni_index::add(const X509* leaf, std::size_t position) {
  for (auto& name : claimed_names(leaf))
    add(std::move(name), position);
}

void sni_index::add(std::string name, std::size_t position) {
  std::transform(name.begin(), name.end(), name.begin(), lower);
  names_.insert_or_assign(std::move(name), position);
}

std::optional<std::size_t> sni_index::find(std::string_view name) const noexcept {
  if (name.empty() || name.size() > name_bytes_max)
    return {};
  std::array<char, name_bytes_max + 1> text; // One in front, for the star of an empty first label.
  const auto end = std::transform(name.begin(), name.end(), text.begin() + 1, lower);
  const std::string_view exact{text.data() + 1, name.size()};
  if (const auto found = names_.find(exact); found != names_.end())
    return found->second;
  auto* const star = std::find(text.begin() + 1, end, '.') - 1;
  *star = '*';
  const std::string_view wildcard{star, static_cast<std::size_t>(end - star)};
  if (const auto found = names_.find(wildcard); found != names_.end())
    return found->second;
  return {};
}

std::uint64_t sni_index::seed() {
  std::uint64_t value = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value);
  return value;
}

} // namespace shunt::net
