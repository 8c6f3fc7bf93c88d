// What the system says of this very process.
#include "app/process_facts.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;

TEST(ProcessFacts, CountFileDescriptors) {
  const auto before = open_file_descriptors();
  EXPECT_GE(before, 1u);
  const int another = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(open_file_descriptors(), before + 1);
  ::close(another);
  EXPECT_EQ(open_file_descriptors(), before);
}

TEST(ProcessFacts, TellMemoryAndTime) {
  EXPECT_GT(resident_kib_max(), 500u);
  EXPECT_GT(cpu_time(), 0ns);
}

TEST(CpuShare, IsThatOfTheLatestSecondOrMore) {
  constexpr std::chrono::steady_clock::time_point began{100s};
  cpu_share share;
  EXPECT_EQ(share.at(began, 10s), 0) << "nothing to compare with";
  EXPECT_EQ(share.at(began + 2s, 11s), 0.5);
  EXPECT_EQ(share.at(began + 2500ms, 20s), 0.5) << "too soon to tell";
  EXPECT_EQ(share.at(began + 4s, 15s), 2) << "on more than one CPU";
}

} // namespace
} // namespace shunt::app
