#include "actors/policy.hpp"

#include "actors/access_log_writer.hpp"
#include "net/error_page.hpp"
#include "net/metron.hpp"

#include <algorithm>
#include <utility>

namespace shunt {

namespace {

routing::balance_rules balance_rules_of(const config::settings& settings) {
  routing::balance_rules rules;
  rules.algorithm = settings.balancing_algorithm == config::balancing_algorithm::least_connection
                      ? routing::algorithm::least_connection
                      : routing::algorithm::round_robin;
  rules.max_conns = static_cast<std::uint32_t>(settings.backends.max_conns);
  if (settings.backends.max_conns_counts == config::max_conns_counts::whole_response)
    rules.max_conns_counts = routing::conns_counter::in_flight;
  rules.prefer_zone = settings.balancing_algorithm_az_preference
                      == config::balancing_algorithm_az_preference::locally_optimistic;
  rules.zone = settings.zone;
  return rules;
}

routing::outlier_settings outlier_settings_of(const config::settings& settings) {
  using std::chrono::milliseconds;
  const auto& from = settings.outlier_ejection;
  return {.consecutive_failures = static_cast<std::uint16_t>(from.consecutive_failures),
          .error_rate_percent = static_cast<std::uint32_t>(from.error_rate_percent),
          .requests_min = static_cast<std::uint32_t>(from.requests_min),
          .interval = std::chrono::ceil<milliseconds>(from.interval),
          .base_ejection_time = std::chrono::ceil<milliseconds>(from.base_ejection_time),
          .max_ejection_time = std::chrono::ceil<milliseconds>(from.max_ejection_time),
          .max_ejected_percent = static_cast<std::uint32_t>(from.max_ejected_percent)};
}

bool logs(const config::settings& settings, std::string_view field) {
  const auto& extra = settings.logging.extra_access_log_fields;
  return std::find(extra.begin(), extra.end(), field) != extra.end();
}

std::optional<net::error_template> error_page_of(const config::settings& settings) {
  if (settings.html_error_template_file.empty())
    return std::nullopt;
  try {
    return net::read_error_template(settings.html_error_template_file);
  } catch (const std::runtime_error& failed) {
    throw error_page_failure{std::string{"html_error_template_file: "} + failed.what()};
  }
}

/// The list under `key`. Throws std::runtime_error that names it.
net::address_prefixes prefixes_of(const std::vector<std::string>& list, const char* key) {
  std::string error;
  auto prefixes = net::address_prefixes::parse(list, error);
  if (!prefixes)
    throw std::runtime_error{std::string{key} + ": " + error};
  return std::move(*prefixes);
}

routing::hairpin_allowlist hairpins_of(const config::settings& settings) {
  std::string error;
  auto list = routing::hairpin_allowlist::parse(settings.route_services_hairpinning_allowlist, error);
  if (!list)
    throw std::runtime_error{std::string{"route_services_hairpinning_allowlist: "}.append(error)};
  return std::move(*list);
}

} // namespace

policy::policy(config::settings from)
  : settings{std::move(from)}, rewrite{settings.http_rewrite}, tracing{settings.tracing},
    stickiness{settings.sticky_session_cookie_names, settings.sticky_sessions_for_auth_negotiate,
               settings.secure_cookies},
    error_page{error_page_of(settings)}, proxy_senders{prefixes_of(settings.proxy_senders, "proxy_senders")},
    blocked_route_services{prefixes_of(settings.route_services.block_CIDRs, "route_services.block_CIDRs")},
    hairpins{hairpins_of(settings)}, balancing{balance_rules_of(settings)}, outliers{outlier_settings_of(settings)},
    attempts_max{static_cast<std::size_t>(settings.backend_attempts_max())},
    logs_access{!settings.access_log.file.empty() || settings.access_log.enable_streaming
                || net::loggregator_rules{settings}.lines},
    tells_requests{net::loggregator_rules{settings}.requests},
    tells_attempts{net::loggregator_rules{settings}.attempts},
    logs_tags{net::loggregator_rules{settings}.lines},
    access_format{std::make_shared<const routing::access_format>(access_format_of(settings))},
    logged_headers{access_log_headers(settings)},
    log_local_address{logs(settings, "local_address")},
    log_requested_name{logs(settings, "tls_sni")} {
  for (std::size_t i = 0; i < settings.domains.size(); ++i)
    domains.add(settings.domains[i].name, i);
}

} // namespace shunt
