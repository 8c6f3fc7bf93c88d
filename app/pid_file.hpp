// The file that tells others the router's process id: written at the start, removed at the end,
// unless it tells of another process by then.
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
  bool is_ours() const;

  std::string path_;
};

} // namespace shunt::app
