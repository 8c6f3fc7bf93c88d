#include "tests/process/harness/temporary_directory.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace shunt::test {

temporary_directory::temporary_directory() {
  auto pattern = (std::filesystem::temp_directory_path() / "shunt-test-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  root_ = pattern;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored; // A leftover in /tmp is no reason to fail a test.
  std::filesystem::remove_all(root_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out{path, std::ios::binary};
  if (!(out << text).flush())
    throw std::runtime_error("cannot write " + path);
}

} // namespace shunt::test
