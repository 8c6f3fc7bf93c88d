// Programs that people use with routers, curl and openssl: run to their end, with what they said.
#pragma once

#include "tests/process/harness/patience.hpp"

#include <string>
#include <vector>

namespace shunt::test {

struct tool_result {
  int exit_code = -1; ///< 128 + N after signal N.
  std::string output; ///< stdout and stderr.
  bool says(const std::string& text) const { return output.find(text) != output.npos; }
};

/// Runs `argv` with `input` as its standard input. Throws if that takes longer than
/// `time`.
tool_result run_tool(const std::vector<std::string>& argv, const std::string& input = {},
                     milliseconds time = 30s);

} // namespace shunt::test
