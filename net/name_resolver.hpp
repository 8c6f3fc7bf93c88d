// Asks name servers for the addresses of names, on a loop's own thread and without waiting there: a
// name server that is silent costs those alone who ask for its names. c-ares speaks DNS, and reads
// /etc/hosts and /etc/resolv.conf. Belongs to one loop's thread.
#pragma once

#include "net/deadline.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace shunt::net {

class event_loop;

class name_resolver {
  struct flight;
  struct channel;

public:
  /// Questions under way at once. Whoever asks for a name soon after another gets the same answer.
  static constexpr std::size_t flights_max = 10'000;

  struct answer {
    boost::system::error_code code; ///< `timed_out`, `host_not_found`, `host_not_found_try_again`, or what `lacks_means`.
    std::vector<boost::asio::ip::address> addresses; ///< In the order to try (RFC 6724); not empty on success.
  };

  /// One who waits for a name. To be awaited once, at the place where it is made.
  class lookup {
  public:
    lookup(name_resolver& names, const std::string& host, std::chrono::nanoseconds timeout);
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;
    ~lookup() { leave(); }

    bool await_ready() const noexcept { return flight_ == nullptr; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { awaiting_ = handle; }
    answer await_resume() noexcept { return std::move(answer_); }

  private:
    friend class name_resolver;
    void leave() noexcept;
    void expire();
    void resume(answer found);

    deadline limit_;
    flight* flight_ = nullptr; ///< Null when it has landed, or this has left it.
    std::size_t position_ = 0; ///< Among those who wait for it.
    std::coroutine_handle<> awaiting_;
    answer answer_;
  };

  explicit name_resolver(event_loop& loop);
  ~name_resolver();
  name_resolver(const name_resolver&) = delete;
  name_resolver& operator=(const name_resolver&) = delete;

  /// Awaits the addresses of `host`, at most for `timeout` (0 = as long as c-ares tries).
  lookup resolve(const std::string& host, std::chrono::nanoseconds timeout) {
    return {*this, host, timeout};
  }

  /// Asks these (`ip:port`, comma between) in place of those of /etc/resolv.conf.
  void ask(std::string servers);

private:
  flight* join(const std::string& host);
  void land(flight& done);
  channel* current();

  event_loop& loop_;
  std::string servers_; ///< As `ask` was told; empty: the system's.
  std::unordered_map<std::string, std::unique_ptr<flight>> flights_; ///< That others may join.
  std::vector<std::unique_ptr<flight>> late_;                        ///< The others.
  std::vector<std::unique_ptr<channel>> channels_; ///< The last is the current one; others have flights left.
  steady_time checked_{};                   ///< When /etc/resolv.conf was last looked at.
  std::uint64_t configured_ = 0;            ///< What it was then, as far as the file system tells.
};

} // namespace shunt::net
