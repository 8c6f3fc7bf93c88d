// Route keys. One place says how the uri of a registration and the Host and target of a request
// become the same key, so that the two can be compared byte by byte everywhere else. ASCII letters
// only are lowered; nothing is percent-decoded, and no dot segment is removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::routing {

/// Longest uri that can be registered, in bytes.
inline constexpr std::size_t uri_bytes_max = 8192;
/// Longest host that can be registered, in bytes: no longer name can be resolved (RFC 1035, section
/// 2.3.4), so a request for one can be told "unknown" without asking anybody.
inline constexpr std::size_t host_bytes_max = 255;
/// Most segments in the path of a route. A request may have more: no route reaches that deep.
inline constexpr std::size_t path_segments_max = 63;

/// A normalised key: lower case, no query, no outer slashes. The path has no leading slash; "" is
/// the root. An empty inner segment stays ("a//b"), a path of one empty segment is the root.
struct uri_key {
  std::string host;
  std::string path;
  bool operator==(const uri_key&) const = default;
};

/// The key of a request; its buffers are used again for the next one of the connection.
struct request_key {
  std::string host;
  std::string path;
};

/// The key under which `uri` ("Host[/path]") is registered.
uri_key normalise(std::string_view uri);
/// `uri` without query and outer slashes, in its original case.
std::string_view spelling_of(std::string_view uri);
/// Whether `text` is already as `normalise` would leave it.
bool is_normal(std::string_view text);
/// Whether a route may have this key: a host, and within the bounds above.
bool is_acceptable(std::string_view host, std::string_view path);

/// Fills `out` from the Host header and the request target (origin-form, absolute-form, whose
/// authority replaces the header, or `*`). The host is cut at the first ':'; an IP literal keeps
/// its brackets: "[::1]:80" gives "[::1]".
void normalise_request(std::string_view host_header, std::string_view target, request_key& out);

/// Whether `host` stands for other hosts: "*.example.com". "*" and "a.*.com" are ordinary names.
bool is_wildcard(std::string_view host);

/// FNV-1a 64 followed by murmur3's finaliser. The same on every node and in every version: shards
/// are placed by it.
std::uint64_t host_hash(std::string_view host);
/// The shard, of `shard_count` (at least 1), that owns `host`.
std::size_t shard_of(std::string_view host, std::size_t shard_count);

} // namespace shunt::routing
