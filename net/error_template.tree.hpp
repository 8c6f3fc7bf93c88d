// What a template is once it has been read: literal text, values to output, and choices. Internal
// to error_template. Types of expressions are known before anything is rendered, so that a
// comparison that could not be made is found when the file is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shunt::net::template_tree {

enum class value_type : std::uint8_t {
  integer,
  text,
  boolean,
  mixed, ///< `and` and `or` of different types; can be tested and output, not compared.
};

enum class operation : std::uint8_t {
  // Values.
  status,
  status_text,
  message,
  header,  ///< The field that `text` names.
  literal, ///< `number` (of booleans too) or `text`.
  // Functions of `operands`.
  equal, ///< Of the first to any other.
  not_equal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  negation,
  all, ///< The first that is false, or the last.
  any, ///< The first that is true, or the last.
};

struct expression {
  operation op = operation::literal;
  value_type type = value_type::integer;
  std::int64_t number = 0;
  std::string text;
  std::vector<expression> operands;
};

struct node;

/// A body, and when it is rendered.
struct arm {
  bool always = true; ///< Without a condition: `else`, and the template itself.
  expression condition;
  std::vector<node> body;
};

enum class node_kind : std::uint8_t { text, output, choice };

struct node {
  node_kind kind = node_kind::text;
  std::string text;      ///< As it goes out.
  expression value;      ///< Escaped on its way out.
  std::vector<arm> arms; ///< The first that applies is rendered, if any does.
};

} // namespace shunt::net::template_tree
