// A cheap look at a registration, for nodes that hold only some shards: whom it is about, without parsing it.
#pragma once

#include <string_view>

namespace shunt::net {

/// Whether all its `uris` can be seen at a glance and `is_foreign`, called with the host of each, says so of all: then
/// nobody here wants it. False if there is any doubt; the parser has the last word. Both as `router.register` and
/// `router.unregister` have it (gorouter's README, "Usage").
template <class IsForeign>
bool is_all_foreign(std::string_view payload, IsForeign&& is_foreign);

/// The elements of the one `"uris":[...]` of a payload, without the brackets; empty if there is not exactly one, or
/// anything in it is escaped.
std::string_view glance_at_uris(std::string_view payload);

template <class IsForeign>
bool is_all_foreign(std::string_view payload, IsForeign&& is_foreign) {
  auto list = glance_at_uris(payload);
  bool any = false;
  while (true) {
    const auto open = list.find('"');
    if (open == std::string_view::npos)
      return any;
    const auto close = list.find('"', open + 1);
    if (close == std::string_view::npos)
      return false;
    const auto uri = list.substr(open + 1, close - open - 1);
    if (!is_foreign(uri.substr(0, uri.find('/'))))
      return false;
    any = true;
    list.remove_prefix(close + 1);
  }
}

} // namespace shunt::net
