// The operator's page for the router's own errors: `html_error_template_file`, written for Go's
// html/template. A subset of that language is understood, the one such pages are written in; what
// is outside of it is refused when the file is read, by name and place, and never rendered wrongly.
//
//   {{ .Status }} {{ .StatusText }} {{ .Message }} {{ .Header.Get "NAME" }}
//   {{ if E }} {{ else if E }} {{ else }} {{ end }}     {{/* comment */}}     {{- trimmed -}}
//   E: eq ne lt le gt ge not and or, parentheses, "strings", `strings`, decimal integers, true,
//   false
//
// Values are escaped as Go does in text and in quoted attributes. Where Go would escape them for
// JavaScript, CSS or URLs, or outside of quotes, the template is refused instead; literal text may
// stand anywhere. As in Go, HTML comments are dropped and a `<` that begins no tag becomes `&lt;`.
// Pure: values in, values out; a template never changes and may be rendered by any thread.
#pragma once

#include "net/http_fields.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::net {

namespace template_tree {
struct node;
struct arm;
struct expression;
} // namespace template_tree

/// Longest template.
inline constexpr std::size_t error_template_bytes_max = 256 * 1024;
/// Longest page that comes of one.
inline constexpr std::size_t error_page_bytes_max = 1024 * 1024;
/// How deep `if` and parentheses may be nested, each.
inline constexpr std::size_t error_template_depth_max = 32;

/// Why a text is no template, and where: both numbers count from 1, columns in bytes.
struct template_error {
  std::size_t line = 0;
  std::size_t column = 0;
  std::string message;
};

/// `line 3, column 7: ...`, for the log.
std::string describe(const template_error& error);

/// What a page can tell of an error.
struct error_page_facts {
  int status = 502;
  std::string_view status_text; ///< `.StatusText`, the reason phrase.
  std::string_view message;     ///< `.Message`, what stands after the colon in plain errors.
  std::span<const field>
    header; ///< `.Header`, of the response so far. Of equal names the first counts.
};

class error_template {
public:
  /// Nothing, and `error` filled, when `text` is no template of the subset.
  static std::optional<error_template> parse(std::string_view text, template_error& error);

  /// The page. Nothing when it would be longer than `error_page_bytes_max`: the error is then
  /// answered without the template.
  std::optional<std::string> render(const error_page_facts& facts) const;

private:
  using shared_tree = std::shared_ptr<const template_tree::arm>;

  explicit error_template(shared_tree tree) : tree_{std::move(tree)} {}

  shared_tree tree_;
};

} // namespace shunt::net
