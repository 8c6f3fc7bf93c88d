// What one version of the configuration file says about connections and requests, in the form in
// which they ask. Immutable once the loops have it. A reload makes a new one: what is under way goes
// on with the one that it began with.
#pragma once

#include "config/settings.hpp"
#include "net/address_prefixes.hpp"
#include "net/error_template.hpp"
#include "net/response_rewrite.hpp"
#include "net/stickiness.hpp"
#include "net/tls_names.hpp"
#include "net/tracing.hpp"
#include "routing/access_line.hpp"
#include "routing/balance.hpp"
#include "routing/hairpin_allowlist.hpp"
#include "routing/route_service_signature.hpp"

#include <boost/smart_ptr/local_shared_ptr.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt {

namespace net {
class backend_tls;
class front_tls;
} // namespace net

/// How route services are spoken to; see `routing/route_service_signature`.
struct route_service_rules {
  routing::signature_key key;                         ///< Signs, and opens.
  std::optional<routing::signature_key> previous_key; ///< Opens.
  std::shared_ptr<const net::backend_tls> tls;
  std::size_t attempts_max = 1;
};

/// `html_error_template_file` is of no use.
struct error_page_failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct policy {
  /// Without TLS: certificates are read by whoever starts the router. Throws std::runtime_error that
  /// names the key at fault; reads the file of the error page.
  explicit policy(config::settings from);

  config::settings settings;
  net::response_rewrite rewrite;
  net::tracing_rules tracing;
  net::stickiness_rules stickiness;
  std::optional<net::error_template> error_page; ///< `html_error_template_file`
  net::sni_index domains; ///< Positions in `settings.domains`.
  net::address_prefixes proxy_senders; ///< Whose headers of the PROXY protocol are believed; empty: everybody's.
  net::address_prefixes blocked_route_services; ///< Addresses that no route service may have.
  routing::hairpin_allowlist hairpins; ///< `route_services_hairpinning_allowlist`
  routing::balance_rules balancing;
  routing::outlier_settings outliers;
  std::size_t attempts_max;
  bool logs_access; ///< There is an access log.
  bool tells_requests; ///< Loggregator, if somebody listens: `send_http_start_stop_server_event`
  bool tells_attempts; ///< And `send_http_start_stop_client_event`.
  bool logs_tags;      ///< Those of endpoints go to Loggregator.
  std::shared_ptr<const routing::access_format> access_format; ///< Of its lines.
  std::vector<std::string> logged_headers; ///< `extra_headers_to_log`, without duplicates.
  bool log_local_address;                  ///< It costs a system call a request.
  bool log_requested_name;                 ///< `tls_sni`: it costs memory a connection.
  std::shared_ptr<const net::front_tls> front_tls;     ///< Null: TLS is not served.
  std::shared_ptr<const net::backend_tls> backend_tls; ///< Null: TLS backends cannot be reached.
  std::shared_ptr<const route_service_rules> route_services; ///< Null: no secret, no route services.
};

/// Shared within one loop, without atomics: each loop has a copy.
using policy_ptr = boost::local_shared_ptr<const policy>;

} // namespace shunt
