// What the servers of the demo have in common: a thread with its loop that accepts clients, counts
// what is under way and lets it end, and the command around it. They are bounded like everything
// else here, but not meant to be fast.
#pragma once

#include <coroutine>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>

namespace shunt::app {

/// The words that the servers of the demo are written in.
namespace demo {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

using executor = asio::io_context::executor_type;
using stream = beast::basic_stream<tcp, executor>;
using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, executor>;
template <class T>
using task = asio::awaitable<T, executor>;

constexpr std::size_t head_bytes_max = 64 << 10;
// Longer than gorouter's 90 s, so that the router, which knows whether it is about to send, is the
// one to close a connection that it keeps.
constexpr std::chrono::seconds idle_timeout{120};

/// Completion token: suspends the coroutine and leaves the error in `ec` instead of throwing.
inline auto into(error_code& ec) {
  return asio::redirect_error(asio::use_awaitable_t<executor>{}, ec);
}

inline std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

} // namespace demo

/// Serves on a thread of its own from start() to halt(). What its coroutines use of their owner has
/// to outlive it.
class demo_server {
public:
  using serve_function = std::function<demo::task<void>(demo::stream client)>;

  /// Listens on `listen`, which is IP:PORT; port 0 = any free one. Throws std::exception; it names
  /// the option --listen if that text is no such address.
  demo_server(std::string name, const std::string& listen);
  /// Halts.
  ~demo_server();

  demo_server(const demo_server&) = delete;
  demo_server& operator=(const demo_server&) = delete;

  /// Where it listens.
  const demo::tcp::endpoint& address() const noexcept { return address_; }
  /// Has every client served by `serve`, on the loop; at most 1024 at once.
  void start(serve_function serve);
  /// Ends the thread. Afterwards nothing runs on the loop any more.
  void halt();

  /// Lets no connection be kept any longer, runs `goodbye` on the loop, then waits until the
  /// exchanges under way are over, at most `patience`. True if all were. A second call does nothing.
  bool stop(demo::milliseconds patience, std::function<void()> goodbye = {});

  /// Its loop: anybody may post to it. The rest is for what runs there.
  demo::asio::io_context& loop() noexcept { return loop_; }
  /// Runs `body` on the loop; what it throws is said on stderr.
  void spawn(demo::task<void> body);
  bool leaving() const noexcept { return leaving_; }

  /// Counts an exchange as under way for as long as it lives.
  class exchange_mark {
  public:
    explicit exchange_mark(demo_server& server) : server_{server} { ++server_.under_way_; }
    ~exchange_mark() {
      --server_.under_way_;
      server_.tell_if_drained();
    }
    exchange_mark(const exchange_mark&) = delete;
    exchange_mark& operator=(const exchange_mark&) = delete;

  private:
    demo_server& server_;
  };

private:
  using acceptor = demo::asio::basic_socket_acceptor<demo::tcp, demo::executor>;

  demo::task<void> accept_all();
  demo::task<void> serve(demo::stream client);
  void tell_if_drained();

  std::string name_;
  serve_function serve_;
  std::promise<void> drained_; // Outlives the loop, whose coroutines report to it.
  std::size_t connections_ = 0;
  std::size_t under_way_ = 0;
  bool leaving_ = false;
  bool told_drained_ = false;
  bool stopped_ = false; // The owner's thread only.
  demo::asio::io_context loop_{1};
  acceptor acceptor_;
  demo::tcp::endpoint address_;
  std::thread thread_;
};

/// SIGTERM and SIGINT, blocked in the calling thread and in those that it starts from now on.
class demo_signals {
public:
  demo_signals();
  /// Until one of them comes.
  void wait() const;

private:
  sigset_t set_;
};

/// Runs a `Server` made of `options` until SIGTERM or SIGINT. Call it before starting any thread.
/// Returns the exit code; says on stderr what went wrong.
template <class Server, class Options>
int run_demo_server(const Options& options) try {
  const demo_signals end;
  Server server{options};
  std::printf("%s: listening on port %u\n", options.name.c_str(), unsigned{server.port()});
  std::fflush(stdout);
  end.wait();
  return server.stop(std::chrono::seconds{5}) ? 0 : 1;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s: %s\n", options.name.c_str(), e.what());
  return 1;
}

} // namespace shunt::app
