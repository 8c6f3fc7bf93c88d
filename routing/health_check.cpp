// See health_check.hpp.
#include "routing/health_check.hpp"

#include <algorithm>

namespace shunt::routing {

bool is_check_path(std::string_view text) {
  const auto fits = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
  return text.starts_with('/') && text.size() <= check_path_bytes_max
         && std::all_of(text.begin(), text.end(), fits);
}

nanoseconds interval_of(const health_check& wish, const health_check_rules& rules) {
  const nanoseconds asked =
    wish.interval_ms == 0 ? rules.interval : std::chrono::milliseconds{wish.interval_ms};
  return std::clamp<nanoseconds>(asked, std::chrono::seconds{1}, std::chrono::hours{1});
}

bool health_verdict::heard(bool success, const health_check_rules& rules) {
  if (success == healthy_) {
    against_ = 0;
    return false;
  }
  if (++against_ < (healthy_ ? rules.unhealthy_after : rules.healthy_after))
    return false;
  healthy_ = success;
  against_ = 0;
  return true;
}

} // namespace shunt::routing
