// The nodes whose traffic scale.hpp measures. All links are up, a message takes a millisecond, and all clocks agree.
#pragma once

#include "scale.hpp"
#include "schedule.hpp"

#include "routing/membership.hpp"
#include "routing/random.hpp"
#include "routing/shard_replica.hpp"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shunt::simulation {

using namespace std::chrono_literals;

struct scale_totals {
  std::array<flow, traffic_names.size()> flows{};
  double published = 0, published_bytes = 0; ///< By apps.
  double repairs = 0;
  std::size_t doubts = 0;
};

class scale_world {
public:
  explicit scale_world(const scale_options& what);

  void start();
  void run_for(nanoseconds time) { time_.run_until(time_.now() + time); }
  nanoseconds now() const { return time_.now(); }
  void change(bool yes) { changes_ = yes; }
  void cut_link();
  void mend_link();
  void join(); ///< One node more than `what.nodes`.
  bool has_joined() const;

  std::size_t sampled_shards() const { return samples_.size(); }
  std::size_t sampled_borrowers() const { return borrowers_; }
  std::size_t holders() const { return holders_; }
  std::size_t shards_held_max() const;
  scale_totals totals() const;
  const scale_totals& of_newcomer() const { return newcomers_; }
  const scale_totals& of_parted() const { return parted_; }
  void count_hosts(scale_phase& into) const; ///< Per node, without the newcomer.

private:
  struct node {
    bool up = false;
    std::optional<routing::membership> members;
    std::vector<routing::peer_id> numbers; ///< Of the others, as this one has them.
    std::vector<std::size_t> by_number;
    std::vector<routing::shard_view> views;
  };
  struct app {
    std::string host;
    routing::registration said;
    bool active = false;
  };
  struct publication {
    nanoseconds at;
    std::shared_ptr<const routing::registration> what;
  };
  static constexpr std::size_t servers = 3; ///< Of NATS: each keeps its own order.
  /// What one node knows of one sampled shard.
  struct copy {
    std::size_t node = 0;
    std::unique_ptr<routing::shard_replica> replica;
    std::array<std::size_t, servers> heard{};
    nanoseconds push_not_before{0};
    bool push_scheduled = false;
    std::size_t lent_filter_bytes = 0, filter_bytes = 0;
  };
  struct sample {
    std::size_t shard = 0;
    bool for_newcomer = false; ///< It is to hold it.
    std::vector<app> apps;
    std::vector<std::unique_ptr<copy>> copies;
    std::array<std::vector<publication>, servers> said;
    std::size_t next = 0; ///< App to register again.
    double owed = 0, owed_changes = 0;
    bool replaces_host = false;
    nanoseconds spread{2s}; ///< Over which all register: first soon.
    std::size_t first_lap = 0;
  };

  routing::time_point local() const { return routing::time_point{1000s + time_.now()}; }
  std::string name_of(std::size_t i) const { return "router-" + std::to_string(i) + ".routers.internal"; }

  // Nodes.
  void choose_samples();
  void make_apps();
  void bring_up(std::size_t i);
  void link(std::size_t a, std::size_t b);
  void beat_to(std::size_t from, std::size_t to, const routing::node_heartbeat& beat);
  void turn(std::size_t i);
  void follow(std::size_t i);
  bool is_cut(std::size_t a, std::size_t b) const { return cut_ && a + b == 1; }

  // Shards.
  copy* copy_at(sample& s, std::size_t node);
  void add_copy(sample& s, std::size_t node);
  void keep_hearing(sample& s, copy& c);
  void keep_ticking(sample& s, copy& c);
  void settle(sample& s, copy& c);
  void push(sample& s, copy& c);
  void send(sample& s, std::size_t from, std::size_t to, routing::replica_message what);
  void want_active(sample& s, copy& c);

  // Apps and NATS.
  void publish_some(sample& s);
  void publish(sample& s, const routing::registration& what);
  void change_one(sample& s);
  void hear(sample& s, copy& c);

  // Counting.
  void count(const sample* s, std::size_t from, std::size_t to, traffic kind, std::size_t bytes);
  std::size_t bytes_of(std::size_t shard, const routing::replica_message& what);

  scale_options what_;
  schedule time_;
  routing::rng dice_{1};
  std::size_t holders_ = 0, borrowers_ = 0, newcomers_shards_ = 0;
  std::vector<node> nodes_; ///< The last is the newcomer.
  std::vector<std::unique_ptr<sample>> samples_;
  bool changes_ = false, cut_ = false;
  std::uint64_t made_ = 0; ///< Endpoints and hosts.
  scale_totals totals_, newcomers_, parted_;
};

} // namespace shunt::simulation
