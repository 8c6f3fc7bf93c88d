#include "actors/route_services.hpp"

#include <boost/smart_ptr/make_local_shared.hpp>

namespace shunt {

namespace {

/// Null if nothing can be there.
routing::leased_endpoint_ptr make_endpoint(const std::string& host, std::uint16_t port) {
  routing::endpoint_spec spec;
  spec.host = spec.server_cert_domain_san = host;
  spec.port = port;
  spec.tls = true;
  spec.protocol = "http2"; // Where it is offered.
  auto about = routing::endpoint::make(spec);
  if (about == nullptr)
    return nullptr;
  auto stats = routing::endpoint_stats::intern(about->address());
  return routing::leased_endpoint_ptr{new routing::leased_endpoint{std::move(about), std::move(stats)}};
}

route_service_ptr make_target(std::string_view url) {
  auto parsed = routing::route_service_url::parse(url);
  auto endpoint = parsed ? make_endpoint(parsed->host, parsed->port) : nullptr;
  if (endpoint == nullptr)
    return nullptr;
  return boost::make_local_shared<const route_service_target>(
    route_service_target{std::move(*parsed), std::move(endpoint)});
}

} // namespace

route_service_ptr route_services::find(std::string_view url) {
  if (const auto known = targets_.find(url); known != targets_.end())
    return known->second;
  if (targets_.size() >= targets_max)
    targets_.clear();
  return targets_.emplace(std::string{url}, make_target(url)).first->second;
}

routing::leased_endpoint& route_services::internal(std::uint16_t port) {
  if (internal_ == nullptr)
    internal_ = make_endpoint("127.0.0.1", port);
  return *internal_;
}

routing::signature_codec&
route_services::codec(const std::shared_ptr<const route_service_rules>& rules) {
  if (codec_of_ != rules) {
    codec_.emplace(rules->key, rules->previous_key ? &*rules->previous_key : nullptr);
    codec_of_ = rules;
  }
  return *codec_;
}

} // namespace shunt
