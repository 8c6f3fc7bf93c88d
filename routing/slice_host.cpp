// See slice_host.hpp. Hosts and paths stand with their text in one allocation, which the language
// has no type for: they are made and destroyed here and nowhere else.
#include "routing/slice_host.hpp"

#include "routing/text_hash.hpp"

#include <cstring>
#include <new>

namespace shunt::routing {

namespace {

std::uint32_t hash_path(std::string_view path) {
  return index_hash(text_hash(path, 0x589965cc75374cc3));
}

} // namespace

slice_host& slice_route::host() {
  return is_root ? static_cast<slice_host&>(*this) : *static_cast<path_route&>(*this).owner;
}

std::string_view slice_route::path() const {
  return is_root ? std::string_view{} : static_cast<const path_route&>(*this).text();
}

route_derivation& slice_route::deriving() {
  if (!derivation)
    derivation = std::make_unique<route_derivation>();
  return *derivation;
}

bool slice_route::has_verdict_on(const endpoint& e) const {
  return derivation && derivation->health
         && derivation->health->unhealthy.contains(std::string{e.address()});
}

time_point slice_route::failed_until(const endpoint& e) const {
  if (has_verdict_on(e))
    return unhealthy_until;
  if (!derivation || derivation->marks.empty())
    return {};
  const auto at = derivation->marks.find(std::string{e.address()});
  return at == derivation->marks.end() ? time_point{} : at->second;
}

void slice_route::joined(const endpoint& e, std::string_view spelling) {
  const bool crowded = members.size() > route_derivation::read_off_most;
  if (!derivation && spelling.empty() && !crowded)
    return;
  auto& d = deriving();
  d.joined(e, spelling);
  if (crowded && !d.is_counting())
    d.count_all(members);
}

void slice_route::left(const endpoint& e) {
  if (derivation)
    derivation->left(e);
}

path_route* path_route::make(slice_host& host, std::string_view path, std::uint32_t hash) {
  auto* r = new (::operator new(sizeof(path_route) + path.size())) path_route;
  r->owner = &host;
  r->hash = hash;
  r->path_bytes = static_cast<std::uint16_t>(path.size());
  std::memcpy(reinterpret_cast<char*>(r + 1), path.data(), path.size());
  return r;
}

void path_route::destroy(path_route* r) {
  r->~path_route();
  ::operator delete(r);
}

endpoint_dirt& path_dirt::of(const endpoint_ptr& e) {
  const auto [at, is_new] = endpoints.try_emplace(e->address());
  if (is_new)
    at->second.first = e;
  return at->second;
}

slice_host* slice_host::make(std::string_view text, std::uint64_t full_hash) {
  auto* h = new (::operator new(sizeof(slice_host) + text.size())) slice_host;
  h->hash = index_hash(full_hash);
  h->text_bytes = static_cast<std::uint16_t>(text.size());
  std::memcpy(reinterpret_cast<char*>(h + 1), text.data(), text.size());
  return h;
}

void slice_host::destroy(slice_host* h) {
  if (h->more)
    h->more->paths.for_each(&path_route::destroy);
  h->~slice_host();
  ::operator delete(h);
}

slice_route* slice_host::find(std::string_view path) {
  if (path.empty())
    return known ? this : nullptr;
  return more ? more->paths.find(hash_path(path),
                                 [path](const path_route* r) { return r->text() == path; })
              : nullptr;
}

slice_route& slice_host::make_route(std::string_view path, bool& made) {
  auto* there = find(path);
  made = there == nullptr;
  if (!made)
    return *there;
  if (path.empty()) {
    known = true;
    return *this;
  }
  const auto path_hash = hash_path(path);
  auto* fresh = path_route::make(*this, path, path_hash);
  more_of().paths.insert(path_hash, fresh);
  fresh->known = true;
  return *fresh;
}

void slice_host::erase(slice_route& r) {
  if (r.is_root) {
    known = false;
    members.clear();
    derivation.reset();
    return;
  }
  auto& gone = static_cast<path_route&>(r);
  more->paths.erase(gone.hash, [&](const path_route* other) { return other == &gone; });
  path_route::destroy(&gone);
}

slice_host::more_state& slice_host::more_of() {
  if (!more)
    more = std::make_unique<more_state>();
  return *more;
}

} // namespace shunt::routing
