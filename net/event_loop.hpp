// One thread, one io_context, one timer wheel, one store of buffers. Everything that is born on a
// loop lives and dies on its thread, so nothing it does takes a lock. Knows nothing of actors.
#pragma once

#include "net/buffer_store.hpp"
#include "net/deadline.hpp"

#include <utility>

#include <coroutine>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace shunt::net {

namespace asio = boost::asio;

class name_resolver;

/// Concrete, so that no handler goes through a type-erased executor.
using executor = asio::io_context::executor_type;

class event_loop {
public:
  event_loop(std::size_t index, buffer_budget& budget);
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Runs the loop on a thread of its own until `stop`.
  void start();
  /// Ends the loop and joins its thread. Any thread but the loop's; idempotent.
  void stop();

  /// Runs `work` on the loop's thread, later. Any thread.
  template <class Work>
  void post(Work&& work) {
    asio::post(context_, std::forward<Work>(work));
  }

  /// Runs `work` on the loop's thread and waits for its end. Any thread but the loop's.
  template <class Work>
  void run(Work&& work) {
    std::promise<void> done;
    post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  /// The rest is for the loop's own thread.
  asio::io_context& context() noexcept { return context_; }
  executor get_executor() noexcept { return context_.get_executor(); }
  deadline_wheel& deadlines() noexcept { return deadlines_; }
  buffer_store& buffers() noexcept { return buffers_; }
  name_resolver& names();
  std::size_t index() const noexcept { return index_; }
  /// An empty string, but with room, for bytes on their way out. What is given back is kept for the next.
  std::string take_text() noexcept;
  void give_back_text(std::string&& used) noexcept;

private:
  void loop();
  void tick();

  std::size_t index_;
  // Before the context: handlers that never ran die with it, and the wires that these hold give
  // back what they borrowed.
  deadline_wheel deadlines_;
  buffer_store buffers_;
  std::array<std::string, 4> spare_texts_;
  std::size_t spare_text_count_ = 0;
  asio::io_context context_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             executor>
    ticker_;
  std::unique_ptr<name_resolver> names_; ///< Made for the first name.
  std::thread thread_;
};

} // namespace shunt::net
