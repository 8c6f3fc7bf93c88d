// The operator's rules for the fields of responses: `http_rewrite.responses`. Fields are removed by
// name, whoever set them, then others are added where they are missing. Pure: made once from
// checked settings, then asked and applied; nothing happens, at no cost, when there are no rules.
#pragma once

#include "config/sections.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

/// For final and informational responses, the router's own included; not for a 101. Fields that say
/// how long the message and its connection last are not the operator's: they are neither removed
/// nor added. Nor is Date, which gorouter writes after the rules.
class response_rewrite {
public:
  response_rewrite() = default; ///< No rules.
  explicit response_rewrite(const config::http_rewrite_settings& settings);

  bool empty() const noexcept { return removed_.empty() && added_.empty(); }

  /// Whether fields of that name are left out, whatever its case. For who writes a head.
  bool removes(std::string_view name) const noexcept;

  /// Adds what is missing to the head at the end of `out`, which begins at `head_begin` and
  /// consists of a start line and field lines, each ended by CRLF, without the empty line.
  void append_missing(std::string& out, std::size_t head_begin) const;

  /// Both, to such a head: removes, then adds.
  void apply(std::string& out, std::size_t head_begin) const;

private:
  /// All fields to add that have one name: they are added together or not at all.
  struct added_fields {
    std::string name;
    std::string lines;
  };
  void remove(std::string& out, std::size_t head_begin) const;

  std::vector<std::string> removed_;
  std::vector<added_fields> added_;
};

} // namespace shunt::net
