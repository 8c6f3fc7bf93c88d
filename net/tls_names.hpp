// The names a certificate is for, and which of several certificates answers a client that asks for
// a name (SNI). Pure: nothing is verified here.
#pragma once

#include "net/tls_handles.hpp"

#include "routing/text_hash.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shunt::net {

/// The DNS names among the subject alternative names, as they are written.
std::vector<std::string> dns_names(const X509* certificate);

/// The IP addresses among them, as text; IPv6 in its shortest form (RFC 5952).
std::vector<std::string> ip_names(const X509* certificate);

/// The common name of the subject; the last one where there are several, empty without any.
std::string common_name(const X509* certificate);

/// A text of a certificate in UTF-8; nothing if it cannot be read as such.
std::optional<std::string> utf8_text(const ASN1_STRING* value);

/// What a certificate claims as a server: its DNS names, or its common name if it has none.
std::vector<std::string> claimed_names(const X509* certificate);

/// Which member of a list, such as a certificate, is for which name. Case never matters.
class sni_index {
public:
  /// `name`, which may have `*` as its first label, belongs to `position` from now on.
  void add(std::string name, std::size_t position);
  /// Whatever `leaf` claims belongs to `position` from now on, no matter who claimed it before.
  void add(const X509* leaf, std::size_t position);

  /// The position of who is for `name`: an exact claim before one with `*` as its first
  /// label. Nothing if none claims it. Allocates nothing, because clients choose the name.
  std::optional<std::size_t> find(std::string_view name) const noexcept;

private:
  struct hash {
    using is_transparent = void;
    std::uint64_t seed;
    std::size_t operator()(std::string_view text) const noexcept {
      return routing::text_hash(text, seed);
    }
  };
  std::unordered_map<std::string, std::size_t, hash, std::equal_to<>> names_{0, hash{seed()}};

  static std::uint64_t seed();
};

} // namespace shunt::net
