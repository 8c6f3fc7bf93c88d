// A slice of the route table: every rule about registrations, ages, failures and empty routes, for
// the hosts one shard owns. Pure: the caller owns the thread and passes the time. It hears
// registrations, answers grants, and collects what changed for the hosts somebody leases, and for
// whoever checks the health of endpoints. A change
// costs the same in a route with a thousand endpoints or a host with ten thousand paths as in a
// small one.
#pragma once

#include "routing/health_check.hpp"
#include "routing/host_change.hpp"
#include "routing/host_grant.hpp"
#include "routing/registration.hpp"
#include "routing/replica_message.hpp"
#include "routing/reservation.hpp"
#include "routing/route_ages.hpp"
#include "routing/segmented_index.hpp"
#include "routing/slice_history.hpp"
#include "routing/slice_host.hpp"
#include "routing/table_results.hpp"
#include "routing/table_rules.hpp"
#include "routing/uri.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace shunt::routing {

class slice {
public:
  explicit slice(table_rules rules);
  ~slice();
  slice(const slice&) = delete;
  slice& operator=(const slice&) = delete;

  // -- What is heard

  /// `now_ns` is the wall clock in Unix nanoseconds, to judge the endpoint's stamp by. `waited_since`: it may have been
  /// said at any time since, while this process stood still; what another copy heard meanwhile is newer.
  register_result register_endpoint(const registration& r, time_point now, std::int64_t now_ns,
                                    std::optional<time_point> waited_since = {});
  /// Has whatever `soon` will be compared with fetched into the cache. Worth calling with a few
  /// dozen at a time before they are applied: finding one endpoint in a table that exceeds the
  /// cache means waiting for memory three times in a row, and here all of them wait together.
  void warm(std::span<const registration> soon) const;
  unregister_result unregister_endpoint(const registration& r, time_point now,
                                        std::optional<time_point> waited_since = {});
  /// When something counts as heard that was said at some time since `then`: no copy takes it for later than what
  /// it heard itself meanwhile.
  static time_point heard_since(time_point then);
  /// An attempt failed: avoid the endpoint for a quarter of the stale threshold, or, if `prune_tls`
  /// and it is a TLS endpoint, remove it. Only in the pool of exactly this host and path.
  failure_report report_failure(std::string_view host, std::string_view path,
                                std::string_view address, bool prune_tls, time_point now);

  // -- Reservations

  /// From now on the route exists whatever becomes of its endpoints, until `asked.until` and `prune`, or
  /// until `unreserve`. Replaces an earlier one of the same route. False if no route can be so.
  bool reserve(const reservation& asked, time_point now);
  /// False if it was not reserved. A route that never had endpoints is gone; another one stays as long
  /// as if it had never been reserved.
  bool unreserve(std::string_view host, std::string_view path, time_point now);

  // -- Health checks

  /// The routes that ask for checks and have changed since the last call, each as it is now; also
  /// those that no longer ask. What they had as unhealthy stays so until `judge` says otherwise, or
  /// nobody asks any more.
  std::vector<checked_route> take_checks();
  bool has_changed_checks() const { return !changed_checks_.empty(); }
  /// A verdict; nothing follows from one that rests on something older than `take_checks` said last.
  void judge(const judgement& said);

  // -- Pools that are balanced by hash

  /// The routes whose number of such endpoints may have changed since the last call, each as it is now.
  std::vector<hash_pool> take_hash_pools();

  // -- Ageing

  /// Removes what is stale and forgets empty routes whose time is over.
  prune_result prune(time_point now);
  /// The same in portions: looks at about `budget` routes and endpoints, adds to `result`, and says
  /// whether the cycle is complete. `now` should be the same throughout a cycle.
  bool prune_step(time_point now, std::size_t budget, prune_result& result);
  /// Counts every endpoint as heard just now. O(1).
  void refresh_all(time_point now) { refreshed_floor_ = now; }

  // -- Leases

  /// Whether changes of `host` are collected; wildcard hosts always are.
  void watch(std::string_view host);
  void unwatch(std::string_view host);
  /// All of `host` as it is. Changes collected before may follow it and do no harm, but pool order
  /// may then differ from other leases until the next grant; take them first to avoid that.
  host_grant grant(std::string_view host) const;
  /// Grants of all wildcard hosts, for a loop or node that starts.
  std::vector<host_grant> grant_wildcards() const;
  /// What changed since the last call, at most one entry per host and path.
  std::vector<host_change> take_changes();
  bool has_changes() const { return !dirty_.empty(); }
  /// Leaves of `changes` what loops of this node may use (`table_rules::filter_when_leasing`).
  void keep_ours(std::vector<host_change>& changes) const;

  // -- Copies on other nodes

  /// Keeps, from now on, what equal copies need: digests, tombstones, which hosts appear. Endpoints whose age
  /// is over are then not pruned, but told by `take_doubtful`: another copy may have heard them.
  void keep_history(history_rules rules);
  void drop_history();
  const slice_history* history() const { return history_.get(); }
  slice_history* history() { return history_.get(); }

  /// All of `host`, for those who adopt it.
  told_host tell(std::string_view host, time_point now) const;
  /// What changed, as a copy adopts it.
  told_host tell(const host_change& change, time_point now) const;
  /// Tells hosts, tombstones included, from `cursor` (0 at first) on, about `budget` of them; returns where
  /// to go on, or `tell_end`. Hosts that are there throughout are told exactly once, as `hash_index::walk`.
  std::uint64_t tell_some(std::uint64_t cursor, std::size_t budget, time_point now,
                          std::vector<told_host>& into) const;
  static constexpr std::uint64_t tell_end = ~std::uint64_t{0};
  /// The same until there are about so many hosts, or no more: a slice with few is one piece.
  std::uint64_t tell_piece(std::uint64_t cursor, std::size_t hosts, time_point now,
                           std::vector<told_host>& into) const;
  std::vector<told_host> tell_wildcards(time_point now) const;
  /// Takes over what another copy knows and this one does not: the later event wins, and what happened within
  /// a second of each other leaves the endpoint there, provisionally. Needs a history.
  /// Not taken, and named in `refused`, are endpoints that went here because nobody had heard them since; by a copy that
  /// would have heard them (`hears`), also all others that it does not have and whose age is over.
  void merge(const told_host& told, time_point now, bool hears, std::vector<endpoint_key>& refused);
  void merge(const told_host& told, time_point now) {
    std::vector<endpoint_key> refused;
    merge(told, now, false, refused);
  }
  /// Makes the host, or what is told of it, equal to the copy that tells. The caller's own reservations stay.
  void adopt(const told_host& told, time_point now);
  /// Forgets all routes of a host, reserved ones excepted.
  void abandon(std::string_view host, time_point now);
  /// Forgets all hosts that are neither watched nor reserved.
  void abandon_unwatched(time_point now);
  bool has_routes(std::string_view host) const;
  std::size_t host_count() const { return hosts_.size(); }
  template <class Visit>
  void for_each_host(Visit&& visit) const {
    hosts_.for_each([&](const slice_host* h) {
      if (!h->is_without_routes())
        visit(h->text());
    });
  }

  /// Of the hosts of `bucket`, and those of the given hashes.
  std::vector<host_digest> host_digests(std::size_t bucket) const;
  std::vector<told_host> tell_hosts(std::span<const std::uint64_t> hashes, time_point now) const;

  /// Nothing here is sure any more: each endpoint is provisional until it is heard again.
  void doubt_all();
  /// Removes the endpoints of which `keys` has `slice_history::digest_of_key`, as long as they are provisional.
  void drop_provisional(const std::unordered_set<std::uint64_t>& keys, time_point now);

  /// Endpoints whose age is over since the last call.
  std::vector<endpoint_key> take_doubtful() { return std::exchange(doubtful_, {}); }
  /// Since when it was not heard; 0 if it is spared, `ages_told::never` if it is not there.
  nanoseconds age_of(const endpoint_key& which, time_point now) const;
  /// The same for a copy that may have another stale threshold: 0 while it is not over here.
  nanoseconds age_to_tell(const endpoint_key& which, time_point now) const;
  /// Another copy heard it then.
  void hear(const endpoint_key& which, time_point at);
  /// An attempt failed on it, on this node or another: from now on it is not spared for its TLS, unless it is heard.
  void spare_no_more(const endpoint_key& which);
  /// Whether that was said of it.
  bool has_failed(const endpoint_key& which) const;
  /// No copy heard it: it goes, if its age is over.
  void prune_endpoint(const endpoint_key& which, time_point now, prune_result& result);

  // -- Looking

  /// The endpoint at `address` in the route of exactly this host and path; null if there is none.
  endpoint_ptr endpoint_at(std::string_view host, std::string_view path,
                           std::string_view address) const;
  std::size_t route_count() const { return routes_; } ///< Empty ones included.
  std::size_t empty_route_count() const { return ages_.empty_count(); } ///< Without reserved ones.
  std::size_t reservation_count() const { return reserved_.size(); }
  /// What those who wait for endpoints of a route ask. `app`: whom to wake; good until the slice changes.
  struct route_state {
    bool known = false;
    std::size_t endpoints = 0;
    std::string_view app{};
  };
  route_state state_of(std::string_view host, std::string_view path) const;
  std::size_t endpoint_count() const { return endpoints_; } ///< Summed over the routes.
  const table_rules& rules() const { return rules_; }
  /// New rules; what is stored stays until the rules, applied anew, say otherwise.
  void set_rules(table_rules rules);
  std::size_t allocated_bytes_of_index() const { return hosts_.allocated_bytes(); }

  /// One route, as `/routes` shows it. Good until the slice changes.
  struct route_view {
    std::string_view host, path;
    const slice_route& route;
    const slice& owner;

    bool empty() const { return route.members.empty(); }
    std::size_t size() const { return route.members.size(); }
    route_traits traits() const { return route.traits(); }
    /// `visit(const endpoint&, std::chrono::seconds ttl)`, in pool order.
    template <class Visit>
    void for_each_endpoint(Visit&& visit) const {
      route.members.for_each([&](const slice_member& m) {
        visit(*m.target,
              std::chrono::duration_cast<std::chrono::seconds>(owner.stale_threshold(*m.target)));
      });
    }
  };
  /// Visits routes from `cursor` (0 at first) on, about `budget` hosts of them, in no particular
  /// order; returns where to go on, or `walk_end`. See `hash_index::walk` for what concurrent
  /// changes do.
  template <class Visit>
  std::uint64_t for_each_route(std::uint64_t cursor, std::size_t budget, Visit&& visit) const {
    return hosts_.walk(cursor, budget, [&](slice_host* h) {
      h->for_each_route([&](slice_route& r) { visit(route_view{h->text(), r.path(), r, *this}); });
    });
  }
  /// All routes at once.
  template <class Visit>
  void for_each_route(Visit&& visit) const {
    for (std::uint64_t at = 0; at != walk_end;)
      at = for_each_route(at, 1024, visit);
  }
  static constexpr std::uint64_t walk_end = segmented_index<slice_host*>::end_of_walk;

private:
  struct place {
    slice_route* route = nullptr;
    slice_member* member = nullptr; ///< Null: there is no such endpoint.
  };
  place find(std::string_view host, std::string_view path, std::string_view address) const;
  bool accepts_segment(std::string_view segment) const;
  bool stores_segment(std::string_view segment) const;
  slice_host* find_host(std::string_view host, std::uint64_t hash) const;
  slice_host& make_host(std::string_view host, std::uint64_t hash);
  void release_host(slice_host* host);

  slice_route& make_route(slice_host& h, std::string_view path);
  void add(slice_route& r, slice_member joining, std::string_view spelling);
  register_outcome renew(slice_route& r, slice_member& m, const registration& heard, time_point now,
                         std::int64_t now_ns);
  void respell(slice_route& r, const slice_member& m, std::string_view spelling);
  void replace(slice_route& r, slice_member& m, const endpoint_ptr& by, std::string_view spelling);
  unregister_result take_out(const registration& r, time_point now, std::optional<time_point> waited_since,
                             tombstone& end);
  static bool is_told_since(const slice_member& m, std::optional<time_point> waited_since);
  void remove_member(slice_route& r, slice_member* m);

  /// How long an empty route stays known.
  nanoseconds empty_time() const;
  bool is_over(const slice_route& empty, time_point now) const;
  /// The last endpoint left. True if the route is gone at once.
  bool settle_empty(slice_route& r, time_point now, bool by_failure);
  bool trim_empty_routes(const slice_route* newest);
  void forget(slice_route& r);

  std::size_t prune_route(slice_route& r, time_point now, prune_result& result);
  void remove_stale(slice_route& r, const std::vector<endpoint_ptr>& stale, time_point now,
                    prune_result& result, bool others_were_asked = false);
  bool end_reservation(slice_route& r, time_point now);
  bool end_reservations(time_point now, std::size_t budget, prune_result& result);
  bool prune_empty(time_point now, std::size_t budget, prune_result& result);
  void schedule(slice_route& r, const slice_member& m);
  time_point stale_after(const slice_member& m) const;
  nanoseconds stale_threshold(const endpoint& e) const;

  /// `e` joined, left or replaced another: if the route is, or was, one to be checked, that is told.
  void note_check(const slice_route& r, const endpoint& e);
  void note_all_checks();
  /// The same for the size of a pool that is, or was, balanced by hash.
  void note_pool(const slice_route& r, const endpoint& e);
  void note_pool(const slice_route& r, const reservation& said);
  checked_route checked(const std::pair<std::string, std::string>& route);
  void clear_verdicts(slice_route& r);

  /// Where changes of that route are noted; null if nobody leases its host.
  path_dirt* dirt_of(slice_route& r);
  static host_change collect(slice_host& h, const host_dirt& dirt);
  host_grant grant_of(slice_host& h) const;
  /// Whether loops here may use some of the members; true if there are none.
  bool is_for_us(const slice_route& r) const;

  static told_host tell(slice_host& h, time_point now);
  /// Keeps a host from being released when its last route goes, until the end of what is being done to it.
  class pin {
  public:
    pin(slice& owner, slice_host& host) : owner_{owner} { owner_.pinned_ = &host; }
    pin(const pin&) = delete;
    pin& operator=(const pin&) = delete;
    ~pin() { owner_.release_host(std::exchange(owner_.pinned_, nullptr)); }

  private:
    slice& owner_;
  };
  told_host tell_with_ends(slice_host& h, time_point now) const;
  static told_path tell(const slice_route& r, time_point now);
  static told_member tell(const slice_route& r, const slice_member& m, time_point now);
  static void tell_empty(const slice_route& r, time_point now, told_path& path);
  void adopt(slice_host& h, const told_path& told, time_point now);
  void adopt_empty(slice_route& r, const told_path& told, time_point now);
  void abandon(slice_host& h, time_point now);
  bool abandon(slice_route& r, time_point now);
  void merge(slice_host& h, const told_path& told, time_point now, bool hears, std::vector<endpoint_key>& refused);
  bool is_refused(slice_host& h, const told_path& of, const told_member& told, time_point now, bool hears) const;
  void merge_end(slice_host& h, const told_path& of, const told_end& end, time_point now);
  void merge_member(slice_host& h, const told_path& of, const told_member& told, time_point now);
  bool is_too_old(const told_member& told) const;
  bool is_spared(const slice_member& m) const { return m.target->tls() && !m.provisional() && !m.failed(); }

  table_rules rules_;
  segmented_index<slice_host*> hosts_; ///< Owned.
  route_ages ages_;
  time_point refreshed_floor_ = time_point::min();
  std::size_t routes_ = 0;
  std::size_t endpoints_ = 0;
  std::vector<slice_host*> dirty_;     ///< Hosts with something to tell.
  std::set<std::pair<std::string, std::string>> changed_checks_; ///< Hosts and paths of routes.
  std::uint64_t check_version_ = 0;
  std::set<std::pair<std::string, std::string>> changed_pools_; ///< So too.
  std::set<std::pair<std::string, std::string>> hash_pools_;    ///< That were told, and not as empty.
  std::set<std::pair<time_point, slice_route*>> reserved_; ///< By when they end.
  std::vector<slice_host*> wildcards_; ///< All wildcard hosts that are known.
  slice_host* pinned_ = nullptr;
  std::unique_ptr<slice_history> history_; ///< Null: there is no other copy.
  std::vector<endpoint_key> doubtful_;
};

} // namespace shunt::routing
