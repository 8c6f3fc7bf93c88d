#include "app/log_options.hpp"

namespace shunt::app {

net::log_options log_options_of(const config::settings& settings) {
  net::log_options options;
  const auto& logging = settings.logging;
  switch (logging.level) {
    case config::log_level::debug: options.level = net::log_level::debug; break;
    case config::log_level::info: options.level = net::log_level::info; break;
    case config::log_level::warn: options.level = net::log_level::warn; break;
    default: options.level = net::log_level::error;
  }
  if (logging.format.timestamp == config::timestamp_format::rfc3339)
    options.timestamp = net::log_timestamp::rfc3339;
  options.source = logging.syslog.empty() ? "gorouter.stdout" : logging.syslog;
  return options;
}

} // namespace shunt::app
