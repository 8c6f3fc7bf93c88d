// An endpoint: where an app instance listens and what its registration said about it. Immutable and
// shared by all routes, shards and loops that know it. One allocation holds a packed canonical
// blob: equal registrations have equal blobs, so that the usual case, nothing changed, is one
// memcmp, and a million of them fit in memory. Equal strings inside (certificate name and instance
// id, tags that repeat the app) are stored once; tag keys are interned for the process.
#pragma once

#include "routing/balancing_choice.hpp"
#include "routing/intrusive_ptr.hpp"
#include "routing/route_options.hpp"
#include "routing/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace shunt::routing {

class endpoint;
using endpoint_ptr = intrusive_ptr<const endpoint>;

/// What a registration says; views into the message. Absent fields keep their zero value.
struct endpoint_spec {
  using tag_view = std::pair<std::string_view, std::string_view>;

  std::string_view host;  ///< IP or DNS name, verbatim.
  std::uint16_t port = 0; ///< `tls_port` if that is not 0, else `port`.
  bool tls = false;       ///< Whether `port` is a `tls_port`.
  std::string_view app;   ///< App GUID.
  std::string_view instance_id;
  std::string_view instance_index;
  std::string_view server_cert_domain_san;
  std::string_view protocol; ///< "" means http1; anything else is kept verbatim.
  std::string_view isolation_segment;
  std::string_view availability_zone;
  std::string_view route_service_url;
  std::span<const tag_view> tags; ///< Any order; of equal keys the last wins.
  std::string_view loadbalancing; ///< Option text; an unknown one acts as absent.
  std::string_view hash_header;   ///< Option text.
  double hash_balance = 0;        ///< Option; 0 = off.
  std::string_view policy_scope;   ///< Option text; see route_policy.hpp.
  std::string_view policy_sources; ///< Option text.
  std::string_view health_check_path; ///< Option; "" = not checked. See `is_check_path`.
  /// Option, in milliseconds; 0 = the router's, less is nonsense. Only together with a path.
  std::int64_t health_check_interval_ms = 0;
  const routing::route_options* route_options = nullptr; ///< Null: none.
  std::int64_t updated_at_ns = 0; ///< Unix time; 0 = absent.
  std::string_view modification_guid;
  std::uint32_t modification_index = 0;
  /// 0 = the router's; may be negative. Clamped to 32 bits.
  std::int64_t stale_threshold_seconds = 0;
};

class endpoint {
public:
  /// Most bytes of text that one endpoint may carry, all fields together.
  static constexpr std::size_t text_bytes_max = 60'000;
  static constexpr std::size_t tags_max = 256;

  /// Null if the spec exceeds the bounds above. Thread-safe, one malloc.
  static endpoint_ptr make(const endpoint_spec& spec);

  std::string_view address() const; ///< "host:port"; the host verbatim, IPv6 included.
  std::string_view host() const;
  std::uint16_t port() const { return port_; }
  bool tls() const { return (flags_ & flag_tls) != 0; }
  std::string_view app() const { return text(field::app); }
  std::string_view instance_id() const { return text(field::instance_id); }
  std::string_view instance_index() const { return text(field::instance_index); }
  std::string_view server_cert_domain_san() const { return text(field::san); }
  std::string_view protocol() const; ///< Never empty.
  std::string_view isolation_segment() const { return text(field::segment); }
  std::string_view availability_zone() const { return text(field::zone); }
  std::string_view route_service_url() const { return text(field::route_service_url); }
  std::string_view loadbalancing() const { return text(field::loadbalancing); } ///< Verbatim.
  std::string_view hash_header() const { return text(field::hash_header); }
  double hash_balance() const;
  std::string_view policy_scope() const { return text(field::policy_scope); }     ///< Verbatim.
  std::string_view policy_sources() const { return text(field::policy_sources); } ///< Verbatim.
  /// Whether its route asks who its clients are; by either option, understood or not.
  bool has_policy() const {
    return (present_ & (bit_of(field::policy_scope) | bit_of(field::policy_sources))) != 0;
  }
  std::string_view health_check_path() const; ///< Empty: asks for no check.
  std::uint32_t health_check_interval_ms() const; ///< 0 = the router's.
  bool has_route_options() const { return (present_ & bit_of(field::route_options)) != 0; }
  std::string_view packed_route_options() const { return text(field::route_options); }
  std::int64_t updated_at_ns() const; ///< 0 = absent.
  std::string_view modification_guid() const { return text(field::modification_guid); }
  std::uint32_t modification_index() const;
  std::int32_t stale_threshold_seconds() const { return stale_threshold_seconds_; }
  routing::algorithm algorithm() const { return algorithm_of(loadbalancing()); }

  std::size_t tag_count() const { return tag_count_; }
  /// Key and value of a tag; they are sorted by key.
  std::pair<std::string_view, std::string_view> tag(std::size_t index) const;
  /// The value of the tag `key`; empty if there is none.
  std::string_view tag(std::string_view key) const;

  /// Of `address()`; for indexes.
  std::uint32_t address_hash() const { return address_hash_; }
  static std::uint32_t hash_address(std::string_view address);
  bool operator==(const endpoint& other) const; ///< All fields.
  /// Of all fields but the stamp; the same on all nodes, whatever their versions.
  std::uint64_t content_hash() const;

  /// How many routes hold this very object. Whoever hears the same message again may `hear` it,
  /// instead of telling each route, as long as all routes of the message still hold it. Any thread.
  std::uint32_t placed() const noexcept { return placed_.load(); }
  void place() const noexcept { placed_.fetch_add(1); }
  void displace() const noexcept { placed_.fetch_sub(1); }
  /// When it was last heard so; the beginning of time if it was not. Never early, at most 100 ms late.
  time_point heard() const noexcept {
    return time_point{tenth_seconds{heard_ticks_.load()}};
  }
  void hear(time_point now) const noexcept {
    const auto ticks = std::chrono::ceil<tenth_seconds>(now.time_since_epoch()).count();
    heard_ticks_.store(static_cast<std::uint32_t>(ticks));
  }
  std::size_t allocated_bytes() const;
  /// Has the blob fetched into the cache while something else is looked at. All of it at once: in a
  /// table of a million, comparing line by line would wait for memory line by line.
  void prefetch() const {
    for (std::size_t at = 0; at < 384; at += 64)
      __builtin_prefetch(reinterpret_cast<const char*>(this) + at);
  }

private:
  template <class T>
  friend class intrusive_ptr;

  enum class field : std::uint8_t {
    address,
    app,
    instance_id,
    instance_index,
    san,
    segment,
    zone,
    protocol,
    route_service_url,
    loadbalancing,
    hash_header,
    hash_balance,
    updated_at_ns,
    modification_guid,
    modification_index,
    policy_scope,
    policy_sources,
    health_check, ///< The interval, then the path.
    route_options, ///< See `pack`.
  };
  static constexpr std::uint32_t bit_of(field which) {
    return std::uint32_t{1} << static_cast<unsigned>(which);
  }
  /// Of which 32 bits last for thirteen years. The steady clock begins with the machine.
  using tenth_seconds = std::chrono::duration<std::int64_t, std::deci>;
  static constexpr std::size_t field_count = 19;
  static constexpr std::uint16_t flag_tls = 1;
  static constexpr std::uint16_t flag_http2 = 2;

  /// A piece of the text that follows the slots.
  struct slot {
    std::uint16_t offset;
    std::uint16_t size;
  };
  /// `key` is an interned number, or `spelt_key`: then the piece is two bytes that say how long the
  /// key is, the key, and the value.
  struct tag_slot {
    std::uint16_t key;
    slot piece;
  };
  static constexpr std::uint16_t spelt_key = 0xffff;
  class packer;

  endpoint() = default;
  ~endpoint() = default;
  void add_ref() const noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept;

  const slot* slots() const;
  const tag_slot* tag_slots() const;
  const char* bytes() const;
  std::string_view piece(slot where) const { return {bytes() + where.offset, where.size}; }
  std::string_view text(field which) const;
  template <class T>
  T number(field which) const;

  mutable std::atomic<std::uint32_t> refs_{0};
  mutable std::atomic<std::uint32_t> placed_{0};
  mutable std::atomic<std::uint32_t> heard_ticks_{0};
  std::uint32_t address_hash_ = 0;
  // What follows is the blob that is compared; slots, tag slots and text come right behind it.
  // In an order that leaves no padding, which must not be compared.
  std::uint16_t blob_bytes_ = 0;
  std::uint16_t flags_ = 0;
  std::uint32_t present_ = 0; ///< A bit per field; absent fields have no slot.
  std::int32_t stale_threshold_seconds_ = 0;
  std::uint16_t port_ = 0;
  std::uint16_t tag_count_ = 0;
};

} // namespace shunt::routing
