// Collects what is wrong or doubtful in one file, so that an operator sees everything at once and
// not one mistake per start. Bounded: a file of a million mistakes gives a hundred lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shunt::config {

class report {
public:
  explicit report(std::string_view file_name);

  /// `line` counts from 1; 0 when the problem has no place. `path` may be empty. Only the first
  /// error of a path and line is kept: the later ones usually follow from it.
  void error(int line, std::string_view path, std::string_view message);
  void warn(int line, std::string_view path, std::string_view message);

  /// Whether another warning would still be shown.
  bool takes_warnings() const;

  bool failed() const { return !errors_.empty(); }

  /// `FILE:LINE: PATH: MESSAGE`, sorted by line.
  std::vector<std::string> errors() const;
  std::vector<std::string> warnings() const;

private:
  struct remark {
    int line;
    std::string path;
    std::string message;
  };
  std::vector<std::string> lines_of(std::vector<remark> remarks, std::size_t dropped) const;

  std::string file_name_;
  std::vector<remark> errors_;
  std::vector<remark> warnings_;
  std::size_t errors_dropped_ = 0;
  std::size_t warnings_dropped_ = 0;
};

/// `text` fit for a message: control characters escaped, cut to about a line.
std::string shown(std::string_view text);

} // namespace shunt::config
