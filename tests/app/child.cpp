// Processes by posix_spawn, their output by poll: nothing here depends on a shell.
#include "tests/app/child.hpp"

#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace shunt::test {
namespace {

using clock = std::chrono::steady_clock;

int collect(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

child::child(const std::vector<std::string>& argv) {
  std::vector<char*> raw;
  for (const auto& argument : argv)
    raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  const int error = posix_spawnp(&pid_, raw[0], &actions, nullptr, raw.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  pipe_ = ends[0];
  if (error == 0)
    return;
  close(pipe_);
  throw std::system_error(error, std::generic_category(), argv.at(0));
}

child::~child() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    collect(pid_);
  }
  close(pipe_);
}

void child::signal(int number) const {
  if (pid_ > 0)
    kill(pid_, number);
}

bool child::wait_for_output(const std::string& text, std::chrono::milliseconds patience) {
  const auto deadline = clock::now() + patience;
  while (output_.find(text) == output_.npos)
    if (!read_some(deadline))
      return false;
  return true;
}

std::optional<int> child::wait_for_exit(std::chrono::milliseconds patience) {
  const auto deadline = clock::now() + patience;
  while (read_some(deadline)) {
  }
  if (clock::now() >= deadline)
    return std::nullopt;
  return collect(std::exchange(pid_, -1));
}

/// False at the end of the output, or at the deadline.
bool child::read_some(clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  pollfd readable{pipe_, POLLIN, 0};
  if (left <= 0 || poll(&readable, 1, static_cast<int>(left)) <= 0)
    return false;
  char buffer[4096];
  const auto size = read(pipe_, buffer, sizeof buffer);
  if (size > 0)
    output_.append(buffer, static_cast<std::size_t>(size));
  return size > 0;
}

} // namespace shunt::test
