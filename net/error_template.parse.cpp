// Reads a template: recursive descent over the lexer's tokens, types checked on the way. The place
// in the HTML document is followed at the same time, through every branch, and says whether a value
// may be output where one is.
#include "net/error_template.hpp"
#include "net/error_template.html.hpp"
#include "net/error_template.lexer.hpp"
#include "net/error_template.tree.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shunt::net {

namespace {

using namespace template_tree;
using namespace std::string_literals;
using namespace std::string_view_literals;

struct function {
  std::string_view name;
  operation op;
  std::size_t operands_min;
  std::size_t operands_max;
};

constexpr std::size_t operands_max = 64;

constexpr function functions[] = {
  {"eq", operation::equal, 2, operands_max},
  {"ne", operation::not_equal, 2, 2},
  {"lt", operation::less, 2, 2},
  {"le", operation::less_or_equal, 2, 2},
  {"gt", operation::greater, 2, 2},
  {"ge", operation::greater_or_equal, 2, 2},
  {"not", operation::negation, 1, 1},
  {"and", operation::all, 1, operands_max},
  {"or", operation::any, 1, operands_max},
};

const function* find_function(std::string_view name) {
  const auto* found = std::find_if(std::begin(functions), std::end(functions),
                                   [name](const function& f) { return f.name == name; });
  return found == std::end(functions) ? nullptr : found;
}

/// A piece of the template, fit for a message.
std::string quote(std::string_view source) {
  std::string text = "'";
  for (const char c : source.substr(0, 40))
    text += c >= ' ' && c < 0x7f ? c : '?';
  return text + (source.size() > 40 ? "...'" : "'");
}

class parser {
public:
  parser(std::string_view text, template_error& error) : text_{text}, lexer_{text}, error_{error} {}

  /// The whole template.
  bool parse(arm& out) {
    if (!parse_body(out.body, 0))
      return false;
    if (token_.kind == token_kind::word)
      return fail("{{ " + std::string{token_.source} + " }} without an if");
    const auto* reason = place_.check_end();
    return reason == nullptr || fail(reason);
  }

private:
  // -- Bodies.

  /// Up to the end of the template, or to the word of an action that ends the body.
  bool parse_body(std::vector<node>& out, std::size_t depth) {
    while (advance() && token_.kind != token_kind::end_of_template) {
      if (token_.kind == token_kind::text) {
        if (!take_text(out))
          return false;
      } else if (is_word("else") || is_word("end")) {
        return true;
      } else if (!(is_word("if") ? parse_choice(out, depth + 1) : parse_output(out))) {
        return false;
      }
    }
    return !failed_;
  }

  bool take_text(std::vector<node>& out) {
    node made;
    std::size_t error_at = 0;
    if (const auto* reason = place_.take(token_.source, made.text, error_at))
      return fail(reason, token_.at + error_at);
    if (!made.text.empty())
      out.push_back(std::move(made));
    return true;
  }

  bool parse_output(std::vector<node>& out) {
    const auto begin = token_.at;
    node made;
    made.kind = node_kind::output;
    if (!parse_call(made.value, 0) || !expect_end_of_action())
      return false;
    if (const auto* reason = place_.take_value())
      return fail(reason + " is not supported"s, begin);
    if (!place_.is_silent())
      out.push_back(std::move(made));
    return true;
  }

  /// At the `if`. Every branch begins at the same place, and all must end at one.
  bool parse_choice(std::vector<node>& out, std::size_t depth) {
    const auto begin = token_.at;
    if (depth > error_template_depth_max)
      return fail("too many nested ifs");
    const auto before = place_;
    std::optional<html_place> after;
    node made;
    made.kind = node_kind::choice;
    bool more = true;
    while (more) {
      place_ = before;
      if (!parse_arm(made.arms, depth, begin, more))
        return false;
      after = after ? html_place::join(*after, place_) : place_;
      if (after && !more && !made.arms.back().always)
        after = html_place::join(*after, before);
      if (!after)
        return fail("the branches of this if end at different places of the document", begin);
    }
    place_ = *after;
    out.push_back(std::move(made));
    return true;
  }

  /// At the `if` or `else` of a branch, which may end with another `else` (`more`).
  bool parse_arm(std::vector<arm>& out, std::size_t depth, std::size_t begin, bool& more) {
    auto& made = out.emplace_back();
    if (!parse_condition(made) || !expect_end_of_action() || !parse_body(made.body, depth))
      return false;
    if (token_.kind == token_kind::end_of_template)
      return fail("this if has no {{ end }}", begin);
    more = is_word("else");
    if (more && made.always)
      return fail("an else after the last else");
    return more || (advance() && expect_end_of_action());
  }

  /// Leaves the token behind the condition.
  bool parse_condition(arm& out) {
    if (is_word("else")) {
      if (!advance())
        return false;
      if (token_.kind == token_kind::end_of_action)
        return true;
      if (!is_word("if"))
        return fail("unexpected " + describe_token() + " after else");
    }
    out.always = false;
    return advance() && parse_call(out.condition, 0);
  }

  // -- Expressions. Each leaves the token behind itself.

  /// A function with its operands, or a single operand.
  bool parse_call(expression& out, std::size_t depth) {
    if (token_.kind == token_kind::word)
      if (const auto* known = find_function(token_.source))
        return parse_function(*known, out, depth);
    if (token_.kind == token_kind::field && token_.source == ".Header.Get"sv)
      return parse_header(out);
    return parse_operand(out, depth);
  }

  bool parse_function(const function& known, expression& out, std::size_t depth) {
    const auto begin = token_.at;
    out.op = known.op;
    if (!advance())
      return false;
    while (token_.kind != token_kind::end_of_action && token_.kind != token_kind::close) {
      if (!token_.spaced)
        return fail("unexpected " + describe_token() + " without a space before it");
      if (out.operands.size() == operands_max)
        return fail("too many operands");
      if (!parse_operand(out.operands.emplace_back(), depth))
        return false;
    }
    if (out.operands.size() < known.operands_min || out.operands.size() > known.operands_max)
      return fail(quote(known.name) + " has too "
                    + (out.operands.size() < known.operands_min ? "few" : "many") + " operands",
                  begin);
    return check_types(known, out, begin);
  }

  /// Finds the type of a function's value, and refuses what Go could not compare either.
  bool check_types(const function& known, expression& out, std::size_t begin) {
    const auto first = out.operands.front().type;
    const bool alike = std::all_of(out.operands.begin(), out.operands.end(),
                                   [first](const expression& e) { return e.type == first; });
    out.type = value_type::boolean;
    switch (known.op) {
      case operation::negation: return true;
      case operation::all:
      case operation::any: out.type = alike ? first : value_type::mixed; return true;
      default: break;
    }
    if (!alike || first == value_type::mixed)
      return fail(quote(known.name) + " compares values of different types", begin);
    const bool ordered = known.op != operation::equal && known.op != operation::not_equal;
    if (ordered && first == value_type::boolean)
      return fail(quote(known.name) + " cannot order true and false", begin);
    return true;
  }

  /// At `.Header.Get`.
  bool parse_header(expression& out) {
    out.op = operation::header;
    out.type = value_type::text;
    if (!advance())
      return false;
    if (token_.kind != token_kind::string || !token_.spaced)
      return fail("'.Header.Get' takes the name of a header as a string, not " + describe_token());
    out.text = std::move(token_.value);
    return advance();
  }

  bool parse_operand(expression& out, std::size_t depth) {
    switch (token_.kind) {
      case token_kind::field: return parse_field(out);
      case token_kind::number: return parse_number(out);
      case token_kind::open: return parse_parentheses(out, depth + 1);
      case token_kind::word: return parse_boolean(out);
      case token_kind::string:
        out.type = value_type::text;
        out.text = std::move(token_.value);
        return advance();
      case token_kind::end_of_action:
      case token_kind::close: return fail("a value is missing");
      default: return fail("unexpected " + describe_token());
    }
  }

  bool parse_field(expression& out) {
    out.type = value_type::text;
    if (token_.source == ".Status"sv) {
      out.op = operation::status;
      out.type = value_type::integer;
    } else if (token_.source == ".StatusText"sv) {
      out.op = operation::status_text;
    } else if (token_.source == ".Message"sv) {
      out.op = operation::message;
    } else if (token_.source == ".Header.Get"sv) {
      return fail("'.Header.Get' with its name stands in parentheses here");
    } else {
      return fail(quote(token_.source)
                  + " is not known: there are .Status, .StatusText, .Message and .Header.Get "
                    "\"NAME\"");
    }
    return advance();
  }

  bool parse_number(expression& out) {
    const auto source = token_.source.substr(token_.source.front() == '+' ? 1 : 0);
    const auto read = std::from_chars(source.data(), source.data() + source.size(), out.number);
    return read.ec == std::errc{} ? advance() : fail(quote(token_.source) + " is too large");
  }

  bool parse_parentheses(expression& out, std::size_t depth) {
    const auto begin = token_.at;
    if (depth > error_template_depth_max)
      return fail("too many nested parentheses");
    if (!advance() || !parse_call(out, depth))
      return false;
    if (token_.kind == token_kind::end_of_action)
      return fail("this parenthesis has no end", begin);
    if (token_.kind != token_kind::close)
      return fail("unexpected " + describe_token());
    if (!advance())
      return false;
    // Go would take it for a field of what is in the parentheses.
    return token_.kind != token_kind::field || token_.spaced
           || fail("unexpected " + describe_token() + " without a space before it");
  }

  bool parse_boolean(expression& out) {
    const bool truth = is_word("true");
    if (find_function(token_.source) != nullptr)
      return fail(quote(token_.source) + " with its operands stands in parentheses here");
    if (!truth && !is_word("false"))
      return fail(quote(token_.source)
                  + " is not supported: there are if, else, end, eq, ne, lt, le, gt, ge, not, and, "
                    "or, true and false");
    out.type = value_type::boolean;
    out.number = truth ? 1 : 0;
    return advance();
  }

  // -- Tokens.

  bool advance() {
    token_ = lexer_.next();
    return token_.kind != token_kind::error || fail(token_.value);
  }

  bool is_word(std::string_view word) const {
    return token_.kind == token_kind::word && token_.source == word;
  }

  bool expect_end_of_action() {
    return token_.kind == token_kind::end_of_action
           || fail("unexpected " + describe_token() + ", where the action should end");
  }

  std::string describe_token() const {
    return token_.kind == token_kind::end_of_action ? "end of the action" : quote(token_.source);
  }

  bool fail(std::string message) { return fail(std::move(message), token_.at); }

  /// Always false. The first failure counts.
  bool fail(std::string message, std::size_t at) {
    if (failed_)
      return false;
    failed_ = true;
    const auto before = text_.substr(0, at);
    error_.line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    error_.column = at - (before.rfind('\n') + 1) + 1; // npos + 1 is 0.
    error_.message = std::move(message);
    return false;
  }

  std::string_view text_;
  template_lexer lexer_;
  template_token token_;
  html_place place_;
  template_error& error_;
  bool failed_ = false;
};

} // namespace

std::optional<error_template> error_template::parse(std::string_view text, template_error& error) {
  if (text.size() > error_template_bytes_max) {
    error = {1, 1,
             "the template has more than " + std::to_string(error_template_bytes_max) + " bytes"};
    return {};
  }
  auto tree = std::make_shared<template_tree::arm>();
  if (!parser{text, error}.parse(*tree))
    return {};
  return error_template{std::move(tree)};
}

} // namespace shunt::net
