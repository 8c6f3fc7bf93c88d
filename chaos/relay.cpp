#include <utility>

#include <coroutine>

#include "chaos/relay.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <future>

namespace shunt::chaos {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A client of the relay and the target's side of it.
struct pair_of_sockets {
  explicit pair_of_sockets(tcp::socket accepted)
    : client{std::move(accepted)}, target{client.get_executor()} {}

  tcp::socket client;
  tcp::socket target;

  void reset() {
    boost::system::error_code ignored;
    for (auto* each : {&client, &target}) {
      each->set_option(asio::socket_base::linger{true, 0}, ignored);
      each->close(ignored);
    }
  }
};
using pair_ptr = std::shared_ptr<pair_of_sockets>;

} // namespace

struct relay::core : std::enable_shared_from_this<relay::core> {
  core(asio::io_context& context, std::uint16_t to)
    : acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}},
      target{asio::ip::address_v4::loopback(), to},
      released{context, asio::steady_timer::time_point::max()} {}

  asio::awaitable<void> accept_all();
  asio::awaitable<void> serve(tcp::socket accepted);
  asio::awaitable<void> pump(pair_ptr both, tcp::socket& from, tcp::socket& to);
  asio::awaitable<void> hold_back();
  void reset_all();

  tcp::acceptor acceptor;
  tcp::endpoint target;
  std::vector<std::weak_ptr<pair_of_sockets>> pairs;
  bool cut = false;
  bool stalled = false;
  std::chrono::milliseconds late{0};
  asio::steady_timer released; ///< Who waits for the end of a stall waits on it.
};

asio::awaitable<void> relay::core::accept_all() {
  const auto self = shared_from_this();
  for (;;) {
    boost::system::error_code failed;
    auto accepted =
      co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    if (!acceptor.is_open())
      co_return;
    if (!failed)
      asio::co_spawn(acceptor.get_executor(), serve(std::move(accepted)), asio::detached);
  }
}

asio::awaitable<void> relay::core::serve(tcp::socket accepted) {
  const auto self = shared_from_this();
  const auto both = std::make_shared<pair_of_sockets>(std::move(accepted));
  std::erase_if(pairs, [](const auto& each) { return each.expired(); });
  pairs.push_back(both);
  boost::system::error_code failed;
  if (!cut)
    co_await both->target.async_connect(target, asio::redirect_error(asio::use_awaitable, failed));
  if (cut || failed) {
    both->reset();
    co_return;
  }
  both->client.set_option(tcp::no_delay{true}, failed);
  both->target.set_option(tcp::no_delay{true}, failed);
  asio::co_spawn(acceptor.get_executor(), pump(both, both->client, both->target), asio::detached);
  asio::co_spawn(acceptor.get_executor(), pump(both, both->target, both->client), asio::detached);
}

/// Until the sender is done; then the receiver is told so. A failure ends both directions.
asio::awaitable<void> relay::core::pump(pair_ptr both, tcp::socket& from, tcp::socket& to) {
  const auto self = shared_from_this();
  std::array<char, 16 * 1024> bytes;
  boost::system::error_code failed;
  while (!failed) {
    const auto count = co_await from.async_read_some(
      asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failed));
    if (failed)
      break;
    co_await hold_back();
    co_await asio::async_write(to, asio::buffer(bytes, count),
                               asio::redirect_error(asio::use_awaitable, failed));
  }
  if (failed != asio::error::eof) {
    both->reset();
    co_return;
  }
  co_await hold_back();
  to.shutdown(tcp::socket::shutdown_send, failed);
}

asio::awaitable<void> relay::core::hold_back() {
  boost::system::error_code cancelled;
  if (late.count() > 0) {
    asio::steady_timer arrival{acceptor.get_executor(), late};
    co_await arrival.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  while (stalled)
    co_await released.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void relay::core::reset_all() {
  for (const auto& each : pairs)
    if (const auto both = each.lock())
      both->reset();
  pairs.clear();
}

namespace {

/// Runs `change` on the loop and waits for it.
template <class Change>
void run_on(relay_loop& loop, Change change) {
  std::promise<void> done;
  asio::post(loop.context(), [&] {
    change();
    done.set_value();
  });
  done.get_future().wait();
}

} // namespace

relay_loop::relay_loop()
  : work_{asio::require(context_.get_executor(), asio::execution::outstanding_work.tracked)},
    thread_{[this] { context_.run(); }} {
}

relay_loop::~relay_loop() {
  context_.stop();
  thread_.join();
}

relay::relay(relay_loop& loop, std::uint16_t target)
  : loop_{loop},
    core_{std::make_shared<core>(loop.context(), target)},
    port_{core_->acceptor.local_endpoint().port()} {
  asio::co_spawn(loop.context(), core_->accept_all(), asio::detached);
}

relay::~relay() {
  run_on(loop_, [this] {
    boost::system::error_code ignored;
    core_->acceptor.close(ignored);
    core_->cut = true;
    core_->stalled = false;
    core_->released.cancel();
    core_->reset_all();
  });
}

void relay::pass() {
  run_on(loop_, [this] {
    core_->cut = core_->stalled = false;
    core_->late = {};
    core_->released.cancel();
  });
}

void relay::cut() {
  run_on(loop_, [this] {
    core_->cut = true;
    core_->stalled = false;
    core_->released.cancel();
    core_->reset_all();
  });
}

void relay::stall() {
  run_on(loop_, [this] { core_->stalled = true; });
}

void relay::delay(std::chrono::milliseconds by) {
  run_on(loop_, [this, by] { core_->late = by; });
}

} // namespace shunt::chaos
