#include "net/event_loop.hpp"

#include "net/name_resolver.hpp"

#include <boost/asio/detail/concurrency_hint.hpp>

#include <pthread.h>

#include <string>

namespace shunt::net {

event_loop::event_loop(std::size_t index, buffer_budget& budget)
  // The sockets of a loop are touched by its thread alone; only `post` comes from outside.
  : index_{index}, deadlines_{std::chrono::steady_clock::now()}, buffers_{budget},
    context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO}, ticker_{context_.get_executor()} {}

event_loop::~event_loop() {
  stop();
}

void event_loop::start() {
  thread_ = std::thread{[this] { loop(); }};
}

void event_loop::stop() {
  context_.stop();
  if (thread_.joinable())
    thread_.join();
}

void event_loop::loop() {
  pthread_setname_np(pthread_self(), ("loop-" + std::to_string(index_)).c_str());
  tick(); // Keeps the context busy until it is stopped.
  context_.run();
}

void event_loop::tick() {
  ticker_.expires_after(deadline_wheel::tick);
  ticker_.async_wait([this](const boost::system::error_code& failed) {
    if (failed)
      return;
    deadlines_.advance(std::chrono::steady_clock::now());
    tick();
  });
}

name_resolver& event_loop::names() {
  if (names_ == nullptr)
    names_ = std::make_unique<name_resolver>(*this);
  return *names_;
}

std::string event_loop::take_text() noexcept {
  return spare_text_count_ == 0 ? std::string{} : std::move(spare_texts_[--spare_text_count_]);
}

void event_loop::give_back_text(std::string&& used) noexcept {
  constexpr std::size_t kept_bytes_max = 256 * 1024;
  std::string freed = std::move(used);
  freed.clear();
  if (spare_text_count_ < spare_texts_.size() && freed.capacity() <= kept_bytes_max)
    spare_texts_[spare_text_count_++] = std::move(freed);
}

} // namespace shunt::net
