// The one exception of this room: the configuration file cannot be used. what() holds every problem
// found, one per line, each with file, line and key; secrets are never quoted in it.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::config {

class config_error : public std::runtime_error {
public:
  explicit config_error(std::vector<std::string> problems, std::vector<std::string> warnings = {});

  /// The lines of what(), in the order of the file.
  const std::vector<std::string>& problems() const noexcept { return problems_; }
  /// What was noticed besides, and would not have kept the file from being used.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

private:
  std::vector<std::string> problems_;
  std::vector<std::string> warnings_;
};

} // namespace shunt::config
