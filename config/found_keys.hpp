// The keys of one map of the file, flattened to dotted paths and matched against the known ones.
#pragma once

#include "config/report.hpp"
#include "config/yaml_node.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace shunt::config {

using path_set = std::set<std::string, std::less<>>;

class found_keys {
public:
  /// Looks for `known` in `map`. `shown_prefix` ("nats.hosts[0].") stands before paths in messages.
  /// Warns of unknown keys; `map` outlives the object.
  found_keys(const yaml_node& map, std::string shown_prefix, path_set known, report& out);

  /// The value at `path`, or null.
  const yaml_node* find(std::string_view path) const;

  /// Whether the file says something at `path`; an explicit null says nothing.
  bool has(std::string_view path) const;

  /// The line of `path`, or of the innermost section around it that the file has, or 0.
  int line(std::string_view path) const;
  /// The same, or that of `otherwise`, a key that asks for `path`, if the file has only that.
  int line(std::string_view path, std::string_view otherwise) const;

private:
  void visit(const yaml_node& map, const std::string& prefix, report& out);
  void visit_entry(const yaml_node::entry& entry, const std::string& path, report& out);
  bool is_section(std::string_view path) const;
  void warn_unknown(int line, const std::string& path, report& out);

  std::string shown_prefix_;
  path_set known_;
  path_set suggestions_; ///< Filled when the first unknown key turns up.
  std::map<std::string, const yaml_node*, std::less<>> values_;
  std::map<std::string, int, std::less<>> lines_;
};

} // namespace shunt::config
