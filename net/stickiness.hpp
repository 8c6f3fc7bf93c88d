// Sticky sessions: which instance a request wants to go back to, and the cookie that will make the
// client's next request want it. After gorouter, attribute for attribute: cookies are read as
// leniently as Go's net/http reads them and written as it writes them. Pure: a parsed head and
// facts in, views and bytes out. Nothing is allocated until there is a cookie to write, and a head
// without cookies costs one look at the ids of its fields.
#pragma once

#include "net/http_head.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shunt::net {

/// The settings; the names must outlive it.
struct stickiness_rules {
  std::span<const std::string> session_cookies; ///< `sticky_session_cookie_names`
  bool auth_negotiate = false;                  ///< `sticky_sessions_for_auth_negotiate`
  bool secure_cookies = false;
};

/// How much a request wants to go back to an instance.
enum class stickiness_kind : std::uint8_t {
  none,
  /// On the first attempt, if the instance is there and not overloaded; else as if it had not
  /// asked.
  preferred,
  /// To no other: without the instance the request fails.
  required,
};

struct stickiness {
  stickiness_kind kind = stickiness_kind::none;
  /// The __VCAP_ID__ of the request, a view into its head; empty if `none`. The name of an instance
  /// or, for gorouter takes that too, the `host:port` of an endpoint. Not to be trusted.
  std::string_view instance{};
};

/// What the cookies and the Authorization of a request ask for. Of several __VCAP_ID__ the first
/// counts. The values of session cookies do not matter, only that there is one.
stickiness stickiness_of(const request_head& head, const stickiness_rules& rules) noexcept;

/// The attributes of a __VCAP_ID__ that differ from one response to the next.
struct sticky_cookie {
  std::optional<std::chrono::sys_seconds> expires{};
  std::optional<std::chrono::seconds> max_age{}; ///< 0 has the client delete it.
  bool secure = false;
  std::string_view same_site{}; ///< "Lax", "Strict" or "None", a literal; empty = not said.
  bool partitioned = false;
};

/// Whether a response must carry a __VCAP_ID__, and what it says: if it begins a session, if the
/// request wanted another instance than the one that served it, or if it begins to negotiate
/// authentication, of which that instance alone will know. Not if the backend sets that cookie
/// itself. `instance_id` is of the one that served it; empty when it has none or was a route
/// service: then there is no cookie.
std::optional<sticky_cookie> sticky_cookie_for(const response_head& head, const stickiness& asked,
                                               std::string_view instance_id,
                                               const stickiness_rules& rules) noexcept;

/// Appends the whole field line. `context_path` is the route's, as first spelt, "/" at least; what
/// may not stand in a cookie is left out of both texts.
void append_set_cookie(std::string& out, const sticky_cookie& cookie, std::string_view instance_id,
                       std::string_view context_path);

} // namespace shunt::net
