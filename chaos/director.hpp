// Does the steps of a scenario to its world, watches what becomes of the nodes, and writes it down.
#pragma once

#include "chaos/load.hpp"
#include "chaos/run_scenario.hpp"
#include "chaos/world.hpp"

#include <optional>
#include <random>
#include <vector>

namespace shunt::chaos {

class director {
public:
  director(const scenario& plan, world& on, load& clients, std::uint64_t seed, progress tell);

  /// All steps, each at its time, until the scenario is over.
  void play();

  /// What it did, without requests; and what went wrong besides them.
  history all;
  std::vector<failure> failures;

private:
  enum class state { up, draining, starting, stopped, down };
  struct watched {
    state now = state::up;
    nanoseconds since{};
    bool clients_left = false;
    bool start_when_down = false;
    bool late = false;                 ///< Its start took too long, which was told.
    std::optional<std::size_t> outage; ///< The one that is not over.
  };

  void perform(const step& todo);
  int choose(const step& todo);
  void perform_on(int node, const step& todo);
  void change_routes(const step& todo);
  /// Write down what a change is about, in `all.mappings`; return where.
  std::vector<std::size_t> begin_mappings(const step& todo);
  std::vector<std::size_t> end_mappings(const step& todo);
  void start(int node);
  void drain(int node);
  void watch(int node);
  void watch_drain(int node);
  void watch_start(int node);
  void begin_outage(int node);
  void end_outage(int node);
  void enter(int node, state next);
  void note(int node, const std::string& what);
  void fail(int node, const std::string& what);
  void show_progress();
  watched& of(int node) { return nodes_.at(static_cast<std::size_t>(node)); }

  const scenario& plan_;
  world& world_;
  load& clients_;
  std::mt19937_64 chance_;
  progress tell_;
  std::vector<watched> nodes_;
  int last_chosen_ = 0;
  nanoseconds next_progress_{};
};

} // namespace shunt::chaos
