// Reads a component log through a pipe, as an operator's collector would, and lets tests wait for
// lines.
#pragma once

#include "net/component_log.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace shunt::net {

class log_capture {
public:
  log_capture() {
    if (::pipe2(ends_, O_CLOEXEC) != 0)
      std::abort();
    log_output output;
    output.fd = ends_[1];
    log_options options;
    options.level = log_level::debug;
    options.source = "test";
    log = std::make_unique<component_log>(options, output);
    reader_ = std::thread{[this] { read(); }};
  }
  ~log_capture() {
    log.reset();
    ::close(ends_[1]);
    reader_.join();
    ::close(ends_[0]);
  }
  log_capture(const log_capture&) = delete;
  log_capture& operator=(const log_capture&) = delete;

  /// Waits until at least `count` lines with that message have come. False if they do not.
  bool await(const std::string& message, std::size_t count = 1) {
    std::unique_lock lock{mutex_};
    return more_.wait_for(lock, std::chrono::seconds{10},
                          [&] { return find(message).size() >= count; });
  }

  /// All lines so far that have the message, those included that are still on their way.
  std::vector<nlohmann::json> lines(const std::string& message) {
    const auto mark = "mark-" + std::to_string(++marks_);
    log->info("", mark);
    await(mark);
    std::lock_guard lock{mutex_};
    return find(message);
  }

  std::unique_ptr<component_log> log;

private:
  std::vector<nlohmann::json> find(const std::string& message) const {
    std::vector<nlohmann::json> found;
    std::ranges::copy_if(lines_, std::back_inserter(found),
                         [&](const auto& line) { return line["message"] == message; });
    return found;
  }

  void read() {
    std::string partial;
    char buffer[4096];
    for (ssize_t size = 0; (size = ::read(ends_[0], buffer, sizeof buffer)) > 0;) {
      partial.append(buffer, static_cast<std::size_t>(size));
      std::lock_guard lock{mutex_};
      for (auto end = partial.find('\n'); end != std::string::npos; end = partial.find('\n')) {
        lines_.push_back(nlohmann::json::parse(partial.substr(0, end)));
        partial.erase(0, end + 1);
      }
      more_.notify_all();
    }
  }

  int ends_[2] = {-1, -1};
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<nlohmann::json> lines_;
  int marks_ = 0;
  std::thread reader_;
};

} // namespace shunt::net
