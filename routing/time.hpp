// The time of this room. Nothing in routing/ reads a clock: whoever calls passes the time in, so
// that tests own it. Points are steady; the wall clock appears only as `now_ns`, to judge foreign
// stamps.
#pragma once

#include <chrono>

namespace shunt::routing {

using time_point = std::chrono::steady_clock::time_point;
using std::chrono::nanoseconds;

} // namespace shunt::routing
