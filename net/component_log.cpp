// Lines are built by whoever logs, outside the lock; the writer takes all that is waiting at once.
// It asks poll() before every write and never writes more than a pipe is then sure to take, so that
// it can always be told to stop, even while nobody reads.
#include "net/component_log.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdio>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

std::atomic<component_log*> abort_log{nullptr};
thread_local bool is_writer = false;

void append_epoch(std::string& out, std::chrono::system_clock::time_point now) {
  const std::chrono::duration<double> since = now.time_since_epoch();
  std::array<char, 64> digits;
  // The shortest form that reads back the same, as Go writes it: seven decimals in this century.
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), since.count(),
                                 std::chars_format::fixed);
  out.append(digits.data(), end.ptr);
}

void append_rfc3339(std::string& out, std::chrono::system_clock::time_point now) {
  using namespace std::chrono;
  const auto day = floor<days>(now);
  const year_month_day date{day};
  const hh_mm_ss<nanoseconds> time{duration_cast<nanoseconds>(now - day)};
  std::array<char, 64> text;
  const int size = std::snprintf(
    text.data(), text.size(), "\"%04d-%02u-%02uT%02d:%02d:%02d.%09dZ\"",
    static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
    static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
    static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
    static_cast<int>(time.subseconds().count()));
  out.append(text.data(), static_cast<std::size_t>(std::max(size, 0)));
}

void append_source(std::string& out, const std::string& prefix, std::string_view suffix) {
  if (prefix.empty())
    return;
  out += ",\"source\":";
  append_json_string(out, prefix);
  if (suffix.empty())
    return;
  out.pop_back(); // Its quote: prefix and suffix are one string.
  const auto joint = out.size();
  append_json_string(out, suffix);
  out.erase(joint, 1);
}

void append_data(std::string& out, log_fields data) {
  char before = '{';
  out += ",\"data\":";
  for (const auto& field : data) {
    out += before;
    append_json_string(out, field.name());
    out += ':';
    append_json_value(out, field.value());
    before = ',';
  }
  out += '}';
}

void append_line(std::string& out, const log_options& options,
                 std::chrono::system_clock::time_point now, log_level level,
                 std::string_view source, std::string_view message, log_fields data) {
  out += "{\"log_level\":";
  out += static_cast<char>('0' + static_cast<int>(level));
  out += ",\"timestamp\":";
  if (options.timestamp == log_timestamp::rfc3339)
    append_rfc3339(out, now);
  else
    append_epoch(out, now);
  out += ",\"message\":";
  append_json_string(out, message);
  append_source(out, options.source, source);
  if (data.size() > 0)
    append_data(out, data);
  out += "}\n";
}

/// poll() promises a pipe or a socket to take PIPE_BUF bytes; a file never blocks for long.
std::size_t chunk_for(int fd) {
  struct stat what {};
  const bool file = ::fstat(fd, &what) == 0 && S_ISREG(what.st_mode);
  return file ? std::size_t{1} << 20 : PIPE_BUF;
}

} // namespace

component_log::component_log(log_options options, log_output output)
  : output_(std::move(output)),
    chunk_bytes_(chunk_for(output_.fd)),
    level_(options.level),
    options_(std::make_shared<const log_options>(std::move(options))) {
  // The writer must not be the thread that the process's signals are delivered to.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

component_log::~component_log() {
  auto* self = this;
  if (abort_log.compare_exchange_strong(self, nullptr))
    std::signal(SIGABRT, SIG_DFL);
  {
    std::lock_guard lock{mutex_};
    give_up_ = std::chrono::steady_clock::now() + output_.farewell;
  }
  writer_.request_stop();
  writer_.join();
}

void component_log::configure(log_options options) {
  set_level(options.level);
  options_.store(std::make_shared<const log_options>(std::move(options)));
}

void component_log::write(log_level level, std::string_view source, std::string_view message,
                          log_fields data) noexcept {
  try {
    static thread_local std::string line; // Keeps its memory from one line to the next.
    line.clear();
    append_line(line, *options_.load(), output_.clock(), level, source, message, data);
    append(line);
    if (line.capacity() > 64 * 1024)
      line = {};
  } catch (...) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

void component_log::append(std::string_view line) {
  {
    std::lock_guard lock{mutex_};
    if (waiting_.size() + line.size() > output_.waiting_bytes_max) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    waiting_ += line;
    appended_bytes_ += line.size();
  }
  wake_.notify_one();
}

void component_log::append_drop_report() {
  const auto drops = dropped();
  if (drops == reported_drops_)
    return;
  const auto before = waiting_.size();
  append_line(waiting_, *options_.load(), output_.clock(), log_level::warn, "", "log-lines-dropped",
              {{"lines", drops - reported_drops_}});
  appended_bytes_ += waiting_.size() - before;
  reported_drops_ = drops;
}

void component_log::run(const std::stop_token& stop) {
  is_writer = true;
  std::string writing;
  std::unique_lock lock{mutex_};
  while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    append_drop_report();
    writing.swap(waiting_);
    lock.unlock();
    const auto rest = std::string_view{writing}.substr(write_out(writing, stop));
    dropped_.fetch_add(static_cast<std::uint64_t>(std::ranges::count(rest, '\n')));
    lock.lock();
    finished_bytes_ += writing.size();
    writing.clear();
    idle_.notify_all();
  }
}

bool component_log::may_go_on(const std::stop_token& stop) const {
  return !stop.stop_requested() || std::chrono::steady_clock::now() < give_up_;
}

/// Returns how much was written: less than all after an error, or when the time to stop has come.
std::size_t component_log::write_out(std::string_view bytes, const std::stop_token& stop) {
  std::size_t done = 0;
  while (done < bytes.size() && may_go_on(stop)) {
    pollfd room{output_.fd, POLLOUT, 0};
    if (::poll(&room, 1, 50) == 0)
      continue;
    const auto size = std::min(bytes.size() - done, chunk_bytes_);
    const auto written = ::write(output_.fd, bytes.data() + done, size);
    if (written >= 0)
      done += static_cast<std::size_t>(written);
    else if (errno != EINTR && errno != EAGAIN)
      break;
  }
  return done;
}

bool component_log::flush(std::chrono::milliseconds patience) noexcept {
  std::unique_lock lock{mutex_};
  const auto target = appended_bytes_.load();
  return idle_.wait_for(lock, patience, [&] { return finished_bytes_ >= target; });
}

void component_log::flush_on_abort() {
  abort_log = this;
  struct sigaction action {};
  action.sa_handler = &component_log::on_abort;
  action.sa_flags = static_cast<int>(SA_RESETHAND); // abort() then dies as if nobody had listened.
  ::sigaction(SIGABRT, &action, nullptr);
}

void component_log::on_abort(int) {
  if (const auto* log = abort_log.load(); log != nullptr && !is_writer)
    log->wait_in_signal();
}

/// The writer still runs while another thread aborts, so waiting for it is enough, and takes no
/// lock that the aborting thread may hold.
void component_log::wait_in_signal() const noexcept {
  for (int i = 0; i < 100 && finished_bytes_ < appended_bytes_; ++i)
    ::poll(nullptr, 0, 5);
}

} // namespace shunt::net
