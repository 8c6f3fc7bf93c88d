#include "net/client_cert_header.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace shunt::net {

namespace {

/// Forgets what OpenSSL complains of meanwhile: left in the thread's queue, it would be taken for
/// the fault of the next connection.
class error_mark {
public:
  error_mark() { ERR_set_mark(); }
  ~error_mark() { ERR_pop_to_mark(); }
  error_mark(const error_mark&) = delete;
  error_mark& operator=(const error_mark&) = delete;
};

struct openssl_free {
  void operator()(unsigned char* memory) const noexcept { OPENSSL_free(memory); }
};
using openssl_bytes = std::unique_ptr<unsigned char, openssl_free>;

void append_hex(std::string& out, unsigned char byte, std::string_view digits) {
  out.push_back(digits[byte >> 4]);
  out.push_back(digits[byte & 0xf]);
}
constexpr std::string_view lower_digits = "0123456789abcdef";
constexpr std::string_view upper_digits = "0123456789ABCDEF";

std::string base64_of(const X509& certificate) {
  unsigned char* memory = nullptr;
  const int bytes = i2d_X509(&certificate, &memory);
  const openssl_bytes der{memory};
  if (bytes <= 0)
    return {};
  const auto chars = (static_cast<std::size_t>(bytes) + 2) / 3 * 4;
  std::string text(chars + 1, '\0'); // OpenSSL ends it with a zero.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), der.get(), bytes);
  text.resize(chars);
  return text;
}

std::string envoy_value(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned bytes = 0;
  if (X509_digest(&certificate, EVP_sha256(), hash.data(), &bytes) != 1)
    return {};
  std::string text = "Hash=";
  for (unsigned i = 0; i < bytes; ++i)
    append_hex(text, hash[i], lower_digits);
  return text.append(";Subject=\"").append(subject_text(certificate)).append("\"");
}

// -- The subject.

struct attribute {
  const ASN1_OBJECT* type = nullptr;
  int nid = NID_undef;
  std::string value; ///< UTF-8.
};

/// Those whose text cannot be had are left out.
std::vector<attribute> attributes_of(const X509_NAME* name) {
  std::vector<attribute> found;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const auto* entry = X509_NAME_get_entry(name, i);
    const auto* type = X509_NAME_ENTRY_get_object(entry);
    unsigned char* memory = nullptr;
    const int bytes = ASN1_STRING_to_UTF8(&memory, X509_NAME_ENTRY_get_data(entry));
    const openssl_bytes text{memory};
    if (bytes < 0)
      continue;
    attribute made{.type = type, .nid = OBJ_obj2nid(type), .value = {}};
    if (bytes > 0)
      made.value.assign(reinterpret_cast<const char*>(text.get()), static_cast<std::size_t>(bytes));
    found.push_back(std::move(made));
  }
  return found;
}

/// The types that Go knows, in the order in which it prints them.
struct known_type {
  int nid;
  std::string_view name;
  bool single; ///< Of several values, the last is the one.
};
constexpr std::array known_types{
  known_type{NID_serialNumber, "SERIALNUMBER", true},
  known_type{NID_commonName, "CN", true},
  known_type{NID_postalCode, "POSTALCODE", false},
  known_type{NID_streetAddress, "STREET", false},
  known_type{NID_stateOrProvinceName, "ST", false},
  known_type{NID_localityName, "L", false},
  known_type{NID_organizationalUnitName, "OU", false},
  known_type{NID_organizationName, "O", false},
  known_type{NID_countryName, "C", false},
};

bool is_known(int nid) noexcept {
  return std::any_of(known_types.begin(), known_types.end(),
                     [nid](const known_type& each) { return each.nid == nid; });
}

void append_escaped(std::string& out, std::string_view value) {
  constexpr std::string_view special = ",+\"\\<>;";
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto byte = static_cast<unsigned char>(value[i]);
    const bool at_end = i == 0 || i + 1 == value.size();
    if (byte < 0x20 || byte == 0x7f) {
      out.push_back('\\');
      append_hex(out, byte, upper_digits);
      continue;
    }
    if (special.find(value[i]) != special.npos || (byte == ' ' && at_end)
        || (byte == '#' && i == 0))
      out.push_back('\\');
    out.push_back(value[i]);
  }
}

/// All values of one type.
void append_known(std::string& out, const known_type& type, const std::vector<attribute>& all) {
  const attribute* last = nullptr;
  for (const auto& each : all)
    if (each.nid == type.nid)
      last = &each;
  if (last == nullptr || (type.single && last->value.empty()))
    return;
  auto separator = std::string_view{out.empty() ? "" : ","};
  for (const auto& each : all) {
    if (each.nid != type.nid || (type.single && &each != last))
      continue;
    out.append(separator).append(type.name).append("=");
    append_escaped(out, each.value);
    separator = "+";
  }
}

/// The characters of an ASN.1 PrintableString.
bool is_printable(char c) noexcept {
  constexpr std::string_view marks = " '()+,-./:=?";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || marks.find(c) != marks.npos;
}

void append_length(std::string& out, std::size_t length) {
  if (length < 0x80)
    return append_hex(out, static_cast<unsigned char>(length), lower_digits);
  std::string bytes;
  for (; length > 0; length >>= 8)
    bytes.insert(bytes.begin(), static_cast<char>(length & 0xff));
  append_hex(out, static_cast<unsigned char>(0x80 | bytes.size()), lower_digits);
  for (const char byte : bytes)
    append_hex(out, static_cast<unsigned char>(byte), lower_digits);
}

std::string dotted(const ASN1_OBJECT* type) {
  constexpr int numbers_only = 1;
  const int chars = OBJ_obj2txt(nullptr, 0, type, numbers_only);
  if (chars <= 0)
    return {};
  std::string text(static_cast<std::size_t>(chars) + 1, '\0');
  OBJ_obj2txt(text.data(), chars + 1, type, numbers_only);
  text.pop_back();
  return text;
}

/// `oid=#hex`, the value encoded as Go encodes a string, whatever type it had.
void append_other(std::string& out, const attribute& other) {
  const bool printable = std::all_of(other.value.begin(), other.value.end(), is_printable);
  out.append(out.empty() ? "" : ",").append(dotted(other.type)).append("=#");
  append_hex(out, printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING, lower_digits);
  append_length(out, other.value.size());
  for (const char c : other.value)
    append_hex(out, static_cast<unsigned char>(c), lower_digits);
}

/// A signature is better proof: what the route service returns is what the router itself sent it.
client_proof proof_of(const client_cert_facts& facts) noexcept {
  using enum client_proof;
  if (!facts.tls)
    return none;
  if (facts.signature_valid)
    return facts.route_service_bound ? own_signature : signature;
  return facts.certificate ? certificate : none;
}

} // namespace

client_cert_action decide_client_cert(config::forwarded_client_cert mode,
                                      const client_cert_facts& facts) noexcept {
  return client_cert_table[static_cast<std::size_t>(mode)]
                          [static_cast<std::size_t>(proof_of(facts))];
}

std::string client_cert_value(const X509& certificate, config::xfcc_format format) {
  const error_mark mark;
  return format == config::xfcc_format::envoy ? envoy_value(certificate) : base64_of(certificate);
}

std::string subject_text(const X509& certificate) {
  const error_mark mark;
  const auto all = attributes_of(X509_get_subject_name(&certificate));
  std::string out;
  for (const auto& type : known_types)
    append_known(out, type, all);
  for (auto each = all.rbegin(); each != all.rend(); ++each)
    if (!is_known(each->nid))
      append_other(out, *each);
  return out;
}

} // namespace shunt::net
