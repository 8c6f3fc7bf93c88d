// Joins two coroutines of one loop: one opens the latch, the other awaits it. Opens once; one
// awaiter at most. Belongs to the loop's thread.
#pragma once

#include <coroutine>
#include <utility>

namespace shunt::net {

class latch {
public:
  void open() noexcept {
    open_ = true;
    if (waiting_)
      std::exchange(waiting_, nullptr).resume();
  }
  bool is_open() const noexcept { return open_; }

  bool await_ready() const noexcept { return open_; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { waiting_ = awaiting; }
  void await_resume() const noexcept {}

private:
  bool open_ = false;
  std::coroutine_handle<> waiting_;
};

} // namespace shunt::net
