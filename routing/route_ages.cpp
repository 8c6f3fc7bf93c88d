// See route_ages.hpp.
#include "routing/route_ages.hpp"

#include <algorithm>
#include <limits>

namespace shunt::routing {

namespace {

std::uint32_t second_of(time_point t) {
  const auto s = std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
  return static_cast<std::uint32_t>(
    std::clamp<std::int64_t>(s, 0, std::numeric_limits<std::uint32_t>::max()));
}

} // namespace

route_ages::route_ages() {
  due_.before = due_.after = &due_;
  empty_.before = empty_.after = &empty_;
}

void route_ages::link(age_link& list, slice_route& r) {
  r.before = list.before;
  r.after = &list;
  list.before->after = &r;
  list.before = &r;
}

void route_ages::unlink(age_link& l) {
  l.before->after = l.after;
  l.after->before = l.before;
  l.before = l.after = nullptr;
}

void route_ages::schedule(slice_route& r, time_point deadline) {
  const auto second = second_of(deadline);
  if (r.before != nullptr) {
    if (r.due_seconds <= second)
      return;
    unlink(r);
  }
  age_link& bucket = buckets_[second];
  if (bucket.after == nullptr)
    bucket.before = bucket.after = &bucket;
  r.due_seconds = second;
  link(bucket, r);
}

void route_ages::remove(slice_route& r) {
  if (r.before == nullptr)
    return;
  if (r.is_listed_empty)
    --empty_count_;
  r.is_listed_empty = false;
  unlink(r);
}

void route_ages::open_cycle(time_point now) {
  cycle_open_ = true;
  const auto last = buckets_.upper_bound(second_of(now));
  for (auto at = buckets_.begin(); at != last; at = buckets_.erase(at)) {
    age_link& bucket = at->second;
    if (bucket.after == &bucket)
      continue;
    bucket.after->before = due_.before;
    bucket.before->after = &due_;
    due_.before->after = bucket.after;
    due_.before = bucket.before;
  }
}

slice_route* route_ages::take_due() {
  if (due_.after == &due_)
    return nullptr;
  auto* r = static_cast<slice_route*>(due_.after);
  unlink(*r);
  return r;
}

void route_ages::add_empty(slice_route& r) {
  remove(r);
  r.is_listed_empty = true;
  link(empty_, r);
  ++empty_count_;
}

slice_route* route_ages::oldest_empty() const {
  return empty_.after == &empty_ ? nullptr : static_cast<slice_route*>(empty_.after);
}

} // namespace shunt::routing
