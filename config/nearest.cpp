// Edit distance between names, bounded in length because the names come from outside.
#include "config/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace shunt::config {

namespace {

constexpr std::size_t name_bytes_max = 80;

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string_view last_name(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

} // namespace

std::string nearest_key(std::string_view path, const std::set<std::string, std::less<>>& known) {
  if (path.size() > name_bytes_max)
    return {};
  const auto name = last_name(path);
  std::string best;
  // A third of the letters wrong is still a slip; more is another word.
  std::pair best_distance{std::max<std::size_t>(name.size() / 3, 2) + 1, std::size_t{0}};
  for (const auto& candidate : known) {
    const auto whole = distance(path, candidate);
    // A name at the wrong place is as good as one slip, but a slip at the right place is better.
    const std::pair d{name == last_name(candidate) ? std::min<std::size_t>(whole, 1) : whole, whole};
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

} // namespace shunt::config
