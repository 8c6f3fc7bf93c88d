// The file that tells others the router's process id: written at the start, removed at the end.
#pragma once

#include <string>

namespace shunt::app {

class pid_file {
public:
  /// Does nothing for an empty path. Throws std::system_error naming `pid_file` and the path.
  explicit pid_file(std::string path);
  ~pid_file();
  pid_file(const pid_file&) = delete;
  pid_file& operator=(const pid_file&) = delete;

private:
  std::string path_;
};

} // namespace shunt::app
