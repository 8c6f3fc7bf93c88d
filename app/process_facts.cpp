#include "app/process_facts.hpp"

#include <sys/resource.h>

#include <ctime>
#include <filesystem>
#include <iterator>

namespace shunt::app {

using namespace std::chrono_literals;

std::uint64_t open_file_descriptors() {
  std::error_code failed;
  std::uint64_t count = 0;
  std::filesystem::directory_iterator entry{"/proc/self/fd", failed};
  for (; !failed && entry != std::filesystem::directory_iterator{}; entry.increment(failed))
    ++count;
  return count == 0 ? 0 : count - 1; // One of them is the directory that is being read.
}

std::uint64_t resident_kib_max() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss);
}

std::chrono::nanoseconds cpu_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

double cpu_share::at(std::chrono::steady_clock::time_point now, std::chrono::nanoseconds used) {
  const std::chrono::duration<double> passed = now - since_;
  if (passed < 1s)
    return share_;
  if (since_ != std::chrono::steady_clock::time_point{})
    share_ = std::chrono::duration<double>{used - used_} / passed;
  since_ = now;
  used_ = used;
  return share_;
}

} // namespace shunt::app
