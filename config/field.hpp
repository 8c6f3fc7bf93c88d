// One row of a schema: a key, the member that it sets, how it is read, and how its default looks.
// Reading, unknown keys and the tables of the documentation all come from such rows.
#pragma once

#include "config/cat.hpp"
#include "config/duration.hpp"
#include "config/found_keys.hpp"
#include "config/readers.hpp"

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shunt::config {

template <class T>
struct field {
  std::string path; ///< Dotted, as in the file.
  std::string type; ///< As the documentation shows it.
  bool is_list = false;
  std::function<void(const found_value&, T&)> read;
  std::function<bool(const T&, const T&)> same;    ///< Whether two hold the same value here.
  std::function<void(const T& from, T& to)> copy;
  std::function<std::string(const T&)> shown_text; ///< The value as the documentation shows it.
  bool (*applies)(const T&) = nullptr;             ///< If it says no, the key is not even checked.
};

template <class T>
using schema_of = std::vector<field<T>>;

// -- How a value looks in the documentation; empty for one that has no default worth showing

std::string value_text(bool value);
std::string value_text(const std::optional<bool>& value);
std::string value_text(nanoseconds value);
std::string value_text(const std::string& value);
std::string value_text(const std::vector<std::string>& values);
std::string value_text(const std::vector<double>& values);
std::string value_text(const std::vector<nats_host>& hosts);

template <class Int>
requires std::is_integral_v<Int> std::string value_text(Int value) {
  return std::to_string(value);
}

template <class Choice>
requires std::is_enum_v<Choice> std::string value_text(Choice value) {
  return std::string{to_text(value)};
}

template <class T>
std::string value_text(const std::vector<T>&) {
  return "[]"; // Lists of maps are empty by default, but for nats.hosts.
}

/// A row for the member that `get` names, from either a `T&` or a `const T&`.
template <class T, class Get, class Reader>
field<T> make_field(std::string path, Get get, Reader reader, bool (*applies)(const T&) = nullptr) {
  field<T> row;
  row.path = std::move(path);
  row.type = reader.type();
  row.is_list = row.type.starts_with('[');
  row.read = [get, reader](const found_value& v, T& out) { reader(v, get(out)); };
  row.same = [get](const T& a, const T& b) { return get(a) == get(b); };
  row.copy = [get](const T& from, T& to) { get(to) = get(from); };
  row.shown_text = [get](const T& s) { return value_text(get(s)); };
  row.applies = applies;
  return row;
}

/// Reads the keys that were found into `out`, in the schema's order.
template <class T>
void read_fields(const schema_of<T>& schema, const found_keys& keys, const std::string& prefix,
                 T& out, report& remarks) {
  for (const auto& row : schema) {
    const auto* const node = keys.find(row.path);
    const bool says_nothing =
      node == nullptr || (node->is == yaml_node::kind::null && !row.is_list);
    if (!says_nothing && (row.applies == nullptr || row.applies(out)))
      row.read({*node, prefix + row.path, remarks}, out);
  }
}

template <class T>
path_set paths_of(const schema_of<T>& schema) {
  path_set paths;
  for (const auto& row : schema)
    paths.insert(row.path);
  return paths;
}

/// A map with a schema of its own, such as one element of a list.
template <class T>
void read_map(const schema_of<T>& schema, const found_value& v, T& out) {
  if (v.null())
    return;
  if (v.node.is != yaml_node::kind::map)
    return v.expected("keys");
  const auto prefix = v.path + '.';
  read_fields(schema, found_keys{v.node, prefix, paths_of(schema), v.out}, prefix, out, v.out);
}

/// A list of maps.
template <class T>
struct list_of {
  const schema_of<T>& (*schema)();

  std::string type() const {
    std::string names;
    for (const auto& row : schema())
      names.append(names.empty() ? "" : ", ").append(row.path);
    return cat("[{", names, "}]");
  }

  void operator()(const found_value& v, std::vector<T>& out) const {
    if (!v.list())
      return;
    out.assign(v.node.items.size(), T{});
    for (std::size_t i = 0; i < out.size(); ++i)
      read_map(schema(), v.item(i), out[i]);
  }
};

} // namespace shunt::config
