#include "cluster/reservation_document.hpp"

#include <algorithm>

namespace shunt::cluster {

using std::chrono::milliseconds;

std::string reservation_key(std::string_view host, std::string_view path) {
  std::string key;
  key.reserve(host.size() + 1 + path.size());
  return key.append(host).append("/").append(path);
}

document to_document(const routing::reservation& made, clock_times now) {
  const auto left = std::chrono::ceil<milliseconds>(made.until - now.steady);
  return {.key = reservation_key(made.host, made.path),
          .text = net::to_json(made),
          .expires_at_ms = now.wall_ms + left.count()};
}

std::optional<routing::reservation> from_document(const document& stored, clock_times now,
                                                  net::reservation_reader& reader) {
  if (stored.expires_at_ms <= now.wall_ms)
    return std::nullopt;
  auto read = reader.read_reserve(stored.text);
  if (!read || read->made.size() != 1)
    return std::nullopt;
  auto& made = read->made.front();
  if (reservation_key(made.host, made.path) != stored.key)
    return std::nullopt;
  const milliseconds most = net::reserve_ttl_max;
  // Seen from the front, so that no number a file may hold overflows.
  const bool far = stored.expires_at_ms - most.count() > now.wall_ms;
  made.until = now.steady + (far ? most : milliseconds{stored.expires_at_ms - now.wall_ms});
  return std::move(made);
}

} // namespace shunt::cluster
