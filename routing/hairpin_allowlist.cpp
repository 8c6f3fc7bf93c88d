#include "routing/hairpin_allowlist.hpp"

#include <algorithm>
#include <functional>

namespace shunt::routing {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_label(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

/// Labels with dots between them, at least two.
bool is_name(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == text.npos || !is_label(text.substr(0, dot)))
    return false;
  const auto rest = text.substr(dot + 1);
  return is_label(rest) || is_name(rest);
}

bool holds(const std::vector<std::string>& sorted, std::string_view text) {
  return std::binary_search(sorted.begin(), sorted.end(), text, std::less<>{});
}

} // namespace

std::optional<hairpin_allowlist> hairpin_allowlist::parse(std::span<const std::string> entries,
                                                          std::string& error) {
  hairpin_allowlist made;
  for (const auto& entry : entries) {
    const bool wildcard = entry.starts_with("*.");
    if (!is_name(std::string_view{entry}.substr(wildcard ? 2 : 0))) {
      error.assign("'").append(entry, 0, 64).append("': expected a host such as a.example.com or *.example.com");
      return std::nullopt;
    }
    std::string text = entry.substr(wildcard ? 1 : 0);
    std::transform(text.begin(), text.end(), text.begin(), lower);
    (wildcard ? made.parents_ : made.names_).push_back(std::move(text));
  }
  std::sort(made.names_.begin(), made.names_.end());
  std::sort(made.parents_.begin(), made.parents_.end());
  return made;
}

bool hairpin_allowlist::allows(std::string_view host) const noexcept {
  if (names_.empty() && parents_.empty())
    return true;
  // A route that is a wildcard has the `*` itself for a first label.
  const auto dot = host.find('.');
  return holds(names_, host) || (dot != host.npos && dot > 0 && holds(parents_, host.substr(dot)));
}

} // namespace shunt::routing
