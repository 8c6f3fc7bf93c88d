// Looks at one byte and decides: numbers, strings and fields are taken whole, everything that is of
// the language but not of the subset is refused by its name.
#include "net/error_template.lexer.hpp"

#include "routing/ascii.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::string_view_literals;

constexpr auto left = "{{"sv;
constexpr auto right = "}}"sv;
constexpr auto blanks = " \t\r\n"sv;

bool is_blank(char c) {
  return blanks.find(c) != blanks.npos;
}

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

std::size_t word_length(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_word_byte)
                                  - text.begin());
}

std::string_view trim_right(std::string_view text) {
  return text.substr(0, text.find_last_not_of(blanks) + 1); // npos + 1 is 0.
}

/// A `-` that trims stands apart from what follows: `{{-3}}` is a number.
bool trims_left(std::string_view action) {
  return action.size() > 1 && action[0] == '-' && is_blank(action[1]);
}

/// What a backslash and `c` stand for; false if that is not supported.
bool unescape(char c, char& out) {
  switch (c) {
    case '\\':
    case '"': out = c; return true;
    case 'n': out = '\n'; return true;
    case 'r': out = '\r'; return true;
    case 't': out = '\t'; return true;
    default: return false;
  }
}

std::string printable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte > 0x20 && byte < 0x7f)
    return {'\'', c, '\''};
  constexpr auto digits = "0123456789abcdef"sv;
  return {'0', 'x', digits[byte >> 4], digits[byte & 0xf]};
}

} // namespace

template_token template_lexer::next() {
  return inside_ ? next_in_action() : next_text();
}

template_token template_lexer::take(token_kind kind, std::size_t size) {
  template_token token{kind, std::exchange(spaced_, false), at_, text_.substr(at_, size), {}};
  at_ += size;
  return token;
}

template_token template_lexer::fail(std::size_t at, std::string why) {
  return {token_kind::error, false, at, {}, std::move(why)};
}

/// Up to the next action, which begins with the next token.
template_token template_lexer::next_text() {
  if (at_ == text_.size())
    return take(token_kind::end_of_template, 0);
  if (std::exchange(trim_, false))
    at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size());
  const auto end = std::min(text_.find(left, at_), text_.size());
  auto token = take(token_kind::text, end - at_);
  if (at_ == text_.size())
    return token;
  began_ = at_;
  at_ += left.size();
  if (trims_left(rest())) {
    token.source = trim_right(token.source);
    at_ += 1;
  }
  template_token error;
  // Spaces may stand before a comment only where they belong to a trim marker.
  const auto skipped = at_ > began_ + left.size() ? 1u : 0u;
  inside_ = !rest().substr(skipped).starts_with("/*"sv);
  if (!inside_ && !skip_comment(error))
    return error;
  return token;
}

/// At a comment, which is all that its action may hold.
bool template_lexer::skip_comment(template_token& error) {
  const auto begin = text_.find("/*"sv, at_);
  const auto end = text_.find("*/"sv, begin + 2);
  if (end == text_.npos) {
    error = fail(began_, "this comment has no end");
    return false;
  }
  at_ = end + 2;
  trim_ = rest().size() > 1 && is_blank(rest()[0]) && rest()[1] == '-';
  at_ += trim_ ? 2 : 0;
  if (!rest().starts_with(right)) {
    error = fail(at_, "a comment is followed by something else than }}");
    return false;
  }
  at_ += right.size();
  return true;
}

bool template_lexer::at_end_of_action() const {
  return rest().starts_with(right) || (spaced_ && rest().starts_with("-}}"sv));
}

template_token template_lexer::next_in_action() {
  const auto begin = std::min(text_.find_first_not_of(blanks, at_), text_.size());
  spaced_ = begin > at_;
  at_ = begin;
  if (at_ == text_.size())
    return fail(began_, "this action has no end");
  if (at_end_of_action()) {
    trim_ = rest().front() == '-';
    inside_ = false;
    return take(token_kind::end_of_action, right.size() + (trim_ ? 1 : 0));
  }
  const char c = rest().front();
  if (is_digit(c) || c == '-' || c == '+')
    return take_number();
  if (is_word_byte(c))
    return take(token_kind::word, word_length(rest()));
  switch (c) {
    case '.': return take_field();
    case '"': return take_quoted();
    case '`': return take_raw();
    case '(': return take(token_kind::open, 1);
    case ')': return take(token_kind::close, 1);
    default: return refuse_byte();
  }
}

template_token template_lexer::take_field() {
  std::size_t size = 0;
  do
    size += 1 + word_length(rest().substr(size + 1));
  while (size < rest().size() && rest()[size] == '.');
  return take(token_kind::field, size);
}

/// Plain decimal integers. What Go would read in another base or as a fraction is refused, so that
/// no number is read as a different one.
template_token template_lexer::take_number() {
  const std::size_t sign = is_digit(rest().front()) ? 0 : 1;
  const auto all = rest().substr(sign);
  const auto size = word_length(all);
  const bool plain =
    std::all_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size), is_digit);
  const bool fraction = size < all.size() && all[size] == '.';
  if (size == 0 || !plain || fraction || (size > 1 && all.front() == '0'))
    return fail(at_, "a number that is no plain decimal integer is not supported");
  return take(token_kind::number, sign + size);
}

template_token template_lexer::take_quoted() {
  std::string value;
  for (std::size_t i = 1; i < rest().size() && rest()[i] != '\n'; ++i) {
    char c = rest()[i];
    if (c == '"') {
      auto token = take(token_kind::string, i + 1);
      token.value = std::move(value);
      return token;
    }
    if (c == '\\' && (++i == rest().size() || !unescape(rest()[i], c)))
      return fail(at_ + i - 1, "an escape other than \\\\ \\\" \\n \\r \\t is not supported");
    value += c;
  }
  return fail(at_, "this string has no end");
}

template_token template_lexer::take_raw() {
  const auto end = rest().find('`', 1);
  if (end == std::string_view::npos)
    return fail(at_, "this string has no end");
  auto token = take(token_kind::string, end + 1);
  token.value = token.source.substr(1, token.source.size() - 2);
  std::erase(token.value, '\r'); // As Go does.
  return token;
}

template_token template_lexer::refuse_byte() {
  switch (rest().front()) {
    case '|': return fail(at_, "pipelines (|) are not supported");
    case '$': return fail(at_, "variables ($) are not supported");
    case '=':
    case ':': return fail(at_, "assignments are not supported");
    case ',': return fail(at_, "declarations (,) are not supported");
    case '\'':
      return fail(at_, "character constants are not supported; strings take double quotes");
    case '/': return fail(at_, "a comment begins right behind {{ or {{- and a space");
    default: return fail(at_, "unexpected " + printable(rest().front()));
  }
}

} // namespace shunt::net
