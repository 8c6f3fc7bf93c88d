// How issuers are found. OpenSSL takes the first whose name, and key identifier if there is one,
// fit, and never comes back to try another. While an operator replaces a CA there are two of one
// name, and certificates without key identifiers are common inside a platform. So the signature
// decides.
#include "net/tls_trust.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace shunt::net {

namespace {

/// More certificates in a row nobody uses.
constexpr int depth_max = 10;

/// Of one verification, with all chains. A peer can send hundreds of certificates of the same name, and each check
/// costs as much as a handshake does.
constexpr std::uintptr_t signature_checks_max = 100;

int checks_index() {
  static const int index = X509_STORE_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// Counts in the pointer itself, so that nothing needs to be freed.
bool may_check_another(X509_STORE_CTX* verification) {
  const auto count =
    reinterpret_cast<std::uintptr_t>(X509_STORE_CTX_get_ex_data(verification, checks_index()));
  return count < signature_checks_max
         && X509_STORE_CTX_set_ex_data(verification, checks_index(),
                                       reinterpret_cast<void*>(count + 1))
              == 1;
}

bool is_signed_by(X509* subject, const X509* issuer) {
  const bool signed_by_it = X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
  if (!signed_by_it)
    ERR_clear_error(); // Or it would be taken for the reason why the connection failed.
  return signed_by_it;
}

int check_issued(X509_STORE_CTX* verification, X509* subject, X509* issuer) {
  if (X509_check_issued(issuer, subject) != X509_V_OK || !may_check_another(verification))
    return 0;
  return is_signed_by(subject, issuer) ? 1 : 0;
}

// -- All chains

bool is_valid_now(const X509* certificate) {
  return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0
         && X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

certificate_ptr shared(X509* certificate) {
  X509_up_ref(certificate);
  return certificate_ptr{certificate};
}

/// What stands above a client's certificate. Each certificate is in here once, in however many chains it stands.
/// Limits that a CA sets to those below it (names, length of the path) are not looked at: a chain more only means
/// that a rule more has to be kept.
class issuer_graph {
public:
  explicit issuer_graph(X509_STORE_CTX* verification) : verification_{verification} {
    nodes_.push_back({shared(X509_STORE_CTX_get0_cert(verification))});
  }

  /// False if not everything could be looked at.
  bool ascend() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) // It grows meanwhile.
      if (nodes_[i].depth <= depth_max && !add_issuers_of(i)) // The trusted one does not count.
        return false;
    return true;
  }

  /// None if nothing trusted was reached: then something was not looked at.
  certificate_stack_ptr leading_to_trust() const {
    certificate_stack_ptr found{sk_X509_new_null()};
    const auto leads = which_lead_to_trust();
    if (!leads[0] && sk_X509_num(X509_STORE_CTX_get0_chain(verification_)) > 1)
      return {};
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (i == 0 || leads[i]) {
        auto each = shared(nodes_[i].certificate.get());
        if (sk_X509_push(found.get(), each.get()) == 0)
          return {};
        each.release(); // The stack has it.
      }
    return found;
  }

private:
  struct node {
    certificate_ptr certificate;
    int depth = 0; ///< Of the shortest way.
    bool trusted = false;
    std::vector<std::size_t> issuers = {};
  };

  /// The trusted ones first, so that one that was sent as well is known as trusted.
  bool add_issuers_of(std::size_t below) {
    const auto* name = X509_get_issuer_name(nodes_[below].certificate.get());
    const certificate_stack_ptr trusted{X509_STORE_CTX_get1_certs(verification_, name)}; // Null: there is none.
    return add_issuers_among(trusted.get(), below, true)
           && add_issuers_among(X509_STORE_CTX_get0_untrusted(verification_), below, false);
  }

  bool add_issuers_among(const STACK_OF(X509) * some, std::size_t below, bool trusted) {
    for (int i = 0; i < sk_X509_num(some); ++i) {
      auto* issuer = sk_X509_value(some, i);
      const auto place = place_of(issuer);
      auto* subject = nodes_[below].certificate.get();
      if (is_known_above(below, place) || !could_issue(issuer, subject))
        continue;
      if (!may_check_another(verification_))
        return false;
      if (!is_signed_by(subject, issuer))
        continue;
      nodes_[below].issuers.push_back(place);
      if (place == nodes_.size())
        nodes_.push_back({shared(issuer), nodes_[below].depth + 1, trusted});
    }
    return true;
  }

  static bool could_issue(X509* issuer, const X509* subject) {
    return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(subject)) == 0
           && X509_check_purpose(issuer, X509_PURPOSE_SSL_CLIENT, 1) > 0 && is_valid_now(issuer);
  }

  /// The next free one if it is new.
  std::size_t place_of(const X509* certificate) const {
    const auto same = [&](const node& each) { return X509_cmp(each.certificate.get(), certificate) == 0; };
    return static_cast<std::size_t>(std::find_if(nodes_.begin(), nodes_.end(), same) - nodes_.begin());
  }

  bool is_known_above(std::size_t below, std::size_t place) const {
    const auto& known = nodes_[below].issuers;
    return place == below || std::find(known.begin(), known.end(), place) != known.end();
  }

  std::vector<bool> which_lead_to_trust() const {
    std::vector<bool> leads(nodes_.size());
    const auto does = [&](const node& each) {
      return each.trusted
             || std::any_of(each.issuers.begin(), each.issuers.end(), [&](std::size_t above) { return leads[above]; });
    };
    for (bool grew = true; std::exchange(grew, false);)
      for (std::size_t i = 0; i < nodes_.size(); ++i)
        if (!leads[i] && does(nodes_[i]))
          leads[i] = grew = true;
    return leads;
  }

  X509_STORE_CTX* verification_;
  std::vector<node> nodes_; ///< The client's own first; as many as signatures may be checked, at most.
};

} // namespace

trust_store_ptr make_trust_store(std::initializer_list<const certificate_list*> trusted) {
  trust_store_ptr store{X509_STORE_new()};
  if (!store)
    throw std::runtime_error{"no memory for certificates"};
  for (const auto* list : trusted)
    for (const auto& certificate : *list)
      if (X509_STORE_add_cert(store.get(), certificate.get()) != 1)
        throw std::runtime_error{"no memory for certificates"};
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_set_depth(store.get(), depth_max);
  X509_STORE_set_check_issued(store.get(), check_issued);
  return store;
}

certificate_stack_ptr certificates_of_all_chains(X509_STORE_CTX* verification) {
  issuer_graph above{verification};
  return above.ascend() ? above.leading_to_trust() : certificate_stack_ptr{};
}

} // namespace shunt::net
