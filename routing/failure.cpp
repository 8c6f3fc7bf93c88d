// The table of failure classes.
#include "routing/failure.hpp"

namespace shunt::routing {

failure_rule rule_of(failure_class value) {
  constexpr bool yes = true, no = false;
  switch (value) {
    //                                                        retry mark prune status
    case failure_class::dial: return {yes, yes, yes, 502};
    case failure_class::not_tls: return {yes, yes, yes, 525};
    case failure_class::hostname_mismatch: return {yes, yes, yes, 503};
    case failure_class::untrusted: return {yes, yes, yes, 526};
    case failure_class::certificate_expired: return {yes, yes, yes, 526};
    case failure_class::certificate_refused: return {yes, yes, yes, 496};
    case failure_class::handshake_failure: return {yes, yes, yes, 525};
    case failure_class::handshake_timeout: return {yes, yes, yes, 502};
    case failure_class::idempotent_eof: return {yes, no, no, 502};
    case failure_class::eof: return {no, no, no, 502};
    case failure_class::reset_on_read: return {no, yes, no, 502};
    case failure_class::timeout: return {no, no, no, 502};
    case failure_class::client_cancelled: return {no, no, no, 499};
    case failure_class::response_header_limits: return {no, no, no, 502};
    case failure_class::no_endpoint: return {no, no, no, 502};
    case failure_class::other: break;
  }
  return {no, no, no, 502};
}

failure_rule rule_of_incomplete_request(failure_class inner) {
  auto rule = rule_of(inner);
  // A client that left wants no other attempt, and without an endpoint there is nothing to attempt.
  rule.retry = inner != failure_class::client_cancelled && inner != failure_class::no_endpoint;
  return rule;
}

failure_rule rule_of_cancelled(failure_class inner) {
  auto rule = rule_of(inner);
  rule.retry = false;
  rule.status = rule_of(failure_class::client_cancelled).status;
  return rule;
}

} // namespace shunt::routing
