#include "app/varz.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace shunt::app {

namespace {

using nlohmann::json;

constexpr std::size_t busiest_shown = 10;
constexpr std::array<const char*, net::status_group_count> response_keys = {
  "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx", "responses_xxx"};

/// Without the `.0` that Go does not write.
json number(double value) {
  constexpr double exact_max = 9e15;
  if (value == std::floor(value) && std::abs(value) < exact_max)
    return static_cast<std::int64_t>(value);
  return value;
}

std::string start_text(std::chrono::system_clock::time_point start) {
  const auto seconds = std::chrono::system_clock::to_time_t(start);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text;
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S +0000", &utc)};
}

std::string uptime_text(std::chrono::seconds uptime) {
  using namespace std::chrono;
  const auto whole_days = duration_cast<days>(uptime);
  const hh_mm_ss rest{uptime - whole_days};
  return std::to_string(whole_days.count()) + "d:" + std::to_string(rest.hours().count())
         + "h:" + std::to_string(rest.minutes().count())
         + "m:" + std::to_string(rest.seconds().count()) + "s";
}

/// The percentiles, and two constants that an old collector wants to see.
template <class Percentile>
json latency_of(Percentile&& percentile) {
  json latency = {{"value", 5e-07}, {"samples", 1}};
  for (const int percent : {50, 75, 90, 95, 99})
    latency[std::to_string(percent)] = number(percentile(percent / 100.0));
  return latency;
}

/// What is said of all requests, and of those of each component.
void put_requests(json& to, const net::component_totals& counted, const request_rates& rates,
                  json latency) {
  to["requests"] = counted.attempts;
  to["rate"] = {number(rates.one), number(rates.five), number(rates.fifteen)};
  for (std::size_t i = 0; i < response_keys.size(); ++i)
    to[response_keys[i]] = counted.responses[i];
  to["latency"] = std::move(latency);
}

void put_all_requests(json& to, const net::request_totals& totals, const request_history& history) {
  net::component_totals all;
  json components = json::object();
  for (const auto& [name, counted] : totals.components) {
    all.attempts += counted.attempts;
    for (std::size_t i = 0; i < response_keys.size(); ++i)
      all.responses[i] += counted.responses[i];
    if (name.empty()) // Endpoints without the tag.
      continue;
    put_requests(components[name], counted, history.rates_of(name), latency_of([&](double share) {
                   return history.percentile_of(name, counted, share);
                 }));
  }
  put_requests(to, all, history.rates(),
               latency_of([&](double share) { return history.percentile(totals, share); }));
  to["requests_per_sec"] = number(history.rates().one);
  to["tags"] = {{"component", std::move(components)}};
}

void put_process(json& to, const varz_facts& facts) {
  to["type"] = "Router";
  to["index"] = facts.index;
  to["uuid"] = facts.id;
  to["host"] = facts.host;
  to["credentials"] = json::array({facts.user, facts.pass});
  to["start"] = start_text(facts.start);
  to["uptime"] = uptime_text(facts.uptime);
  to["num_cores"] = facts.cores;
  to["mem"] = facts.resident_kib_max;
  to["cpu"] = number(facts.cpu);
  to["log_counts"] = json::object();
}

void put_busiest(json& to, const request_history& history) {
  to = json::array();
  for (const auto& app : history.busiest(busiest_shown))
    to.push_back({{"application_id", app.id}, {"rps", app.requests / 60}, {"rpm", app.requests}});
}

/// As Go escapes: these stand nowhere but in strings.
std::string html_safe(std::string_view text) {
  std::string safe;
  for (const char c : text)
    switch (c) {
      case '<': safe += "\\u003c"; break;
      case '>': safe += "\\u003e"; break;
      case '&': safe += "\\u0026"; break;
      default: safe += c;
    }
  return safe;
}

} // namespace

std::string varz_json(const metrics_snapshot& snapshot, const request_history& history,
                      const varz_facts& facts) {
  json document;
  put_process(document, facts);
  put_all_requests(document, snapshot.requests, history);
  document["urls"] = facts.urls;
  document["droplets"] = facts.droplets;
  document["bad_requests"] = snapshot.rejected_requests;
  document["bad_gateways"] = snapshot.bad_gateways;
  put_busiest(document["top10_app_requests"], history);
  document["ms_since_last_registry_update"] =
    snapshot.since_registry_update ? snapshot.since_registry_update->count() : -1;
  return html_safe(document.dump(-1, ' ', false, json::error_handler_t::replace)) + "\n";
}

} // namespace shunt::app
