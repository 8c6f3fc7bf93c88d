// A certificate that nobody vouches for, made on the spot, so that a server of the demo can speak TLS
// before anybody has made it one.
#pragma once

#include <string>

namespace shunt::app {

struct demo_certificate {
  std::string chain; ///< PEM.
  std::string key;   ///< PEM.

  /// For `localhost` and `address` (an IP), good for a week from now, and its own authority: who puts it
  /// among the CAs that it trusts trusts the server. Throws std::runtime_error.
  static demo_certificate make(const std::string& address);
};

} // namespace shunt::app
