// The component log: one JSON object a line on stdout, in the format that gorouter's operators and
// their tools know. Callers format their line and append it to a bounded buffer; a thread of its
// own writes, so that a full pipe never holds up a loop. What does not fit is dropped, counted,
// and reported in one line once there is room again. Every call is safe from any thread.
#pragma once

#include "net/log_field.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace shunt::net {

/// As `log_level` shows it in a line. Conditions that end the process are errors too.
enum class log_level : std::uint8_t { debug = 0, info = 1, warn = 2, error = 3 };

/// How `timestamp` is written: Unix seconds as a float, or a string in UTC with nanoseconds.
enum class log_timestamp : std::uint8_t { unix_epoch, rfc3339 };

struct log_options {
  log_level level = log_level::info;
  log_timestamp timestamp = log_timestamp::unix_epoch;
  std::string source; ///< Prefix of every `source`. Empty: lines carry none (before configuration).
};

/// What is fixed for the life of a log.
struct log_output {
  int fd = 1;                                      ///< Borrowed; must stay open.
  std::size_t waiting_bytes_max = 4 * 1024 * 1024; ///< Kept while nobody reads.
  std::chrono::milliseconds farewell{1000}; ///< The destructor waits so long for a slow reader.
  std::function<std::chrono::system_clock::time_point()> clock = std::chrono::system_clock::now;
};

class component_log {
public:
  explicit component_log(log_options options = {}, log_output output = {});
  /// Writes what is waiting, for at most `output.farewell`.
  ~component_log();
  component_log(const component_log&) = delete;
  component_log& operator=(const component_log&) = delete;

  /// Takes effect with the next line.
  void configure(log_options options);
  void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }
  log_level level() const noexcept { return level_.load(std::memory_order_relaxed); }
  bool enabled(log_level at) const noexcept { return at >= level(); }

  /// `source` is a suffix such as ".nats", or empty. Costs a comparison when the level is off;
  /// where computing a field is dear, ask enabled() first.
  void debug(std::string_view source, std::string_view message, log_fields data = {}) noexcept {
    if (enabled(log_level::debug))
      write(log_level::debug, source, message, data);
  }
  void info(std::string_view source, std::string_view message, log_fields data = {}) noexcept {
    if (enabled(log_level::info))
      write(log_level::info, source, message, data);
  }
  void warn(std::string_view source, std::string_view message, log_fields data = {}) noexcept {
    if (enabled(log_level::warn))
      write(log_level::warn, source, message, data);
  }
  void error(std::string_view source, std::string_view message, log_fields data = {}) noexcept {
    if (enabled(log_level::error))
      write(log_level::error, source, message, data);
  }

  /// Writes the line whatever the level. A line that cannot be built for want of memory counts as
  /// dropped.
  void write(log_level level, std::string_view source, std::string_view message,
             log_fields data) noexcept;

  /// True if everything logged before the call was written within `patience`.
  bool flush(std::chrono::milliseconds patience) noexcept;

  /// Lines lost so far.
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  /// From now on SIGABRT (an uncaught exception, an assertion) writes what is waiting in this log
  /// before the process dies. One log a process; destroying the log ends it.
  void flush_on_abort();

private:
  void append(std::string_view line);
  void append_drop_report(); // With the lock held.
  void run(const std::stop_token& stop);
  std::size_t write_out(std::string_view bytes, const std::stop_token& stop);
  bool may_go_on(const std::stop_token& stop) const;
  void wait_in_signal() const noexcept;
  static void on_abort(int signal);

  const log_output output_;
  std::size_t chunk_bytes_; // What one write() may take without blocking after poll() said so.
  std::atomic<log_level> level_;
  std::atomic<std::shared_ptr<const log_options>> options_;
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> appended_bytes_{0}; // Ever.
  std::atomic<std::uint64_t> finished_bytes_{0}; // Ever: written, or given up.

  std::mutex mutex_;                 // Guards what follows.
  std::condition_variable_any wake_; // The writer waits for lines,
  std::condition_variable idle_;     // flush() for their end.
  std::string waiting_;              // Whole lines.
  std::uint64_t reported_drops_ = 0;
  std::chrono::steady_clock::time_point give_up_{}; // Set before the writer is asked to stop.
  std::jthread writer_;                             // Last: it uses all of the above.
};

} // namespace shunt::net
