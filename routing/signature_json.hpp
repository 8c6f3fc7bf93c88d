// The little JSON that signatures of route services are made of: an object whose strings are
// written as Go's encoder writes them, and read as Go's decoder reads any JSON, error texts
// included: names in any case, unknown ones ignored, the last of several wins. Bounded in depth.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shunt::routing {

/// Appends a string with its quotes. `&`, `<`, `>` and the line separators of Unicode are escaped;
/// what is no UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

enum class json_type { null, boolean, number, string, array, object };
/// As Go's errors name it.
std::string_view name_of(json_type type) noexcept;

/// Is told of the members of the outermost object, in order.
class json_members {
public:
  /// `text` is that of a string, unescaped, else empty. Both are good until the call returns.
  virtual void member(std::string_view name, json_type type, std::string_view text) = 0;

protected:
  ~json_members() = default;
};

/// Buffers that are reused.
struct json_scratch {
  std::string name, text;
};

/// Reads a whole document. False and Go's text in `error` if it is no JSON; members may have been
/// told by then. `type` says what it is: members come from an object only.
bool read_json(std::string_view document, json_type& type, json_members& members,
               json_scratch& scratch, std::string& error);

} // namespace shunt::routing
