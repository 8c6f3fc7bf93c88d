// Which hosts exist, roughly and small (Bloom, 1970): a borrower of a shard that asks it needs no message to know
// that a random host is not there. It may take a host for existing that is not; never the other way round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing {

class existence_filter {
public:
  /// For `hosts` of them one in a hundred others is taken for one; for more, more.
  explicit existence_filter(std::size_t hosts);
  /// From `bytes()` of another one; none if they cannot be that.
  static std::optional<existence_filter> read(std::string_view bytes);
  static constexpr std::size_t bytes_max = 512 * 1024;

  void add(std::uint64_t host_hash);
  bool may_contain(std::uint64_t host_hash) const;
  std::size_t capacity() const { return capacity_; }
  const std::string& bytes() const { return bits_; }

private:
  static constexpr std::size_t bits_per_host = 10;
  static constexpr int probes = 7;

  std::string bits_; ///< A power of two of bits.
  std::size_t capacity_ = 0;
};

} // namespace shunt::routing
