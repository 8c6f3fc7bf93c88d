// Which hosts of this router a route service may be reached at without leaving the router:
// `route_services_hairpinning_allowlist`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

class hairpin_allowlist {
public:
  /// Takes host names of two labels or more, of letters, digits and `-`, and such names behind `*.`:
  /// `service.example.com`, `*.example.com`, in any case. Anything else is refused, with a text in
  /// `error` that names the entry.
  static std::optional<hairpin_allowlist> parse(std::span<const std::string> entries, std::string& error);

  /// Whether the route of that host, as its key has it (lower case, perhaps a wildcard itself), is in
  /// the list: a name stands for itself, a wildcard for every name that has one label in place of its
  /// `*`. An empty list allows all.
  bool allows(std::string_view host) const noexcept;

private:
  // Both sorted, in lower case.
  std::vector<std::string> names_;
  std::vector<std::string> parents_; ///< What follows the `*` of a wildcard: ".example.com".
};

} // namespace shunt::routing
