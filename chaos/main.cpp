// shunt-chaos: runs scenarios against real processes, and says what came of them.
#include "chaos/report.hpp"
#include "chaos/run_scenario.hpp"
#include "chaos/scenario.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using namespace shunt::chaos;

struct options {
  std::vector<std::string> files;
  std::string output = "build/chaos";
  std::uint64_t seed = 0;
  unsigned rounds = 1;
  bool quick = false;
  bool json = false;
  bool alone = false;
};

/// What starting and stopping may take besides the scenario itself.
constexpr unsigned spare_seconds = 120;

std::vector<scenario> read_all(const options& wanted) {
  std::vector<scenario> plans;
  for (const auto& file : wanted.files) {
    auto plan = read_scenario(file);
    plan.cluster = plan.cluster && !wanted.alone;
    if (!wanted.quick || plan.quick)
      plans.push_back(std::move(plan));
  }
  return plans;
}

/// With another seed in each round, and, where there are several, a name of its own.
run_result run_one(scenario plan, const options& wanted, unsigned round) {
  const auto seed = wanted.seed + round;
  if (wanted.rounds > 1)
    plan.name.append("-").append(std::to_string(round + 1));
  // Whatever hangs, SIGALRM ends this process, and the kernel its children.
  alarm(static_cast<unsigned>(std::chrono::duration_cast<std::chrono::seconds>(plan.length).count())
        + spare_seconds);
  const auto directory = wanted.output + "/" + plan.name;
  std::filesystem::create_directories(directory);
  std::cerr << plan.name << " (seed " << seed << "): " << plan.proves << '\n';
  auto result = run_scenario(plan, seed, directory,
                             [](const std::string& line) { std::cerr << "  " << line << '\n'; });
  shunt::test::write_file(directory + "/timeline.html", timeline_page(result));
  std::cerr << "  " << (result.judged.passed() ? "passed" : "FAILED") << ", see " << directory
            << "/timeline.html\n";
  return result;
}

int run_all(const options& wanted) {
  const auto plans = read_all(wanted);
  if (plans.empty())
    throw scenario_error{"there is no scenario to run"};
  std::vector<run_result> results;
  for (const auto& plan : plans)
    for (unsigned round = 0; round < wanted.rounds; ++round)
      results.push_back(run_one(plan, wanted, round));
  const bool passed = std::all_of(results.begin(), results.end(),
                                  [](const run_result& each) { return each.judged.passed(); });
  auto all = nlohmann::json::array();
  for (const auto& each : results)
    all.push_back(to_json(each));
  const nlohmann::json report{
    {"seed", wanted.seed}, {"passed", passed}, {"scenarios", std::move(all)}};
  shunt::test::write_file(wanted.output + "/report.json", report.dump(2) + "\n");
  if (wanted.json)
    std::cout << report.dump(2) << '\n';
  else
    print_table(std::cout, results);
  return passed ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  options wanted;
  wanted.seed = std::random_device{}();
  CLI::App app{"Runs faults against a cluster of real routers and judges every answer."};
  app.add_option("files", wanted.files, "Scenarios, chaos/scenarios/*.yml")->required();
  app.add_option("--output", wanted.output, "Directory for logs, timelines and report.json");
  app.add_option("--seed", wanted.seed, "Repeats a run that printed it");
  app.add_option("--rounds", wanted.rounds, "Runs each scenario so often, with one seed after the other")
    ->check(CLI::Range(1u, 1000u));
  app.add_flag("--quick", wanted.quick, "Only the scenarios marked so");
  app.add_flag("--json", wanted.json, "Print the report as JSON instead of a table");
  app.add_flag("--alone", wanted.alone, "Routers that know nothing of each other, to compare with");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return run_all(wanted);
  } catch (const std::exception& error) {
    std::cerr << "shunt-chaos: " << error.what() << '\n';
    return 2;
  }
}
