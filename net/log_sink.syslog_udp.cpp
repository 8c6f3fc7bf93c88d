// Syslog over UDP: a datagram a line. Nothing waits: what the network does not take is lost, as it
// would be a hop further on, but it is counted.
#include "net/log_sink.syslog.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::size_t datagram_bytes_max = 65'507; // 64 KiB less the headers of IPv4 and UDP.

class syslog_udp_sink final : public log_sink {
public:
  syslog_udp_sink(syslog_server server, const syslog_sink_options& options, log_trouble trouble)
    : log_sink{"syslog", std::move(trouble)}, server_{std::move(server)}, framing_{options} {
    std::string error;
    if (!dial(error))
      throw std::runtime_error{"logging.syslog_addr: " + error};
  }

  void write(std::string_view lines) override {
    bool is_stuck = false; // Then the rest is dropped, instead of waiting for each of it.
    bool all_well = true;
    for_each_line(lines, [&](std::string_view line) {
      const int error = is_stuck ? EAGAIN : send(line);
      is_stuck = is_stuck || error == EAGAIN;
      if (error == 0)
        return;
      all_well = false;
      count_dropped(1);
      trouble_begins(server_.name() + ": " + std::strerror(error));
    });
    if (all_well)
      trouble_ends();
  }

  /// The server's name may mean another address by now.
  void reopen() override {
    std::string error;
    if (!dial(error))
      report("access-log-reopen-failed", error);
  }

  bool tend() override { return false; }
  bool flush(std::chrono::milliseconds) override { return true; }

private:
  bool dial(std::string& error) {
    for (const auto& address : server_.addresses(error)) {
      if (auto socket = server_.dial(address, error)) {
        socket_ = std::move(socket);
        return true;
      }
    }
    return false;
  }

  /// 0, or why a datagram was lost: this one, or an earlier one whose refusal arrived just now. Of
  /// an earlier one's it is told once, so the line is sent by the second try.
  int send(std::string_view line) {
    message_.clear();
    framing_.append(message_, line);
    const auto datagram = cut_text(message_, datagram_bytes_max);
    const int first = try_send(datagram);
    if (first != ECONNREFUSED)
      return first;
    const int second = try_send(datagram);
    return second == 0 ? first : second;
  }

  int try_send(std::string_view datagram) {
    while (::send(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0)
      if (errno != EINTR)
        return errno;
    return 0;
  }

  const syslog_server server_;
  syslog_framing framing_;
  descriptor socket_;
  std::string message_;
};

} // namespace

std::shared_ptr<log_sink> open_syslog_udp(syslog_server server, syslog_sink_options options,
                                          log_trouble trouble) {
  return std::make_shared<syslog_udp_sink>(std::move(server), options, std::move(trouble));
}

} // namespace shunt::net
