// See outlier.hpp.
#include "routing/outlier.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace shunt::routing {

namespace {

using std::chrono::floor;
using std::chrono::milliseconds;

template <class Count>
void count_one(Count& count) {
  if (count < std::numeric_limits<Count>::max())
    ++count;
}

/// `base` times `times`, at most the maximum. Divides where multiplying could overflow.
milliseconds ejection_time(std::int64_t times, const outlier_settings& settings) {
  const auto base = settings.base_ejection_time;
  const auto longest = std::max(base, settings.max_ejection_time);
  return times > longest / base ? longest : base * times;
}

/// `now + wait`, but not beyond what the clock can say. A setting can be longer than that, so
/// nothing here counts it in nanoseconds before it is known to fit.
time_point later(time_point now, milliseconds wait) {
  const auto room = time_point::max() - now;
  return wait > floor<milliseconds>(room) ? time_point::max() : now + wait;
}

} // namespace

bool outlier_settings::watches_rate() const {
  return error_rate_percent > 0 && interval.count() > 0;
}

bool outlier_settings::enabled() const {
  return (consecutive_failures > 0 || watches_rate()) && base_ejection_time.count() > 0
         && max_ejected_percent > 0;
}

bool outlier::ended(bool success, time_point now, const outlier_settings& settings) {
  if (!settings.enabled() || is_ejected(now))
    return false;
  count(success, now, settings);
  if (success || !(too_many_in_a_row(settings) || too_high_a_rate(settings)))
    return false;
  start_anew();
  return true;
}

time_point outlier::eject(time_point now, const outlier_settings& settings) {
  if (is_ejected(now) || settings.base_ejection_time.count() <= 0)
    return until_;
  ejections_ = still_in_a_row(now, settings);
  count_one(ejections_);
  until_ = later(now, ejection_time(ejections_, settings));
  start_anew();
  return until_;
}

bool outlier::too_many_in_a_row(const outlier_settings& settings) const {
  return settings.consecutive_failures > 0 && consecutive_ >= settings.consecutive_failures;
}

bool outlier::too_high_a_rate(const outlier_settings& settings) const {
  if (!settings.watches_rate() || requests_ < settings.requests_min)
    return false;
  return std::uint64_t{failures_} * 100 >= std::uint64_t{requests_} * settings.error_rate_percent;
}

void outlier::count(bool success, time_point now, const outlier_settings& settings) {
  if (success)
    consecutive_ = 0;
  else
    count_one(consecutive_);
  if (!settings.watches_rate())
    return;
  // Intervals lie on a grid that all endpoints share: a number says less than when one began, but
  // fits into four bytes.
  const auto current =
    static_cast<std::uint32_t>(floor<milliseconds>(now.time_since_epoch()) / settings.interval);
  if (current != interval_)
    requests_ = failures_ = 0;
  interval_ = current;
  if (requests_ == std::numeric_limits<std::uint32_t>::max()) {
    requests_ /= 2; // The rate is what matters, and both halves have the same.
    failures_ /= 2;
  }
  ++requests_;
  failures_ += success ? 0 : 1;
}

void outlier::start_anew() {
  requests_ = failures_ = 0;
  consecutive_ = 0;
}

std::uint16_t outlier::still_in_a_row(time_point now, const outlier_settings& settings) const {
  const auto forgiven = floor<milliseconds>(now - until_) / settings.base_ejection_time;
  return forgiven >= ejections_ ? std::uint16_t{0}
                                : static_cast<std::uint16_t>(ejections_ - forgiven);
}

std::size_t ejected_most(std::size_t members, const outlier_settings& settings) {
  if (members < 2 || settings.max_ejected_percent == 0)
    return 0;
  return std::clamp<std::size_t>(members * settings.max_ejected_percent / 100, 1, members - 1);
}

} // namespace shunt::routing
