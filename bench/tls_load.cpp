// Load for bench/proxy: a new TLS 1.3 connection for each request, with a full handshake or with
// one that resumes the session before. Which of the two it was is checked on every connection, and
// so are the suite and the key exchange: what differs is reported as an error.

#include "bench/load_report.hpp"

#include <openssl/ssl.h>

#include <utility> // Before Asio: awaitable.hpp of Boost 1.74 forgets it.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::use_awaitable;
using asio::ip::tcp;
using steady = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds{10};
constexpr auto suite = "TLS_AES_128_GCM_SHA256";

struct load_options {
  std::uint16_t port = 0;
  std::string host = "127.0.0.2";
  std::string path = "/128";
  unsigned connections = 32;
  double seconds = 1;
  bool resume = false;
};

struct free_session {
  void operator()(SSL_SESSION* s) const { SSL_SESSION_free(s); }
};
using session_ptr = std::unique_ptr<SSL_SESSION, free_session>;

/// What all clients share; they run on one thread.
struct load : load_report {
  explicit load(const load_options& o) : options(o) {}

  const load_options& options;
  asio::io_context io{1};
  asio::ssl::context tls{asio::ssl::context::tlsv13_client};
};

/// Where an SSL object keeps the place for the ticket that it is sent.
int ticket_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// Keeps the newest ticket, as the server may take each only once. A copy: OpenSSL marks its own as
/// not to be resumed once the connection is gone.
int keep_ticket(SSL* from, SSL_SESSION* ticket) {
  auto* place = static_cast<session_ptr*>(SSL_get_ex_data(from, ticket_index()));
  if (place != nullptr)
    place->reset(SSL_SESSION_dup(ticket));
  return 0; // What was given stays OpenSSL's.
}

void set_up(load& l) {
  auto* context = l.tls.native_handle();
  if (SSL_CTX_set_ciphersuites(context, suite) != 1
      || SSL_CTX_set1_groups_list(context, "X25519") != 1)
    throw std::runtime_error("OpenSSL lacks the suite or the group");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_ticket);
}

/// What the handshake was, if it was not what was asked for; else nothing.
std::string_view mistake(SSL* session, bool offered) {
  if (std::string_view{SSL_get_cipher_name(session)} != suite)
    return "suite";
  if (SSL_get_negotiated_group(session) != NID_X25519)
    return "group";
  const bool resumed = SSL_session_reused(session) == 1;
  if (resumed != offered)
    return resumed ? "resumed" : "not_resumed";
  return {};
}

/// One connection with one request, to the server's end of it. Throws where it does not get that
/// far; `step` says where that was.
asio::awaitable<void> exchange(load& l, session_ptr& ticket, std::string_view& step) {
  beast::ssl_stream<beast::tcp_stream> stream{l.io, l.tls};
  auto* session = stream.native_handle();
  if (l.options.resume)
    SSL_set_ex_data(session, ticket_index(), &ticket);
  const bool offered = ticket != nullptr;
  if (offered && SSL_set_session(session, ticket.get()) != 1)
    throw std::runtime_error("ticket");
  ticket.reset(); // Not a second time.
  auto& below = beast::get_lowest_layer(stream);
  below.expires_after(patience);

  const auto start = steady::now();
  step = "connect";
  const tcp::endpoint server{asio::ip::make_address_v4("127.0.0.2"), l.options.port};
  co_await below.async_connect(server, use_awaitable);
  below.socket().set_option(tcp::no_delay{true});
  step = "handshake";
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  if (const auto wrong = mistake(session, offered); !wrong.empty())
    ++l.errors[wrong];

  step = "write";
  http::request<http::empty_body> request{http::verb::get, l.options.path, 11};
  request.set(http::field::host, l.options.host);
  request.set(http::field::user_agent, "tls_load");
  request.set(http::field::accept, "*/*");
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, use_awaitable);
  step = "read";
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  co_await http::async_read(stream, buffer, response, use_awaitable);
  const std::chrono::duration<double, std::micro> took = steady::now() - start;
  if (response.result() != http::status::ok)
    ++l.errors["status"];
  else
    l.took_us.push_back(static_cast<std::uint32_t>(took.count()));

  // The server said that it closes: were we first, its port would not be what rests in TIME_WAIT.
  boost::system::error_code ended;
  char rest[256];
  co_await stream.async_read_some(asio::buffer(rest), asio::redirect_error(use_awaitable, ended));
  if (!ended || ended == beast::error::timeout)
    ++l.errors["not_closed"];
}

asio::awaitable<void> client(load& l) {
  session_ptr ticket;
  while (steady::now() < l.deadline) {
    std::string_view step;
    try {
      co_await exchange(l, ticket, step);
    } catch (const std::exception&) {
      ++l.errors[step.empty() ? "ticket" : step];
    }
  }
}

void run(const load_options& options) {
  load l{options};
  set_up(l);
  l.begin(options.seconds);
  for (unsigned i = 0; i < options.connections; ++i)
    asio::co_spawn(l.io, client(l), asio::detached);
  l.io.run();
  l.print();
}

} // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app{"A new TLS connection for each request, for bench/proxy"};
    load_options options;
    app.add_option("--port", options.port, "Port of the proxy on 127.0.0.2")->required();
    app.add_option("--host", options.host, "What the request is for");
    app.add_option("--path", options.path, "The same");
    app.add_option("--connections", options.connections, "How many at a time")
      ->check(CLI::Range(1, 1000));
    app.add_option("--seconds", options.seconds, "How long")->check(CLI::Range(0.1, 3600.0));
    app.add_flag("--resume", options.resume, "Resume the session of the connection before");
    CLI11_PARSE(app, argc, argv);
    run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tls_load: %s\n", e.what());
    return 1;
  }
}
