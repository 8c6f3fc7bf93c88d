// Log lines to a file. A full disk is weathered: what does not fit waits in memory within bounds,
// and goes out once there is space.
#include "net/log_sink.hpp"
#include "net/log_sink.descriptor.hpp"
#include "net/log_sink.waiting.hpp"

#include <fcntl.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace shunt::net {

namespace {

std::error_code last_error() {
  return {errno, std::generic_category()};
}

descriptor open_for_appending(const std::string& path) {
  constexpr mode_t mode = 0644;
  return descriptor{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode)};
}

class file_sink final : public log_sink {
public:
  file_sink(file_sink_options options, log_trouble trouble)
    : log_sink{"file", std::move(trouble)},
      path_{std::move(options.path)},
      file_{open_for_appending(path_)},
      waiting_{options.waiting_bytes_max} {
    if (!file_)
      throw std::system_error{last_error(), "access_log.file: " + path_};
  }

  void write(std::string_view lines) override {
    if (!waiting_.empty())
      tend(); // What can leave now makes room.
    if (const auto dropped = waiting_.add(lines); dropped > 0) {
      trouble_begins(path_ + ": too many lines at once");
      count_dropped(dropped);
    }
    tend();
  }

  void reopen() override {
    tend(); // What belongs to the old file goes there while it can.
    auto file = open_for_appending(path_);
    if (!file)
      return report("access-log-reopen-failed", path_ + ": " + last_error().message());
    file_ = std::move(file);
    waiting_.start_line_over();
    tend();
  }

  bool tend() override {
    while (!waiting_.empty()) {
      const auto text = waiting_.unsent();
      const auto written = ::write(file_.get(), text.data(), text.size());
      if (written > 0)
        waiting_.sent(static_cast<std::size_t>(written));
      else if (written == 0 || errno != EINTR)
        return fail();
    }
    trouble_ends();
    return false;
  }

  /// A file takes bytes at once or not at all; to wait would not help.
  bool flush(std::chrono::milliseconds) override { return !tend(); }

private:
  bool fail() {
    trouble_begins(path_ + ": " + last_error().message());
    return true;
  }

  const std::string path_;
  descriptor file_;
  waiting_lines waiting_;
};

} // namespace

std::shared_ptr<log_sink> open_file_sink(file_sink_options options, log_trouble trouble) {
  return std::make_shared<file_sink>(std::move(options), std::move(trouble));
}

} // namespace shunt::net
