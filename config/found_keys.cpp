// Matching the file's keys against the known ones.
#include "config/found_keys.hpp"

#include "config/cat.hpp"
#include "config/nearest.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shunt::config {

namespace {

/// Written by older deployment jobs; they would only make noise.
constexpr std::array<std::string_view, 2> tolerated{"ip_local_port_range",
                                                    "logging.enable_attempts_details"};

/// Sections are as good an answer as keys when something is mistyped.
path_set with_sections(const path_set& paths) {
  auto result = paths;
  for (const auto& path : paths)
    for (auto dot = path.rfind('.'); dot != std::string::npos; dot = path.rfind('.', dot - 1))
      result.insert(path.substr(0, dot));
  return result;
}

} // namespace

found_keys::found_keys(const yaml_node& map, std::string shown_prefix, path_set known, report& out)
  : shown_prefix_{std::move(shown_prefix)}, known_{std::move(known)} {
  visit(map, "", out);
}

const yaml_node* found_keys::find(std::string_view path) const {
  const auto found = values_.find(path);
  return found == values_.end() ? nullptr : found->second;
}

bool found_keys::has(std::string_view path) const {
  const auto* const value = find(path);
  return value != nullptr && value->is != yaml_node::kind::null;
}

int found_keys::line(std::string_view path) const {
  for (;;) {
    if (const auto found = lines_.find(path); found != lines_.end())
      return found->second;
    const auto dot = path.rfind('.');
    if (dot == std::string_view::npos)
      return 0;
    path = path.substr(0, dot);
  }
}

int found_keys::line(std::string_view path, std::string_view otherwise) const {
  return line(find(path) == nullptr && find(otherwise) != nullptr ? otherwise : path);
}

void found_keys::visit(const yaml_node& map, const std::string& prefix, report& out) {
  for (const auto& entry : map.entries)
    visit_entry(entry, prefix + entry.key, out);
}

void found_keys::visit_entry(const yaml_node::entry& entry, const std::string& path, report& out) {
  // A key may hold dots itself; "nats.user" is not the user of nats.
  const bool dotted = entry.key.find('.') != std::string::npos;
  if (!dotted && known_.contains(path)) {
    values_.emplace(path, entry.value.get());
    lines_.emplace(path, entry.line);
  } else if (dotted || !is_section(path)) {
    warn_unknown(entry.line, path, out);
  } else if (entry.value->is == yaml_node::kind::map) {
    lines_.emplace(path, entry.line);
    visit(*entry.value, path + '.', out);
  } else if (entry.value->is != yaml_node::kind::null) {
    out.error(entry.line, shown_prefix_ + path, "found a value, expected keys below this one");
  }
}

bool found_keys::is_section(std::string_view path) const {
  const auto prefix = std::string{path} + '.';
  const auto first = known_.lower_bound(prefix);
  return first != known_.end() && first->starts_with(prefix);
}

void found_keys::warn_unknown(int line, const std::string& path, report& out) {
  if (shown_prefix_.empty()
      && std::find(tolerated.begin(), tolerated.end(), path) != tolerated.end())
    return;
  std::string message = "unknown key, ignored";
  if (out.takes_warnings()) { // A suggestion is dear, and a file may hold very many unknown keys.
    if (suggestions_.empty())
      suggestions_ = with_sections(known_);
    if (const auto meant = nearest_key(path, suggestions_); !meant.empty())
      message += cat("; did you mean ", shown_prefix_, meant, "?");
  }
  out.warn(line, shown_prefix_ + shown(path), message);
}

} // namespace shunt::config
