#include "actors/loop.hpp"

#include <caf/scheduler/abstract_coordinator.hpp>

namespace shunt {

namespace {

thread_local bool on_loop = false; ///< Once it is, it stays so.

} // namespace

bool loop::running_here() noexcept {
  return on_loop;
}

void loop::exec_later(caf::resumable* job) {
  if (job->subtype() == caf::resumable::io_actor)
    events_.post([this, job] { resume(job); });
  else
    system().scheduler().enqueue(job);
}

void loop::resume(caf::resumable* job) {
  on_loop = true;
  switch (job->resume(this, messages_per_turn)) {
    case caf::resumable::resume_later: exec_later(job); break;
    case caf::resumable::shutdown_execution_unit:
    case caf::resumable::done:
    case caf::resumable::awaiting_message: caf::intrusive_ptr_release(job); break;
  }
}

} // namespace shunt
