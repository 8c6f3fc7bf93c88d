// One route of a slice: its members and where it stands in the order of ages. A route of the root
// path is part of its host's own allocation; others are `path_route`s.
#pragma once

#include "routing/address_list.hpp"
#include "routing/route_derivation.hpp"
#include "routing/slice_member.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace shunt::routing {

/// A place in a circular list. Unlinked: points nowhere.
struct age_link {
  age_link* before = nullptr;
  age_link* after = nullptr;
};

struct slice_host;

struct slice_route : age_link {
  explicit slice_route(bool root) : is_root{root} {}

  slice_host& host();
  const slice_host& host() const { return const_cast<slice_route*>(this)->host(); }
  std::string_view path() const;
  route_traits traits() const { return traits_of(members, derivation.get()); }
  health_check check() const { return check_of(members, derivation.get()); }
  route_derivation& deriving();
  bool has_verdict_on(const endpoint& e) const; ///< That it is unhealthy.
  /// Until when that member is avoided; the epoch if it is not, `unhealthy_until` by a verdict.
  time_point failed_until(const endpoint& e) const;

  /// Keep what the traits follow from. A spelling is empty unless it differs from the key; the
  /// member is already, or still, among the others.
  void joined(const endpoint& e, std::string_view spelling);
  void left(const endpoint& e);

  /// None: known, without endpoints; the vacancy then tells since when.
  address_list<slice_member> members;
  std::unique_ptr<route_derivation> derivation; ///< Null as long as nothing needs it.
  std::uint32_t due_seconds = 0; ///< When its age is looked at next, while in the order of ages.
  bool is_root;
  bool is_listed_empty = false; ///< In the order in which routes became empty.
  bool known = false; ///< False only in a root route: its place is there even if the route is not.
};

} // namespace shunt::routing
