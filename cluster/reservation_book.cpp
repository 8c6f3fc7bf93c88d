#include "cluster/reservation_book.hpp"

#include <tuple>
#include <utility>

namespace shunt::cluster {

namespace {

constexpr std::size_t fixed_bytes = 512; ///< Of an entry without its texts.

bool says_the_same(const routing::reservation& a, const routing::reservation& b) {
  const auto rest = [](const routing::reservation& r) {
    return std::tie(r.route_service_url, r.app, r.loadbalancing, r.hash_header, r.hash_balance);
  };
  static const routing::route_options none{};
  return rest(a) == rest(b) && (a.options ? *a.options : none) == (b.options ? *b.options : none);
}

} // namespace

std::size_t reservation_book::bytes_of(const routing::reservation& made) {
  return fixed_bytes + 2 * (made.host.size() + made.path.size()) + made.route_service_url.size()
         + made.app.size() + made.loadbalancing.size() + made.hash_header.size()
         + (made.options ? made.options->empty_body.size() : 0);
}

auto reservation_book::put(routing::reservation&& made) -> outcome {
  auto key = reservation_key(made.host, made.path);
  const auto known = kept_.find(key);
  const bool is_new = known == kept_.end();
  const auto bytes = bytes_ + bytes_of(made) - (is_new ? 0 : bytes_of(known->second));
  if ((is_new && kept_.size() >= bounds_.reservations_max) || bytes > bounds_.bytes_max)
    return outcome::full;
  bytes_ = bytes;
  note(key);
  if (is_new) {
    kept_.emplace(std::move(key), std::move(made));
    return outcome::added;
  }
  const bool same = says_the_same(known->second, made);
  known->second = std::move(made);
  return same ? outcome::renewed : outcome::changed;
}

bool reservation_book::put_stored(routing::reservation&& made) {
  auto key = reservation_key(made.host, made.path);
  const auto bytes = bytes_ + bytes_of(made);
  if (rewrite_ || unwritten_.contains(key) || kept_.contains(key)
      || kept_.size() >= bounds_.reservations_max || bytes > bounds_.bytes_max)
    return false;
  bytes_ = bytes;
  kept_.emplace(std::move(key), std::move(made));
  return true;
}

bool reservation_book::remove(std::string_view host, std::string_view path) {
  auto key = reservation_key(host, path);
  const auto known = kept_.find(key);
  const bool was_there = known != kept_.end();
  if (was_there) {
    bytes_ -= bytes_of(known->second);
    kept_.erase(known);
  }
  note(std::move(key)); // The store may have one that did not fit in here.
  return was_there;
}

const routing::reservation* reservation_book::find(const std::string& key) const {
  const auto known = kept_.find(key);
  return known == kept_.end() ? nullptr : &known->second;
}

/// While the store is out of order this must not grow without end: rather everything is written
/// then.
void reservation_book::note(std::string key) {
  if (rewrite_)
    return;
  const auto bytes = key.size();
  if (unwritten_.insert(std::move(key)).second)
    unwritten_bytes_ += bytes;
  if (unwritten_.size() > 2 * bounds_.reservations_max + 1'000
      || unwritten_bytes_ > bounds_.bytes_max)
    rewrite();
}

document_changes reservation_book::changes(clock_times now) const {
  document_changes all{.replace_all = rewrite_, .put = {}, .removed = {}};
  all.put.reserve(unwritten());
  if (rewrite_)
    for (const auto& [key, made] : kept_)
      all.put.push_back(to_document(made, now));
  for (const auto& key : unwritten_)
    if (const auto* made = find(key))
      all.put.push_back(to_document(*made, now));
    else
      all.removed.push_back(key);
  return all;
}

void reservation_book::written() {
  unwritten_.clear();
  unwritten_bytes_ = 0;
  rewrite_ = false;
}

void reservation_book::rewrite() {
  unwritten_.clear();
  unwritten_bytes_ = 0;
  rewrite_ = true;
}

} // namespace shunt::cluster
