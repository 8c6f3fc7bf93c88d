// Whether a router's log tells its story in the right order.
#pragma once

#include "tests/process/harness/router.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

namespace shunt::test {

/// Of the lines with one of these messages, the messages: as they came.
inline std::vector<std::string> said(const router& by, const std::vector<std::string>& of) {
  std::vector<std::string> found;
  for (const auto& entry : by.log())
    if (const auto message = entry.value("message", ""); std::find(of.begin(), of.end(), message) != of.end())
      found.push_back(message);
  return found;
}

/// Each of the messages came once, and behind the one before it.
inline void expect_in_order(const router& by, const std::vector<std::string>& messages) {
  EXPECT_THAT(said(by, messages), testing::ElementsAreArray(messages)) << by.log_tail();
}

} // namespace shunt::test
