#include "app/demo_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <stdexcept>

namespace shunt::app {

namespace asio = demo::asio;
using namespace std::chrono_literals;
using demo::error_code;
using demo::into;
using demo::stream;
using demo::task;
using demo::tcp;

namespace {

constexpr std::size_t connections_max = 1024;

/// Splits `127.0.0.1:80` or `[::1]:80`. Throws if it is anything else.
tcp::endpoint parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto digits = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, port_error] =
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
  auto host = text.substr(0, std::min(colon, text.size()));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  error_code ec;
  const auto address = asio::ip::make_address(std::string{host}, ec);
  if (ec || port_error != std::errc{} || end != digits.data() + digits.size())
    throw std::invalid_argument("--listen: not IP:PORT: " + std::string{text});
  if (address.is_unspecified()) // It is what routers are told to connect to.
    throw std::invalid_argument("--listen: needs the one address that routers reach");
  return {address, port};
}

} // namespace

demo_server::demo_server(std::string name, const std::string& listen)
  : name_{std::move(name)},
    acceptor_{loop_, parse_listen(listen)},
    address_{acceptor_.local_endpoint()} {
}

demo_server::~demo_server() {
  halt();
}

void demo_server::start(serve_function serve) {
  serve_ = std::move(serve);
  spawn(accept_all());
  thread_ = std::thread{[this] { loop_.run(); }};
}

void demo_server::halt() {
  loop_.stop();
  if (thread_.joinable())
    thread_.join();
}

bool demo_server::stop(std::chrono::milliseconds patience, std::function<void()> goodbye) {
  if (std::exchange(stopped_, true))
    return true;
  auto done = drained_.get_future();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  asio::post(loop_, [this, goodbye = std::move(goodbye)] {
    leaving_ = true;
    if (goodbye)
      goodbye();
    tell_if_drained();
  });
  return done.wait_until(deadline) == std::future_status::ready;
}

void demo_server::spawn(task<void> body) {
  asio::co_spawn(loop_, std::move(body), [this](std::exception_ptr failure) {
    if (!failure)
      return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", name_.c_str(), e.what());
    }
  });
}

task<void> demo_server::accept_all() {
  for (;;) {
    error_code ec;
    auto client = co_await acceptor_.async_accept(into(ec));
    if (!ec && connections_ < connections_max)
      spawn(serve(stream{std::move(client)}));
    if (!ec)
      continue;                     // One too many is closed here by its destructor.
    demo::timer pause{loop_, 50ms}; // Most likely out of descriptors: let some be closed.
    co_await pause.async_wait(into(ec));
  }
}

task<void> demo_server::serve(stream client) {
  const auto leave_one = [this](void*) { --connections_; };
  ++connections_;
  const std::unique_ptr<void, decltype(leave_one)> counted{this, leave_one};
  co_await serve_(std::move(client));
}

void demo_server::tell_if_drained() {
  if (leaving_ && under_way_ == 0 && !std::exchange(told_drained_, true))
    drained_.set_value();
}

demo_signals::demo_signals() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

void demo_signals::wait() const {
  int signal = 0;
  sigwait(&set_, &signal);
}

} // namespace shunt::app
