// In which order the routes of a slice grow old. Routes with endpoints that can grow stale stand in
// buckets of a second, by the time at which the first of their endpoints may be stale; being heard
// again only moves a timestamp, and the route is put off when its time has come. So a heartbeat
// costs nothing here, and a cycle looks at what is due, not at everything. Known-empty routes stand
// in the order in which they became empty. A route is in one of these lists, or in none.
#pragma once

#include "routing/slice_route.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>

namespace shunt::routing {

class route_ages {
public:
  route_ages();
  route_ages(const route_ages&) = delete;
  route_ages& operator=(const route_ages&) = delete;

  /// Has `r` looked at when `deadline` is over; an earlier appointment stands.
  void schedule(slice_route& r, time_point deadline);
  /// Takes `r` out of whichever list it is in.
  void remove(slice_route& r);

  bool is_cycle_open() const { return cycle_open_; }
  /// Makes due whatever has its time up to `now`.
  void open_cycle(time_point now);
  void close_cycle() { cycle_open_ = false; }
  /// Takes out a due route; null if none is left in this cycle.
  slice_route* take_due();

  void add_empty(slice_route& r);
  slice_route* oldest_empty() const;
  std::size_t empty_count() const { return empty_count_; }

private:
  static void link(age_link& list, slice_route& r);
  static void unlink(age_link& l);

  std::map<std::uint32_t, age_link> buckets_; ///< By second; nodes never move.
  age_link due_;
  age_link empty_;
  std::size_t empty_count_ = 0;
  bool cycle_open_ = false;
};

} // namespace shunt::routing
