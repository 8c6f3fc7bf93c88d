// See slice_history.hpp. Sums of hashes, so that what comes and goes costs the same in any table, and the
// order in which it came is not seen.
#include "routing/slice_history.hpp"

#include "routing/text_hash.hpp"
#include "routing/uri.hpp"

#include <algorithm>
#include <numeric>

namespace shunt::routing {

namespace {

constexpr std::uint64_t path_seed = 0x8ebc6af09c88c6e3;
constexpr std::uint64_t address_seed = 0x589965cc75374cc3;
constexpr std::uint64_t grave_mark = 0x1d8e4e27c47d124f;

/// `host_hash` of the host.
std::uint64_t key_digest(std::uint64_t host, std::string_view path, std::string_view address) {
  return fold(host ^ text_hash(path, path_seed), text_hash(address, address_seed));
}

std::uint64_t digest_with(std::uint64_t key, const endpoint& e) {
  return fold(key ^ path_seed, e.content_hash() ^ address_seed);
}

} // namespace

std::uint64_t slice_history::digest_of_key(std::string_view host, std::string_view path,
                                           std::string_view address) {
  return key_digest(host_hash(host), path, address);
}

std::uint64_t slice_history::digest_of(std::string_view host, std::string_view path,
                                       const endpoint& e) {
  return digest_with(digest_of_key(host, path, e.address()), e);
}

std::uint64_t slice_history::digest_of_grave(const endpoint_key& key) {
  return fold(digest_of_key(key.host, key.path, key.address) ^ path_seed, grave_mark);
}

void slice_history::joined(std::string_view host, std::string_view path, const endpoint& e) {
  const auto hash = host_hash(host);
  const auto key = key_digest(hash, path, e.address());
  sums_[bucket_of(hash)] += digest_with(key, e);
  if (!pruned_.empty())
    forget_pruned(key);
  if (graves_.empty())
    return;
  const auto grave = graves_.find(
    {hash, {std::string{host}, std::string{path}, std::string{e.address()}}});
  if (grave != graves_.end())
    erase(grave);
}

void slice_history::left(std::string_view host, std::string_view path, const endpoint& e) {
  const auto hash = host_hash(host);
  sums_[bucket_of(hash)] -= digest_with(key_digest(hash, path, e.address()), e);
}

void slice_history::bury(std::string_view host, std::string_view path, std::string_view address,
                         tombstone end) {
  const auto hash = host_hash(host);
  const auto [grave, is_new] = graves_.try_emplace(
    {hash, {std::string{host}, std::string{path}, std::string{address}}}, end);
  if (is_new) {
    sums_[bucket_of(hash)] += digest_of_grave(grave->first.what);
  } else {
    auto& known = grave->second;
    by_age_.erase({known.at, &grave->first});
    known = {std::max(known.at, end.at), std::max(known.heard, end.heard)};
  }
  by_age_.emplace(grave->second.at, &grave->first);
  while (graves_.size() > rules_.tombstones_max)
    erase(graves_.find(*by_age_.begin()->second));
}

void slice_history::prune(std::string_view host, std::string_view path, std::string_view address,
                          time_point heard) {
  const auto key = digest_of_key(host, path, address);
  forget_pruned(key);
  pruned_.emplace(key, heard);
  pruned_by_age_.emplace(heard, key);
  while (pruned_.size() > rules_.tombstones_max)
    forget_pruned(pruned_by_age_.begin()->second);
}

void slice_history::forget_pruned(std::uint64_t key) {
  const auto at = pruned_.find(key);
  if (at == pruned_.end())
    return;
  pruned_by_age_.erase({at->second, key});
  pruned_.erase(at);
}

std::optional<time_point> slice_history::pruned(std::string_view host, std::string_view path,
                                                std::string_view address) const {
  if (pruned_.empty())
    return std::nullopt;
  const auto at = pruned_.find(digest_of_key(host, path, address));
  return at == pruned_.end() ? std::nullopt : std::optional{at->second};
}

void slice_history::erase(graves::iterator grave) {
  sums_[bucket_of(grave->first.hash)] -= digest_of_grave(grave->first.what);
  by_age_.erase({grave->second.at, &grave->first});
  graves_.erase(grave);
}

void slice_history::expire(time_point now) {
  while (!by_age_.empty() && now - by_age_.begin()->first > rules_.tombstone_life)
    erase(graves_.find(*by_age_.begin()->second));
  while (!pruned_by_age_.empty() && now - pruned_by_age_.begin()->first > rules_.tombstone_life)
    forget_pruned(pruned_by_age_.begin()->second);
}

std::optional<tombstone> slice_history::ended(std::string_view host, std::string_view path,
                                              std::string_view address) const {
  if (graves_.empty())
    return std::nullopt;
  const auto grave = graves_.find(
    {host_hash(host), {std::string{host}, std::string{path}, std::string{address}}});
  return grave == graves_.end() ? std::nullopt : std::optional{grave->second};
}

std::uint64_t slice_history::digest() const {
  return std::accumulate(sums_.begin(), sums_.end(), std::uint64_t{0});
}

} // namespace shunt::routing
