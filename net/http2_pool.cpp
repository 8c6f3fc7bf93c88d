#include "net/http2_pool.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

http2_pool::shelf& http2_pool::shelf_of(std::string_view backend) {
  const auto found = shelves_.find(backend);
  return found != shelves_.end() ? found->second
                                 : shelves_.try_emplace(std::string{backend}).first->second;
}

http2_link_ptr http2_pool::find(std::string_view backend, const http2_link* but) {
  const auto found = shelves_.find(backend);
  if (found == shelves_.end())
    return nullptr;
  for (const auto& each : found->second.links)
    if (each.get() != but && each->can_open())
      return each;
  return nullptr;
}

void http2_pool::add(std::string_view backend, const http2_link_ptr& link, std::chrono::nanoseconds lost) {
  auto& home = shelf_of(backend);
  home.links.push_back(link);
  home.added = true;
  net::start(link->run({.idle = idle_timeout_, .stall = http2_link::unended_patience, .lost = lost}),
             [this, key = std::string{backend}, ended = link.get()](const std::exception_ptr&) {
               forget(key, ended);
             });
}

void http2_pool::forget(const std::string& backend, const http2_link* ended) {
  const auto found = shelves_.find(backend);
  if (found == shelves_.end())
    return;
  std::erase_if(found->second.links, [&](const auto& each) { return each.get() == ended; });
  tidy(backend);
}

void http2_pool::tidy(const std::string& backend) {
  const auto found = shelves_.find(backend);
  if (found == shelves_.end()) // Who was woken up may have dialled, and failed, meanwhile.
    return;
  const auto& home = found->second;
  if (home.links.empty() && home.waiting.empty() && !home.dialling)
    shelves_.erase(found);
}

void http2_pool::clear() {
  for (auto& [backend, home] : shelves_)
    for (const auto& each : home.links)
      each->shut_down();
}

std::size_t http2_pool::size() const noexcept {
  std::size_t open = 0;
  for (const auto& [backend, home] : shelves_)
    open += home.links.size();
  return open;
}

bool http2_pool::await_dial(std::string_view backend, latch& opened) {
  const auto found = shelves_.find(backend);
  if (found == shelves_.end() || !found->second.dialling)
    return false;
  found->second.waiting.push_back(&opened);
  return true;
}

bool http2_pool::last_dial_left_room(std::string_view backend) const {
  const auto found = shelves_.find(backend);
  return found != shelves_.end() && found->second.left_room;
}

void http2_pool::dial_began(std::string_view backend) {
  auto& home = shelf_of(backend);
  home.dialling = true;
  home.added = false;
}

void http2_pool::dial_ended(std::string_view backend) {
  auto& home = shelf_of(backend);
  home.dialling = false;
  home.left_room = home.added && find(backend) != nullptr;
  const auto waiting = std::exchange(home.waiting, {});
  for (auto* each : waiting)
    each->open();
  tidy(std::string{backend});
}

} // namespace shunt::net
