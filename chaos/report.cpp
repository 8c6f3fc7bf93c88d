#include "chaos/report.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace shunt::chaos {
namespace {

constexpr std::size_t failures_shown = 5;
constexpr std::size_t failures_in_json = 100;

double milliseconds_of(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

std::string cell(const std::string& text, int width) {
  char line[256];
  std::snprintf(line, sizeof line, "%*s", width, text.c_str());
  return line;
}

std::string number(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string line_of(const failure& each) {
  return number(milliseconds_of(each.at) / 1000, 3) + " s"
         + (each.node < 0 ? "" : "  router-" + std::to_string(each.node)) + "  " + each.what;
}

/// The same failure a hundred times is one thing to know.
std::map<std::string, std::size_t> by_kind(const std::vector<failure>& failures) {
  std::map<std::string, std::size_t> kinds;
  for (const auto& each : failures) {
    auto what =
      each.what.starts_with("route ") ? each.what.substr(each.what.find(": ") + 2) : each.what;
    if (what.starts_with("answered after"))
      what = "answered too late";
    ++kinds[what + (each.node < 0 ? "" : " (router-" + std::to_string(each.node) + ")")];
  }
  return kinds;
}

} // namespace

void print_table(std::ostream& out, const std::vector<run_result>& runs) {
  out << cell("scenario", -24) << cell("requests", 9) << cell("excused", 9) << cell("failures", 10)
      << cell("worst ms", 10) << "  verdict  proves\n";
  for (const auto& run : runs)
    out << cell(run.plan.name, -24) << cell(std::to_string(run.all.requests.size()), 9)
        << cell(std::to_string(run.judged.excused), 9)
        << cell(std::to_string(run.judged.failures.size()), 10)
        << cell(number(milliseconds_of(run.judged.worst), 1), 10)
        << (run.judged.passed() ? "  passed   " : "  FAILED   ") << run.plan.proves << '\n';
  for (const auto& run : runs) {
    if (run.judged.passed())
      continue;
    out << '\n' << run.plan.name << " (seed " << run.seed << "):\n";
    for (const auto& [what, count] : by_kind(run.judged.failures))
      out << cell(std::to_string(count), 8) << " x " << what << '\n';
    out << "  the first of them:\n";
    const auto& failures = run.judged.failures;
    for (std::size_t i = 0; i < std::min(failures.size(), failures_shown); ++i)
      out << "    " << line_of(failures[i]) << '\n';
  }
}

nlohmann::json to_json(const run_result& run) {
  auto failures = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(run.judged.failures.size(), failures_in_json); ++i) {
    const auto& each = run.judged.failures[i];
    failures.push_back(
      {{"at_ms", milliseconds_of(each.at)}, {"node", each.node}, {"what", each.what}});
  }
  auto marks = nlohmann::json::array();
  for (const auto& each : run.all.marks)
    marks.push_back(
      {{"at_ms", milliseconds_of(each.at)}, {"node", each.node}, {"what", each.what}});
  return {{"scenario", run.plan.name},
          {"proves", run.plan.proves},
          {"seed", run.seed},
          {"nodes", run.plan.nodes},
          {"requests", run.all.requests.size()},
          {"excused", run.judged.excused},
          {"failures", run.judged.failures.size()},
          {"worst_ms", milliseconds_of(run.judged.worst)},
          {"passed", run.judged.passed()},
          {"first_failures", std::move(failures)},
          {"events", std::move(marks)}};
}

} // namespace shunt::chaos
