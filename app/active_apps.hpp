// Which apps were used since others were told so, and how `router.active_apps` says it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace shunt::app {

class active_apps {
public:
  /// Requests so far, by app.
  using counts = std::map<std::string, std::uint64_t, std::less<>>;

  /// Those that had requests since `told`, sorted. Apps that are not told apart are not among them.
  std::vector<std::string> used(const counts& now) const;
  /// Others know of all requests up to these.
  void told(counts up_to) { told_ = std::move(up_to); }

private:
  counts told_;
};

/// A JSON array of their ids, compressed by zlib (RFC 1950). Bad UTF-8 in them becomes U+FFFD.
std::string active_apps_message(const std::vector<std::string>& apps);

} // namespace shunt::app
