// Does the steps of a scenario to its world, watches what becomes of the nodes, and writes it down.
#pragma once

#include "chaos/churn.hpp"
#include "chaos/journal.hpp"
#include "chaos/load.hpp"
#include "chaos/world.hpp"

#include <functional>
#include <future>
#include <optional>
#include <random>
#include <vector>

namespace shunt::chaos {

class director {
public:
  director(const scenario& plan, world& on, load& clients, std::uint64_t seed, progress tell);

  /// All steps, each at its time and not before the one before it is over, until the scenario is.
  void play();

  journal notes;

private:
  enum class state { up, draining, starting, stopped, going_on, down };
  struct watched {
    state now = state::up;
    nanoseconds since{};
    bool clients_left = false;
    bool start_when_down = false;
    nanoseconds excused{0};            ///< While it goes on.
    bool late = false;                 ///< Its start took too long, which was told.
    std::optional<std::size_t> outage; ///< The one that is not over.
  };

  void perform(const step& todo);
  int choose(const step& todo);
  void perform_on(int node, const step& todo);
  void change_routes(const step& todo);
  void ask_for_change(const step& todo);
  void heed_answer();
  void hold_up(const step& todo);
  void ask_all(const step& todo);
  bool expects_somebody() const;
  std::vector<int> in_order() const;
  void start(int node);
  void drain(int node);
  void watch(int node);
  void watch_drain(int node);
  void watch_start(int node);
  void begin_outage(int node);
  void end_outage(int node);
  void enter(int node, state next);
  void show_progress();
  watched& of(int node) { return nodes_.at(static_cast<std::size_t>(node)); }

  const scenario& plan_;
  world& world_;
  load& clients_;
  std::mt19937_64 chance_;
  churn churn_;
  std::vector<watched> nodes_;
  int last_chosen_ = 0;
  /// A change whose confirmation is not there yet.
  struct asked_change {
    step what;
    std::vector<std::size_t> mappings;
    std::future<std::pair<confirmation, nanoseconds>> answer; ///< And when it came.
  };
  std::optional<asked_change> asked_;
  std::function<bool()> is_over_; ///< Of what the next step waits for; null: for nothing.
  nanoseconds next_progress_{};
};

} // namespace shunt::chaos
