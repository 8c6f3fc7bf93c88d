#include "net/upstream_pool.hpp"

#include <algorithm>

namespace shunt::net {

wire_ptr upstream_pool::take(std::string_view backend) {
  const auto found = shelves_.find(backend);
  if (found == shelves_.end() || found->second.idle.empty())
    return nullptr;
  auto entry = std::move(found->second.idle.back());
  found->second.idle.pop_back();
  --idle_count_;
  auto connection = std::move(entry->connection);
  spare_.push_back(std::move(entry));
  connection->watch(nullptr, nullptr);
  connection->resume_use();
  return connection;
}

void upstream_pool::put(std::string_view backend, wire_ptr connection) {
  auto found = shelves_.find(backend);
  const auto idle_here = found == shelves_.end() ? 0 : found->second.idle.size();
  const bool usable = !connection->ended() && connection->bytes().empty();
  if (!usable || idle_here >= limits_.idle_per_backend_max) {
    connection->close();
    return;
  }
  if (found == shelves_.end()) {
    found = shelves_.try_emplace(std::string{backend}).first;
    found->second.backend = backend;
  }
  auto& home = found->second;
  if (spare_.empty())
    spare_.push_back(std::make_unique<idle_connection>());
  auto entry = std::move(spare_.back());
  spare_.pop_back();
  *entry = {this, &home, std::move(connection)};
  entry->connection->watch(&upstream_pool::on_event, entry.get());
  entry->connection->rest(limits_.idle_timeout);
  home.idle.push_back(std::move(entry));
  ++idle_count_;
  if (shelves_.size() > sweep_at_)
    sweep();
}

void upstream_pool::sweep() {
  std::erase_if(shelves_, [](const auto& entry) { return entry.second.idle.empty(); });
  sweep_at_ = std::max(sweep_least, shelves_.size() * 2);
}

void upstream_pool::on_event(void* context) {
  auto& ended = *static_cast<idle_connection*>(context);
  ended.pool->drop(ended);
}

void upstream_pool::drop(idle_connection& ended) {
  auto& home = *ended.home;
  const auto keep_alive = ended.connection; // Its handler is still running.
  keep_alive->close();
  std::erase_if(home.idle, [&](const auto& entry) { return entry.get() == &ended; });
  --idle_count_;
  if (home.idle.empty())
    shelves_.erase(shelves_.find(home.backend));
}

void upstream_pool::clear() noexcept {
  for (auto& [backend, home] : shelves_)
    for (auto& entry : home.idle)
      entry->connection->close();
  shelves_.clear();
  idle_count_ = 0;
}

} // namespace shunt::net
