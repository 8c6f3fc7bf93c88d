// How one value of the file becomes one member of a settings struct: a reader per type. A reader
// says what it expects in words (`type`), and reports what it found instead with file, line and
// key. It leaves the member alone when the value is wrong.
#pragma once

#include "config/choice_text.hpp"
#include "config/report.hpp"
#include "config/sections.hpp"
#include "config/yaml_node.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::config {

/// A value of the file on its way to a member.
struct found_value {
  const yaml_node& node;
  std::string path; ///< As messages show it: `nats.hosts[1].port`.
  report& out;

  void refuse(std::string_view message) const { out.error(node.line, path, message); }
  bool null() const { return node.is == yaml_node::kind::null; }
  /// Refuses with "found ..., expected EXPECTED".
  void expected(std::string_view what) const;
  /// The text of any scalar; otherwise refuses.
  std::optional<std::string> scalar() const;
  /// Whether it is a list; otherwise refuses. A null is an empty list.
  bool list() const;
  found_value item(std::size_t i) const;
};

/// `true`/`false` and YAML 1.1's other words for them.
struct flag {
  static std::string type() { return "bool"; }
  static std::optional<bool> read(const found_value& v);
  template <class Bool> // bool or std::optional<bool>
  void operator()(const found_value& v, Bool& out) const {
    if (const auto b = read(v))
      out = *b;
  }
};

/// A whole number from `min` to `max`.
struct number {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int32_t>::max();

  std::string type() const;
  std::optional<std::int64_t> read(const found_value& v) const;
  template <class Int>
  void operator()(const found_value& v, Int& out) const {
    if (const auto n = read(v))
      out = static_cast<Int>(*n);
  }
};

inline constexpr number any_port{0, 65'535};

/// The one duration that the file gives as a bare number, of seconds.
struct whole_seconds {
  static std::string type() { return "int seconds"; }
  void operator()(const found_value& v, nanoseconds& out) const;
};

/// Far enough for any purpose, and near enough that adding it to a clock cannot overflow.
inline constexpr nanoseconds period_max = std::chrono::hours{87'600};

/// A duration from `min` to `max`.
struct period {
  nanoseconds min = 0s;
  nanoseconds max = period_max;

  static std::string type() { return "duration"; }
  void operator()(const found_value& v, nanoseconds& out) const;
};

inline constexpr period positive{1ns};

struct text {
  static std::string type() { return "string"; }
  void operator()(const found_value& v, std::string& out) const;
};

struct texts {
  static std::string type() { return "[string]"; }
  void operator()(const found_value& v, std::vector<std::string>& out) const;
};

/// Upper bounds of a histogram: rising finite numbers.
struct buckets {
  static std::string type() { return "[float]"; }
  void operator()(const found_value& v, std::vector<double>& out) const;
};

/// Names of cipher suites in one string, separated by `:`.
struct suite_names {
  static std::string type() { return "string"; }
  void operator()(const found_value& v, std::vector<std::string>& out) const;
};

/// Anything but `rfc3339` means the epoch in gorouter; here a third value is at least warned of.
struct timestamp_name {
  static std::string type() { return "string"; }
  void operator()(const found_value& v, timestamp_format& out) const;
};

/// One of a closed set of words.
template <class Choice, class Text = choice_text<Choice>>
struct choice {
  static std::string type() { return "string"; }
  void operator()(const found_value& v, Choice& out) const {
    const auto name = v.scalar();
    if (!name)
      return;
    if (const auto value = choice_of<Text>(*name))
      out = *value;
    else
      v.refuse(Text::refusal(shown(*name)));
  }
};

} // namespace shunt::config
