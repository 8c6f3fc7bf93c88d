// Actors on a scheduler that does nothing by itself and on a clock that stands still: a test sends,
// lets the actors run until all mailboxes are empty, moves the clock, and sees the same each time.
#pragma once

#include "actors/protocol.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace shunt::test {

class actors_by_hand : public testing::Test {
protected:
  struct configuration : caf::actor_system_config {
    configuration() {
      add_message_types<caf::id_block::shunt>();
      set("scheduler.policy", caf::atom("testing"));
      set("logger.verbosity", caf::atom("quiet"));
    }
  };

  /// The system waits for its actors when it ends.
  ~actors_by_hand() override {
    for (const auto& each : owned_)
      caf::anon_send_exit(each, caf::exit_reason::kill);
    scheduler().run();
  }

  template <class Handle>
  Handle own(Handle actor) {
    owned_.push_back(caf::actor_cast<caf::actor>(actor));
    return actor;
  }
  caf::scheduler::test_coordinator& scheduler() {
    return static_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  }
  /// Until nobody has anything left to do.
  virtual void run() { scheduler().run(); }
  template <class Handle, class Message>
  void tell(const Handle& actor, Message message) {
    caf::anon_send(actor, std::move(message));
    run();
  }
  void advance(caf::timespan by) {
    scheduler().advance_time(by);
    run();
  }
  template <class Handle>
  void kill(const Handle& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }

  configuration config;
  caf::actor_system system{config};

private:
  std::vector<caf::actor> owned_;
};

} // namespace shunt::test
