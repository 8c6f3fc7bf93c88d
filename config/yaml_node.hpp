// A parsed YAML value with the line it stands on. Our own tree and not yaml-cpp's, because that one
// forgets duplicate keys and whether a scalar was quoted, and both matter here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shunt::config {

struct yaml_node {
  enum class kind : std::uint8_t { null, scalar, list, map };

  /// One key of a map.
  struct entry {
    std::string key;
    int line;
    std::shared_ptr<const yaml_node> value;
  };

  kind is = kind::null;
  bool quoted = false; ///< A scalar that can only be a string.
  int line = 0;        ///< Counts from 1.
  std::string text;    ///< Of a scalar.
  std::vector<std::shared_ptr<const yaml_node>> items;
  std::vector<entry> entries;
};

/// Shared, because an alias stands for the very node that its anchor names.
using yaml_ptr = std::shared_ptr<const yaml_node>;

} // namespace shunt::config
