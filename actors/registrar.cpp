#include "actors/registrar.hpp"

#include "actors/heard_at.hpp"
#include "actors/policy.hpp"
#include "actors/registry_log.hpp"
#include "net/log_limiter.hpp"
#include "net/payload_hash.hpp"
#include "net/registry_glance.hpp"
#include "net/registry_message.hpp"
#include "net/request_id.hpp"
#include "routing/health_check.hpp"

#include <caf/all.hpp>

#include <deque>
#include <optional>

namespace shunt {

namespace {

constexpr std::string_view unregister_subject = "router.unregister";
constexpr std::size_t shown_bytes_max = 1024; ///< Of a payload in the log.

struct registrar_state {
  static constexpr const char* name = "registrar";
  std::vector<route_shard_actor> shards;
  std::vector<std::shared_ptr<std::vector<routing::registration>>> batches; ///< One a shard.
  net::parse_scratch scratch;
  std::vector<confirm_change> confirmations; ///< That were asked for in the batch at hand.
  std::vector<routing::registration> parsed; ///< Of the message at hand; kept for its memory.
  routing::known_messages known;
  std::deque<std::weak_ptr<net::nats_batch>> unapplied; ///< What shards have not finished yet.
  std::uint64_t seed = net::request_ids{}.random();
  std::optional<registry_log> lines;
  net::log_limiter rejections{10};
  net::log_limiter unknown_options{10};
  net::log_limiter invalid_options{10};
  net::log_limiter unknown_policies{10};
};

using registrar_self = registrar_actor::stateful_pointer<registrar_state>;

class parser {
public:
  parser(registrar_self self, net::component_log* log, registrar_counters* counters,
         registrar_options options, net::registry_metrics* metrics)
    : self_{self}, log_{log}, counters_{counters}, options_{options}, metrics_{metrics} {}

  void take(const registry_messages& messages) const {
    settle();
    const auto now = self_->clock().now();
    const auto at = heard_at(*messages.batch, now);
    for (const auto& each : messages.batch->messages)
      take(each, at, now);
    deliver(messages.batch);
    ask_for_confirmations();
    self_->state.known.sweep(2 * messages.batch->messages.size());
  }

  /// A message of NATS that is known must not count as repeated where these changed its endpoint.
  void take(const registry_routes& routes) const {
    settle();
    for (auto& each : *routes.registrations) {
      self_->state.known.doubt(*each.target);
      auto& counter = each.unregister ? counters_->unregisters : counters_->registers;
      counter.fetch_add(1, std::memory_order_relaxed);
      if (is_ours(each))
        put(std::move(each));
    }
    deliver(routes.source);
  }

  void follow(const policy& rules) { options_ = registrar_options_of(rules.settings, options_.roles); }

private:
  bool is_ours(const routing::registration& each) const {
    return !options_.roles || options_.roles->holds(each.hash() % self_->state.shards.size());
  }

  /// Nobody here wants it.
  bool is_foreign(const net::nats_message& message) const {
    if (!options_.roles || !net::is_all_foreign(message.payload(), [this](std::string_view host) {
          if (host.empty() || !routing::is_normal(host))
            return false; // The parser knows better.
          return !options_.roles->holds(routing::shard_of(host, self_->state.shards.size()));
        }))
      return false;
    counters_->foreign.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  /// Into the batch of its shard.
  void put(routing::registration registration) const {
    auto& batches = self_->state.batches;
    auto& batch = batches[registration.hash() % batches.size()];
    if (batch == nullptr)
      batch = std::make_shared<std::vector<routing::registration>>();
    batch->push_back(std::move(registration));
  }

  /// To the shards, what was put. They hold `source` until they are through with it.
  void deliver(const std::shared_ptr<net::nats_batch>& source) const {
    bool handed_over = false;
    auto& batches = self_->state.batches;
    for (std::size_t shard = 0; shard < batches.size(); ++shard)
      if (auto batch = std::exchange(batches[shard], nullptr)) {
        handed_over = true;
        self_->send(self_->state.shards[shard], registration_batch{std::move(batch), source});
      }
    if (handed_over)
      self_->state.unapplied.push_back(source);
  }

  /// Once the shards are through with everything, nothing is in doubt any more.
  void settle() const {
    auto& unapplied = self_->state.unapplied;
    if (unapplied.empty())
      return;
    while (!unapplied.empty() && unapplied.front().expired())
      unapplied.pop_front();
    if (unapplied.empty())
      self_->state.known.settle();
  }

  void take(const net::nats_message& message, routing::time_point at, routing::time_point now) const {
    if (is_foreign(message))
      return;
    const bool unregister = message.subject() == unregister_subject;
    auto& state = self_->state;
    routing::message_hash hash;
    if (!unregister && message.reply().empty()) {
      hash = net::hash_payload(message.payload(), state.seed);
      if (const auto repeated = state.known.hear_again(hash, at)) {
        refreshed(*repeated, now);
        return;
      }
    }
    const auto read = net::parse(message.payload(), unregister, state.scratch);
    if (!read) {
      reject(message, read.reason());
      return;
    }
    if (unregister)
      self_->state.lines->unregister_asked(message.payload().substr(0, shown_bytes_max));
    if (!net::make_registrations(honoured(*read), state.parsed)) {
      reject(message, "more text than an endpoint may have");
      return;
    }
    auto& counter = unregister ? counters_->unregisters : counters_->registers;
    counter.fetch_add(state.parsed.size(), std::memory_order_relaxed);
    if (!message.reply().empty() && !state.parsed.empty() && is_ours(state.parsed.front()))
      state.confirmations.push_back(confirmation_of(message.reply(), state.parsed));
    // A message of which only some routes are held here must reach the others' shards when they come to be held.
    const bool all_ours =
      !options_.roles
      || std::erase_if(state.parsed, [this](const auto& each) { return !is_ours(each); }) == 0;
    if (state.parsed.empty())
      return;
    const auto& target = state.parsed.front().target;
    state.known.doubt(*target);
    if (!unregister && all_ours && message.reply().empty())
      state.known.remember(hash, target, static_cast<std::uint32_t>(state.parsed.size()));
    for (auto& each : state.parsed)
      put(std::move(each));
  }

  static confirm_change confirmation_of(std::string_view reply,
                                        const std::vector<routing::registration>& parsed) {
    confirm_change wished{std::string{reply}, {}};
    for (const auto& each : parsed)
      wished.what.push_back({.which = {std::string{each.host()}, std::string{each.path()},
                                       std::string{each.target->address()}},
                             .present = !each.unregister,
                             .content = each.target->content_hash()});
    return wished;
  }

  /// Behind the changes themselves.
  void ask_for_confirmations() const {
    auto& state = self_->state;
    for (auto& each : std::exchange(state.confirmations, {}))
      self_->send(state.shards[routing::shard_of(each.what.front().which.host, state.shards.size())],
                  std::move(each));
  }

  /// No shard hears of it.
  void refreshed(const routing::repeated_message& message, routing::time_point now) const {
    counters_->refreshed.fetch_add(1, std::memory_order_relaxed);
    if (metrics_ == nullptr)
      return;
    metrics_->registered(message.target->tag("component"), net::registry_action::refreshed,
                         message.routes);
    metrics_->heard(now);
  }

  /// Without what no router understands: it acts as absent, and nobody is shown it. Settings change nothing here:
  /// nodes whose files differ must store the same.
  net::registry_message honoured(net::registry_message message) const {
    auto& endpoint = message.endpoint;
    if (!routing::is_known_algorithm(endpoint.loadbalancing)) {
      if (!message.unregister)
        report_unknown_algorithm(message);
      endpoint.loadbalancing = {};
    }
    if (!message.unregister && !routing::is_understood(endpoint.policy_scope, endpoint.policy_sources))
      report_unknown_policy(message);
    if (!message.invalid_option.empty() && !message.unregister)
      report_invalid_option(message);
    const bool asks = !endpoint.health_check_path.empty();
    const bool makes_sense =
      routing::is_check_path(endpoint.health_check_path) && endpoint.health_check_interval_ms >= 0;
    if (asks && !makes_sense && options_.health_checks && !message.unregister)
      report_invalid_check(message);
    if (!makes_sense)
      endpoint.health_check_path = {};
    return message;
  }

  void report_invalid_check(const net::registry_message& message) const {
    if (const auto suppressed = self_->state.unknown_options.admit())
      log_->error(".subscriber", "invalid-health-check",
                  {{"health_check_path", message.endpoint.health_check_path.substr(0, shown_bytes_max)},
                   {"valid_interval", message.endpoint.health_check_interval_ms >= 0},
                   {"uri", message.uris.empty() ? std::string_view{} : message.uris.front()},
                   {"application_id", message.endpoint.app},
                   {"suppressed", *suppressed}});
  }

  void report_invalid_option(const net::registry_message& message) const {
    if (const auto suppressed = self_->state.invalid_options.admit())
      log_->error(".subscriber", "invalid-route-option",
                  {{"error", message.invalid_option},
                   {"uri", message.uris.empty() ? std::string_view{} : message.uris.front()},
                   {"application_id", message.endpoint.app},
                   {"suppressed", *suppressed}});
  }

  void report_unknown_algorithm(const net::registry_message& message) const {
    if (const auto suppressed = self_->state.unknown_options.admit())
      log_->error(".subscriber", "invalid-load-balancing-algorithm",
                  {{"loadbalancing", message.endpoint.loadbalancing.substr(0, shown_bytes_max)},
                   {"uri", message.uris.empty() ? std::string_view{} : message.uris.front()},
                   {"application_id", message.endpoint.app},
                   {"suppressed", *suppressed}});
  }

  /// It stays, since what it demands cannot be known: such a route refuses everybody.
  void report_unknown_policy(const net::registry_message& message) const {
    if (const auto suppressed = self_->state.unknown_policies.admit())
      log_->error(".subscriber", "invalid-route-policy",
                  {{"route_policy_scope", message.endpoint.policy_scope.substr(0, shown_bytes_max)},
                   {"route_policy_sources", message.endpoint.policy_sources.substr(0, shown_bytes_max)},
                   {"uri", message.uris.empty() ? std::string_view{} : message.uris.front()},
                   {"application_id", message.endpoint.app},
                   {"suppressed", *suppressed}});
  }

  void reject(const net::nats_message& message, std::string_view error) const {
    counters_->rejected.fetch_add(1, std::memory_order_relaxed);
    if (const auto suppressed = self_->state.rejections.admit())
      log_->error(".subscriber", "validation-error",
                  {{"error", error},
                   {"payload", message.payload().substr(0, shown_bytes_max)},
                   {"subject", message.subject()},
                   {"suppressed", *suppressed}});
  }

  registrar_self self_;
  net::component_log* log_;
  registrar_counters* counters_;
  registrar_options options_;
  net::registry_metrics* metrics_;
};

registrar_actor::behavior_type registrar_behavior(registrar_self self, std::vector<route_shard_actor> shards,
                                      net::component_log* log, registrar_counters* counters,
                                      registrar_options options, net::registry_metrics* metrics) {
  self->state.batches.resize(shards.size());
  self->state.shards = std::move(shards);
  self->state.lines.emplace(*log);
  const auto it = std::make_shared<parser>(self, log, counters, options, metrics);
  return {
    [it](const registry_messages& m) { it->take(m); },
    [it](const registry_routes& m) { it->take(m); },
    [self](const shard_replaced& m) { self->state.shards[m.shard] = m.successor; },
    [it](const use_policy& m) { it->follow(*m.rules); },
  };
}

} // namespace

registrar_options registrar_options_of(const config::settings& settings,
                                       std::shared_ptr<const shard_roles> roles) {
  return {.health_checks = settings.health_checks.enabled,
          .roles = std::move(roles)};
}

registrar_actor spawn_registrar(caf::actor_system& system, std::vector<route_shard_actor> shards,
                                net::component_log& log, registrar_counters& counters,
                                registrar_options options, net::registry_metrics* metrics) {
  return system.spawn(registrar_behavior, std::move(shards), &log, &counters, options, metrics);
}

} // namespace shunt
