// Holds scripts of backends until the test lets them go on, or ends.
#pragma once

#include "tests/process/harness/backend.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace shunt::test {

class gate {
public:
  void open() const { *open_ = true; }
  bool is_open() const { return *open_; }
  /// For scripts: until it is open, or their backend stops because the test failed.
  void wait(backend_session& session) const;

  /// A script that answers 200 `hello`, but to requests for `target` only when the gate is open.
  backend::script holding(std::string target) const;

private:
  std::shared_ptr<std::atomic<bool>> open_ = std::make_shared<std::atomic<bool>>(false);
};

} // namespace shunt::test
