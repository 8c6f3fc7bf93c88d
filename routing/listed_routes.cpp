// See listed_routes.hpp. The rules about tags are those by which a slice applies registrations, so
// that both agree on what is there.
#include "routing/listed_routes.hpp"

#include <utility>

namespace shunt::routing {

namespace {

constexpr char separator = '\n'; // In no uri that the router accepts from there.

modification_tag tag_of(const endpoint& e) {
  return {e.modification_guid(), e.modification_index()};
}

std::string key_of(const registration& r) {
  std::string key{r.host()};
  if (!r.path().empty())
    key.append(1, '/').append(r.path());
  return key.append(1, separator).append(r.target->address());
}

std::string uri_in(const std::string& key) {
  return key.substr(0, key.find(separator));
}

} // namespace

void listed_routes::put(std::string key, const registration& r) {
  auto& route = known_[std::move(key)];
  if (!route.target || removes(tag_of(*r.target), tag_of(*route.target)))
    route.target = r.target;
  route.heard_in = list_;
}

void listed_routes::upserted(const registration& r) {
  auto key = key_of(r);
  deleted_.erase(key);
  put(std::move(key), r);
}

void listed_routes::deleted(const registration& r) {
  const auto key = key_of(r);
  const auto at = known_.find(key);
  if (at != known_.end()) {
    if (!removes(tag_of(*r.target), tag_of(*at->second.target)))
      return;
    known_.erase(at);
  }
  deleted_.insert_or_assign(key, r.target);
}

void listed_routes::begin_list() {
  ++list_;
  deleted_.clear();
  unreadable_.clear();
  nameless_ = false;
}

bool listed_routes::list(const registration& r) {
  auto key = key_of(r);
  if (const auto at = deleted_.find(key); at != deleted_.end()) {
    const auto ended = tag_of(*at->second);
    if (!ended.guid.empty() && !succeeds(tag_of(*r.target), ended))
      return false;
  }
  put(std::move(key), r);
  return true;
}

void listed_routes::list_unreadable(const registration& r, bool address_known) {
  auto key = key_of(r);
  unreadable_.insert(address_known ? std::move(key) : uri_in(key));
}

std::vector<registration> listed_routes::end_list() {
  std::vector<registration> missing;
  for (auto at = known_.begin(); !nameless_ && at != known_.end();) {
    if (at->second.heard_in == list_ || unreadable_.contains(at->first) || unreadable_.contains(uri_in(at->first))) {
      ++at;
      continue;
    }
    missing.push_back(registration::make(true, at->second.target, uri_in(at->first)));
    at = known_.erase(at);
  }
  deleted_.clear();
  unreadable_.clear();
  return missing;
}

} // namespace shunt::routing
