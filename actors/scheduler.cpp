#include "actors/scheduler.hpp"

#include "actors/loop.hpp"
#include "net/background_thread.hpp"

#include <caf/all.hpp>
#include <caf/policy/work_sharing.hpp>
#include <caf/scheduler/coordinator.hpp>

namespace shunt {

namespace {

/// Whenever an actor ends, CAF has its clock's thread wake up and look for time-outs of that actor.
/// For a client's connection that cost a tenth of all it costs, in vain: pinned actors await nothing
/// by CAF's clock. Everything else goes to the real clock.
class patient_clock final : public caf::detail::thread_safe_actor_clock {
public:
  explicit patient_clock(caf::actor_clock& real) : real_{real} {}

  time_point now() const noexcept override { return real_.now(); }
  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                            std::uint64_t id) override {
    real_.set_ordinary_timeout(t, self, type, id);
  }
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                         std::uint64_t id) override {
    real_.set_multi_timeout(t, self, type, id);
  }
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override {
    real_.set_request_timeout(t, self, id);
  }
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override {
    real_.cancel_ordinary_timeout(self, type);
  }
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override {
    real_.cancel_request_timeout(self, id);
  }
  void cancel_timeouts(caf::abstract_actor* self) override {
    if (!loop::running_here())
      real_.cancel_timeouts(self);
  }
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override {
    real_.schedule_message(t, std::move(receiver), std::move(content));
  }
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override {
    real_.schedule_message(t, std::move(target), std::move(sender), std::move(content));
  }
  void cancel_all() override { real_.cancel_all(); }

private:
  caf::actor_clock& real_;
};

class router_scheduler final : public caf::scheduler::coordinator<caf::policy::work_sharing> {
  using super = caf::scheduler::coordinator<caf::policy::work_sharing>;

public:
  using super::super;
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new router_scheduler(system);
  }
  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }

private:
  patient_clock clock_{super::clock()};
};

/// CAF's own threads work on the table, not on requests.
class yielding_threads final : public caf::thread_hook {
public:
  void init(caf::actor_system&) override {}
  void thread_started() override { net::yield_to_loops(); }
  void thread_terminates() override {}
};

} // namespace

void use_router_scheduler(caf::actor_system_config& config) {
  config.add_thread_hook<yielding_threads>();
  config.load<router_scheduler>();
  config.set("scheduler.max-threads", std::size_t{2});
}

} // namespace shunt
