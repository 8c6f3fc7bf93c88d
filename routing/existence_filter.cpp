#include "routing/existence_filter.hpp"

#include <algorithm>
#include <bit>

namespace shunt::routing {

existence_filter::existence_filter(std::size_t hosts) {
  const auto wanted = std::max<std::size_t>(hosts, 64) * bits_per_host / 8;
  bits_.assign(std::min(std::bit_ceil(wanted), bytes_max), '\0');
  capacity_ = bits_.size() * 8 / bits_per_host;
}

std::optional<existence_filter> existence_filter::read(std::string_view bytes) {
  if (bytes.size() > bytes_max || !std::has_single_bit(bytes.size()))
    return std::nullopt;
  existence_filter filter{0};
  filter.bits_ = bytes;
  filter.capacity_ = bytes.size() * 8 / bits_per_host;
  return filter;
}

// Two halves of one hash make as many probes as wanted (Kirsch and Mitzenmacher, 2006).
void existence_filter::add(std::uint64_t host_hash) {
  const std::uint64_t step = (host_hash >> 32) | 1;
  for (int i = 0; i < probes; ++i, host_hash += step * 0x9e3779b97f4a7c15) {
    const auto bit = (host_hash >> 20) & (bits_.size() * 8 - 1);
    bits_[bit / 8] = static_cast<char>(bits_[bit / 8] | 1 << bit % 8);
  }
}

bool existence_filter::may_contain(std::uint64_t host_hash) const {
  const std::uint64_t step = (host_hash >> 32) | 1;
  for (int i = 0; i < probes; ++i, host_hash += step * 0x9e3779b97f4a7c15) {
    const auto bit = (host_hash >> 20) & (bits_.size() * 8 - 1);
    if ((bits_[bit / 8] & 1 << bit % 8) == 0)
      return false;
  }
  return true;
}

} // namespace shunt::routing
