// What a changed file means for a router that runs: most keys take effect at once, some only at the
// next start, because ports, threads or other processes depend on them.
#pragma once

#include "config/settings.hpp"

#include <string_view>
#include <vector>

namespace shunt::config {

struct change_list {
  std::vector<std::string_view> at_once;
  std::vector<std::string_view> at_next_start;
};

/// Whether new links between nodes can have the certificates of `after`. If not, `cluster.tls` waits for the next
/// start: links do not begin or cease to use TLS while the router runs, and other nodes refuse a certificate
/// that does not have the name under which they know this one.
bool can_renew_links(const settings& before, const settings& after);

/// The paths of the keys whose values differ, in the order of the schema. What waits depends on how the router was
/// started: `before` is of then.
change_list changes(const settings& before, const settings& after);

/// What a router that was `started` so goes on with when it has `read` this: all but what waits for the next start.
settings usable_now(const settings& started, settings read);

/// Whether a running router always goes on with the old value of that key. For documentation and tests, too.
bool needs_restart(std::string_view path);

} // namespace shunt::config
