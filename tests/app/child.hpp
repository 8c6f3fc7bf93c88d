// A child process of a test. It never outlives the object that started it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace shunt::test {

class child {
public:
  /// Starts `argv[0]`, found by PATH, with stdout and stderr captured. Throws if it cannot.
  explicit child(const std::vector<std::string>& argv);
  ~child();

  child(const child&) = delete;
  child& operator=(const child&) = delete;

  void signal(int number) const;

  /// Reads output until `text` appears or `patience` is over. True if it appeared.
  bool wait_for_output(const std::string& text, std::chrono::milliseconds patience);

  /// Reads output until the process closes it, then collects the exit code (128 + N after signal
  /// N). Empty, and the process is left alone, if that takes longer than `patience`.
  std::optional<int> wait_for_exit(std::chrono::milliseconds patience);

  /// Everything read so far.
  const std::string& output() const noexcept { return output_; }

private:
  bool read_some(std::chrono::steady_clock::time_point deadline);

  pid_t pid_ = -1;
  int pipe_ = -1;
  std::string output_;
};

} // namespace shunt::test
