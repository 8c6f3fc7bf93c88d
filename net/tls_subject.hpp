// Rules about who a client may be, beyond having a certificate that verifies: clients under a
// certain CA must have one of certain subjects (`verify_client_certificate_metadata`).
#pragma once

#include "net/tls_handles.hpp"

#include "config/sections.hpp"

#include <vector>

namespace shunt::net {

/// The fields of a subject that rules speak of; other attributes are left out. Of a common name or
/// serial number that comes twice the last counts.
config::certificate_subject subject_of(const X509* certificate);

/// Immutable, so that every thread may ask.
class subject_rules {
public:
  /// Throws std::runtime_error that begins with the name of the key when a rule's issuer is none of
  /// `cas`: such a rule could never apply, which is not what its author thinks.
  subject_rules(std::vector<config::certificate_rule> rules, const certificate_list& cas);
  subject_rules() = default;

  /// Whether every rule whose issuer is a CA among `certificates` is kept: the first of them, the
  /// client's own, must then be no CA, and have one of the rule's subjects. The others stand above it, in whatever
  /// order and in however many chains. Two subjects are equal if all fields are, whatever
  /// the order of attributes; a field that a rule leaves empty must be missing.
  bool allow(const STACK_OF(X509) * certificates) const;

  bool empty() const noexcept { return rules_.empty(); }

private:
  std::vector<config::certificate_rule> rules_; ///< Repeated values sorted, for comparing.
};

} // namespace shunt::net
