// From a message to what the route table takes. Apart from the reading, so that whoever only looks
// at a message needs no table.
#include "net/registry_message.hpp"

#include "routing/uri.hpp"

namespace shunt::net {

bool make_registrations(const registry_message& message, std::vector<routing::registration>& out) {
  out.clear();
  if (message.uris.empty())
    return true;
  const auto target = routing::endpoint::make(message.endpoint);
  if (!target)
    return false;
  out.reserve(message.uris.size());
  for (const auto uri : message.uris) {
    auto made = routing::registration::make(message.unregister, target, std::string{uri});
    if (routing::is_acceptable(made.host(), made.path()))
      out.push_back(std::move(made));
  }
  return true;
}

} // namespace shunt::net
