#include "scale_report.hpp"

#include "scale.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <numeric>

namespace shunt::simulation {

namespace {

using nlohmann::json;

flow sum(const scale_phase& p) {
  return std::accumulate(p.flows.begin(), p.flows.end(), flow{}, [](const flow& a, const flow& b) {
    return flow{a.messages + b.messages, a.bytes + b.bytes};
  });
}

json told(const flow& f) {
  return {{"messages", f.messages}, {"bytes", f.bytes}};
}

json told(const scale_phase& p) {
  json flows;
  for (std::size_t i = 0; i < p.flows.size(); ++i)
    flows[std::string{traffic_names[i]}] = told(p.flows[i]);
  return {{"name", p.name},
          {"seconds", p.seconds},
          {"flows", flows},
          {"nats", told(p.nats)},
          {"nats_messages_of_its_shards", p.nats_for_it},
          {"hosts_held", p.hosts_held},
          {"hosts_borrowed", p.hosts_borrowed},
          {"tombstones", p.tombstones},
          {"filter_bytes", p.filter_bytes},
          {"repairs_per_second", p.repairs},
          {"looks_out_of_sync", p.doubts}};
}

json told(const scale_result& r) {
  json phases = json::array();
  for (const auto& p : r.phases)
    phases.push_back(told(p));
  return {{"nodes", r.what.nodes},
          {"routes", r.what.routes},
          {"shards", r.what.shards},
          {"holders", r.what.holders},
          {"changed_per_mille", r.what.changed_per_mille},
          {"sampled", {{"shards", r.sampled_shards}, {"borrowers_of_each", r.sampled_borrowers}}},
          {"shards_held_max", r.shards_held_max},
          {"phases", phases}};
}

std::string short_number(double value) {
  char text[32];
  const char* const unit = value < 9'999.5 ? "" : value < 9'999'500 ? "k" : "M";
  const double shown = value < 9'999.5 ? value : value < 9'999'500 ? value / 1e3 : value / 1e6;
  std::snprintf(text, sizeof text, shown < 10 && shown > 0 ? "%.1f%s" : "%.0f%s", shown, unit);
  return text;
}

void print_head(const scale_wishes& wishes) {
  std::printf("Bytes per node and second, sent (as many are received), by what they are for; a node that joins: bytes in\n"
              "all. %zu shards, %zu holders, %.3g per mille of the routes change each second.\n\n",
              wishes.shards, wishes.holders, wishes.changed_per_mille);
  std::printf("%5s %8s %-13s %9s", "nodes", "routes", "", "messages");
  for (const auto each : traffic_names)
    std::printf(" %10.*s", static_cast<int>(each.size()), each.data());
  std::printf(" %8s %8s %8s %8s %8s %8s  %s\n", "NATS in", "held", "borrowed", "ended", "filter B", "repairs",
              "sample (shards x borrowers)");
}

void print(const scale_result& r) {
  for (const auto& p : r.phases) {
    std::printf("%5zu %8s %-13s %9s", r.what.nodes, short_number(static_cast<double>(r.what.routes)).c_str(),
                p.name.c_str(), short_number(sum(p).messages).c_str());
    for (const auto& f : p.flows)
      std::printf(" %10s", short_number(f.bytes).c_str());
    for (const auto value : {p.nats.bytes, p.hosts_held, p.hosts_borrowed, p.tombstones, p.filter_bytes, p.repairs})
      std::printf(" %8s", short_number(value).c_str());
    std::printf("  %zu x %zu%s\n", r.sampled_shards, r.sampled_borrowers,
                p.doubts > 0 ? (" OUT OF SYNC AT TIMES: " + std::to_string(p.doubts)).c_str() : "");
  }
  std::fflush(stdout);
}

} // namespace

void report_scale(const scale_wishes& wishes) {
  json all = json::array();
  if (!wishes.json)
    print_head(wishes);
  for (const auto routes : wishes.routes)
    for (const auto nodes : wishes.nodes) {
      scale_options what{.nodes = nodes, .routes = routes};
      what.shards = wishes.shards;
      what.holders = wishes.holders;
      what.changed_per_mille = wishes.changed_per_mille;
      const auto measured = measure_scale(what, [&](const std::string& doing) {
        std::fprintf(stderr, "%zu nodes, %zu routes: %s\n", nodes, routes, doing.c_str());
      });
      if (wishes.json)
        all.push_back(told(measured));
      else
        print(measured);
    }
  if (wishes.json)
    std::printf("%s\n", all.dump(2).c_str());
}

} // namespace shunt::simulation
