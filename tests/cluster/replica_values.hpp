// Values of everything that replicas say to each other, drawn by a seeded generator, and whether two of them
// are the same in all their fields.
#pragma once

#include "routing/replica_message.hpp"
#include "routing/uri.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace shunt::cluster {

class value_source {
public:
  explicit value_source(std::uint64_t seed) : random_{seed} {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool coin() { return below(2) == 0; }
  /// Numbers of all lengths.
  std::uint64_t number() { return random_() >> below(64); }
  std::int64_t signed_number() { return static_cast<std::int64_t>(number()) * (coin() ? 1 : -1); }
  routing::nanoseconds age() { return routing::nanoseconds{static_cast<std::int64_t>(number() >> 1)}; }
  routing::nanoseconds told_age() { return std::min(age(), routing::oldest); } ///< More is read as that.

  std::string word(std::size_t bytes_max = 40) {
    static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    std::string text(below(bytes_max + 1), ' ');
    for (auto& c : text)
      c = letters[below(letters.size())];
    if (below(8) == 0)
      text += "\xc3\xa4"; // Not ASCII alone.
    return text;
  }
  std::string maybe_word() { return coin() ? word() : std::string{}; }
  std::string host() { return (below(5) == 0 ? "*." : "h") + word(20) + ".example"; }
  std::string path() {
    std::string text;
    for (auto left = below(4); left > 0; --left)
      text += (text.empty() ? "p" : "/p") + word(8);
    return text;
  }
  /// One that a registration of that key may have.
  std::string spelling(const std::string& host, const std::string& path) {
    if (coin())
      return {};
    auto text = host + (path.empty() ? "" : "/" + path);
    for (auto& c : text)
      if (c >= 'a' && c <= 'z' && coin())
        c = static_cast<char>(c - 'a' + 'A');
    return text;
  }

  routing::route_options options() {
    routing::route_options made;
    if (coin())
      made.empty_status = static_cast<std::uint16_t>(400 + below(200));
    if (coin())
      made.retry_after = std::chrono::seconds{below(1000)};
    if (coin())
      made.hold = std::chrono::milliseconds{below(600'000)};
    made.fallback = coin();
    made.open_without_service = coin();
    if (coin())
      made.empty_body = word() + "\r\n\t" + word();
    made.empty_content_type = maybe_word();
    return made;
  }

  routing::endpoint_ptr endpoint() {
    std::vector<std::string> kept; // Views point into it.
    kept.reserve(2 * 40 + 32);
    const auto text = [&]() -> std::string_view { return kept.emplace_back(maybe_word()); };
    const auto asked_for = options();
    routing::endpoint_spec spec;
    std::vector<routing::endpoint_spec::tag_view> tags;
    for (auto left = below(coin() ? 6 : 40); left > 0; --left) {
      const auto key = text();
      tags.emplace_back(key, text());
    }
    spec.host = text();
    spec.port = static_cast<std::uint16_t>(number());
    spec.tls = coin();
    spec.app = text();
    spec.instance_id = text();
    spec.instance_index = text();
    spec.server_cert_domain_san = text();
    spec.protocol = std::array{"", "http1", "http2", "other"}[below(4)];
    spec.isolation_segment = text();
    spec.availability_zone = text();
    const auto url = "https://" + word();
    if (coin())
      spec.route_service_url = url;
    spec.tags = tags;
    spec.loadbalancing = text();
    spec.hash_header = text();
    spec.hash_balance = coin() ? 0 : static_cast<double>(below(1000)) / 7;
    spec.policy_scope = text();
    spec.policy_sources = text();
    spec.health_check_path = text();
    spec.health_check_interval_ms = static_cast<std::int64_t>(below(100'000));
    if (coin())
      spec.route_options = &asked_for;
    spec.updated_at_ns = coin() ? 0 : signed_number();
    spec.modification_guid = text();
    spec.modification_index = coin() ? 0 : static_cast<std::uint32_t>(number());
    spec.stale_threshold_seconds = coin() ? 0 : signed_number();
    return routing::endpoint::make(spec);
  }

  routing::route_traits traits(const std::string& host, const std::string& path) {
    routing::route_traits made;
    if (coin())
      made.route_service_url = "https://" + word();
    made.algorithm = static_cast<routing::algorithm>(below(4));
    made.hash_header = maybe_word();
    made.hash_balance = static_cast<double>(below(100)) / 3;
    made.spelling = spelling(host, path);
    for (auto left = below(routing::route_policies_max + 2); left > 0; --left)
      made.policies.push_back({word(), word()});
    made.reserved = static_cast<routing::route_traits::reservation_kind>(below(3));
    if (coin())
      made.options = std::make_shared<const routing::route_options>(options());
    return made;
  }

  routing::told_path told_path(const std::string& host) {
    routing::told_path made;
    made.path = path();
    made.whole = coin();
    made.known = coin();
    for (auto left = below(4); left > 0; --left)
      made.members.push_back({endpoint(), spelling(host, made.path), told_age(), coin()});
    for (auto left = below(4); left > 0; --left)
      made.ended.push_back({"10.0.0.1:" + std::to_string(below(65536)), told_age(), below(2) == 0 ? std::nullopt : std::optional{age()}});
    if (coin())
      made.empty_for = told_age();
    if (coin())
      made.last = traits(host, made.path);
    made.last_app = maybe_word();
    return made;
  }

  routing::told_host told_host() {
    routing::told_host made;
    made.host = host();
    made.whole = coin();
    for (auto left = below(4); left > 0; --left)
      made.paths.push_back(told_path(made.host));
    return made;
  }
  std::vector<routing::told_host> told_hosts() {
    std::vector<routing::told_host> made;
    for (auto left = below(4); left > 0; --left)
      made.push_back(told_host());
    return made;
  }

  template <class Make>
  auto many(Make make) {
    std::vector<decltype(make())> made;
    for (auto left = below(6); left > 0; --left)
      made.push_back(make());
    return made;
  }

  routing::endpoint_key key() { return {host(), path(), word() + ":80"}; }
  std::vector<routing::endpoint_key> keys() {
    return many([this] { return key(); });
  }

  /// Of each kind in turn.
  routing::replica_message message(std::size_t kind) {
    using namespace routing;
    const auto some_number = [this] { return number(); };
    switch (kind) {
      case 0: return lease_start{many([this] { return host(); }), number()};
      case 1: return lease_end{};
      case 2: return lease_more{host()};
      case 3: return lease_less{host()};
      case 4: return lease_granted{number(), coin(), coin(), told_hosts(), number()};
      case 5: return lease_changed{number(), coin(), told_hosts(), many(some_number), number()};
      case 6: return lease_applied{number()};
      case 7: return known_hosts{std::string("\x00\xff\x80", 3) + word(), number()};
      case 8: return slice_digest{number(), coin()};
      case 9: return bucket_digests{many(some_number)};
      case 10:
        return host_digests{many([this] { return static_cast<std::uint16_t>(number()); }),
                            many([this] { return host_digest{number(), number()}; })};
      case 11: return slice_pull{many(some_number)};
      case 12: return slice_told{told_hosts(), coin()};
      case 13: return transfer_pull{number()};
      case 14: return transfer_piece{number(), number(), coin(), told_hosts(), coin()};
      case 15: return ages_asked{number(), keys(), many([this] { return coin(); })};
      case 16:
        return ages_told{number(), many([this] { return coin() ? ages_told::never : age(); })};
      case 17: return endpoints_pruned{keys()};
      case 18: return change_asked{number(), key(), coin(), number(), age()};
      default: return change_told{number(), coin(), coin()};
    }
  }

private:
  std::mt19937_64 random_;
};

// -- Equality of what has none.

inline bool same(const routing::told_member& a, const routing::told_member& b) {
  return *a.target == *b.target && a.spelling == b.spelling && a.age == b.age
         && a.provisional == b.provisional;
}
inline bool same(const routing::told_end& a, const routing::told_end& b) {
  return a.address == b.address && a.age == b.age && a.heard_before == b.heard_before;
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b);
inline bool same(const routing::told_path& a, const routing::told_path& b) {
  return a.path == b.path && a.whole == b.whole && a.known == b.known && same(a.members, b.members)
         && same(a.ended, b.ended) && a.empty_for == b.empty_for && a.last == b.last
         && a.last_app == b.last_app;
}
inline bool same(const routing::told_host& a, const routing::told_host& b) {
  return a.host == b.host && a.whole == b.whole && same(a.paths, b.paths);
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return same(x, y); });
}

struct same_message {
  const routing::replica_message& other;

  template <class T>
  const T& of() const {
    return std::get<T>(other);
  }
  bool operator()(const routing::lease_start& m) const {
    const auto& o = of<routing::lease_start>();
    return m.hosts == o.hosts && m.lease == o.lease;
  }
  bool operator()(const routing::lease_end&) const { return true; }
  bool operator()(const routing::lease_more& m) const { return m.host == of<routing::lease_more>().host; }
  bool operator()(const routing::lease_less& m) const { return m.host == of<routing::lease_less>().host; }
  bool operator()(const routing::lease_granted& m) const {
    const auto& o = of<routing::lease_granted>();
    return m.sequence == o.sequence && m.in_sync == o.in_sync && m.complete == o.complete
           && same(m.hosts, o.hosts) && m.lease == o.lease;
  }
  bool operator()(const routing::lease_changed& m) const {
    const auto& o = of<routing::lease_changed>();
    return m.sequence == o.sequence && m.in_sync == o.in_sync && same(m.hosts, o.hosts)
           && m.appeared == o.appeared && m.lease == o.lease;
  }
  bool operator()(const routing::lease_applied& m) const {
    return m.sequence == of<routing::lease_applied>().sequence;
  }
  bool operator()(const routing::known_hosts& m) const {
    const auto& o = of<routing::known_hosts>();
    return m.filter == o.filter && m.lease == o.lease;
  }
  bool operator()(const routing::slice_digest& m) const {
    const auto& o = of<routing::slice_digest>();
    return m.sum == o.sum && m.in_sync == o.in_sync;
  }
  bool operator()(const routing::bucket_digests& m) const { return m.sums == of<routing::bucket_digests>().sums; }
  bool operator()(const routing::host_digests& m) const {
    const auto& o = of<routing::host_digests>();
    return m.buckets == o.buckets && m.hosts == o.hosts;
  }
  bool operator()(const routing::slice_pull& m) const { return m.hosts == of<routing::slice_pull>().hosts; }
  bool operator()(const routing::slice_told& m) const {
    const auto& o = of<routing::slice_told>();
    return same(m.hosts, o.hosts) && m.last == o.last;
  }
  bool operator()(const routing::transfer_pull& m) const {
    return m.cursor == of<routing::transfer_pull>().cursor;
  }
  bool operator()(const routing::transfer_piece& m) const {
    const auto& o = of<routing::transfer_piece>();
    return m.cursor == o.cursor && m.next == o.next && m.in_sync == o.in_sync && same(m.hosts, o.hosts)
           && m.held == o.held;
  }
  bool operator()(const routing::ages_asked& m) const {
    const auto& o = of<routing::ages_asked>();
    return m.round == o.round && m.of == o.of && m.failed == o.failed;
  }
  bool operator()(const routing::ages_told& m) const {
    const auto& o = of<routing::ages_told>();
    return m.round == o.round && m.ages == o.ages;
  }
  bool operator()(const routing::endpoints_pruned& m) const {
    return m.which == of<routing::endpoints_pruned>().which;
  }
  bool operator()(const routing::change_asked& m) const {
    const auto& o = of<routing::change_asked>();
    return m.change == o.change && m.which == o.which && m.present == o.present
           && m.content == o.content && m.within == o.within;
  }
  bool operator()(const routing::change_told& m) const { return m == of<routing::change_told>(); }
};

inline bool same(const routing::replica_message& a, const routing::replica_message& b) {
  return a.index() == b.index() && std::visit(same_message{b}, a);
}

} // namespace shunt::cluster
