// Loading: text, tree, schema, rules between keys, warnings; and all errors at once.
#include "config/load.hpp"

#include "config/cat.hpp"
#include "config/check.hpp"
#include "config/schema.hpp"
#include "config/yaml_parse.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace shunt::config {

namespace {

/// The map of keys at the root; an empty one for an empty file.
yaml_ptr root_map(yaml_ptr root, report& out) {
  const bool is_map = root && root->is == yaml_node::kind::map;
  if (root && !is_map && root->is != yaml_node::kind::null)
    out.error(root->line, "", "found a value, expected keys");
  return is_map ? root : std::make_shared<const yaml_node>();
}

void fill(settings& s, const yaml_node& root, report& out) {
  const auto& schema = settings_schema();
  const found_keys keys{root, "", paths_of(schema), out};
  read_fields(schema, keys, "", s, out);
  complete_and_check(s, keys, out);
}

[[noreturn]] void fail(std::string_view file_name, std::string_view message) {
  report out{file_name};
  out.error(0, "", message);
  throw config_error{out.errors()};
}

constexpr std::string_view too_large = "the file is larger than 16 MiB";

} // namespace

load_result load(std::string_view yaml_text, std::string_view file_name) {
  if (yaml_text.size() > file_bytes_max)
    fail(file_name, too_large);
  report out{file_name};
  load_result result;
  const auto root = root_map(parse_yaml(yaml_text, out), out);
  fill(result.settings, *root, out);
  if (out.failed())
    throw config_error{out.errors(), out.warnings()};
  result.warnings = out.warnings();
  return result;
}

load_result load_file(const std::string& path) {
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  if (!file)
    fail(path, cat("cannot be opened: ", std::strerror(errno)));
  std::string text(file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) // A directory opens, but cannot be read.
    fail(path, cat("cannot be read: ", std::strerror(errno)));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return load(text, path);
}

} // namespace shunt::config
