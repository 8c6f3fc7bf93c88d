// From the text of a configuration file to checked settings, all or nothing. Reads gorouter's file
// as gorouter does, but speaks up where gorouter is silent: unknown keys and keys that do nothing
// yet are warnings. Safe on arbitrary bytes: size, depth and expansion of aliases are bounded.
#pragma once

#include "config/config_error.hpp"
#include "config/settings.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::config {

/// Larger files are refused unread.
inline constexpr std::size_t file_bytes_max = 16u << 20;

struct load_result {
  config::settings settings;
  std::vector<std::string> warnings; ///< One line each, with file, line and key.
};

/// Reads `yaml_text`; `file_name` only appears in messages. An empty text gives the defaults.
/// Throws config_error, naming all problems at once.
load_result load(std::string_view yaml_text, std::string_view file_name);

/// Reads the regular file at `path`. Throws config_error, also when it cannot be read.
load_result load_file(const std::string& path);

} // namespace shunt::config
