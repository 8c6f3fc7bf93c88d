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
