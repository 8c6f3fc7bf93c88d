// One register or unregister of one uri, ready to be applied: the message parser builds it off the
// loops, so that a shard neither normalises nor hashes. A message with several uris gives as many
// registrations that share one endpoint.
#pragma once

#include "routing/endpoint.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::routing {

struct registration {
  bool unregister = false;
  endpoint_ptr target; ///< Never null.
  std::string uri;     ///< As it was spelt.

  /// Fills in the key of `uri`.
  static registration make(bool unregister, endpoint_ptr target, std::string uri);

  std::string_view host() const { return std::string_view{key()}.substr(0, host_bytes_); }
  std::string_view path() const;               ///< Without leading slash; "" is the root.
  std::uint64_t hash() const { return hash_; } ///< `host_hash(host())`.
  /// `uri` without query and outer slashes, if it has capitals; else empty: it is spelt as the key.
  std::string_view spelling() const;

private:
  /// Most uris are spelt the way they are stored; then there is no second string.
  const std::string& key() const { return key_.empty() ? uri : key_; }

  std::string key_;
  std::size_t host_bytes_ = 0;
  std::uint64_t hash_ = 0;
  bool is_respelt_ = false;
};

} // namespace shunt::routing
