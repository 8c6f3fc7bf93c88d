#include "actors/loop_context.hpp"

#include "actors/exchange.hpp"

#include <boost/smart_ptr/make_local_shared.hpp>

namespace shunt {

namespace {

constexpr auto flush_after = std::chrono::milliseconds{100};

net::upstream_limits upstream_limits_of(const config::settings& settings) {
  auto idle = static_cast<std::size_t>(settings.idle_conns_per_host_max());
  if (settings.max_idle_conns > 0)
    idle = std::min(idle, static_cast<std::size_t>(settings.max_idle_conns));
  return {.idle_per_backend_max = idle};
}

lease_cache_options lease_options_of(const config::settings& settings, std::uint64_t seed,
                                     std::shared_ptr<net::standstill> pauses) {
  lease_cache_options options;
  options.rules = lease_rules_of(settings);
  options.seed = seed;
  options.pauses = std::move(pauses);
  return options;
}

} // namespace

loop_context::loop_context(router_context& shared, loop& on, const policy& first)
  : router{shared}, home{on}, rules{boost::make_local_shared<const policy>(first)},
    counters{*shared.counters[on.events().index()]},
    metrics{*shared.metrics[on.events().index()]},
    leases{on, lease_options_of(first.settings, ids.random(), shared.pauses)},
    upstreams{upstream_limits_of(first.settings)},
    http2_upstreams{net::upstream_limits{}.idle_timeout},
    sessions{on, shared.sessions},
    flush_{on.events().deadlines(),
           [](void* self) { static_cast<loop_context*>(self)->flush_access_log(); }, this} {
  if (router.access_log != nullptr)
    batch_ = router.access_log->take();
  sessions.open();
}

loop_context::~loop_context() = default;

void loop_context::dress(net::error_response& error, std::string_view request_id,
                         const policy& by) {
  if (by.error_page && !net::dress(error, *by.error_page, request_id))
    requests.page_failed({request_id});
}

void loop_context::close_idle_upstreams() {
  upstreams.clear();
  http2_upstreams.clear();
}

void loop_context::follow_idle_limits() {
  upstreams.set_limits(upstream_limits_of(rules->settings));
}

void loop_context::log_access(const routing::access_record& record, const policy& by) {
  if (batch_format_ != by.access_format) [[unlikely]] {
    flush_access_log();
    batch_format_ = by.access_format;
  }
  batch_->append(record);
  if (batch_->bytes() >= access_log_queue::batch_bytes)
    flush_access_log();
  else if (!flush_.armed())
    flush_.expires_after(flush_after);
}

void loop_context::flush_access_log() {
  flush_.disarm();
  if (batch_ && !batch_->empty())
    router.access_log->try_submit(batch_, batch_format_);
}

} // namespace shunt
