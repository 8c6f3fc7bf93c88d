// See registration.hpp.
#include "routing/registration.hpp"

#include "routing/uri.hpp"

#include <algorithm>
#include <utility>

namespace shunt::routing {

registration registration::make(bool unregister, endpoint_ptr target, std::string uri) {
  registration r;
  r.unregister = unregister;
  r.target = std::move(target);
  r.uri = std::move(uri);
  if (!is_normal(r.uri)) {
    auto [host, path] = normalise(r.uri);
    r.is_respelt_ = spelling_of(r.uri) != host + (path.empty() ? "" : "/" + path);
    r.key_ = std::move(host);
    r.key_ += '/'; // Always, so that it is not taken for "no second string".
    r.key_ += path;
  }
  r.host_bytes_ = std::min(r.key().find('/'), r.key().size());
  r.hash_ = host_hash(r.host());
  return r;
}

std::string_view registration::path() const {
  return std::string_view{key()}.substr(std::min(host_bytes_ + 1, key().size()));
}

std::string_view registration::spelling() const {
  return is_respelt_ ? spelling_of(uri) : std::string_view{};
}

} // namespace shunt::routing
