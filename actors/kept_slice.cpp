#include "actors/kept_slice.hpp"

namespace shunt {

namespace {

/// Hosts that nobody waits for are restored so many at a time, so that those who lease others hardly do.
constexpr std::size_t restored_together = 256;

} // namespace

bool kept_slice::restore_host(std::string_view host, routing::time_point now) {
  if (!from_)
    return false;
  const auto found = from_->find(host);
  if (!found.empty())
    replica_->restore(found, now);
  return !found.empty();
}

bool kept_slice::restore_asked(const routing::replica_message& what, routing::time_point now) {
  if (!from_)
    return false;
  if (const auto* more = std::get_if<routing::lease_more>(&what))
    return restore_host(more->host, now);
  if (const auto* start = std::get_if<routing::lease_start>(&what)) {
    bool any = restore_host({}, now); // Wildcards.
    for (const auto& host : start->hosts)
      any = restore_host(host, now) || any;
    return any;
  }
  const bool any_host = std::holds_alternative<routing::slice_pull>(what) || std::holds_alternative<routing::transfer_pull>(what);
  return any_host && restore_all(now);
}

bool kept_slice::restore_some(routing::time_point now) {
  if (!from_)
    return false;
  const auto hosts = from_->read(restored_together);
  if (hosts.empty() || !replica_->holds()) { // Holders tell a borrower.
    from_.reset();
    return false;
  }
  replica_->restore(hosts, now);
  return true;
}

bool kept_slice::restore_all(routing::time_point now) {
  bool any = false;
  while (restore_some(now))
    any = true;
  return any;
}

} // namespace shunt
