// Drawing histories.
#include "history.hpp"

#include "routing/random.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace shunt::simulation {

namespace {

using namespace std::chrono_literals;
using routing::rng;

constexpr std::array names{"crash",     "leave",       "pause",      "cut",     "cut-one-way", "split",
                           "slow",      "reset",       "nats-cut",   "nats-silent", "nats-down", "nats-lose",
                           "nats-double", "nats-drops", "nats-late",  "api-cut",    "unregister",  "vanish",    "reregister",
                           "change"};

nanoseconds between(rng& dice, std::chrono::milliseconds low, std::chrono::milliseconds high) {
  return low + std::chrono::milliseconds{dice.below(static_cast<std::uint64_t>((high - low).count()) + 1)};
}

fault draw_fault(rng& dice, const history& h) {
  fault f;
  f.at = between(dice, 4s, 24s);
  f.a = dice.below(h.nodes);
  f.b = (f.a + 1 + dice.below(h.nodes - 1)) % h.nodes;
  f.lasts = between(dice, 300ms, 9s);
  const auto kinds = h.routes > 0 ? names.size() : 8; // Without routes there is no NATS.
  f.kind = static_cast<fault_kind>(dice.below(kinds));
  f.silent = dice.below(3) == 0;
  f.mask = dice();
  if (f.kind == fault_kind::split && h.nodes > 64)
    f.kind = fault_kind::cut;
  if (f.kind == fault_kind::crash && dice.below(4) == 0)
    f.lasts = 0s;
  if (f.kind >= fault_kind::nats_cut && f.kind <= fault_kind::api_cut)
    f.lasts += 1s; // A shorter one nobody notices, and nothing is lost in it.
  if (f.kind >= fault_kind::unregister)
    f.a = dice.below(h.routes), f.lasts = 0s;
  if (f.kind == fault_kind::reset || f.kind == fault_kind::nats_lose || f.kind == fault_kind::nats_double)
    f.lasts = 0s;
  return f;
}

/// A single message matters most if it says something new.
void aim_at_changes(rng& dice, history& h) {
  std::vector<nanoseconds> changes;
  for (const auto& f : h.faults)
    if (f.kind >= fault_kind::unregister)
      changes.push_back(f.at);
  for (auto& f : h.faults)
    if ((f.kind == fault_kind::nats_lose || f.kind == fault_kind::nats_double) && !changes.empty() && dice.below(4) != 0)
      f.at = changes[dice.below(changes.size())] - 1ns;
}

/// One node has no NATS for longer than tombstones live, and perhaps nobody to tell it either, while apps go on changing;
/// half of these do so at its beginning, so that nobody has the tombstones at its end.
void cut_off_for_long(rng& dice, history& h) {
  fault cut{.at = 10s, .kind = fault_kind::nats_cut, .a = dice.below(h.nodes), .lasts = between(dice, 605s, 640s)};
  for (auto& f : h.faults)
    if (f.kind >= fault_kind::unregister)
      f.at = dice.below(2) == 0 ? between(dice, 10s, 20s) : between(dice, 4s, 645s);
  h.faults.push_back(cut);
  if (h.nodes > 64 || dice.below(2) == 0)
    return;
  cut.kind = fault_kind::split;
  cut.mask = std::uint64_t{1} << cut.a;
  h.faults.push_back(cut);
}

/// All hosts come for the first time while places move or a node is back, and each node reads NATS late by as much as it happens to.
void come_while_nats_is_read_late(rng& dice, history& h) {
  const bool comes_back = dice.below(4) == 0;
  h.rebalance_after = 12s;
  h.holders = 2 + dice.below(2);
  fault crash{.at = 8s, .kind = fault_kind::crash, .a = dice.below(h.nodes), .lasts = comes_back ? 6s : 0s};
  const nanoseconds moved = crash.at + (comes_back ? crash.lasts : h.rebalance_after);
  h.faults = {crash};
  h.begins_empty = true;
  for (std::size_t i = 0; i < h.nodes; ++i)
    h.faults.push_back({.at = 5s, .kind = fault_kind::nats_late, .a = i, .lasts = moved, .mask = dice()});
  for (std::size_t i = 0; i < h.routes; ++i)
    h.faults.push_back({.at = between(dice, 0s, 800ms) + moved - 700ms, .kind = fault_kind::reregister, .a = i});
}

/// The links of one node stall, that to NATS, too, and it notices nothing: for so long that all would be over.
void stall_for_long(rng& dice, history& h) {
  fault stall{.at = between(dice, 6s, 24s), .kind = fault_kind::nats_silent, .a = dice.below(h.nodes),
              .lasts = between(dice, 14s, 18s), .silent = true};
  h.faults.push_back(stall);
  stall.kind = fault_kind::split;
  stall.mask = std::uint64_t{1} << stall.a;
  h.faults.push_back(stall);
}

} // namespace

nanoseconds history::last_fault() const {
  nanoseconds last = 3s; // All have started by then.
  for (const auto& f : faults)
    last = std::max(last, f.at + f.lasts + (f.kind == fault_kind::leave ? 1s : 0s));
  return last;
}

history draw_history(std::uint64_t seed, std::size_t nodes, std::size_t routes) {
  rng dice{seed};
  history h{.seed = seed, .nodes = nodes, .routes = routes};
  constexpr std::array<std::size_t, 4> holders{2, 3, 3, 0};
  h.holders = holders[dice.below(holders.size())];
  h.rebalance_after = dice.below(2) == 0 ? 12s : 60s;
  h.zones = dice.below(2) == 0 ? 0 : 2 + dice.below(2);
  h.has_api = dice.below(3) == 0;
  const auto count = 1 + dice.below(12 + nodes / 10);
  for (std::size_t i = 0; i < count; ++i)
    h.faults.push_back(draw_fault(dice, h));
  for (std::size_t i = 0; i < routes / 4; ++i) {
    auto f = draw_fault(dice, h);
    f.kind = static_cast<fault_kind>(static_cast<int>(fault_kind::unregister) + static_cast<int>(dice.below(4)));
    f.a = dice.below(routes);
    f.lasts = 0s;
    h.faults.push_back(f);
  }
  if (routes > 0 && dice.below(64) == 0)
    cut_off_for_long(dice, h);
  if (routes > 0 && nodes <= 64 && h.rebalance_after >= 60s && dice.below(16) == 0)
    stall_for_long(dice, h);
  if (routes > 0 && dice.below(16) == 0)
    come_while_nats_is_read_late(dice, h);
  aim_at_changes(dice, h);
  std::stable_sort(h.faults.begin(), h.faults.end(), [](const fault& x, const fault& y) { return x.at < y.at; });
  return h;
}

std::string text_of(fault_kind kind) {
  return names[static_cast<std::size_t>(kind)];
}

std::string text_of(const fault& f) {
  const auto seconds = [](nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  char line[160];
  int used = std::snprintf(line, sizeof line, "%7.3fs %s %zu", seconds(f.at), text_of(f.kind).c_str(), f.a);
  const auto add = [&](const char* format, auto... values) {
    used += std::snprintf(line + used, sizeof line - static_cast<std::size_t>(used), format, values...);
  };
  if (f.kind == fault_kind::cut || f.kind == fault_kind::cut_one_way || f.kind == fault_kind::reset)
    add(" - %zu", f.b);
  if (f.kind == fault_kind::split)
    add(" mask %016llx", static_cast<unsigned long long>(f.mask));
  if ((f.kind == fault_kind::crash || f.kind == fault_kind::nats_silent) && f.silent)
    add(" silently");
  if (f.lasts > 0s)
    add(" for %.3fs", seconds(f.lasts));
  return line;
}

} // namespace shunt::simulation
