// A handful of nodes whose links are a call: what one says is heard at once by those it is linked
// with.
#pragma once

#include "routing/membership.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace shunt::routing::test {

using namespace std::chrono_literals;

class member_cluster {
public:
  struct member {
    membership state;
    std::map<std::string, peer_id> links;
  };

  explicit member_cluster(membership_rules wanted = {}) : rules{std::move(wanted)} {
    rules.cluster = "prod";
  }

  static node_hello hello(const std::string& name, std::uint64_t incarnation = 1,
                          const std::string& zone = {}) {
    node_hello self;
    self.node = name;
    self.zone = zone;
    self.address = name + ":7946";
    self.incarnation = incarnation;
    return self;
  }

  membership& start(const std::string& name, std::uint64_t incarnation = 1,
                    const std::string& zone = {}) {
    return nodes.insert_or_assign(name, member{{rules, hello(name, incarnation, zone)}, {}})
      .first->second.state;
  }
  membership& operator[](const std::string& name) { return nodes.at(name).state; }

  void link(const std::string& a, const std::string& b) {
    greet(a, b);
    greet(b, a);
    exchange_news();
  }
  void link_all() {
    for (auto& [a, left] : nodes)
      for (auto& [b, right] : nodes)
        if (a < b && !left.links.contains(b))
          link(a, b);
  }
  void cut(const std::string& a, const std::string& b) {
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}})
      if (const auto node = nodes.find(from); node != nodes.end())
        if (const auto link = node->second.links.find(to); link != node->second.links.end()) {
          node->second.state.disconnected(link->second, now);
          node->second.links.erase(link);
        }
  }
  /// The process ends: its links close.
  void stop(const std::string& name) {
    for (auto& [other, node] : nodes)
      if (other != name)
        cut(name, other);
    nodes.erase(name);
  }
  /// Lets `time` pass in steps of 200 ms. Those in `silent` neither speak nor run.
  void pass(nanoseconds time, const std::set<std::string>& silent = {}) {
    for (const auto end = now + time; now < end;) {
      now += 200ms;
      for (auto& [name, node] : nodes)
        if (!silent.contains(name))
          speak(name, silent);
      for (auto& [name, node] : nodes)
        if (!silent.contains(name))
          node.state.tick(now);
      exchange_news(silent);
    }
  }
  void speak(const std::string& name, const std::set<std::string>& silent = {}) {
    const auto said = nodes.at(name).state.heartbeat();
    for (auto& [other, node] : nodes)
      if (const auto link = node.links.find(name);
          link != node.links.end() && !silent.contains(other))
        node.state.heard(link->second, said, now);
  }

  /// Where a shard is placed and alive, as `name` sees it.
  std::set<std::string> holders(const std::string& name, std::size_t shard) {
    return holders(name, shard, names_of((*this)[name]));
  }
  std::vector<std::set<std::string>> all_holders(const std::string& name) {
    const auto names = names_of((*this)[name]);
    std::vector<std::set<std::string>> all;
    for (std::size_t shard = 0; shard < rules.shards; ++shard)
      all.push_back(holders(name, shard, names));
    return all;
  }
  /// Whether all see the same.
  bool agree() {
    auto& first = *nodes.begin();
    for (auto& [name, node] : nodes)
      if (node.state.view_hash() != first.second.state.view_hash()
          || all_holders(name) != all_holders(first.first))
        return false;
    return true;
  }
  std::string state(const std::string& of, const std::string& as_seen_by) {
    for (const auto& peer : (*this)[as_seen_by].peers())
      if (peer.hello.node == of)
        return std::string{name_of(peer.state)};
    return "unknown";
  }
  std::string log(const std::string& name) {
    std::string all;
    for (const auto& each : (*this)[name].take_log())
      all.append(all.empty() ? "" : " ").append(each.node).append(":").append(each.what);
    return all;
  }
  /// Those that `name` sees with a copy in sync, although the shard is not placed there.
  std::set<std::string> copies(const std::string& name, std::size_t shard) {
    auto names = names_of((*this)[name]);
    std::set<std::string> all;
    for (const auto& other : (*this)[name].view_of(shard).others)
      if (!other.placed)
        all.insert(names[other.peer]);
    return all;
  }
  /// All that hold a shard are in sync, all others are not.
  void sync() {
    for (auto& [name, node] : nodes)
      for (std::size_t shard = 0; shard < rules.shards; ++shard)
        node.state.set_in_sync(shard, node.state.view_of(shard).held);
  }

  static std::map<peer_id, std::string> names_of(const membership& state) {
    std::map<peer_id, std::string> names;
    for (const auto& peer : state.peers())
      names.emplace(peer.peer, peer.hello.node);
    return names;
  }

  membership_rules rules;
  time_point now{1000s};
  std::map<std::string, member> nodes;

private:
  std::set<std::string> holders(const std::string& name, std::size_t shard,
                                const std::map<peer_id, std::string>& names) {
    const auto view = (*this)[name].view_of(shard);
    std::set<std::string> all;
    if (view.held)
      all.insert(name);
    for (const auto& other : view.others)
      if (other.placed)
        all.insert(names.at(other.peer));
    return all;
  }
  void greet(const std::string& a, const std::string& b) {
    auto& node = nodes.at(a);
    if (const auto peer = node.state.connected(nodes.at(b).state.self(), now).peer)
      node.links[b] = *peer;
  }
  void exchange_news(const std::set<std::string>& silent = {}) {
    for (auto& [name, node] : nodes)
      for (const auto& [other, peer] : node.links)
        if (!silent.contains(name) && !silent.contains(other))
          if (const auto news = node.state.news_for(peer, now))
            nodes.at(other).state.told(*news, now);
  }
};

} // namespace shunt::routing::test
