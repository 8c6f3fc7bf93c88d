#include "app/log_options.hpp"

#include "net/http_fields.hpp"

#include <array>

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

std::optional<net::log_level> log_level_of(std::string_view text) {
  using net::log_level;
  struct name {
    std::string_view word, letter, digit;
    log_level level;
  };
  constexpr std::array<name, 5> names{{{"debug", "d", "0", log_level::debug},
                                       {"info", "i", "1", log_level::info},
                                       {"warn", "w", "", log_level::warn},
                                       {"error", "e", "2", log_level::error},
                                       {"fatal", "f", "3", log_level::error}}}; // The log's own highest.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  for (const auto& each : names)
    if (!text.empty() && (net::iequals(text, each.word) || net::iequals(text, each.letter) || text == each.digit))
      return each.level;
  return std::nullopt;
}

} // namespace shunt::app
