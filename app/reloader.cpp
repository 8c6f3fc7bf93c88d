#include "app/reloader.hpp"

#include "app/log_options.hpp"
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

/// The keys of session tickets are made with the rest; whoever gets one later reads what was sealed with it.
constexpr auto secrets_last = std::chrono::hours{24};

bool differs(const config::change_list& changed) {
  return !changed.at_once.empty() || !changed.at_next_start.empty();
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
  const auto changed = config::changes(current_, next);
  std::vector<std::function<void()>> steps;
  const auto now = std::chrono::steady_clock::now();
  // Else clients would lose their sessions for nothing, and backends their connections.
  const bool is_due = differs(changed) || facts.files != files_ || now - followed_ >= secrets_last;
  if (is_due)
    for (const auto& follow : followers_)
      steps.push_back(follow(facts));
  for (const auto& warning : loaded.warnings)
    log_.warn({}, "config-warning", {{"warning", warning}});
  log_.configure(log_options_of(next)); // Always: what was told to `/log-level` holds until now.
  for (const auto& step : steps)
    step();
  current_ = std::move(next);
  files_ = facts.files;
  if (is_due)
    followed_ = now;
  if (!waiting.empty())
    log_.warn({}, "configuration-needs-restart", {{"keys", joined(waiting)}});
  log_.info({}, "configuration-reloaded", {{"changed", joined(changed.at_once)}});
}

} // namespace shunt::app
