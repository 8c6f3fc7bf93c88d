// What all sinks share: reporting trouble once, and choosing sinks by the settings.
#include "net/log_sink.hpp"

#include "config/settings.hpp"
#include "net/metron.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

log_sink::log_sink(std::string_view name, log_trouble report)
  : message_{"error-emitting-access-log-to-writer-" + std::string{name}},
    report_{std::move(report)} {
}

void log_sink::trouble_begins(std::string_view error) {
  if (std::exchange(in_trouble_, true))
    return;
  dropped_before_ = dropped();
  report(message_, error);
}

void log_sink::trouble_ends() {
  if (!std::exchange(in_trouble_, false))
    return;
  if (const auto lost = dropped() - dropped_before_; lost > 0)
    report(message_, "works again, " + std::to_string(lost) + " lines were lost");
}

void log_sink::report(std::string_view message, std::string_view error) const {
  if (report_)
    report_(message, error);
}

std::vector<std::shared_ptr<log_sink>> open_access_sinks(const config::settings& settings,
                                                         const log_trouble& trouble,
                                                         const std::shared_ptr<metron>& agent) {
  std::vector<std::shared_ptr<log_sink>> sinks;
  if (!settings.access_log.file.empty()) {
    file_sink_options options;
    options.path = settings.access_log.file;
    sinks.push_back(open_file_sink(std::move(options), trouble));
  }
  if (settings.access_log.enable_streaming) {
    const auto& logging = settings.logging;
    syslog_sink_options options;
    options.network = logging.syslog_network;
    options.address = logging.syslog_addr;
    options.app_name = logging.syslog;
    options.truncate_bytes =
      static_cast<std::size_t>(std::max<std::int64_t>(logging.syslog_truncate, 0));
    sinks.push_back(open_syslog_sink(std::move(options), trouble));
  }
  const loggregator_rules told{settings};
  if (agent && (told.lines || told.requests || told.attempts))
    sinks.push_back(open_loggregator_sink(settings, agent));
  return sinks;
}

} // namespace shunt::net
