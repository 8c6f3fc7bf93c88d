#include "actors/registry_log.hpp"

#include "actors/route_json.hpp"

#include <string>

namespace shunt {

namespace {

constexpr std::string_view registry_source = ".registry";

} // namespace

void registry_log::endpoint_line(net::log_level level, std::string_view message,
                                 const routing::registration& heard) {
  if (!log_.enabled(level))
    return;
  const auto suppressed = lines_.admit();
  if (!suppressed)
    return;
  const auto& about = *heard.target;
  std::string tag = R"({"guid":)";
  net::append_json_string(tag, about.modification_guid());
  tag.append(R"(,"index":)").append(std::to_string(about.modification_index())).append("}");
  const auto segment = about.isolation_segment();
  log_.write(level, registry_source, message,
             {{"uri", heard.uri},
              {"route_service_url", about.route_service_url()},
              {"backend", about.address()},
              {"application_id", about.app()},
              {"instance_id", about.instance_id()},
              {"server_cert_domain_san", about.server_cert_domain_san()},
              {"protocol", protocol_with(about, http2)},
              {"modification_tag", net::raw_json{tag}},
              {"isolation_segment", segment.empty() ? std::string_view{"-"} : segment},
              {"isTLS", about.tls()},
              {"suppressed", *suppressed}});
}

void registry_log::route_line(std::string_view message, std::string_view uri) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = lines_.admit())
    log_.info(registry_source, message, {{"uri", uri}, {"suppressed", *suppressed}});
}

void registry_log::registered(const routing::registration& heard, routing::register_result result) {
  using enum routing::register_outcome;
  if (result.route_added)
    route_line("route-registered", heard.uri);
  switch (result.outcome) {
    case added: endpoint_line(net::log_level::info, "endpoint-registered", heard); break;
    case updated: endpoint_line(net::log_level::debug, "endpoint-registered", heard); break;
    case unmodified:
    case older: endpoint_line(net::log_level::debug, "endpoint-not-registered", heard); break;
    default: break; // Refreshed, the usual case, and what is not for this router.
  }
}

void registry_log::unregistered(const routing::registration& heard,
                                routing::unregister_result result) {
  using enum routing::unregister_outcome;
  if (result.outcome == not_accepted)
    return;
  endpoint_line(net::log_level::info,
                result.outcome == removed ? "endpoint-unregistered" : "endpoint-not-unregistered",
                heard);
  if (result.route_emptied || result.route_gone)
    route_line("route-unregistered", heard.uri);
}

void registry_log::unregister_asked(std::string_view payload) {
  if (!log_.enabled(net::log_level::debug))
    return;
  if (const auto suppressed = lines_.admit())
    log_.debug(".subscriber", "unregister-route",
               {{"message", payload}, {"suppressed", *suppressed}});
}

void registry_log::failed(const routing::endpoint& endpoint, routing::failure_report report) {
  if (report == routing::failure_report::unknown)
    return;
  const auto suppressed = lines_.admit();
  if (!suppressed)
    return;
  const auto summary = endpoint_summary_json(endpoint);
  log_.error(registry_source,
             report == routing::failure_report::pruned ? "prune-failed-endpoint"
                                                       : "endpoint-marked-as-ineligible",
             {{"route-endpoint", net::raw_json{summary}}, {"suppressed", *suppressed}});
}

void registry_log::pruned(const routing::prune_result& result) {
  if (!log_.enabled(net::log_level::info))
    return;
  for (const auto& route : result.routes)
    if (const auto suppressed = lines_.admit())
      log_.info(registry_source, "pruned-route",
                {{"uri", route.uri},
                 {"endpoints", route.addresses},
                 {"isolation_segment",
                  route.isolation_segment.empty() ? std::string{"-"} : route.isolation_segment},
                 {"suppressed", *suppressed}});
}

} // namespace shunt
