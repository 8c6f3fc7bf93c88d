// A directory of its own for the files of one test; gone with it.
#pragma once

#include <filesystem>
#include <string>

namespace shunt::test {

class temporary_directory {
public:
  temporary_directory();
  ~temporary_directory();

  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  std::string path_of(const std::string& name) const { return (root_ / name).string(); }

private:
  std::filesystem::path root_;
};

/// All of a file; empty if there is none.
std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

} // namespace shunt::test
