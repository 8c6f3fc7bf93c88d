// See leased_host.hpp. A path's hash is chained from segment to segment, so that one pass over a
// request's path gives the hashes of all its prefixes.
#include "routing/leased_host.hpp"

#include "routing/text_hash.hpp"
#include "routing/uri.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

namespace shunt::routing {

namespace {

/// Ends of the prefixes of a path at segment boundaries, and their hashes; index n: n + 1 segments.
struct prefixes {
  std::array<std::uint64_t, path_segments_max> hashes;
  std::array<std::uint32_t, path_segments_max> ends;
  std::size_t count = 0;

  prefixes(std::string_view path, std::uint64_t seed, std::size_t most) {
    std::uint64_t hash = seed;
    for (std::size_t from = 0; count < most;) {
      const auto end = std::min(path.find('/', from), path.size());
      hash = text_hash(path.substr(from, end - from), hash);
      hashes[count] = hash;
      ends[count++] = static_cast<std::uint32_t>(end);
      if (end == path.size())
        break;
      from = end + 1;
    }
  }
};

bool lies_within(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix)
         && (prefix.empty() || path.size() == prefix.size() || path[prefix.size()] == '/');
}

leased_pool* look_up(const hash_index<leased_pool*>& pools, std::uint64_t hash,
                     std::string_view path) {
  return pools.find(index_hash(hash), [path](leased_pool* p) { return p->path() == path; });
}

} // namespace

leased_host_ptr leased_host::make(std::string_view host, std::uint64_t hash) {
  auto* h = new (::operator new(sizeof(leased_host) + host.size())) leased_host{hash};
  h->host_bytes_ = static_cast<std::uint32_t>(host.size());
  std::memcpy(reinterpret_cast<char*>(h + 1), host.data(), host.size());
  return leased_host_ptr{h};
}

void leased_host::destroy(leased_host* h) {
  h->~leased_host();
  ::operator delete(h);
}

void leased_host_deleter::operator()(leased_host* h) const {
  leased_host::destroy(h);
}

leased_host::~leased_host() {
  if (deep_)
    deep_->pools.for_each([](leased_pool* p) { delete p; });
  if (deep_)
    for (auto* each : deep_->left)
      delete each;
}

bool leased_host::dismantle(std::size_t most) {
  if (!deep_)
    return true;
  auto& left = deep_->left;
  if (left.empty()) {
    left.reserve(deep_->pools.size());
    deep_->pools.for_each([&left](leased_pool* p) { left.push_back(p); });
    deep_->pools.clear();
  }
  for (; most > 0 && !left.empty(); --most) {
    delete left.back();
    left.pop_back();
  }
  return left.empty();
}

leased_pool* leased_host::pool(std::string_view path) const {
  if (path.empty())
    return root_.get();
  if (!deep_)
    return nullptr;
  const prefixes p{path, hash_, path_segments_max};
  return p.ends[p.count - 1] == path.size() ? look_up(deep_->pools, p.hashes[p.count - 1], path)
                                            : nullptr;
}

leased_pool& leased_host::make_pool(std::string_view path) {
  if (auto* known = pool(path))
    return *known;
  auto made = std::make_unique<leased_pool>(host(), path);
  if (path.empty())
    return *(root_ = std::move(made));
  if (!deep_)
    deep_ = std::make_unique<deep_paths>();
  const prefixes p{path, hash_, path_segments_max};
  deep_->pools.insert(index_hash(p.hashes[p.count - 1]), made.get());
  ++deep_->counts[p.count];
  deep_->depths |= std::uint64_t{1} << p.count;
  return *made.release();
}

void leased_host::erase(std::string_view path) {
  leased_pool* known = pool(path);
  if (known == nullptr)
    return;
  if (path.empty())
    return root_.reset();
  const prefixes p{path, hash_, path_segments_max};
  deep_->pools.erase(index_hash(p.hashes[p.count - 1]), [&](leased_pool* x) { return x == known; });
  if (--deep_->counts[p.count] == 0)
    deep_->depths &= ~(std::uint64_t{1} << p.count);
  const std::unique_ptr<leased_pool> gone{known};
  if (deep_->pools.empty())
    deep_.reset();
}

leased_host::meeting leased_host::meet(std::string_view path) const {
  meeting met = deep_ && !path.empty() ? meet_deep(path) : meeting{};
  if (!root_ || met.live != nullptr)
    return met;
  if (root_live_) {
    met.live = root_.get();
    met.vacant = root_vacant_;
  } else if (met.empty == nullptr) {
    met.empty = root_.get();
  }
  return met;
}

leased_host::meeting leased_host::meet_deep(std::string_view path) const {
  meeting met;
  const auto deepest = static_cast<std::size_t>(63 - std::countl_zero(deep_->depths));
  const prefixes p{path, hash_, deepest};
  for (std::size_t n = p.count; n > 0 && met.live == nullptr; --n) {
    if ((deep_->depths >> n & 1) == 0)
      continue;
    auto* found = look_up(deep_->pools, p.hashes[n - 1], path.substr(0, p.ends[n - 1]));
    if (found != nullptr && found->serves()) {
      met.live = found;
      met.vacant = found->empty();
    } else if (met.empty == nullptr) {
      met.empty = found;
    }
  }
  return met;
}

bool leased_host::reaches_below(std::string_view path, std::string_view shorter) const {
  const auto next = shorter.empty() ? 0 : shorter.size() + 1;
  if (next > path.size() || path.empty() || !deep_)
    return false;
  const auto longer = path.substr(0, std::min(path.find('/', next), path.size()));
  bool reaches = false;
  deep_->pools.for_each([&](leased_pool* p) { reaches |= lies_within(p->path(), longer); });
  return reaches;
}

} // namespace shunt::routing
