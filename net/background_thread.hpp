// Threads that work on the route table beside the loops: what they do may wait a millisecond for a
// request, but no request for them.
#pragma once

namespace shunt::net {

/// From here on the calling thread, and those that it starts, wait for the loops: they do not preempt
/// others when they wake up, and get less of a CPU that is short. Best effort: where the system does
/// not allow it, nothing changes.
void yield_to_loops() noexcept;

} // namespace shunt::net
