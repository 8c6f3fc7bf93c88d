// How an endpoint is packed. Behind the fixed part stand a slot for each field that is present, a
// slot for each tag, and the text both point into. The blob has no padding and one way to say
// everything: fields in order, tags sorted, a text that occurred before never repeated.
#include "routing/endpoint.hpp"

#include "routing/tag_keys.hpp"
#include "routing/text_hash.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>

namespace shunt::routing {

namespace {

constexpr std::string_view http1 = "http1";
constexpr std::string_view http2 = "http2";
constexpr std::size_t header_bytes = 32;
constexpr std::size_t blob_offset = 16; ///< Behind the counts and the hash.

/// As std::popcount, which is a call into a library where the machine need not have an instruction for it; every text
/// of an endpoint is found by this.
constexpr std::size_t bits_set(std::uint32_t bits) {
  bits -= bits >> 1 & 0x5555'5555;
  bits = (bits & 0x3333'3333) + (bits >> 2 & 0x3333'3333);
  return ((bits + (bits >> 4)) & 0x0f0f'0f0f) * 0x0101'0101 >> 24;
}
static_assert(bits_set(0) == 0 && bits_set(0x8000'0001) == 2 && bits_set(~0u) == 32);

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

} // namespace

/// Collects the pieces on the stack, so that the endpoint itself is allocated once, at its size.
class endpoint::packer {
public:
  explicit packer(const endpoint_spec& spec) : spec_{spec}, text_{scratch()} {}

  /// False if a bound is exceeded.
  bool pack() {
    if (spec_.tags.size() > tags_max || text_of(spec_) > text_bytes_max)
      return false;
    add_address();
    add_fields();
    return add_tags() && blob_bytes() <= std::numeric_limits<std::uint16_t>::max();
  }

  endpoint_ptr build() const {
    auto* e = new (::operator new(header_bytes + tail_bytes())) endpoint;
    e->address_hash_ = hash_address({text_.data(), slots_[0].size});
    e->blob_bytes_ = static_cast<std::uint16_t>(blob_bytes());
    e->present_ = present_;
    e->stale_threshold_seconds_ = static_cast<std::int32_t>(std::clamp<std::int64_t>(
      spec_.stale_threshold_seconds, std::numeric_limits<std::int32_t>::min(),
      std::numeric_limits<std::int32_t>::max()));
    e->port_ = spec_.port;
    e->tag_count_ = static_cast<std::uint16_t>(tag_count_);
    e->flags_ = static_cast<std::uint16_t>((spec_.tls ? flag_tls : 0)
                                           | (spec_.protocol == http2 ? flag_http2 : 0));
    char* to = reinterpret_cast<char*>(e) + header_bytes;
    to = put(to, slots_.data(), slot_count_ * sizeof(slot));
    to = put(to, tags_.data(), tag_count_ * sizeof(tag_slot));
    put(to, text_.data(), text_.size());
    return endpoint_ptr{e};
  }

private:
  static std::size_t text_of(const endpoint_spec& s) {
    std::size_t sum = s.host.size() + s.app.size() + s.instance_id.size() + s.instance_index.size()
                      + s.server_cert_domain_san.size() + s.protocol.size()
                      + s.isolation_segment.size() + s.availability_zone.size()
                      + s.route_service_url.size() + s.loadbalancing.size() + s.hash_header.size()
                      + s.modification_guid.size() + s.policy_scope.size() + s.policy_sources.size()
                      + s.health_check_path.size()
                      + (s.route_options == nullptr ? 0 : s.route_options->empty_body.size());
    for (const auto& [key, value] : s.tags)
      sum += key.size() + value.size();
    return sum;
  }
  static std::string& scratch() {
    thread_local std::string text;
    text.clear();
    return text;
  }
  static char* put(char* to, const void* from, std::size_t bytes) {
    if (bytes != 0)
      std::memcpy(to, from, bytes);
    return to + bytes;
  }
  std::size_t tail_bytes() const {
    return slot_count_ * sizeof(slot) + tag_count_ * sizeof(tag_slot) + text_.size();
  }
  std::size_t blob_bytes() const { return header_bytes - blob_offset + tail_bytes(); }

  void add_address() {
    text_ += spec_.host;
    text_ += ':';
    char digits[8];
    text_.append(digits, std::to_chars(digits, digits + sizeof digits, spec_.port).ptr);
    present_ |= bit_of(field::address);
    slots_[slot_count_++] = {0, static_cast<std::uint16_t>(text_.size())};
  }

  void add_fields() {
    add(field::app, spec_.app);
    add(field::instance_id, spec_.instance_id);
    add(field::instance_index, spec_.instance_index);
    add(field::san, spec_.server_cert_domain_san);
    add(field::segment, spec_.isolation_segment);
    add(field::zone, spec_.availability_zone);
    if (spec_.protocol != http1 && spec_.protocol != http2)
      add(field::protocol, spec_.protocol);
    add(field::route_service_url, spec_.route_service_url);
    add(field::loadbalancing, spec_.loadbalancing);
    add(field::hash_header, spec_.hash_header);
    if (spec_.hash_balance != 0)
      add(field::hash_balance, bytes_of(spec_.hash_balance));
    if (spec_.updated_at_ns != 0)
      add(field::updated_at_ns, bytes_of(spec_.updated_at_ns));
    add(field::modification_guid, spec_.modification_guid);
    if (spec_.modification_index != 0)
      add(field::modification_index, bytes_of(spec_.modification_index));
    add(field::policy_scope, spec_.policy_scope);
    add(field::policy_sources, spec_.policy_sources);
    if (!spec_.health_check_path.empty())
      add(field::health_check, packed_check());
    if (spec_.route_options != nullptr && *spec_.route_options != routing::route_options{})
      add(field::route_options, routing::pack(*spec_.route_options));
  }

  std::string packed_check() const {
    const auto interval = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      spec_.health_check_interval_ms, 0, std::numeric_limits<std::uint32_t>::max()));
    return std::string{bytes_of(interval)}.append(spec_.health_check_path);
  }

  void add(field which, std::string_view value) {
    if (value.empty())
      return;
    present_ |= bit_of(which);
    slots_[slot_count_++] = piece_of(value);
  }

  /// Where `value` stands: at an equal piece if there is one, else at the end.
  slot piece_of(std::string_view value) {
    for (std::size_t i = 0; i < slot_count_; ++i)
      if (is_same(slots_[i], value))
        return slots_[i];
    // Tags beyond the usual ones are not compared with each other: that would be quadratic.
    for (std::size_t i = 0; i < std::min<std::size_t>(tag_count_, 16); ++i)
      if (is_same(tags_[i].piece, value))
        return tags_[i].piece;
    const slot fresh{static_cast<std::uint16_t>(text_.size()),
                     static_cast<std::uint16_t>(value.size())};
    text_ += value;
    return fresh;
  }
  bool is_same(slot where, std::string_view value) const {
    return where.size == value.size()
           && std::memcmp(text_.data() + where.offset, value.data(), value.size()) == 0;
  }

  bool add_tags() {
    std::array<std::uint16_t, tags_max> order;
    const std::size_t count = spec_.tags.size();
    for (std::size_t i = 0; i < count; ++i)
      order[i] = static_cast<std::uint16_t>(i);
    const auto by_key = [&](std::uint16_t a, std::uint16_t b) {
      const auto difference = spec_.tags[a].first.compare(spec_.tags[b].first);
      return difference != 0 ? difference < 0 : a < b;
    };
    std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), by_key);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& tag = spec_.tags[order[i]];
      if (i + 1 == count || spec_.tags[order[i + 1]].first != tag.first) // The last of equals wins.
        add_tag(tag.first, tag.second);
    }
    return true;
  }

  void add_tag(std::string_view key, std::string_view value) {
    const auto number = intern_tag_key(key);
    if (number != no_tag_key) {
      tags_[tag_count_] = {number, piece_of(value)};
    } else {
      const auto key_bytes = static_cast<std::uint16_t>(key.size());
      const auto size = sizeof key_bytes + key.size() + value.size();
      tags_[tag_count_] = {
        spelt_key, {static_cast<std::uint16_t>(text_.size()), static_cast<std::uint16_t>(size)}};
      text_.append(bytes_of(key_bytes)).append(key).append(value);
    }
    ++tag_count_;
  }

  const endpoint_spec& spec_;
  std::uint32_t present_ = 0;
  std::size_t slot_count_ = 0;
  std::size_t tag_count_ = 0;
  std::array<slot, field_count> slots_;
  std::array<tag_slot, tags_max> tags_;
  std::string& text_; ///< The thread's own: at most 60 KB, used again each time.
};

endpoint_ptr endpoint::make(const endpoint_spec& spec) {
  static_assert(sizeof(endpoint) == header_bytes && sizeof(tag_slot) == 6 && sizeof(slot) == 4);
  static_assert(spelt_key == no_tag_key);
  packer p{spec};
  return p.pack() ? p.build() : nullptr;
}

std::uint32_t endpoint::hash_address(std::string_view address) {
  return index_hash(text_hash(address, 0xd6e8feb86659fd93));
}

void endpoint::release() const noexcept {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  this->~endpoint();
  ::operator delete(const_cast<endpoint*>(this));
}

bool endpoint::operator==(const endpoint& other) const {
  const auto blob = [](const endpoint& e) {
    return reinterpret_cast<const char*>(&e) + blob_offset;
  };
  return blob_bytes_ == other.blob_bytes_
         && std::memcmp(blob(*this), blob(other), blob_bytes_) == 0;
}

std::uint64_t endpoint::content_hash() const {
  constexpr std::uint64_t seed = 0x2d358dccaa6c78a5;
  std::uint64_t sum = fold(seed ^ flags_, seed + static_cast<std::uint32_t>(stale_threshold_seconds_));
  for (std::size_t i = 0; i < field_count; ++i)
    if (const auto which = static_cast<field>(i); which != field::updated_at_ns)
      if (const auto value = text(which); !value.empty())
        sum += text_hash(value, seed + i);
  for (std::size_t i = 0; i < tag_count_; ++i) {
    const auto [key, value] = tag(i);
    sum += text_hash(value, text_hash(key, seed));
  }
  return sum;
}

std::size_t endpoint::allocated_bytes() const {
  return blob_offset + blob_bytes_;
}

const endpoint::slot* endpoint::slots() const {
  return reinterpret_cast<const slot*>(reinterpret_cast<const char*>(this) + header_bytes);
}

const endpoint::tag_slot* endpoint::tag_slots() const {
  return reinterpret_cast<const tag_slot*>(slots() + bits_set(present_));
}

const char* endpoint::bytes() const {
  return reinterpret_cast<const char*>(tag_slots() + tag_count_);
}

std::string_view endpoint::text(field which) const {
  const auto bit = bit_of(which);
  return (present_ & bit) == 0 ? std::string_view{}
                               : piece(slots()[bits_set(present_ & (bit - 1))]);
}

template <class T>
T endpoint::number(field which) const {
  T value{};
  if (const auto packed = text(which); packed.size() == sizeof value)
    std::memcpy(&value, packed.data(), sizeof value);
  return value;
}

double endpoint::hash_balance() const {
  return number<double>(field::hash_balance);
}
std::int64_t endpoint::updated_at_ns() const {
  return number<std::int64_t>(field::updated_at_ns);
}
std::uint32_t endpoint::modification_index() const {
  return number<std::uint32_t>(field::modification_index);
}

std::string_view endpoint::health_check_path() const {
  const auto packed = text(field::health_check);
  return packed.empty() ? packed : packed.substr(sizeof(std::uint32_t));
}

std::uint32_t endpoint::health_check_interval_ms() const {
  std::uint32_t interval = 0;
  if (const auto packed = text(field::health_check); !packed.empty())
    std::memcpy(&interval, packed.data(), sizeof interval);
  return interval;
}

std::string_view endpoint::address() const {
  return piece(slots()[0]);
}

std::string_view endpoint::host() const {
  const auto whole = address();
  return whole.substr(0, whole.rfind(':'));
}

std::string_view endpoint::protocol() const {
  const auto other = text(field::protocol);
  return !other.empty() ? other : (flags_ & flag_http2) != 0 ? http2 : http1;
}

std::pair<std::string_view, std::string_view> endpoint::tag(std::size_t index) const {
  const auto& t = tag_slots()[index];
  const auto whole = piece(t.piece);
  if (t.key != spelt_key)
    return {tag_key(t.key), whole};
  std::uint16_t key_bytes;
  std::memcpy(&key_bytes, whole.data(), sizeof key_bytes);
  return {whole.substr(sizeof key_bytes, key_bytes), whole.substr(sizeof key_bytes + key_bytes)};
}

std::string_view endpoint::tag(std::string_view key) const {
  for (std::size_t i = 0; i < tag_count_; ++i)
    if (const auto [k, value] = tag(i); k == key)
      return value;
  return {};
}

} // namespace shunt::routing
