// Collecting remarks about a file and turning them into lines; and the exception made of them.
#include "config/report.hpp"

#include "config/cat.hpp"
#include "config/config_error.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace shunt::config {

namespace {

constexpr std::size_t remarks_max = 100;
constexpr std::size_t shown_bytes_max = 100;

std::string joined(const std::vector<std::string>& lines) {
  std::string result;
  for (const auto& line : lines) {
    if (!result.empty())
      result += '\n';
    result += line;
  }
  return result;
}

} // namespace

config_error::config_error(std::vector<std::string> problems, std::vector<std::string> warnings)
  : std::runtime_error{joined(problems)}, problems_{std::move(problems)},
    warnings_{std::move(warnings)} {
}

report::report(std::string_view file_name) : file_name_{file_name} {
}

void report::error(int line, std::string_view path, std::string_view message) {
  const auto follows_from = [&](const remark& r) { return r.line == line && r.path == path; };
  if (errors_.size() >= remarks_max)
    ++errors_dropped_;
  else if (std::none_of(errors_.begin(), errors_.end(), follows_from))
    errors_.push_back({line, std::string{path}, std::string{message}});
}

void report::warn(int line, std::string_view path, std::string_view message) {
  if (takes_warnings())
    warnings_.push_back({line, std::string{path}, std::string{message}});
  else
    ++warnings_dropped_;
}

bool report::takes_warnings() const {
  return warnings_.size() < remarks_max;
}

std::vector<std::string> report::errors() const {
  return lines_of(errors_, errors_dropped_);
}

std::vector<std::string> report::warnings() const {
  return lines_of(warnings_, warnings_dropped_);
}

std::vector<std::string> report::lines_of(std::vector<remark> remarks, std::size_t dropped) const {
  std::stable_sort(remarks.begin(), remarks.end(),
                   [](const remark& a, const remark& b) { return a.line < b.line; });
  std::vector<std::string> lines;
  for (const auto& r : remarks) {
    auto line = r.line == 0 ? file_name_ : cat(file_name_, ":", std::to_string(r.line));
    line += r.path.empty() ? cat(": ", r.message) : cat(": ", r.path, ": ", r.message);
    lines.push_back(std::move(line));
  }
  if (dropped != 0)
    lines.push_back(cat(file_name_, ": and ", std::to_string(dropped), " more"));
  return lines;
}

std::string shown(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool continues_character = (c & 0xc0) == 0x80;
    if (i >= shown_bytes_max && !continues_character)
      return result + "...";
    if (c < 0x20 || c == 0x7f)
      result.append("\\x").append({digits[c >> 4], digits[c & 15]});
    else
      result += text[i];
  }
  return result;
}

} // namespace shunt::config
