#include "net/dial.hpp"

#include <boost/asio/ip/basic_resolver.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace shunt::net {

namespace {

using resolver = asio::ip::basic_resolver<tcp, executor>;
using clock = std::chrono::steady_clock;

/// Awaits the addresses of a name, or the deadline, whichever comes first.
struct resolve_awaiter {
  struct state {
    resolver lookup;
    deadline limit;
    std::coroutine_handle<> awaiting;
    error_code code;
    std::vector<tcp::endpoint> found;
    int references = 2; ///< The handler's, which may outlive the awaiter, and the awaiter's.

    explicit state(event_loop& loop)
      : lookup{loop.get_executor()},
        limit{loop.deadlines(), [](void* self) { static_cast<state*>(self)->expire(); }, this} {}

    void release() {
      if (--references == 0)
        delete this;
    }
    void expire() {
      // A lookup that has begun cannot be stopped; its result is dropped when it comes.
      code = asio::error::timed_out;
      lookup.cancel();
      if (awaiting)
        std::exchange(awaiting, nullptr).resume();
    }
  };

  state* shared;

  resolve_awaiter(event_loop& loop, const std::string& host, std::uint16_t port,
                  std::chrono::nanoseconds timeout)
    : shared{new state{loop}} {
    shared->limit.expires_after(timeout);
    shared->lookup.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service,
      [state = shared](error_code failed, resolver::results_type results) {
        if (state->awaiting) {
          state->limit.disarm();
          state->code = failed;
          for (const auto& result : results)
            state->found.push_back(result.endpoint());
          std::exchange(state->awaiting, nullptr).resume();
        }
        state->release();
      });
  }
  resolve_awaiter(const resolve_awaiter&) = delete;
  resolve_awaiter& operator=(const resolve_awaiter&) = delete;
  ~resolve_awaiter() { shared->release(); }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { shared->awaiting = handle; }
  void await_resume() const noexcept {}
};

void set_options(tcp_socket& socket, std::chrono::nanoseconds keep_alive_interval) {
  error_code ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(keep_alive_interval).count();
  if (keep_alive_interval.count() <= 0)
    return;
  const int interval = static_cast<int>(std::clamp<long long>(seconds, 1, 32767));
  const int on = 1;
  const int descriptor = socket.native_handle();
  ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &interval, sizeof interval);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
}

task<error_code> connect_one(event_loop& loop, tcp::endpoint peer, dial_options options,
                             wire_ptr& connected) {
  tcp_socket socket{loop.get_executor()};
  error_code code;
  socket.open(peer.protocol(), code);
  if (code)
    co_return code;
  set_options(socket, options.keep_alive_interval);
  wire_ptr candidate{new wire{loop, std::move(socket)}};
  code = co_await candidate->connect(peer, options.timeout);
  if (code)
    candidate->close();
  else
    connected = std::move(candidate);
  co_return code;
}

/// What one of several addresses of a name gets of the time that is left: as much as each of the
/// others, but enough for a packet that is lost to be sent again.
std::chrono::nanoseconds share_of(std::chrono::nanoseconds left, std::size_t addresses) {
  using std::chrono::nanoseconds;
  constexpr nanoseconds enough = std::chrono::seconds{2}, least = std::chrono::milliseconds{1};
  const auto fair = left / static_cast<nanoseconds::rep>(addresses);
  return std::max(std::min(std::max(fair, enough), left), least);
}

} // namespace

task<dial_result> dial(event_loop& loop, std::string host, std::uint16_t port,
                       dial_options options) {
  dial_result result;
  const auto started = clock::now();
  std::vector<tcp::endpoint> peers;
  if (const auto literal = asio::ip::make_address(host, result.code); !result.code) {
    peers.emplace_back(literal, port);
  } else {
    resolve_awaiter lookup{loop, host, port, options.timeout};
    co_await lookup;
    result.code = lookup.shared->code;
    peers = std::move(lookup.shared->found);
    result.resolve_time = clock::now() - started;
    if (!result.code && peers.empty())
      result.code = asio::error::host_not_found;
    if (result.code) {
      result.resolving = true;
      co_return result;
    }
  }
  if (options.refused != nullptr)
    result.refused = std::erase_if(peers, [&](const auto& peer) {
                       return options.refused->contains(peer.address());
                     }) > 0 && peers.empty();
  if (result.refused)
    result.code = asio::error::access_denied;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const auto began = clock::now();
    auto share = options;
    if (options.timeout.count() > 0)
      share.timeout = share_of(options.timeout - (began - started), peers.size() - i);
    result.code = co_await connect_one(loop, peers[i], share, result.connection);
    result.connect_time = clock::now() - began;
    if (!result.code || (options.timeout.count() > 0 && clock::now() - started >= options.timeout))
      break;
  }
  co_return result;
}

std::string describe(const dial_result& failed, std::string_view host, std::string_view address) {
  if (failed.resolving) {
    const bool late = failed.code == asio::error::timed_out;
    return "dial tcp: lookup " + std::string{host} + (late ? ": i/o timeout" : ": no such host");
  }
  auto text = "dial tcp " + std::string{address} + ": ";
  if (failed.refused)
    return text + "the address is not allowed";
  if (failed.code == asio::error::timed_out)
    return text + "i/o timeout";
  return text + "connect: " + go_words(failed.code);
}

bool lacks_means(error_code code) noexcept {
  namespace errc = boost::system::errc;
  return code == errc::too_many_files_open || code == errc::too_many_files_open_in_system
         || code == errc::no_buffer_space || code == errc::not_enough_memory
         || code == errc::address_not_available;
}

std::string go_words(error_code code) {
  auto words = code.message(); // The C library's words, lower-cased as Go's are.
  std::transform(words.begin(), words.end(), words.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return words;
}

} // namespace shunt::net
