// Syslog over TCP: each message ended by LF. While the server is away or slow, messages wait within
// bounds; a connection that ended is made anew, at once the first time and then ever more
// slowly. What was in the kernel's hands when a connection broke is lost unseen: the protocol has
// no acknowledgements. Nothing in here blocks except the resolver, flush() and the first dial.
#include "net/log_sink.syslog.hpp"
#include "net/log_sink.waiting.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace shunt::net {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class syslog_tcp_sink final : public log_sink {
public:
  syslog_tcp_sink(syslog_server server, syslog_sink_options options, log_trouble trouble)
    : log_sink{"syslog", std::move(trouble)},
      server_{std::move(server)},
      options_{std::move(options)},
      framing_{options_},
      waiting_{options_.waiting_bytes_max},
      backoff_{options_.backoff_min} {
    dial_first();
  }

  void write(std::string_view lines) override {
    tend(); // What can leave now makes room.
    framed_.clear();
    for_each_line(lines, [this](std::string_view line) {
      framing_.append(framed_, line);
      framed_ += '\n';
    });
    if (const auto dropped = waiting_.add(framed_); dropped > 0) {
      trouble_begins(server_.name() + ": too slow");
      count_dropped(dropped);
    }
    tend();
  }

  void reopen() override {} // There is no file that could have moved.

  bool tend() override {
    // A turn each to dial, to see the connection made, and to send; and a bound, should the server
    // keep hanging up on us.
    for (int turn = 0; turn < 4 && advance(); ++turn) {
    }
    return !waiting_.empty();
  }

  bool flush(milliseconds patience) override {
    const auto deadline = steady_clock::now() + patience;
    while (tend()) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
      if (left <= milliseconds{0})
        return false;
      wait(std::min(left, milliseconds{50}));
    }
    return true;
  }

private:
  enum class state { disconnected, connecting, connected };

  /// Does what the state calls for. True if there may be more to do at once.
  bool advance() {
    switch (state_) {
      case state::disconnected: return options_.clock() >= dial_at_ && dial();
      case state::connecting: return check_connection();
      case state::connected: return send();
    }
    return false;
  }

  bool dial() {
    std::string error;
    if (untried_.empty())
      untried_ = server_.addresses(error);
    if (untried_.empty())
      return fail(error);
    const auto address = untried_.front();
    untried_.erase(untried_.begin());
    socket_ = server_.dial(address, error);
    if (!socket_)
      return fail(error);
    state_ = state::connecting;
    give_up_at_ = options_.clock() + options_.dial_timeout;
    return true;
  }

  bool check_connection() {
    pollfd ready{socket_.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1)
      return options_.clock() >= give_up_at_ && fail_with(ETIMEDOUT);
    int error = 0;
    socklen_t bytes = sizeof(error);
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0)
      return fail_with(error);
    state_ = state::connected;
    connected_at_ = options_.clock();
    untried_.clear();
    return true;
  }

  bool send() {
    if (!peer_is_there())
      return fail(server_.name() + ": closed by the server");
    while (!waiting_.empty()) {
      const auto text = waiting_.unsent();
      const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR)
        return errno != EAGAIN && fail_with(errno);
      waiting_.sent(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    }
    trouble_ends();
    return false;
  }

  /// Notices that the server hung up before sending into the void. What it says is not for us.
  bool peer_is_there() const {
    std::array<char, 1024> ignored;
    for (int reads = 0; reads < 64; ++reads) {
      const auto received = ::recv(socket_.get(), ignored.data(), ignored.size(), 0);
      if (received == 0)
        return false;
      if (received < 0)
        return errno == EAGAIN || errno == EINTR;
    }
    return true;
  }

  bool fail_with(int error) { return fail(server_.name() + ": " + std::strerror(error)); }

  /// True if the next attempt is due now: there is another address, or the connection had lasted.
  bool fail(const std::string& error) {
    const bool had_lasted =
      state_ == state::connected && options_.clock() - connected_at_ >= backoff_;
    socket_ = descriptor{};
    state_ = state::disconnected;
    waiting_.start_line_over();
    if (!untried_.empty())
      return true;
    last_error_ = error;
    trouble_begins(error);
    dial_at_ = options_.clock() + (had_lasted ? milliseconds{0} : backoff_);
    backoff_ = had_lasted ? options_.backoff_min : std::min(2 * backoff_, options_.backoff_max);
    return had_lasted;
  }

  /// A server that is not there when we start is a mistake in the settings.
  void dial_first() {
    const auto deadline = steady_clock::now() + options_.dial_timeout;
    dial_at_ = options_.clock();
    while (state_ != state::connected && last_error_.empty() && steady_clock::now() < deadline) {
      tend();
      if (state_ == state::connecting)
        wait(milliseconds{50});
    }
    if (state_ != state::connected)
      throw std::runtime_error{
        "logging.syslog_addr: "
        + (last_error_.empty() ? server_.name() + ": no answer" : last_error_)};
  }

  /// Until the socket might take bytes (or the connection be made), at most that long.
  void wait(milliseconds patience) const {
    pollfd ready{socket_.get(), POLLOUT, 0}; // Ignored by poll() while there is no socket.
    ::poll(&ready, 1, static_cast<int>(patience.count()));
  }

  const syslog_server server_;
  const syslog_sink_options options_;
  syslog_framing framing_;
  waiting_lines waiting_;
  std::string framed_;
  state state_ = state::disconnected;
  descriptor socket_;
  std::vector<syslog_address> untried_; ///< Of the server's addresses, in this round of dialling.
  steady_clock::time_point dial_at_;
  steady_clock::time_point give_up_at_;
  steady_clock::time_point connected_at_;
  milliseconds backoff_;
  std::string last_error_; ///< Of the last round of dialling that failed.
};

} // namespace

std::shared_ptr<log_sink> open_syslog_tcp(syslog_server server, syslog_sink_options options,
                                          log_trouble trouble) {
  return std::make_shared<syslog_tcp_sink>(std::move(server), std::move(options),
                                           std::move(trouble));
}

} // namespace shunt::net
