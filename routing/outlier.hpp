// When an endpoint that answers, but answers badly, is taken out of the rotation for a while.
// Failure marks see only endpoints that cannot be reached; this sees those that fail request after
// request, or too many of their requests. A value and a few rules, off unless the settings say
// otherwise: whoever serves the requests reports how they ended, asks for the rest of the pool
// before it ejects, and avoids whom it has ejected. Nobody comes back by a timer, time passes by
// being looked at.
#pragma once

#include "routing/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace shunt::routing {

struct outlier_settings {
  std::uint16_t consecutive_failures = 0; ///< That many in a row eject; 0 = they never do.
  std::uint32_t error_rate_percent = 0;   ///< That share of an interval's requests; 0 = never.
  std::uint32_t requests_min = 100;       ///< In an interval, before its error rate means anything.
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds base_ejection_time{30'000}; ///< Of the first ejection in a row.
  std::chrono::milliseconds max_ejection_time{300'000}; ///< But at least the base.
  std::uint32_t max_ejected_percent = 10;               ///< Of a pool; see `ejected_most`.

  /// Whether anything can ever be ejected. Otherwise nothing is even counted.
  bool enabled() const;
  bool watches_rate() const; ///< Whether the error rate can be the reason.
};

/// What is remembered of one endpoint. Not thread-safe. All times come from one steady clock; the
/// settings may change between any two calls.
class outlier {
public:
  /// A request of the endpoint has ended; not to be told of one whose end is nobody's fault, say
  /// because the client left. True if the endpoint should be ejected now. Then all counts have
  /// started anew: if it is spared, it has to fail as much again before this is true once more, so
  /// asking about the rest of the pool stays rare. While ejected nothing counts, since the requests
  /// that end then began before.
  bool ended(bool success, time_point now, const outlier_settings& settings);

  /// For the base time times the number of ejections in a row, at most the maximum; a row shrinks
  /// by one for every base time that it was not ejected. Returns when it ends. An ejection that
  /// lasts is left as it is.
  time_point eject(time_point now, const outlier_settings& settings);

  bool is_ejected(time_point now) const { return until_ > now; }
  time_point ejected_until() const { return until_; } ///< The last time; the epoch if never.

private:
  bool too_many_in_a_row(const outlier_settings& settings) const;
  bool too_high_a_rate(const outlier_settings& settings) const;
  void count(bool success, time_point now, const outlier_settings& settings);
  void start_anew();
  std::uint16_t still_in_a_row(time_point now, const outlier_settings& settings) const;

  time_point until_{};            ///< End of the last ejection: since then it is healthy.
  std::uint32_t interval_ = 0;    ///< The number of the interval that the next two are about.
  std::uint32_t requests_ = 0;    ///< Only while there is an error rate to watch.
  std::uint32_t failures_ = 0;    ///< Of these.
  std::uint16_t consecutive_ = 0; ///< Failures since the last success.
  std::uint16_t ejections_ = 0;   ///< In a row, as of `until_`.
};
static_assert(sizeof(outlier) <= 24, "there is one for every endpoint of every pool");

/// How many of a pool of `members` may be ejected at a time: the share that the settings allow, but
/// one at least, for most pools are small and ten per cent of three are nobody; and never all.
std::size_t ejected_most(std::size_t members, const outlier_settings& settings);

/// Whether one more may be ejected, where `ejected` are already.
inline bool may_eject(std::size_t ejected, std::size_t members, const outlier_settings& settings) {
  return ejected < ejected_most(members, settings);
}

} // namespace shunt::routing
