// Where finished log lines go: a file, syslog over UDP or TCP, or Loggregator. A sink never fails its caller:
// what cannot be written now is kept within bounds and tried again, what does not fit is dropped
// whole and counted, and trouble is reported once until it is over. Belongs to one thread that
// may block a little, never to a loop; only dropped() may be asked from elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::config {
struct settings;
}

namespace shunt::routing {
struct access_format;
struct access_record;
} // namespace shunt::routing

namespace shunt::net {

/// Told what went wrong: the log message's name, and the reason for a person to read.
using log_trouble = std::function<void(std::string_view message, std::string_view error)>;

class metron;

class log_sink {
public:
  /// `name` ends the message that trouble with this sink is reported by.
  log_sink(std::string_view name, log_trouble report);
  log_sink(const log_sink&) = delete;
  log_sink& operator=(const log_sink&) = delete;
  virtual ~log_sink() = default;

  /// Takes lines, each ended by '\n'; no more at once than may wait, so some hundred KiB.
  virtual void write(std::string_view lines) = 0;

  /// Whether write() is of any use.
  virtual bool takes_lines() const { return true; }

  /// Takes one record, before its line, if it has one, is written with others. For a sink that tells more of a request
  /// than its line does. `line` is without its '\n', and empty where nobody takes lines.
  virtual void take(const routing::access_record& /*record*/, const routing::access_format& /*format*/,
                    std::string_view /*line*/) {}

  /// Goes on in a new file of the same name (log rotation). Keeps the old one if that fails.
  virtual void reopen() = 0;

  /// Tries what is still waiting once more, without blocking. True if anything still waits: call
  /// again in a fraction of a second.
  virtual bool tend() = 0;

  /// Tries for at most that long to get everything out. True if it did.
  virtual bool flush(std::chrono::milliseconds patience) = 0;

  /// Lines known to be lost so far. From any thread.
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

protected:
  void count_dropped(std::uint64_t lines) noexcept {
    dropped_.fetch_add(lines, std::memory_order_relaxed);
  }
  /// Reports `error`, unless trouble is on already.
  void trouble_begins(std::string_view error);
  /// If trouble was on, it is over; reports how many lines it cost, if any.
  void trouble_ends();
  void report(std::string_view message, std::string_view error) const;

private:
  const std::string message_;
  const log_trouble report_;
  bool in_trouble_ = false;
  std::uint64_t dropped_before_ = 0; // When trouble began.
  std::atomic<std::uint64_t> dropped_{0};
};

struct file_sink_options {
  std::string path;
  std::size_t waiting_bytes_max = 4 * 1024 * 1024; ///< Kept while the disk is full.
};

struct syslog_sink_options {
  std::string network = "udp";                     ///< udp, tcp, or either ended by 4 or 6.
  std::string address = "127.0.0.1:514";           ///< host:port, [v6]:port
  std::string app_name;                            ///< Empty: `-`.
  std::string hostname;                            ///< Empty: this machine's.
  std::size_t truncate_bytes = 0;                  ///< Of a line; 0 = never.
  std::size_t waiting_bytes_max = 4 * 1024 * 1024; ///< TCP: kept while the server is away or slow.
  std::chrono::milliseconds dial_timeout{5000};
  std::chrono::milliseconds backoff_min{250}; ///< TCP: until the first reconnection; doubles.
  std::chrono::milliseconds backoff_max{30'000};
  std::function<std::chrono::system_clock::time_point()> wall_clock =
    std::chrono::system_clock::now;
  std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

/// Appends to a file, created with mode 0644. Throws std::system_error if it cannot be opened.
std::shared_ptr<log_sink> open_file_sink(file_sink_options options, log_trouble trouble);

/// One syslog message a line. UDP: a datagram. TCP: ended by LF; connects anew, with back-off, when
/// the connection ends. Throws std::runtime_error if the server cannot be dialled at first.
std::shared_ptr<log_sink> open_syslog_sink(syslog_sink_options options, log_trouble trouble);

/// Sends lines, and what else the settings ask for, to `agent`.
std::shared_ptr<log_sink> open_loggregator_sink(const config::settings& settings, std::shared_ptr<metron> agent);

/// The sinks that the settings ask for; none if there is nobody to tell of requests. Throws as the first two above.
/// Null `agent`: whatever they say, not Loggregator.
std::vector<std::shared_ptr<log_sink>> open_access_sinks(const config::settings& settings,
                                                         const log_trouble& trouble,
                                                         const std::shared_ptr<metron>& agent = nullptr);

} // namespace shunt::net
