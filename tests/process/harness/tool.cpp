#include "tests/process/harness/tool.hpp"

#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <stdexcept>

namespace shunt::test {

tool_result run_tool(const std::vector<std::string>& argv, const std::string& input,
                     milliseconds time) {
  const temporary_directory files;
  write_file(files.path_of("input"), input);
  std::vector<std::string> all{"sh", "-c", "file=$1; shift; exec \"$@\" <\"$file\"", "sh",
                               files.path_of("input")};
  all.insert(all.end(), argv.begin(), argv.end());
  child_process tool{all, files.path_of("output")};
  const auto code = tool.wait_for_exit(time);
  if (!code)
    throw std::runtime_error{argv.front() + " did not end:\n" + tool.output()};
  return {*code, tool.output()};
}

} // namespace shunt::test
