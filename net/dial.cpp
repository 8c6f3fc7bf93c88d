#include "net/dial.hpp"

#include "net/name_resolver.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace shunt::net {

namespace {

using clock = std::chrono::steady_clock;

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
    const auto found = co_await loop.names().resolve(host, options.timeout);
    for (const auto& address : found.addresses)
      peers.emplace_back(address, port);
    result.code = found.code;
    result.resolve_time = clock::now() - started;
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
  if (options.turn > 0 && peers.size() > 1) {
    std::sort(peers.begin(), peers.end()); // Name servers turn them about themselves.
    std::rotate(peers.begin(), peers.begin() + static_cast<std::ptrdiff_t>(options.turn % peers.size()), peers.end());
  }
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
    const auto text = "dial tcp: lookup " + std::string{host} + ": ";
    if (lacks_means(failed.code))
      return text + go_words(failed.code);
    return text + (failed.code == asio::error::timed_out ? "i/o timeout" : "no such host");
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
