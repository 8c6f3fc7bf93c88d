#include "app/reloader.hpp"

#include "app/start_facts.hpp"
#include "config/load.hpp"
#include "config/reload.hpp"

#include <caf/send.hpp>

#include <stdexcept>

namespace shunt::app {

namespace {

std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const auto name : names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

} // namespace

void reloader::reload() {
  if (file_.empty())
    return;
  try {
    take_over();
  } catch (const std::exception& refused) {
    log_.error({}, "configuration-refused", {{"error", refused.what()}, {"file", file_}});
  }
}

void reloader::take_over() {
  auto loaded = config::load_file(file_);
  if (loaded.settings.enable_ssl != current_.enable_ssl)
    throw std::runtime_error{"enable_ssl: cannot change while the router runs; restart it"};
  auto facts = read_start_facts(loaded.settings);
  for (const auto& warning : loaded.warnings)
    log_.warn({}, "config-warning", {{"warning", warning}});
  const auto changed = config::changes(current_, loaded.settings).at_once;
  const auto waiting = config::changes(started_, loaded.settings).at_next_start;
  const auto rules = std::make_shared<const policy>(std::move(facts.rules));
  for (const auto& each : acceptors_)
    caf::anon_send(each, use_policy{rules});
  status_.use_tls(std::move(facts.status_tls), std::move(facts.metrics_tls));
  if (cluster_ && config::can_renew_links(started_, loaded.settings))
    caf::anon_send(cluster_, use_cluster_tls{std::move(facts.cluster_tls)});
  if (!waiting.empty())
    log_.warn({}, "configuration-needs-restart", {{"keys", joined(waiting)}});
  log_.info({}, "configuration-reloaded", {{"changed", joined(changed)}});
  current_ = std::move(loaded.settings);
}

} // namespace shunt::app
