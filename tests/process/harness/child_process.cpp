#include "tests/process/harness/child_process.hpp"

#include "tests/process/harness/temporary_directory.hpp"

#include <cerrno>
#include <csignal>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shunt::test {
namespace {

/// Runs in the child, between fork and exec: only system calls from here on.
[[noreturn]] void become(char* const* argv, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(argv[0], argv);
  constexpr char text[] = "cannot execute\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
  _exit(127);
}

} // namespace

child_process::child_process(const std::vector<std::string>& argv, std::string output_path)
  : output_path_{std::move(output_path)} {
  std::vector<char*> raw;
  for (const auto& argument : argv)
    raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  const int output = open(output_path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0)
    throw std::system_error(errno, std::generic_category(), output_path_);
  pid_ = fork();
  if (pid_ == 0)
    become(raw.data(), output);
  close(output);
  if (pid_ < 0)
    throw std::system_error(errno, std::generic_category(), "fork");
}

child_process::~child_process() {
  if (exit_code_)
    return;
  kill(pid_, SIGKILL);
  collect(0);
}

void child_process::signal(int number) {
  if (running())
    kill(pid_, number);
}

bool child_process::running() {
  return !exit_code_ && !collect(WNOHANG);
}

bool child_process::collect(int options) {
  int status = 0;
  pid_t got = 0;
  while ((got = waitpid(pid_, &status, options)) < 0 && errno == EINTR) {
  }
  if (got != pid_)
    return false;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

std::optional<int> child_process::wait_for_exit(milliseconds time) {
  eventually([this] { return !running(); }, time);
  return exit_code_;
}

std::string child_process::output() const {
  return read_file(output_path_);
}

bool child_process::wait_for_output(const std::string& text, milliseconds time) {
  return eventually([&] { return output().find(text) != std::string::npos; }, time);
}

long child_process::resident_kib() const {
  std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stol(line.substr(6));
  return -1;
}

} // namespace shunt::test
