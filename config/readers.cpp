// The readers for each type of value.
#include "config/readers.hpp"

#include "config/cat.hpp"
#include "config/cipher_suites.hpp"
#include "config/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace shunt::config {

namespace {

/// What stands there instead of what was wanted.
std::string describe(const yaml_node& node) {
  switch (node.is) {
    case yaml_node::kind::null: return "nothing";
    case yaml_node::kind::list: return "a list";
    case yaml_node::kind::map: return "keys";
    case yaml_node::kind::scalar: break;
  }
  return node.quoted ? cat("\"", shown(node.text), "\"") : shown(node.text);
}

bool plain(const yaml_node& node) {
  return node.is == yaml_node::kind::scalar && !node.quoted;
}

bool is_one_of(std::string_view text, const auto& names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

std::string list_text(const auto& names) {
  std::string result;
  for (const auto name : names)
    result.append(result.empty() ? "[" : " ").append(name);
  return result + "]";
}

struct parsed_number {
  std::int64_t value = 0;
  bool fits = true;
};

/// The base that a prefix announces; takes the prefix.
int take_base(std::string_view& digits) {
  constexpr std::array<std::pair<std::string_view, int>, 3> prefixes{
    {{"0x", 16}, {"0o", 8}, {"0b", 2}}};
  for (const auto& [prefix, base] : prefixes)
    if (digits.starts_with(prefix)) {
      digits.remove_prefix(prefix.size());
      return base;
    }
  return 10;
}

/// Decimal, 0x, 0o or 0b, perhaps signed. Not 0123: YAML 1.1 reads 83 there and 1.2 reads 123.
std::optional<parsed_number> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  const auto base = take_base(text);
  if (text.empty() || (base == 10 && text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  std::uint64_t magnitude = 0;
  const auto* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, magnitude, base);
  if (result.ptr != end)
    return std::nullopt;
  constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
  if (result.ec != std::errc{} || magnitude > limit)
    return parsed_number{0, false};
  const auto value = static_cast<std::int64_t>(magnitude);
  return parsed_number{negative ? -value : value, true};
}

std::optional<double> parse_float(const yaml_node& node) {
  double value = 0;
  const auto* const end = node.text.data() + node.text.size();
  const auto result = std::from_chars(node.text.data(), end, value);
  if (!plain(node) || result.ec != std::errc{} || result.ptr != end || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// `number` as a duration in seconds, if it can be had by appending the unit.
std::string seconds_text(const std::string& number) {
  return parse_duration(number + 's') ? number + 's' : "for example 30s";
}

std::string range_text(const number& range) {
  return std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string range_text(const period& range) {
  if (range.min == 1ns)
    return cat("above 0s, at most ", to_text(range.max));
  return to_text(range.min) + " to " + to_text(range.max);
}

} // namespace

void found_value::expected(std::string_view what) const {
  refuse(cat("found ", describe(node), ", expected ", what));
}

std::optional<std::string> found_value::scalar() const {
  if (node.is == yaml_node::kind::scalar)
    return node.text;
  expected("a string");
  return std::nullopt;
}

bool found_value::list() const {
  if (node.is == yaml_node::kind::list || null())
    return true;
  expected("a list");
  return false;
}

found_value found_value::item(std::size_t i) const {
  return {*node.items[i], element(path, i), out};
}

std::optional<bool> flag::read(const found_value& v) {
  constexpr std::array<std::string_view, 11> yes{"true", "True", "TRUE", "yes", "Yes", "YES",
                                                 "on",   "On",   "ON",   "y",   "Y"};
  constexpr std::array<std::string_view, 11> no{"false", "False", "FALSE", "no", "No", "NO",
                                                "off",   "Off",   "OFF",   "n",  "N"};
  if (plain(v.node) && is_one_of(v.node.text, yes))
    return true;
  if (plain(v.node) && is_one_of(v.node.text, no))
    return false;
  v.expected("true or false, without quotes");
  return std::nullopt;
}

std::string number::type() const {
  return max == any_port.max && min == any_port.min ? "port" : "int";
}

std::optional<std::int64_t> number::read(const found_value& v) const {
  const auto parsed = plain(v.node) ? parse_number(v.node.text) : std::nullopt;
  if (!parsed)
    v.expected(cat("a whole number without quotes, allowed is ", range_text(*this)));
  else if (!parsed->fits || parsed->value < min || parsed->value > max)
    v.refuse(cat("found ", describe(v.node), ", allowed is ", range_text(*this)));
  else
    return parsed->value;
  return std::nullopt;
}

void whole_seconds::operator()(const found_value& v, nanoseconds& out) const {
  constexpr number range{0, std::chrono::duration_cast<std::chrono::seconds>(period_max).count()};
  if (const auto n = range.read(v))
    out = std::chrono::seconds{*n};
}

void period::operator()(const found_value& v, nanoseconds& out) const {
  if (parse_float(v.node)) // Even 0: Go's parser sees a number and not a string.
    return v.expected(cat("a duration with a unit, write ", seconds_text(v.node.text)));
  const auto parsed =
    v.node.is == yaml_node::kind::scalar ? parse_duration(v.node.text) : std::nullopt;
  if (!parsed)
    v.expected("a duration such as 30s, 1m30s or 250ms");
  else if (*parsed < min || *parsed > max)
    v.refuse(cat("found ", describe(v.node), ", allowed is ", range_text(*this)));
  else
    out = *parsed;
}

void text::operator()(const found_value& v, std::string& out) const {
  if (auto found = v.scalar())
    out = std::move(*found);
}

void texts::operator()(const found_value& v, std::vector<std::string>& out) const {
  if (!v.list())
    return;
  out.assign(v.node.items.size(), {});
  for (std::size_t i = 0; i < out.size(); ++i)
    if (const auto item = v.item(i); !item.null())
      text{}(item, out[i]);
}

void buckets::operator()(const found_value& v, std::vector<double>& out) const {
  if (!v.list())
    return;
  std::vector<double> bounds;
  for (std::size_t i = 0; i < v.node.items.size(); ++i) {
    const auto item = v.item(i);
    const auto bound = parse_float(item.node);
    if (!bound || (!bounds.empty() && *bound <= bounds.back()))
      return item.expected("a finite number above the one before it");
    bounds.push_back(*bound);
  }
  out = std::move(bounds);
}

void suite_names::operator()(const found_value& v, std::vector<std::string>& out) const {
  const auto found = v.scalar();
  if (!found || found->find_first_not_of(" \t\r\n") == std::string::npos)
    return; // Empty is as good as absent, which check.cpp refuses.
  std::vector<std::string> names;
  for (std::string_view rest = *found;;) {
    const auto name = rest.substr(0, rest.find(':'));
    const auto known = known_cipher_suites();
    if (!is_one_of(name, known))
      return v.refuse(cat("Invalid cipher string configuration: ", shown(name),
                          ", please choose from ", list_text(known)));
    names.emplace_back(name);
    if (name.size() == rest.size())
      break;
    rest.remove_prefix(name.size() + 1);
  }
  out = std::move(names);
}

void timestamp_name::operator()(const found_value& v, timestamp_format& out) const {
  const auto name = v.scalar();
  if (!name)
    return;
  const auto known = choice_of<choice_text<timestamp_format>>(*name);
  if (!known)
    v.out.warn(
      v.node.line, v.path,
      cat("found ", shown(*name), ", known are unix-epoch and rfc3339; taken for unix-epoch"));
  out = known.value_or(timestamp_format::unix_epoch);
}

} // namespace shunt::config
