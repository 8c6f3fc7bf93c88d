// A few replicas of one shard, on nodes that can always reach each other unless a test says otherwise. What
// they say arrives at once; what a broken link carried is lost.
#pragma once

#include "routing/shard_replica.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace shunt::routing::testing {

class Replicas : public ::testing::Test {
protected:
  static constexpr auto interval = 20s; ///< In which everybody registers again.

  struct node {
    std::unique_ptr<shard_replica> replica;
    bool holds = false;
    std::string said{}; ///< The kinds of its messages, one letter each... kept for failures.
  };

  /// Adds nodes, the first `holders` of which hold the shard.
  void make(std::size_t holders, std::size_t borrowers = 0, table_rules rules = {}) {
    for (std::size_t i = 0; i < holders + borrowers; ++i)
      add(i < holders, rules);
    see_all();
  }
  void add(bool holds, table_rules rules = {}) {
    replica_rules how{.clustered = true, .in_sync = false, .register_interval = interval, .return_interval = returned_after};
    nodes.push_back({std::make_unique<shard_replica>(std::move(rules), how, now), holds});
  }
  shard_replica& at(std::size_t i) { return *nodes[i].replica; }

  /// Tells everybody who holds the shard now.
  void see_all() {
    for (int again = 0; again < 2; ++again) // What they do about it changes what the others see.
      for (std::size_t i = 0; i < nodes.size(); ++i)
        if (nodes[i].replica) {
          at(i).see(view_of(i), now);
          run();
        }
  }
  shard_view view_of(std::size_t i) {
    shard_view view{.held = nodes[i].holds};
    for (std::size_t j = 0; j < nodes.size(); ++j) {
      if (j == i)
        continue;
      if (!nodes[j].replica || cut.contains(std::minmax(i, j))) {
        view.incomplete = view.incomplete || (keep_their_places && nodes[j].holds);
        continue;
      }
      const bool in_sync = at(j).holds_in_sync();
      if (nodes[j].holds || in_sync)
        view.others.push_back({static_cast<peer_id>(j + 1), in_sync, true, nodes[j].holds});
    }
    return view;
  }
  /// Delivers what is under way, until nobody says anything any more.
  void run() {
    for (bool quiet = false; !quiet;) {
      quiet = true;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (!nodes[i].replica)
          continue;
        (void)at(i).take_changes(now);
        for (auto& [to, what] : at(i).take_outgoing()) {
          const std::size_t j = to - 1u;
          quiet = false;
          ASSERT_LT(++messages, 100'000u) << "they never stop";
          if (nodes[j].replica && !cut.contains(std::minmax(i, j)))
            at(j).receive(static_cast<peer_id>(i + 1), what, now);
        }
        for (auto& host : at(i).take_answered())
          answered.emplace(i, std::move(host));
      }
    }
  }
  void sever(std::size_t i, std::size_t j) {
    cut.insert(std::minmax(i, j));
    at(i).peer_gone(static_cast<peer_id>(j + 1), now);
    at(j).peer_gone(static_cast<peer_id>(i + 1), now);
    see_all();
  }
  void heal() {
    cut.clear();
    see_all();
  }
  void kill(std::size_t i) {
    nodes[i].replica.reset();
    for (std::size_t j = 0; j < nodes.size(); ++j)
      if (nodes[j].replica)
        at(j).peer_gone(static_cast<peer_id>(i + 1), now);
    see_all();
  }
  /// Time passes in small steps.
  void advance(nanoseconds by) {
    for (const auto end = now + by; now < end;) {
      now += 250ms;
      for (auto& each : nodes)
        if (each.replica)
          each.replica->tick(now);
      see_all();
    }
  }

  void put(std::size_t i, const std::string& uri, std::uint16_t port) {
    if (at(i).holds())
      at(i).table().register_endpoint(heard(uri, make_endpoint(port)), now, wall_ns);
    at(i).applied(now);
    run();
  }
  void put_all(const std::string& uri, std::uint16_t port) {
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].replica)
        put(i, uri, port);
  }
  void take(std::size_t i, const std::string& uri, std::uint16_t port) {
    at(i).table().unregister_endpoint(registration::make(true, make_endpoint(port), uri), now);
    at(i).applied(now);
    run();
  }
  /// What a loop of that node would route by: ports in pool order, "empty" or "gone".
  std::string pool(std::size_t i, const std::string& host) {
    for (const auto& p : at(i).table().grant(host).paths) {
      std::string ports;
      for (const auto& e : p.endpoints)
        ports.append(ports.empty() ? "" : ",").append(std::to_string(e.target->port()));
      return ports.empty() ? "empty" : ports;
    }
    return "gone";
  }
  /// A loop of that node asks; what it then knows, or "unanswered".
  std::string ask(std::size_t i, const std::string& host) {
    const bool at_once = at(i).want(host, now);
    run();
    return at_once || answered.erase({i, host}) > 0 ? pool(i, host) : "unanswered";
  }
  std::uint64_t digest(std::size_t i) { return at(i).table().history()->digest(); }

  time_point now = start;
  nanoseconds returned_after = interval; ///< `replica_rules::return_interval` of those that are added.
  std::vector<node> nodes;
  std::set<std::pair<std::size_t, std::size_t>> cut;
  bool keep_their_places = false; ///< Holders that are away.
  std::set<std::pair<std::size_t, std::string>> answered;
  std::size_t messages = 0;
};

} // namespace shunt::routing::testing
