// What the sources of the codec have in common.
#pragma once

#include "cluster/msgpack.hpp"
#include "routing/route_options.hpp"
#include "routing/route_traits.hpp"

#include <algorithm>
#include <string_view>

namespace shunt::cluster {

inline bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// A text without control characters.
inline std::string_view read_line(msgpack_reader& in, std::size_t bytes_max) {
  const auto text = in.text(bytes_max);
  if (std::ranges::any_of(text, is_control))
    in.fail("control characters in a line");
  return text;
}

void write(msgpack_writer& out, const routing::route_options& options);
routing::route_options read_route_options(msgpack_reader& in);

void write(msgpack_writer& out, const routing::route_traits& traits);
routing::route_traits read_traits(msgpack_reader& in);

} // namespace shunt::cluster
