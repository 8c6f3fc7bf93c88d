// What the tests of this room share: loading a text under a fixed name, and its errors as one text.
#pragma once

#include "config/load.hpp"

#include <string>
#include <string_view>

namespace shunt::config::test {

inline settings loaded(std::string_view yaml) {
  return load(yaml, "f.yml").settings;
}

/// All errors of `yaml`, one per line; empty when it loads.
inline std::string errors_of(std::string_view yaml) {
  try {
    load(yaml, "f.yml");
    return {};
  } catch (const config_error& e) {
    return e.what();
  }
}

/// All warnings of `yaml`, one per line.
inline std::string warnings_of(std::string_view yaml) {
  std::string all;
  for (const auto& warning : load(yaml, "f.yml").warnings)
    all += warning + '\n';
  return all;
}

/// One wrong text and what must be said of it.
struct refusal {
  std::string yaml;
  std::string message;
};

/// One key of a file: `nested("a.b", "1")` is `{a: {b: 1}}`.
inline std::string nested(std::string path, const std::string& value) {
  std::string text = value;
  while (!path.empty()) {
    const auto dot = path.rfind('.');
    const auto name = dot == std::string::npos ? path : path.substr(dot + 1);
    text = std::string{"{"}.append(name).append(": ").append(text).append("}");
    path.resize(dot == std::string::npos ? 0 : dot);
  }
  return text;
}

} // namespace shunt::config::test
