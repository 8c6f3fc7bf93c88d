#include "actors/held_requests.hpp"

#include <caf/send.hpp>

#include <utility>

namespace shunt {

void held_requests::over(const hold_over& message) {
  if (const auto at = places_.find(message.id); at != places_.end())
    at->second->end(message.refused ? outcome::refused : outcome::over);
}

void held_requests::ask_again(const std::function<bool(std::string_view)>& concerns) {
  for (const auto& [id, each] : places_)
    if (each->awaiting_ && concerns(each->host_))
      caf::anon_send(owner_(each->host_),
                     hold_request{each->host_, each->path_, id, each->bytes_, false, self_});
}

held_requests::place::place(held_requests& among, std::string host, std::string path,
                            std::size_t bytes, net::steady_time until)
  : among_{among}, host_{std::move(host)}, path_{std::move(path)}, bytes_{bytes}, until_{until},
    limit_{*among.deadlines_, [](void* late) { static_cast<place*>(late)->end(outcome::late); },
           this} {}

held_requests::place::~place() {
  release();
}

void held_requests::place::ask(bool again) {
  again = again && id_ != 0;
  if (!again) {
    release();
    id_ = ++among_.last_id_;
    among_.places_.emplace(id_, this);
  }
  limit_.expires_at(until_);
  caf::anon_send(among_.owner_(host_), hold_request{host_, path_, id_, bytes_, again, among_.self_});
}

void held_requests::place::release() {
  if (id_ == 0)
    return;
  among_.places_.erase(id_);
  caf::anon_send(among_.owner_(host_), release_hold{host_, path_, id_, among_.self_});
  id_ = 0;
}

void held_requests::place::end(outcome how) {
  left_ = left_ || how == outcome::left;
  if (!awaiting_)
    return;
  limit_.disarm();
  outcome_ = how;
  if (how != outcome::over)
    release();
  std::exchange(awaiting_, nullptr).resume();
}

} // namespace shunt
