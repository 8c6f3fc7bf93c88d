// Both ends of the WebSocket scenario of bench/proxy: a backend that echoes, and clients that each
// send their next message as soon as the last has come back.

#include "bench/load_report.hpp"

#include <utility> // Before Asio: awaitable.hpp of Boost 1.74 forgets it.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::use_awaitable;
using asio::ip::tcp;
using steady = std::chrono::steady_clock;
using stream = websocket::stream<beast::tcp_stream>;

constexpr auto patience = std::chrono::seconds{10};

struct load_options {
  std::uint16_t port = 0;
  std::string host = "127.0.0.2";
  std::string path = "/echo";
  unsigned connections = 32;
  double seconds = 1;
  std::size_t bytes = 128;
};

tcp::endpoint on_loopback(std::uint16_t port) {
  return {asio::ip::make_address_v4("127.0.0.2"), port};
}

/// What all clients share; they run on one thread.
struct load : load_report {
  explicit load(const load_options& o) : options(o) {}

  const load_options& options;
  asio::io_context io{1};
  std::uint64_t tunnels = 0; ///< Opened; each is one line in an access log when it ends.
};

// -- The backend

asio::awaitable<void> echo(tcp::socket from) {
  try {
    from.set_option(tcp::no_delay{true});
    stream client{std::move(from)};
    client.auto_fragment(false);
    client.binary(true);
    co_await client.async_accept(use_awaitable);
    for (beast::flat_buffer message;; message.clear()) {
      co_await client.async_read(message, use_awaitable);
      co_await client.async_write(message.cdata(), use_awaitable);
    }
  } catch (const std::exception&) {
    // The client has left.
  }
}

asio::awaitable<void> listen(tcp::acceptor acceptor) {
  for (;;) {
    auto client = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(acceptor.get_executor(), echo(std::move(client)), asio::detached);
  }
}

void serve(std::uint16_t port) {
  asio::io_context io{1};
  asio::co_spawn(io, listen(tcp::acceptor{io, on_loopback(port)}), asio::detached);
  io.run(); // Until SIGTERM.
}

// -- The load

asio::awaitable<void> talk(load& l, std::string_view& step) {
  stream server{l.io};
  auto& below = beast::get_lowest_layer(server);
  below.expires_after(patience);
  step = "connect";
  co_await below.async_connect(on_loopback(l.options.port), use_awaitable);
  below.socket().set_option(tcp::no_delay{true});
  step = "upgrade";
  server.auto_fragment(false);
  server.binary(true);
  co_await server.async_handshake(l.options.host, l.options.path, use_awaitable);
  ++l.tunnels;

  std::string message(l.options.bytes, 'm');
  beast::flat_buffer answer;
  for (auto sent = steady::now(); sent < l.deadline;) {
    below.expires_after(patience);
    step = "write";
    co_await server.async_write(asio::buffer(message), use_awaitable);
    step = "read";
    co_await server.async_read(answer, use_awaitable);
    const auto now = steady::now();
    const std::chrono::duration<double, std::micro> took = now - sent;
    const auto* bytes = static_cast<const char*>(answer.cdata().data());
    if (std::string_view{bytes, answer.size()} == message)
      l.took_us.push_back(static_cast<std::uint32_t>(took.count()));
    else
      ++l.errors["mismatch"];
    answer.clear();
    message.front() = static_cast<char>('a' + l.took_us.size() % 26); // Else an old one would do.
    sent = now;
  }
  step = "close";
  co_await server.async_close(websocket::close_code::normal, use_awaitable);
}

asio::awaitable<void> client(load& l) {
  std::string_view step;
  try {
    co_await talk(l, step);
  } catch (const std::exception&) {
    ++l.errors[step];
  }
}

void run(const load_options& options) {
  load l{options};
  l.begin(options.seconds);
  for (unsigned i = 0; i < options.connections; ++i)
    asio::co_spawn(l.io, client(l), asio::detached);
  l.io.run();
  l.print(",\"lines\":" + std::to_string(l.tunnels));
}

} // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app{"WebSocket messages and their echo, for bench/proxy"};
    load_options options;
    app.require_subcommand(1);
    auto* echo_command = app.add_subcommand("echo", "Echo until SIGTERM");
    auto* load_command = app.add_subcommand("load", "Send messages and wait for each to come back");
    for (auto* command : {echo_command, load_command})
      command->add_option("--port", options.port, "Port on 127.0.0.2")->required();
    load_command->add_option("--host", options.host, "What the request is for");
    load_command->add_option("--path", options.path, "The same");
    load_command->add_option("--connections", options.connections, "Tunnels")
      ->check(CLI::Range(1, 1000));
    load_command->add_option("--seconds", options.seconds, "How long")
      ->check(CLI::Range(0.1, 3600.0));
    load_command->add_option("--bytes", options.bytes, "Length of a message")
      ->check(CLI::Range(1, 65536));
    CLI11_PARSE(app, argc, argv);
    if (*echo_command)
      serve(options.port);
    else
      run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "websocket_load: %s\n", e.what());
    return 1;
  }
}
