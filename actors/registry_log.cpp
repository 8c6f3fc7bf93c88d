#include "actors/registry_log.hpp"

#include "actors/route_json.hpp"
#include "net/log_limiter.hpp"

#include <string>

namespace shunt {

namespace {

constexpr std::string_view source = ".registry";

/// Shared by all shards: operators count lines of the process.
net::log_limiter& limiter() {
  static net::log_limiter lines{500};
  return lines;
}

void log_endpoint(net::component_log& log, net::log_level level, std::string_view message,
                  const routing::registration& heard) {
  if (!log.enabled(level))
    return;
  const auto suppressed = limiter().admit();
  if (!suppressed)
    return;
  const auto& about = *heard.target;
  std::string tag = R"({"guid":)";
  net::append_json_string(tag, about.modification_guid());
  tag.append(R"(,"index":)").append(std::to_string(about.modification_index())).append("}");
  const auto segment = about.isolation_segment();
  log.write(level, source, message,
            {{"uri", heard.uri},
             {"route_service_url", about.route_service_url()},
             {"backend", about.address()},
             {"application_id", about.app()},
             {"instance_id", about.instance_id()},
             {"server_cert_domain_san", about.server_cert_domain_san()},
             {"protocol", about.protocol()},
             {"modification_tag", net::raw_json{tag}},
             {"isolation_segment", segment.empty() ? std::string_view{"-"} : segment},
             {"isTLS", about.tls()},
             {"suppressed", *suppressed}});
}

void log_route(net::component_log& log, std::string_view message, std::string_view uri) {
  if (log.enabled(net::log_level::info) && limiter().admit())
    log.info(source, message, {{"uri", uri}});
}

} // namespace

void log_registered(net::component_log& log, const routing::registration& heard,
                    routing::register_result result) {
  using enum routing::register_outcome;
  if (result.route_added)
    log_route(log, "route-registered", heard.uri);
  switch (result.outcome) {
    case added: log_endpoint(log, net::log_level::info, "endpoint-registered", heard); break;
    case updated: log_endpoint(log, net::log_level::debug, "endpoint-registered", heard); break;
    case unmodified:
    case older: log_endpoint(log, net::log_level::debug, "endpoint-not-registered", heard); break;
    default: break; // Refreshed, the usual case, and what is not for this router.
  }
}

void log_unregistered(net::component_log& log, const routing::registration& heard,
                      routing::unregister_result result) {
  using enum routing::unregister_outcome;
  if (result.outcome == not_accepted)
    return;
  log_endpoint(log, net::log_level::info,
               result.outcome == removed ? "endpoint-unregistered" : "endpoint-not-unregistered",
               heard);
  if (result.route_emptied || result.route_gone)
    log_route(log, "route-unregistered", heard.uri);
}

void log_unregister(net::component_log& log, std::string_view payload) {
  if (log.enabled(net::log_level::debug) && limiter().admit())
    log.debug(".subscriber", "unregister-route", {{"message", payload}});
}

void log_failure(net::component_log& log, const routing::endpoint& failed,
                 routing::failure_report report) {
  if (report == routing::failure_report::unknown || !limiter().admit())
    return;
  const auto summary = endpoint_summary_json(failed);
  log.error(source,
            report == routing::failure_report::pruned ? "prune-failed-endpoint"
                                                      : "endpoint-marked-as-ineligible",
            {{"route-endpoint", net::raw_json{summary}}});
}

void log_pruned(net::component_log& log, const routing::prune_result& pruned) {
  if (!log.enabled(net::log_level::info))
    return;
  for (const auto& route : pruned.routes)
    if (limiter().admit())
      log.info(source, "pruned-route",
               {{"uri", route.uri},
                {"endpoints", route.addresses},
                {"isolation_segment",
                 route.isolation_segment.empty() ? std::string{"-"} : route.isolation_segment}});
}

} // namespace shunt
