// Finds where frames begin among the bytes of an HTTP/2 connection (RFC 9113, section 4.1), for what the library
// ignores without a word.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace shunt::net {

class http2_frame_scanner {
public:
  /// Of the frame whose head has just been read.
  struct head {
    std::size_t begin; ///< Where it begins in the bytes at hand; 0 if it began before.
    std::uint8_t type;
    std::int32_t stream;
  };

  /// `preface_bytes` = to be skipped before the first frame (RFC 9113, section 3.4).
  explicit http2_frame_scanner(std::size_t preface_bytes) noexcept : skipped_{preface_bytes} {}

  /// The next head that ends in `bytes`, from `at` on, which moves along. Nothing when they are used up.
  std::optional<head> next(std::string_view bytes, std::size_t& at) noexcept {
    const auto skip = std::min(skipped_, bytes.size() - at);
    skipped_ -= skip;
    at += skip;
    const auto taken = std::min(head_.size() - known_, bytes.size() - at);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), taken, head_.begin() + static_cast<std::ptrdiff_t>(known_));
    known_ += taken;
    at += taken;
    if (known_ < head_.size())
      return std::nullopt;
    known_ = 0;
    skipped_ = number(0, 3);
    return head{at - std::min(at, head_.size()), static_cast<std::uint8_t>(head_[3]),
                static_cast<std::int32_t>(number(5, 4) & 0x7fff'ffffu)};
  }

private:
  std::uint32_t number(std::size_t from, std::size_t bytes) const noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = from; i < from + bytes; ++i)
      value = value << 8 | static_cast<unsigned char>(head_[i]);
    return value;
  }

  std::size_t skipped_; ///< Of a payload, or the preface.
  std::size_t known_ = 0;
  std::array<char, 9> head_;
};

} // namespace shunt::net
