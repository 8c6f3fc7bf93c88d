// Bytes for wires to carry.
#pragma once

#include "net/task.hpp"
#include "net/wire.hpp"

#include <string>
#include <vector>

namespace shunt::net {

/// Bytes that differ everywhere, so that a shift shows.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  for (auto& c : text) {
    seed = seed * 1103515245 + 12345;
    c = static_cast<char>('!' + (seed >> 16) % 90);
  }
  return text;
}

/// Sends `pieces` as one message.
inline task<error_code> send_pieces(wire_ptr to, std::vector<std::string> pieces) {
  std::vector<iovec> parts;
  for (auto& piece : pieces)
    parts.push_back({piece.data(), piece.size()});
  const auto code = co_await to->send(std::span<iovec>{parts});
  co_return code;
}

} // namespace shunt::net
