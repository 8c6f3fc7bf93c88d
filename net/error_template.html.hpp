// Where in an HTML document a template is, followed through its literal text by the rules of the
// HTML standard (13.2.5), as far as needed to know what a value would mean there. Internal to
// error_template. In doubt it says no: better a refused template than a page that runs what a
// client wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::net {

/// A place in a document; a value. Begins where documents do.
class html_place {
public:
  bool operator==(const html_place&) const = default;

  /// Goes on over `text`, and appends what of it goes out. Null, or what is wrong with the text at
  /// `error_at`.
  const char* take(std::string_view text, std::string& out, std::size_t& error_at);

  /// Notes that a value is output here. Null, or why none may be.
  const char* take_value() noexcept;

  /// Whether nothing goes out here, values neither: in a comment.
  bool is_silent() const noexcept { return state_ == state::comment; }

  /// Null, or why a document may not end here.
  const char* check_end() const noexcept;

  /// The one place where both may be meant, after the branches of a choice; nothing when they are
  /// too different.
  static std::optional<html_place> join(const html_place& a, const html_place& b) noexcept;

private:
  enum class state : std::uint8_t {
    text,
    comment,
    tag_name, ///< At its end, unless more of the name comes.
    tag,      ///< Where an attribute may begin.
    name,     ///< In the name of an attribute, interrupted by an action.
    after_name,
    before_value,
    quoted,
    unquoted,
  };

  /// What the element is whose tag or text this is.
  enum class element : std::uint8_t { ordinary, title, textarea, script, style };

  /// What the value of an attribute is.
  enum class attribute : std::uint8_t {
    plain,
    content,    ///< A text, or, next to http-equiv, more than that.
    http_equiv, ///< Makes of `content` a directive.
    url,
    script,
    style,
    document,
    interrupted, ///< Its name is not known for certain.
  };

  class scan;

  static element element_of(std::string_view name) noexcept;
  static attribute attribute_of(std::string_view name);
  static std::string_view name_of(element e) noexcept;

  state state_ = state::text;
  element element_ = element::ordinary;
  attribute attribute_ = attribute::plain;
  char quote_ = '"';
  bool http_equiv_ = false;    ///< The tag has had one.
  bool value_content_ = false; ///< The tag has had a `content` with a value in it.
};

} // namespace shunt::net
