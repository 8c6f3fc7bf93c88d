#include "app/followers.hpp"

#include "app/registry_bridge.hpp"
#include "net/log_sink.hpp"

#include <caf/send.hpp>

#include <array>
#include <utility>

namespace shunt::app {

namespace {

/// Metrics go by another way.
std::array<bool, 3> lines_for_loggregator(const config::settings& s) {
  const net::loggregator_rules rules{s};
  return {rules.lines, rules.requests, rules.attempts};
}

/// Whether the access log goes elsewhere, or in another form of syslog.
bool other_sinks(const config::settings& a, const config::settings& b) {
  const auto& x = a.logging;
  const auto& y = b.logging;
  return a.access_log.file != b.access_log.file || a.access_log.enable_streaming != b.access_log.enable_streaming
         || (b.access_log.enable_streaming
             && (x.syslog != y.syslog || x.syslog_network != y.syslog_network || x.syslog_addr != y.syslog_addr
                 || x.syslog_truncate != y.syslog_truncate))
         || lines_for_loggregator(a) != lines_for_loggregator(b);
}

} // namespace

settings_follower follow_by_actors(supervisor_actor supervisor) {
  return [supervisor = std::move(supervisor)](const start_facts& next) {
    return [supervisor, rules = next.rules] { caf::anon_send(supervisor, use_policy{rules}); };
  };
}

settings_follower follow_by_cluster(cluster_node_actor cluster) {
  return [cluster = std::move(cluster)](const start_facts& next) {
    return [cluster, tls = next.cluster_tls] { caf::anon_send(cluster, use_cluster_tls{tls}); };
  };
}

settings_follower follow_by_status(status_server& status) {
  return [&status](const start_facts& next) {
    return [&status, next] { status.follow(next); };
  };
}

settings_follower follow_by_nats(net::nats_bus& bus, net::router_start start) {
  return [&bus, start = std::move(start)](const start_facts& next) {
    const auto& settings = next.rules->settings;
    auto says = start;
    say_intervals(says, settings);
    const auto options = nats_options_of(settings, std::move(says));
    net::check_nats_options(options);
    return [&bus, options] { bus.use(options); };
  };
}

settings_follower follow_by_routing_api(net::routing_api_client& api) {
  return [&api](const start_facts& next) {
    const auto options = net::routing_api_options_of(next.rules->settings);
    net::check_routing_api_options(options);
    return [&api, options] { api.use(options); };
  };
}

settings_follower follow_by_access_log(const config::settings& started, std::shared_ptr<access_log_queue> queue,
                                       access_log_writer_actor writer, net::log_trouble trouble,
                                       std::shared_ptr<net::metron> loggregator) {
  const auto current = std::make_shared<config::settings>(started);
  return [=](const start_facts& next) {
    const auto& settings = next.rules->settings;
    use_access_sinks sinks;
    const bool others = other_sinks(*current, settings);
    if (others)
      sinks.sinks = net::open_access_sinks(settings, trouble, loggregator);
    return [=] {
      queue->set_records_max(access_log_limits_of(settings).records_max);
      if (others)
        caf::anon_send(writer, sinks);
      *current = settings;
    };
  };
}

settings_follower follow_by_loggregator(metron_reporter& reporter) {
  return [&reporter](const start_facts& next) {
    const auto rules = next.rules;
    net::check_metron_address(rules->settings.logging.metron_address);
    return [&reporter, rules] { reporter.use(rules->settings); };
  };
}

} // namespace shunt::app
