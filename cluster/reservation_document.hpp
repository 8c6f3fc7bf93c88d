// A reservation as the store keeps it: the message that would make it, and its end by the wall
// clock. In the process its end is a point of the steady clock; the two meet here.
#pragma once

#include "cluster/durable_store.hpp"
#include "net/reservation_message.hpp"
#include "routing/reservation.hpp"

#include <optional>
#include <string>

namespace shunt::cluster {

/// The same moment by both clocks.
struct clock_times {
  routing::time_point steady{};
  std::int64_t wall_ms = 0; ///< Since 1970.
};

/// Of the document, and of the book; unique, since no host has a slash.
std::string reservation_key(std::string_view host, std::string_view path);

document to_document(const routing::reservation& made, clock_times now);

/// Nothing if it has ended, or is not what `to_document` wrote. An end that lies too far ahead,
/// because the wall clock was turned back, comes `net::reserve_ttl_max` from now.
std::optional<routing::reservation> from_document(const document& stored, clock_times now,
                                                  net::reservation_reader& reader);

} // namespace shunt::cluster
