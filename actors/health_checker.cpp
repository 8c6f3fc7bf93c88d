#include "actors/health_checker.hpp"

#include "net/health_probe.hpp"
#include "net/log_limiter.hpp"
#include "routing/health_plan.hpp"

#include <caf/send.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace shunt {

namespace {

/// What the label of a wildcard is asked as: any name below the rest would do.
constexpr std::string_view any_label = "shunt-health-check";
constexpr std::size_t kept_connections_max = 1024;
constexpr auto wake_up_max = std::chrono::seconds{1};

using routing::time_point;

struct health_checker_state {
  static constexpr const char* name = "health-checker";

  /// How one endpoint is asked, and for what.
  struct asked {
    std::shared_ptr<net::health_probe> probe;
    routing::health_plan::order order;
  };

  std::optional<routing::health_plan> plan;
  std::unordered_map<std::uint64_t, asked> probes; ///< By check.
  std::map<std::size_t, route_shard_actor> shards;
  time_point awake_at = time_point::max(); ///< For when a message is on its way.
  net::log_limiter lines{64};

  ~health_checker_state() {
    for (auto& [id, each] : probes)
      each.probe->close();
  }
};

using checker_self = pinned_actor<health_checker_actor, health_checker_state>;

routing::health_check_rules rules_of(const config::health_checks_settings& settings) {
  routing::health_check_rules rules;
  rules.interval = settings.interval;
  rules.unhealthy_after = static_cast<std::uint32_t>(settings.unhealthy_after);
  rules.healthy_after = static_cast<std::uint32_t>(settings.healthy_after);
  return rules;
}

net::health_probe::target target_of(const routing::endpoint& e, bool http2) {
  net::health_probe::target target;
  target.host = e.host();
  target.port = e.port();
  target.address = e.address();
  if (e.tls())
    target.tls_name = e.server_cert_domain_san().empty() ? e.host() : e.server_cert_domain_san();
  target.http2 = http2 && e.protocol() == (e.tls() ? "http2" : "h2c");
  return target;
}

std::string request_of(const routing::health_plan::order& order, bool close) {
  std::string text{"GET "};
  text.append(order.path).append(" HTTP/1.1\r\nHost: ");
  if (routing::is_wildcard(order.host))
    text.append(any_label).append(order.host, 1);
  else
    text.append(order.host);
  text.append("\r\nUser-Agent: shunt-health-check\r\nAccept: */*\r\n");
  if (close)
    text.append("Connection: close\r\n");
  return text.append("\r\n");
}

/// Tells the checker what became of a check, if that is still there.
net::task<void> ask(std::shared_ptr<net::health_probe> probe, std::string request,
                    net::health_probe::terms on, std::uint64_t id, health_checker_actor checker) {
  auto result =
    co_await net::health_probe::check(std::move(probe), std::move(request), std::move(on));
  caf::anon_send(checker, check_ended{id, std::move(result)});
}

class examiner {
public:
  examiner(checker_self* self, loop_context* here, health_check_counters* counters)
    : self_{self}, here_{here}, counters_{counters} {}

  void follow(const check_routes& m) const {
    belong(m.shard, m.owner);
    for (const auto& route : *m.routes)
      plan().put(m.shard, route, now());
    go_on();
  }

  void replace(const shard_replaced& m) const {
    belong(m.shard, m.successor);
    go_on();
  }

  void follow(const policy& rules) const {
    plan().set_rules(rules_of(rules.settings.health_checks), now());
    go_on();
  }

  void wake(checks_due due) const {
    if (due.at == state().awake_at)
      state().awake_at = time_point::max();
    go_on();
  }

  void hear(const check_ended& m) const {
    std::optional<bool> success;
    if (m.result.outcome != net::probe_outcome::not_asked)
      success = m.result.outcome == net::probe_outcome::success;
    counters_->checks[static_cast<std::size_t>(m.result.outcome)].fetch_add(
      1, std::memory_order_relaxed);
    const auto verdict = plan().ended(m.id, success, now());
    if (verdict.changed)
      log(state().probes.at(m.id).order, verdict.healthy, m.result.problem);
    go_on();
  }

private:
  health_checker_state& state() const { return self_->state; }
  routing::health_plan& plan() const { return *self_->state.plan; }
  time_point now() const { return self_->clock().now(); }

  /// What a shard wanted that died is wanted no more: its successor says anew what it wants.
  void belong(std::size_t shard, const route_shard_actor& owner) const {
    auto& known = state().shards[shard];
    if (known && known != owner)
      plan().drop(shard);
    known = owner;
  }

  /// After anything that happens.
  void go_on() const {
    for (auto& [shard, said] : plan().take_judgements())
      self_->send(state().shards.at(shard), endpoint_judged{std::move(said)});
    for (const auto id : plan().take_dropped())
      if (const auto at = state().probes.find(id); at != state().probes.end()) {
        at->second.probe->close();
        state().probes.erase(at);
      }
    while (auto order = plan().next(now()))
      begin(*order);
    counters_->unhealthy.store(plan().unhealthy_count(), std::memory_order_relaxed);
    if (const auto refused = plan().take_refused(); refused > 0)
      if (const auto suppressed = state().lines.admit())
        here_->router.log.warn(".health-checker", "health-checks-limit-reached",
                               {{"refused", refused}, {"suppressed", *suppressed}});
    // Nothing can be called off, so nothing is set far ahead: it would be set again and again.
    const auto due = std::min(plan().due(), now() + wake_up_max);
    if (plan().due() == time_point::max() || due >= state().awake_at)
      return;
    state().awake_at = due;
    self_->delayed_send(self_, due - now(), checks_due{due});
  }

  void begin(routing::health_plan::order& order) const {
    const auto& rules = *here_->rules;
    const auto& settings = rules.settings;
    const auto id = order.id;
    // Descriptors are for clients and their requests.
    const bool keeps_connection =
      !settings.disable_keep_alives && state().probes.size() <= kept_connections_max;
    auto request = request_of(order, !keeps_connection);
    auto& asked = state().probes[id];
    if (!asked.probe)
      asked.probe = std::make_shared<net::health_probe>(
        here_->home.events(), target_of(*order.target, settings.enable_http2));
    asked.order = std::move(order);
    net::health_probe::terms on;
    on.tls = rules.backend_tls;
    on.timeout = settings.health_checks.timeout;
    if (keeps_connection)
      on.keep = net::upstream_limits{}.idle_timeout;
    net::start(ask(asked.probe, std::move(request), std::move(on), id, self_),
               [id, checker = health_checker_actor{self_}](const std::exception_ptr& thrown) {
                 if (thrown) // It had no memory, say; and is not to be waited for.
                   caf::anon_send(checker, check_ended{id, {.outcome = net::probe_outcome::not_asked}});
               });
  }

  void log(const routing::health_plan::order& about, bool healthy,
           std::string_view problem) const {
    auto& to = here_->router.log;
    const auto level = healthy ? net::log_level::info : net::log_level::warn;
    if (!to.enabled(level))
      return;
    if (const auto suppressed = state().lines.admit())
      to.write(level, ".health-checker", healthy ? "endpoint-healthy" : "endpoint-unhealthy",
               {{"backend", about.target->address()},
                {"health_check_path", about.path},
                {"host", about.host},
                {"application_id", about.target->app()},
                {"error", problem},
                {"suppressed", *suppressed}});
  }

  checker_self* self_;
  loop_context* here_;
  health_check_counters* counters_;
};

health_checker_actor::behavior_type health_checker_behavior(checker_self* self, loop_context* here,
                                           health_check_counters* counters) {
  self->state.plan.emplace(rules_of(here->rules->settings.health_checks), here->ids.random());
  const examiner it{self, here, counters};
  return {
    [it](const check_routes& m) { it.follow(m); },
    [it](const shard_replaced& m) { it.replace(m); },
    [it](const use_policy& m) { it.follow(*m.rules); },
    [it](checks_due m) { it.wake(m); },
    [it](const check_ended& m) { it.hear(m); },
  };
}

} // namespace

health_checker_actor spawn_health_checker(loop_context& here, health_check_counters& counters) {
  return spawn_pinned<health_checker_actor, health_checker_state>(here.home, health_checker_behavior, &here,
                                                                  &counters);
}

} // namespace shunt
