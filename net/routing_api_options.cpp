#include "net/routing_api_options.hpp"

#include "config/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace shunt::net {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The suites of TLS 1.2 that gorouter offers to other parts of the platform.
constexpr auto tls12_suites = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256";

void set_token_source(routing_api_options& options, const config::settings& settings) {
  const auto& oauth = settings.oauth;
  options.auth_disabled = settings.routing_api.auth_disabled;
  options.token_url =
    "https://" + oauth.token_endpoint + ':' + std::to_string(oauth.port) + "/oauth/token";
  options.client_name = oauth.client_name;
  options.client_secret = oauth.client_secret;
  options.token_tls.ca_file = oauth.ca_certs;
  options.token_tls.verify = !oauth.skip_ssl_validation;
  options.token_retries_max = settings.token_fetcher_max_retries;
  options.token_retry_interval = duration_cast<milliseconds>(settings.token_fetcher_retry_interval);
  options.token_expiry_buffer =
    duration_cast<seconds>(settings.token_fetcher_expiration_buffer_time);
}

} // namespace

void check_routing_api_options(const routing_api_options& options) {
  const auto& file = options.token_tls.ca_file;
  if (!options.auth_disabled && !file.empty() && ::access(file.c_str(), R_OK) != 0)
    throw std::runtime_error{std::string{"oauth.ca_certs: "}.append(file).append(": ").append(
      std::error_code{errno, std::generic_category()}.message())};
}

routing_api_options routing_api_options_of(const config::settings& settings) {
  const auto& api = settings.routing_api;
  routing_api_options options;
  options.url = api.uri + ':' + std::to_string(api.port);
  options.tls.ca_certs = api.ca_certs;
  options.tls.cert_chain = api.cert_chain;
  options.tls.private_key = api.private_key;
  options.tls.tls12_suites = tls12_suites;
  set_token_source(options, settings);
  // Without pruning there is no such interval; what the stream misses is still to be noticed.
  if (const auto prune = settings.prune_stale_droplets_interval; prune.count() > 0)
    options.list_interval = std::max(duration_cast<milliseconds>(prune / 2), milliseconds{1000});
  return options;
}

} // namespace shunt::net
