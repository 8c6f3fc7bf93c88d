#include "cluster/change_round.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace shunt::cluster {

void change_round::expect(routing::peer_id id, std::string name, bool reachable) {
  auto& n = nodes_[id];
  n.name = std::move(name);
  n.reachable = reachable;
}

void change_round::sees_alike(routing::peer_id who, bool alike) {
  if (const auto at = nodes_.find(who); at != nodes_.end())
    at->second.sees_alike = alike;
}

void change_round::hear(routing::peer_id id, const routing::change_told& told) {
  const auto at = nodes_.find(id);
  if (at == nodes_.end())
    return;
  auto& n = at->second;
  ++n.answers;
  n.applied += told.applied;
  n.drained += told.applied && told.drained;
}

void change_round::begin_again() {
  for (auto& [id, n] : nodes_)
    n.answers = n.applied = n.drained = 0;
}

bool change_round::is_over() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [this](const auto& each) { return each.second.sees_alike && each.second.answers >= questions_; });
}

bool change_round::is_confirmed() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [this](const auto& each) { return each.second.sees_alike && each.second.applied >= questions_; });
}

bool change_round::is_drained() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [this](const auto& each) { return each.second.sees_alike && each.second.drained >= questions_; });
}

std::string change_round::answer(std::string_view id) const {
  auto pending = nlohmann::ordered_json::array();
  for (const auto& [peer, n] : nodes_) {
    const char* reason = !n.reachable             ? "unreachable"
                         : n.answers < questions_ ? "no answer"
                         : n.applied < questions_ ? "not applied"
                         : !n.sees_alike          ? "sees other nodes"
                         : n.drained < questions_ ? "requests in flight"
                                                  : nullptr;
    if (reason != nullptr)
      pending.push_back({{"node", n.name}, {"reason", reason}});
  }
  const nlohmann::ordered_json said{{"change", id},
                                    {"confirmed", is_confirmed()},
                                    {"drained", is_drained()},
                                    {"nodes", nodes_.size()},
                                    {"pending", std::move(pending)}};
  return said.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace shunt::cluster
