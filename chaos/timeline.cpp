// The page of a run: a row for each node, a column for each tenth of a second. Above, how the
// requests went; below, how long the slowest answer took. Grey is excused, red must not have been.
#include "chaos/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace shunt::chaos {
namespace {

constexpr double column_px = 5, row_px = 64, left_px = 80, top_px = 120;
constexpr nanoseconds column_time = std::chrono::milliseconds{100};
constexpr std::size_t failures_listed = 200;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c == '<')
      out += "&lt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  return out;
}

template <class... Values>
std::string text_of(const char* format, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

double x_of(nanoseconds time) {
  return left_px
         + column_px * static_cast<double>(time.count()) / static_cast<double>(column_time.count());
}

double y_of(int node) {
  return top_px + row_px * node;
}

struct column {
  int good = 0, excused = 0, failed = 0;
  nanoseconds slowest{};
};

/// By node, then by time.
std::vector<std::vector<column>> columns_of(const run_result& run) {
  const auto count = static_cast<std::size_t>(run.all.length / column_time) + 2;
  std::vector<std::vector<column>> rows(static_cast<std::size_t>(run.all.nodes),
                                        std::vector<column>(count));
  for (std::size_t i = 0; i < run.all.requests.size(); ++i) {
    const auto& each = run.all.requests[i];
    const auto at = std::min(static_cast<std::size_t>(each.start / column_time), count - 1);
    auto& into = rows[static_cast<std::size_t>(each.node)][at];
    const auto what = run.judged.outcomes[i];
    ++(what == outcome::good ? into.good : what == outcome::excused ? into.excused : into.failed);
    into.slowest = std::max(into.slowest, each.end - each.start);
  }
  return rows;
}

/// 0 to 20 px: a tenth of a millisecond is nothing, ten seconds are everything.
double latency_px(nanoseconds time) {
  const auto ms = static_cast<double>(time.count()) / 1e6;
  return std::clamp(4 * std::log10(std::max(ms, 0.1) / 0.1), 0.0, 20.0);
}

std::string bar(double x, double bottom, double height, const char* style) {
  return text_of("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>\n", x,
                 bottom - height, column_px - 1, height, style);
}

std::string drawn(const column& what, double x, double y) {
  const double all = what.good + what.excused + what.failed;
  if (all == 0)
    return {};
  std::string out;
  double bottom = y + 34;
  const auto stack = [&](int count, const char* style) {
    if (count == 0)
      return;
    const double height = std::max(30.0 * count / all, 2.0);
    out += bar(x, bottom, height, style);
    bottom -= height;
  };
  stack(what.failed, "failed");
  stack(what.excused, "excused");
  stack(what.good, "good");
  return out + bar(x, y + 58, latency_px(what.slowest), "latency");
}

std::string rows(const run_result& run) {
  std::string out;
  for (const auto& each : run.all.outages)
    out +=
      text_of("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"outage\"/>\n",
              x_of(each.from), y_of(each.node),
              x_of(std::min(each.to, run.all.length)) - x_of(each.from), row_px - 4);
  const auto all = columns_of(run);
  for (int node = 0; node < run.all.nodes; ++node) {
    out += text_of("<text x=\"4\" y=\"%.1f\">router-%d</text>\n", y_of(node) + 24, node);
    const auto& columns = all[static_cast<std::size_t>(node)];
    for (std::size_t i = 0; i < columns.size(); ++i)
      out += drawn(columns[i], x_of(column_time * static_cast<std::int64_t>(i)), y_of(node));
  }
  return out;
}

std::string marks(const run_result& run, double bottom) {
  std::string out;
  for (const auto& each : run.all.marks) {
    const double x = x_of(each.at);
    out += text_of("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"mark\"/>\n", x,
                   top_px - 6, x, bottom);
    out += text_of("<text transform=\"translate(%.1f,%.1f) rotate(-45)\">", x, top_px - 8)
           + (each.node < 0 ? "" : std::to_string(each.node) + ": ") + escaped(each.what)
           + "</text>\n";
  }
  for (int second = 0; std::chrono::seconds{second} <= run.all.length; ++second)
    out += text_of("<text x=\"%.1f\" y=\"%.1f\" class=\"axis\">%d s</text>\n",
                   x_of(std::chrono::seconds{second}), bottom + 14, second);
  return out;
}

std::string list_of_failures(const run_result& run) {
  std::string out = "<ol>\n";
  const auto& all = run.judged.failures;
  for (std::size_t i = 0; i < std::min(all.size(), failures_listed); ++i)
    out += text_of("<li>%.3f s", static_cast<double>(all[i].at.count()) / 1e9)
           + (all[i].node < 0 ? "" : " router-" + std::to_string(all[i].node)) + ": "
           + escaped(all[i].what) + "</li>\n";
  return out + "</ol>\n";
}

constexpr const char* style = R"(<style>
body{font:14px sans-serif;margin:2em} svg text{font:11px sans-serif;fill:#333}
.good{fill:#7bb67b} .excused{fill:#aaa} .failed{fill:#d22} .latency{fill:#5b7fb5}
.outage{fill:#eee} .mark{stroke:#e80;stroke-width:1} svg .axis{fill:#888}
</style>
)";

} // namespace

std::string timeline_page(const run_result& run) {
  const double bottom = y_of(run.all.nodes);
  std::string page =
    "<!doctype html><meta charset=\"utf-8\"><title>" + escaped(run.plan.name) + "</title>\n";
  page += style;
  page += "<h1>" + escaped(run.plan.name) + (run.judged.passed() ? ": passed" : ": FAILED")
          + "</h1>\n<p>";
  page += escaped(run.plan.proves) + "</p>\n<p>" + std::to_string(run.all.requests.size())
          + " requests, ";
  page += std::to_string(run.judged.excused) + " excused (grey), ";
  page += std::to_string(run.judged.failures.size())
          + " failures (red); blue: the slowest answer of each ";
  page += "0.1 s, on a logarithmic scale up to 10 s. Seed " + std::to_string(run.seed) + ".</p>\n";
  page +=
    text_of("<svg width=\"%.0f\" height=\"%.0f\">\n", x_of(run.all.length) + 160, bottom + 24);
  page += rows(run) + marks(run, bottom) + "</svg>\n" + list_of_failures(run);
  return page;
}

} // namespace shunt::chaos
