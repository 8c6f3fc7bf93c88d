// Who may use a route, told by the client's certificate: the options `route_policy_scope` and
// `route_policy_sources` of a registration (Cloud Foundry's RFC 0055, identity-aware routing).
// Pure. Default deny: whoever is not named is refused, and so is everybody where an option cannot be
// understood.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::routing {

class endpoint;

inline constexpr std::size_t guid_bytes_max = 128;
/// Sources that one registration may name, and different policies that the endpoints of one route may
/// carry. More is not understood.
inline constexpr std::size_t policy_sources_max = 1'000;
inline constexpr std::size_t route_policies_max = 8;

/// 1 to `guid_bytes_max` ASCII letters, digits, `-` and `_`. Case counts.
bool is_guid(std::string_view text);

/// The app instance that a certificate was made for. All empty: nobody that is known.
struct caller_identity {
  std::string app{};
  std::string space{};
  std::string organization{};

  bool is_known() const { return !app.empty(); }
  bool operator==(const caller_identity&) const = default;
};

/// Reads the organizational units `app:<guid>`, `space:<guid>` and `organization:<guid>`; others are
/// ignored. Nobody is known without an app, nor if a unit comes twice or holds no guid.
caller_identity caller_of(std::span<const std::string> organizational_units);

/// The two options as they were registered. Not both are empty.
struct policy_option {
  std::string scope{};   ///< `any`, `org` or `space`; empty acts as `any`.
  std::string sources{}; ///< `cf:any`, `cf:app:<guid>`, `cf:space:<guid>`, `cf:org:<guid>`; commas.
  auto operator<=>(const policy_option&) const = default;
};

/// Whether it can be understood. What cannot be refuses everybody; whoever hears it says so.
bool is_understood(std::string_view scope, std::string_view sources);

/// What was decided and why, in gorouter's words. The text lives as long as the policy.
struct policy_verdict {
  bool allowed = false;
  /// `route:cf:app:<guid>` and the like: what lets the caller in. Otherwise `identity_extraction`,
  /// `route:no_route_policies`, `route:route_policies`, `route:malformed_policy`, `domain:scope=org` or
  /// `domain:scope=space`.
  std::string_view rule;
};

/// All options of a route's endpoints, read once. A caller must be allowed by every one of them.
class route_policy {
public:
  explicit route_policy(std::span<const policy_option> options);

  /// Whether the caller is named; scopes are not looked at.
  policy_verdict admits(const caller_identity& caller) const;
  /// Besides, whether each scope lets it reach that very endpoint, by the tags `organization_id` and
  /// `space_id`. To be asked for every attempt.
  policy_verdict admits(const caller_identity& caller, const endpoint& target) const;

private:
  enum class source_kind : std::uint8_t { app, space, org, any };
  enum class reach : std::uint8_t { any, org, space };

  struct source {
    source_kind kind;
    std::string rule; ///< As logged: `route:` and the source; what follows the last colon is the guid.
    std::pair<source_kind, std::string_view> key() const;
  };
  struct clause {
    reach scope = reach::any;
    std::vector<source> sources; ///< Sorted by key.
    const source* find(source_kind kind, std::string_view guid) const;
    const source* naming(const caller_identity& caller) const;
  };

  friend bool is_understood(std::string_view, std::string_view);
  static bool read_source(std::string_view text, source& into);
  static bool read(std::string_view scope, std::string_view sources, clause& into);

  std::vector<clause> clauses_; ///< None: cannot be understood.
};

} // namespace shunt::routing
