// How much memory this thread has at most while something runs: for tests of what others can make a node
// allocate.
#pragma once

#include <cstddef>

namespace shunt::test {

class allocation_watch {
public:
  allocation_watch();
  /// Bytes, beyond what there were in the beginning.
  std::size_t peak_bytes() const;

private:
  std::size_t before_;
};

} // namespace shunt::test
