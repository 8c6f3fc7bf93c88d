// Registrations come from whoever may publish on NATS. Whatever the bytes: a message within its
// bounds, or a reason that can be logged; and the memory of one message never shows in the next.
#include "net/log_field.hpp"
#include "net/registry_message.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace shunt;

void require(bool holds) {
  if (!holds)
    std::abort();
}

void look_at(const net::registry_message& message) {
  const auto& e = message.endpoint;
  require(message.uris.size() <= net::registry_uris_max);
  require(e.tags.size() <= routing::endpoint::tags_max);
  require(e.route_service_url.empty() || e.route_service_url.starts_with("https"));
  require(!e.tls || e.port != 0);
  std::vector<routing::registration> made;
  if (!net::make_registrations(message, made))
    return;
  require(made.size() <= message.uris.size());
  for (const auto& registration : made)
    require(registration.target && !registration.host().empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static net::parse_scratch kept; // Dirty from all inputs before this one.
  net::parse_scratch fresh;
  const std::string_view payload{reinterpret_cast<const char*>(data), size};
  const auto first = net::parse(payload, size % 2 == 0, kept);
  const auto second = net::parse(payload, size % 2 == 0, fresh);
  require(first.reason() == second.reason());
  if (first) {
    require(first->endpoint.host == second->endpoint.host);
    require(first->uris.size() == second->uris.size());
    look_at(*first);
  }
  std::string line;
  net::append_json_string(line, payload);
  require(line.size() >= size + 2 && line.find('\n') == std::string::npos);
  return 0;
}
