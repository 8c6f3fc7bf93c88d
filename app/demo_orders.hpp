// What the demo's route service is told to do with a request besides passing it on, and where to pass
// it. Pure functions on text.
#pragma once

#include "routing/route_service_url.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::app {

struct demo_orders {
  unsigned reject = 0;                ///< Status to answer by itself; 0 = none.
  std::chrono::milliseconds delay{0}; ///< Before anything else.
  std::vector<std::pair<std::string, std::string>> rewrites; ///< Fields to set in the answer.
  bool die = false; ///< Close in the middle of the answer.

  /// Takes one more order, as an option of the command or a header field gives it: `reject` 400 to 599
  /// or `no`, `delay` a duration up to a minute, `rewrite` `name: value`, `die` `yes` or `no`. Returns
  /// what is wrong with it, or nothing.
  std::string take(std::string_view name, std::string_view value);
};

/// The absolute URL of X-CF-Forwarded-Url, http or https, with the port that its scheme has. Nothing
/// if it is none that can be asked for.
struct demo_target {
  bool tls = false;
  routing::route_service_url url;

  static std::optional<demo_target> parse(std::string_view text);
};

/// HOST:PORT. Nothing if it is anything else.
std::optional<demo_target> parse_host_port(std::string_view text);

} // namespace shunt::app
