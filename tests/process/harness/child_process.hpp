// A child process of a test: its output goes to a file, and it never outlives the object that
// started it, nor the test program if that crashes.
#pragma once

#include "tests/process/harness/patience.hpp"

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace shunt::test {

class child_process {
public:
  /// Starts `argv[0]`, found by PATH. stdout and stderr are appended to `output_path`.
  child_process(const std::vector<std::string>& argv, std::string output_path);
  ~child_process();

  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void signal(int number);
  bool running();

  /// The exit code (128 + N after signal N). Empty if it still runs after `time`.
  std::optional<int> wait_for_exit(milliseconds time = step_time);

  std::string output() const;
  /// Whether `text` is in the output, now or within `time`.
  bool wait_for_output(const std::string& text, milliseconds time = step_time);

  /// Resident memory in KiB, from /proc.
  long resident_kib() const;

private:
  bool collect(int options);

  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  std::string output_path_;
};

} // namespace shunt::test
