// Whether a route service is asked within the router: if it is a route itself, its request comes back in by
// the internal listener, and begins there anew as any client's.
#include "actors/exchange.hpp"

namespace shunt {

/// Of the service in `service_`, whose own route is looked up as that of any request.
net::task<bool> exchange::may_hairpin() {
  if (here_.draining) // Nobody listens there any more, while other routers may be had by way of the network.
    co_return false;
  const auto& url = service_->url;
  // What a domain of `domains` wants to see of its clients, the internal listener cannot show it.
  if (rules_->domains.find(without_port(url.authority)))
    co_return false;
  const auto own = co_await find_route(url.authority, url.target);
  co_return own.pool != nullptr && rules_->hairpins.allows(own.pool->host());
}

} // namespace shunt
