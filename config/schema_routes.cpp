// Keys of where routes come from and go: NATS, pruning, sharding, route services, the Routing API.
#include "config/schema.hpp"

#define KEY(member, ...) SHUNT_CONFIG_KEY(settings, member, __VA_ARGS__)

namespace shunt::config {

namespace {

const schema_of<nats_host>& nats_host_fields() {
  static const schema_of<nats_host> fields{
    SHUNT_CONFIG_KEY(nats_host, hostname, text{}),
    SHUNT_CONFIG_KEY(nats_host, port, number{1, 65'535}),
  };
  return fields;
}

schema_of<settings> table_fields() {
  return {
    KEY(nats.hosts, list_of<nats_host>{nats_host_fields}),
    KEY(nats.user, text{}),
    KEY(nats.pass, text{}),
    KEY(nats.tls_enabled, flag{}),
    KEY(nats.ca_certs, text{}),
    KEY(nats.cert_chain, text{}),
    KEY(nats.private_key, text{}),
    KEY(nats_pending.messages, number{1}),
    KEY(nats_pending.bytes, number{1 << 20}),
    KEY(nats_client_ping_interval, positive),
    KEY(index, number{0, std::numeric_limits<std::int64_t>::max()}),
    KEY(publish_start_message_interval, period{}),
    KEY(publish_active_apps_interval, period{}),
    KEY(prune_stale_droplets_interval, period{}),
    KEY(droplet_stale_threshold, positive),
    KEY(suspend_pruning_if_nats_unavailable, flag{}),
    KEY(isolation_segments, texts{}),
    KEY(routing_table_sharding_mode, choice<routing_table_sharding_mode>{}),
    KEY(reservations.max, number{0, 10'000'000}),
    KEY(store.path, text{}),
  };
}

schema_of<settings> route_service_fields() {
  return {
    KEY(route_services_secret, text{}),
    KEY(route_services_secret_decrypt_only, text{}),
    KEY(route_services_timeout, positive),
    KEY(route_services_recommend_https, flag{}),
    KEY(route_services_hairpinning, flag{}),
    KEY(route_services_hairpinning_allowlist, texts{}),
    KEY(route_services_internal_server_port, any_port),
    KEY(route_services.max_attempts, number{}),
    KEY(route_services.strict_signature_validation, flag{}),
    KEY(route_services.enable_websockets, flag{}),
    KEY(route_services.session_timeout, period{}),
    KEY(route_services.max_signature_uses, number{}),
    KEY(route_services.without_backends, flag{}),
    KEY(route_services.block_CIDRs, texts{}),
    KEY(route_services.cert_chain, text{}),
    KEY(route_services.private_key, text{}),
  };
}

schema_of<settings> routing_api_fields() {
  return {
    KEY(routing_api.uri, text{}),
    KEY(routing_api.port, any_port),
    KEY(routing_api.auth_disabled, flag{}),
    KEY(routing_api.ca_certs, text{}),
    KEY(routing_api.cert_chain, text{}),
    KEY(routing_api.private_key, text{}),
    KEY(oauth.token_endpoint, text{}),
    KEY(oauth.port, any_port),
    KEY(oauth.client_name, text{}),
    KEY(oauth.client_secret, text{}),
    KEY(oauth.skip_ssl_validation, flag{}),
    KEY(oauth.ca_certs, text{}),
    KEY(token_fetcher_max_retries, number{0, std::numeric_limits<std::uint32_t>::max()}),
    KEY(token_fetcher_retry_interval, period{}),
    KEY(token_fetcher_expiration_buffer_time, whole_seconds{}),
  };
}

} // namespace

schema_of<settings> route_fields() {
  auto fields = table_fields();
  for (auto* part : {route_service_fields, routing_api_fields})
    for (auto& row : part())
      fields.push_back(std::move(row));
  return fields;
}

} // namespace shunt::config
