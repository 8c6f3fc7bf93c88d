// What both kinds of syslog sink need: where the server is, and what a message looks like.
#pragma once

#include "net/log_sink.descriptor.hpp"
#include "net/log_sink.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::net {

/// `[v6]:port` or `host:port`, without the brackets; no host means this machine. Throws std::runtime_error that names
/// `key`, under which the settings have it.
std::pair<std::string, std::string> split_host_port(const std::string& address, const std::string& key);

/// One address of a syslog server.
struct syslog_address {
  sockaddr_storage storage;
  socklen_t bytes;
};

/// Where a syslog server is, as the settings name it.
class syslog_server {
public:
  /// Throws std::runtime_error, naming the option at fault.
  explicit syslog_server(const syslog_sink_options& options);

  bool is_tcp() const noexcept { return type_ == SOCK_STREAM; }
  const std::string& name() const noexcept { return name_; }

  /// Asks the resolver, which blocks for as long as it likes unless the host is a number. Empty,
  /// with the reason in `error`, if there are none.
  std::vector<syslog_address> addresses(std::string& error) const;

  /// A socket on the way to that address: connected, or else connecting without blocking (TCP).
  /// None, with the reason in `error`, if that is impossible.
  descriptor dial(const syslog_address& address, std::string& error) const;

private:
  std::string name_;
  std::string host_;
  std::string port_;
  int type_ = SOCK_DGRAM;
  int family_ = AF_UNSPEC;
};

/// Composes messages: a header like RFC 5424's, save that one `-` stands for two absent parts (what
/// parses gorouter's expects it so), and the line.
class syslog_framing {
public:
  explicit syslog_framing(const syslog_sink_options& options);

  /// Appends the message for `line` (without its '\n'), which is cut to the configured length.
  void append(std::string& out, std::string_view line);

private:
  void refresh(std::chrono::sys_seconds now);

  const std::function<std::chrono::system_clock::time_point()> wall_clock_;
  const std::size_t truncate_bytes_;
  const std::string behind_time_;
  std::chrono::sys_seconds header_time_ = std::chrono::sys_seconds::min();
  std::string header_;
};

/// The first `bytes_max` bytes of `text`, or up to three less so that no character is cut in two.
std::string_view cut_text(std::string_view text, std::size_t bytes_max);

/// Calls `fn` for each line, without its '\n'. An empty line is none.
template <class Fn>
void for_each_line(std::string_view lines, Fn&& fn) {
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    if (end > 0)
      fn(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

/// The two kinds. Throw std::runtime_error if the server cannot be dialled.
std::shared_ptr<log_sink> open_syslog_udp(syslog_server server, syslog_sink_options options,
                                          log_trouble trouble);
std::shared_ptr<log_sink> open_syslog_tcp(syslog_server server, syslog_sink_options options,
                                          log_trouble trouble);

} // namespace shunt::net
