#include "tests/process/harness/patience.hpp"

#include <algorithm>
#include <cstdlib>

namespace shunt::test {

int slowness() {
  static const int factor = [] {
    const char* text = std::getenv("SHUNT_TEST_SLOW");
    return std::clamp(text ? std::atoi(text) : 1, 1, 100);
  }();
  return factor;
}

} // namespace shunt::test
