#include "app/pid_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>

namespace shunt::app {

pid_file::pid_file(std::string path) : path_{std::move(path)} {
  if (path_.empty())
    return;
  // Whoever reads it must see the whole id or the old one: write beside it, then rename.
  const auto fresh = path_ + ".new";
  std::ofstream file{fresh, std::ios::trunc};
  file << ::getpid() << '\n';
  file.close();
  if (!file || std::rename(fresh.c_str(), path_.c_str()) != 0)
    throw std::system_error(errno, std::generic_category(), "pid_file: cannot write " + path_);
}

pid_file::~pid_file() {
  if (!path_.empty() && is_ours())
    std::remove(path_.c_str());
}

bool pid_file::is_ours() const {
  std::ifstream file{path_};
  pid_t id = 0;
  return file >> id && id == ::getpid();
}

} // namespace shunt::app
