#include "app/reloader.hpp"

#include "config/load.hpp"
#include "config/reload.hpp"

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
  if (loaded.settings.enable_ssl != started_.enable_ssl)
    throw std::runtime_error{"enable_ssl: cannot change while the router runs; restart it"};
  const auto waiting = config::changes(started_, loaded.settings).at_next_start;
  auto next = config::usable_now(started_, std::move(loaded.settings));
  const auto facts = read_start_facts(next);
  std::vector<std::function<void()>> steps;
  for (const auto& follow : followers_)
    steps.push_back(follow(facts));
  for (const auto& warning : loaded.warnings)
    log_.warn({}, "config-warning", {{"warning", warning}});
  for (const auto& step : steps)
    step();
  const auto changed = config::changes(current_, next).at_once;
  current_ = std::move(next);
  if (!waiting.empty())
    log_.warn({}, "configuration-needs-restart", {{"keys", joined(waiting)}});
  log_.info({}, "configuration-reloaded", {{"changed", joined(changed)}});
}

} // namespace shunt::app
