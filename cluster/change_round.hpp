// One change that somebody waits for: which nodes have not said yet that they route by it, and the answer. Pure.
#pragma once

#include "routing/peer.hpp"
#include "routing/replica_message.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cluster {

class change_round {
public:
  /// `questions`: how many endpoints each node is asked about.
  explicit change_round(std::size_t questions) : questions_{questions} {}

  /// A node whose word is needed. `reachable`: it is asked; otherwise it may be there, and cannot be. Said anew in each
  /// round.
  void expect(routing::peer_id who, std::string name, bool reachable);
  /// Whether it sees the same nodes as the asker. If not, there may be one that nobody asked.
  void sees_alike(routing::peer_id who, bool alike);
  bool expects(routing::peer_id who) const { return nodes_.contains(who); }
  /// It can be asked after all.
  bool reaches(routing::peer_id who) const {
    const auto at = nodes_.find(who);
    return at != nodes_.end() && at->second.reachable;
  }
  /// Dead, or gone on purpose: it routes nothing.
  void expect_no_more(routing::peer_id who) { nodes_.erase(who); }
  /// Everybody is asked once more, and what was heard counts no longer.
  void begin_again();
  void hear(routing::peer_id who, const routing::change_told& told);

  /// Everybody has answered, whatever it was, and sees the same nodes.
  bool is_over() const;
  bool is_confirmed() const;
  bool is_drained() const;
  /// `{"change":ID,"confirmed":..,"drained":..,"nodes":N,"pending":[{"node":..,"reason":..}]}`
  std::string answer(std::string_view id) const;

private:
  struct node {
    std::string name;
    bool reachable = true;
    bool sees_alike = true;
    std::size_t answers = 0, applied = 0, drained = 0;
  };
  std::size_t questions_;
  std::map<routing::peer_id, node> nodes_;
};

} // namespace shunt::cluster
