// Cuts a template into literal texts and the tokens between `{{` and `}}`, as Go's text/template
// does. Comments are skipped and texts trimmed here, so that the parser sees neither. Internal to
// error_template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::net {

enum class token_kind : std::uint8_t {
  text,   ///< Literal, between actions. May be empty.
  word,   ///< `if`, `eq`, ...
  field,  ///< `.Status`, `.Header.Get`; `.` alone.
  string, ///< `value` is what the quotes hold.
  number, ///< `source` is a decimal integer, perhaps signed.
  open,   ///< `(`
  close,  ///< `)`
  end_of_action,
  end_of_template,
  error, ///< `value` says why. The last one.
};

struct template_token {
  token_kind kind = token_kind::text;
  bool spaced = false;     ///< Whitespace stands before it.
  std::size_t at = 0;      ///< In the template.
  std::string_view source; ///< Its part of the template.
  std::string value;       ///< Of strings and errors.
};

/// `text` outlives it and its tokens.
class template_lexer {
public:
  explicit template_lexer(std::string_view text) : text_{text} {}

  template_token next();

private:
  template_token next_text();
  template_token next_in_action();
  template_token take(token_kind kind, std::size_t size);
  template_token fail(std::size_t at, std::string why);
  template_token take_quoted();
  template_token take_raw();
  template_token take_field();
  template_token take_number();
  template_token refuse_byte();
  bool skip_comment(template_token& error);
  bool at_end_of_action() const;
  std::string_view rest() const { return text_.substr(at_); }

  std::string_view text_;
  std::size_t at_ = 0;
  bool inside_ = false;   ///< Of an action.
  bool trim_ = false;     ///< The next text, at its left.
  bool spaced_ = false;   ///< Whitespace has been skipped.
  std::size_t began_ = 0; ///< Where the action did.
};

} // namespace shunt::net
