// What is kept beside the members of a route in the few cases that need it: failure marks, verdicts
// of health checks, spellings with capitals, and counts of options from which
// `route_traits` and the health check follow in a large pool.
// In a pool of up to eight the traits are read off the members; beyond that a change updates
// counts, because looking at a thousand members for each change of one would make churn quadratic.
#pragma once

#include "routing/address_list.hpp"
#include "routing/health_check.hpp"
#include "routing/reservation.hpp"
#include "routing/route_traits.hpp"
#include "routing/slice_member.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace shunt::routing {

class route_derivation {
public:
  static constexpr std::size_t read_off_most = 8;

  /// A member joined, with a spelling that is empty unless it differs from the key.
  void joined(const endpoint& e, std::string_view spelling);
  void left(const endpoint& e);
  /// Starts counting, from all members there are.
  void count_all(const address_list<slice_member>& members);
  bool is_counting() const { return counting_; }
  /// The spelling with which an address registered; empty: as the key.
  std::string_view spelling(std::string_view address) const;
  bool has_spellings() const { return !by_address_.empty(); }

  route_traits traits(const address_list<slice_member>& members) const;
  /// Keeps what the members say, the last of which is leaving.
  void remember(const address_list<slice_member>& members);
  /// The last member has left: forgets what was about members.
  void emptied();
  /// Whether anything would be lost with it, now that there are no members.
  bool is_needed() const { return reserved != nullptr || last != route_traits{} || !last_app.empty(); }

  /// What the members ask for, all together; none if nobody asks.
  health_check check(const address_list<slice_member>& members) const;

  /// While there is no member: the route service, the policies and the options that the last ones named.
  /// They guard the route when its app is stopped.
  route_traits last;
  std::string last_app; ///< Whose the last member was, if the options may want it woken.
  struct living_reservation {
    reservation said;
    bool had_endpoints = false; ///< Some time: the route outlives its reservation as any other.
  };
  std::unique_ptr<living_reservation> reserved; ///< Null: the route exists by its members alone.
  std::unordered_map<std::string, time_point> marks; ///< Failed until, by address.
  /// Only of a route whose checker has been told of it.
  struct health_state {
    std::uint64_t version = 0; ///< Told last.
    std::unordered_set<std::string> unhealthy; ///< Addresses.
  };
  std::unique_ptr<health_state> health;

private:
  using option = std::tuple<algorithm, std::string, double>;
  route_traits traits_of_members(const address_list<slice_member>& members) const;
  static bool has_option(const endpoint& e) { return e.algorithm() != algorithm::router_default; }
  static option option_of(const endpoint& e);
  static policy_option policy_of(const endpoint& e);
  void count(const endpoint& e);
  void uncount(const endpoint& e);

  bool counting_ = false;
  std::map<std::string, std::uint32_t> urls_; ///< Non-empty ones.
  std::map<option, std::uint32_t> options_;   ///< Valid ones.
  std::map<policy_option, std::uint32_t> policies_; ///< Of endpoints that have one.
  std::map<std::string, std::uint32_t> route_options_; ///< Packed.
  std::map<health_check, std::uint32_t> checks_; ///< That are asked for.
  std::unordered_map<std::string, std::string> by_address_;
  std::map<std::string, std::uint32_t> spellings_; ///< Of `by_address_`.
};

/// What the endpoints of a route are to be checked by; `derivation` may be null.
health_check check_of(const address_list<slice_member>& members,
                      const route_derivation* derivation);
/// The traits of a route; `derivation` may be null.
route_traits traits_of(const address_list<slice_member>& members,
                       const route_derivation* derivation);

} // namespace shunt::routing
