// A body of any size that can be checked as it arrives, without keeping it: bytes that follow from
// their position, in a cycle that fits no power of two, so that lost or swapped blocks show.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace shunt::test {

class pattern {
public:
  /// The next bytes; at most `bytes`, perhaps fewer.
  std::string_view next(std::size_t bytes) {
    const auto piece = std::string_view{cycle()}.substr(position_, bytes);
    advance(piece.size());
    return piece;
  }
  /// Whether these are the next bytes.
  bool matches(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto piece = next(bytes.size());
      if (bytes.substr(0, piece.size()) != piece)
        return false;
      bytes.remove_prefix(piece.size());
    }
    return true;
  }

private:
  void advance(std::size_t bytes) { position_ = (position_ + bytes) % cycle().size(); }

  static const std::string& cycle() {
    static const std::string text = [] {
      std::string made((1u << 20) + 4099, '\0');
      unsigned state = 12345;
      std::generate(made.begin(), made.end(), [&] {
        state = state * 1103515245u + 12345u;
        return static_cast<char>(state >> 16);
      });
      return made;
    }();
    return text;
  }

  std::size_t position_ = 0;
};

} // namespace shunt::test
