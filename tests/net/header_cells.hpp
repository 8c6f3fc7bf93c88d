// Cells of the tables of `net/header_table` for tests: what a peer sees of a header when it is
// sent, when it is also named in Connection, and when it is missing.
#pragma once

#include "net/http_fields.hpp"

#include <algorithm>
#include <cctype>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

/// The values of a field in a head, joined by `|`; `-` without any.
inline std::string values(std::string_view head, std::string_view name) {
  std::string found;
  for (auto at = head.find("\r\n") + 2; at < head.size();) {
    const auto line = head.substr(at, head.find("\r\n", at) - at);
    if (const auto colon = line.find(": ");
        colon != line.npos && iequals(line.substr(0, colon), name))
      found.append(found.empty() ? "" : "|").append(line.substr(colon + 2));
    at += line.size() + 2;
  }
  return found.empty() ? "-" : found;
}

/// `X-CF-Proxy-Metadata` and "to route service" make XCFProxyMetadataToRouteService.
inline std::string test_name(std::string_view header, std::string_view column) {
  std::string made;
  bool starts_word = true;
  const auto words = std::string{header}.append(" ").append(column);
  for (const char c : words) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      starts_word = true;
      continue;
    }
    made += starts_word ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    starts_word = false;
  }
  return made;
}

// -- What a cell can promise.

enum class value { none, theirs, ours, both };
struct promise {
  value given;  ///< They sent the header.
  value named;  ///< They sent it, and named it in Connection.
  value absent; ///< They did not send it.
  bool operator==(const promise&) const = default;
};
constexpr promise passed{value::theirs, value::none, value::none};
constexpr promise never{value::none, value::none, value::none};
constexpr promise vouched{value::ours, value::ours, value::ours};  ///< They cannot prevent it.
constexpr promise replaced{value::ours, value::none, value::ours}; ///< They can.
constexpr promise completed{value::theirs, value::none, value::ours};
constexpr promise appended{value::both, value::ours, value::ours};
constexpr promise renewed{value::theirs, value::theirs, value::none}; ///< For the next hop.
constexpr promise on_demand{value::none, value::theirs, value::none}; ///< If named, alone.

struct row {
  const char* header;
  std::string theirs; ///< The value that they send.
  std::string ours;   ///< And that of the router.
  promise columns[3];
  const char* beside = ""; ///< Sent along.
  const char* what = "";   ///< Tells rows of one header apart.
};
struct cell {
  const row* of;
  int column;
};
inline void PrintTo(const cell& each, std::ostream* out) {
  *out << each.of->header;
}

inline std::vector<cell> cells_of(const std::vector<row>& rows) {
  std::vector<cell> made;
  for (const auto& each : rows)
    for (int column = 0; column < 3; ++column)
      made.push_back({&each, column});
  return made;
}

inline std::string expected(const row& of, value which) {
  switch (which) {
    case value::none: return "-";
    case value::theirs: return of.theirs;
    case value::ours: return of.ours;
    case value::both: return std::string{of.theirs}.append(", ").append(of.ours);
  }
  return {};
}

/// The three requests or responses that a cell is about, as their field lines.
struct three_ways {
  std::string given, named, absent;
  explicit three_ways(const row& of)
    : given{std::string{of.header}.append(": ").append(of.theirs).append("\r\n").append(of.beside)},
      named{std::string{"Connection: "}.append(of.header).append("\r\n").append(given)},
      absent{of.beside} {}
};

inline bool has_row(const std::vector<row>& rows, std::string_view name) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const row& each) { return iequals(each.header, name); });
}

} // namespace shunt::net
