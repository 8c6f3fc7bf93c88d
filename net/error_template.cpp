// Renders: walks the tree, evaluates conditions, escapes values. The parser has seen to it that
// every comparison can be made.
#include "net/error_template.hpp"

#include "net/error_template.tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace shunt::net {

namespace {

using namespace template_tree;

struct value {
  value_type type = value_type::integer;
  std::int64_t number = 0;
  std::string_view text;

  bool truth() const { return type == value_type::text ? !text.empty() : number != 0; }
};

value number_of(value_type type, std::int64_t number) {
  return {type, number, {}};
}

value text_of(std::string_view text) {
  return {value_type::text, 0, text};
}

value evaluate(const expression& e, const error_page_facts& facts);

/// Both are of one type.
bool less(const value& a, const value& b) {
  return a.type == value_type::text ? a.text < b.text : a.number < b.number;
}

bool equal(const value& a, const value& b) {
  return a.type == value_type::text ? a.text == b.text : a.number == b.number;
}

/// What the comparison of the first operand with the others says.
bool compare(const expression& e, const error_page_facts& facts) {
  const auto first = evaluate(e.operands[0], facts);
  if (e.op == operation::equal)
    return std::any_of(e.operands.begin() + 1, e.operands.end(), [&](const expression& other) {
      return equal(first, evaluate(other, facts));
    });
  const auto second = evaluate(e.operands[1], facts);
  switch (e.op) {
    case operation::not_equal: return !equal(first, second);
    case operation::less: return less(first, second);
    case operation::less_or_equal: return !less(second, first);
    case operation::greater: return less(second, first);
    default: return !less(first, second);
  }
}

/// The first operand whose truth is `wanted`, or the last one.
value choose(const expression& e, bool wanted, const error_page_facts& facts) {
  value chosen;
  for (const auto& operand : e.operands) {
    chosen = evaluate(operand, facts);
    if (chosen.truth() == wanted)
      break;
  }
  return chosen;
}

value evaluate(const expression& e, const error_page_facts& facts) {
  switch (e.op) {
    case operation::status: return number_of(value_type::integer, facts.status);
    case operation::status_text: return text_of(facts.status_text);
    case operation::message: return text_of(facts.message);
    case operation::header: {
      const auto* found = find_field(facts.header, e.text);
      return text_of(found != nullptr ? found->value : std::string_view{});
    }
    case operation::literal: return {e.type, e.number, e.text};
    case operation::negation:
      return number_of(value_type::boolean, !evaluate(e.operands[0], facts).truth());
    case operation::all: return choose(e, false, facts);
    case operation::any: return choose(e, true, facts);
    default: return number_of(value_type::boolean, compare(e, facts));
  }
}

/// What Go's html/template makes of a byte, in text and in attributes; empty = itself.
std::string_view escape_of(char c) {
  switch (c) {
    case '\0': return "\xef\xbf\xbd"; // U+FFFD
    case '"': return "&#34;";
    case '&': return "&amp;";
    case '\'': return "&#39;";
    case '+': return "&#43;"; // Browsers may take it for UTF-7 otherwise.
    case '<': return "&lt;";
    case '>': return "&gt;";
    default: return {};
  }
}

/// A page as it grows, up to its limit.
class page {
public:
  explicit page(const error_page_facts& facts) : facts_{facts} {}

  bool add(const arm& body) {
    return std::all_of(body.body.begin(), body.body.end(),
                       [this](const node& n) { return add(n); });
  }

  std::string text; ///< What there is of it.

private:
  bool add(const node& n) {
    switch (n.kind) {
      case node_kind::text: return append(n.text);
      case node_kind::output: return add(evaluate(n.value, facts_));
      case node_kind::choice: break;
    }
    const auto applies = [this](const arm& a) {
      return a.always || evaluate(a.condition, facts_).truth();
    };
    const auto chosen = std::find_if(n.arms.begin(), n.arms.end(), applies);
    return chosen == n.arms.end() || add(*chosen);
  }

  bool add(const value& v) {
    if (v.type == value_type::text)
      return append_escaped(v.text);
    if (v.type == value_type::boolean)
      return append(v.number != 0 ? "true" : "false");
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), v.number).ptr;
    return append({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  bool append_escaped(std::string_view value) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const auto escape = escape_of(value[i]);
      if (escape.empty())
        continue;
      if (!append(value.substr(begin, i - begin)) || !append(escape))
        return false;
      begin = i + 1;
    }
    return append(value.substr(begin));
  }

  bool append(std::string_view part) {
    if (part.size() > error_page_bytes_max - text.size())
      return false;
    text.append(part);
    return true;
  }

  const error_page_facts& facts_;
};

} // namespace

std::optional<std::string> error_template::render(const error_page_facts& facts) const {
  page made{facts};
  if (!made.add(*tree_))
    return {};
  return std::move(made.text);
}

std::string describe(const template_error& error) {
  return "line " + std::to_string(error.line) + ", column " + std::to_string(error.column) + ": "
         + error.message;
}

} // namespace shunt::net
