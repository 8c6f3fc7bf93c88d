// From the outside in: one connection after the other, one request after the other on each, and one
// exchange with the router for each of those (app/demo_relay). Each connection has one of its own to the
// router and keeps it, so that both legs are as many as the router opened.
#include "app/demo_route_service.hpp"

#include "app/demo_certificate.hpp"
#include "app/demo_relay.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <limits>
#include <stdexcept>
#include <variant>

namespace shunt::app {
namespace {

using namespace demo;
using namespace std::chrono_literals;
using tls_stream = beast::ssl_stream<stream>;

constexpr std::size_t unwanted_bytes_max = 1 << 20;
// Bodies are passed on, not kept. Not boost::none, which Beast 1.74 takes for no byte at all.
constexpr auto any_body_bytes = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view order_prefix = "X-Demo-";

/// A connection to where requests are passed on.
struct upstream {
  std::string place;
  std::variant<stream, tls_stream> wire;
  beast::flat_buffer buffer{2 * head_bytes_max};
  bool reusable = false;
};

/// A connection of the router's to this service.
struct visitor {
  tls_stream wire;
  unsigned number;
  beast::flat_buffer buffer{2 * head_bytes_max};
  std::optional<upstream> next = {};
};

/// A request whose head was read, and what is to become of it.
struct visit {
  message_parser<true> message;
  http::request<http::empty_body> head; ///< As it will be passed on.
  std::string url;                      ///< As X-CF-Forwarded-Url has it.
  std::optional<demo_target> target;
  demo_orders orders;
  std::string problem; ///< Why it is not for us.
};

// -- Small rules

/// Text from outside for one line of a log.
std::string printable(std::string_view text) {
  constexpr std::size_t shown_max = 2000;
  std::string shown{text.substr(0, shown_max)};
  for (auto& c : shown)
    if (c <= ' ' || c >= '\x7f')
      c = '?';
  return shown.empty() ? "-" : shown;
}

std::string time_text() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<milliseconds>(now).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32], text[48];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(ms % 1000));
  return text;
}

/// Whether a kept connection has nothing to say. If it has, that is its end.
bool is_quiet(upstream& next) {
  auto* const plain = std::get_if<stream>(&next.wire);
  auto& below = plain != nullptr ? *plain : std::get<tls_stream>(next.wire).next_layer();
  char byte = 0;
  const auto got = recv(below.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/// Takes orders out of a request's X-Demo- fields. Returns what is wrong with them, or nothing.
std::string take_orders(http::fields& fields, demo_orders& orders) {
  std::string problem;
  for (auto at = fields.begin(); at != fields.end();) {
    const auto name = view(at->name_string());
    if (!beast::iequals(at->name_string().substr(0, order_prefix.size()), "X-Demo-")) {
      ++at;
      continue;
    }
    std::string order{name.substr(order_prefix.size())};
    for (auto& c : order)
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (const auto wrong = orders.take(order, view(at->value())); !wrong.empty())
      problem.append(name).append(": ").append(wrong).append("\n");
    at = fields.erase(at);
  }
  return problem;
}

/// Makes of the head that was read the head that is passed on, and says what else is to be done.
void prepare(visit& v) {
  v.head = http::request<http::empty_body>{v.message.get().base()};
  v.message.get().base().clear(); // What is in there later are the trailers.
  v.url = view(v.head["X-CF-Forwarded-Url"]);
  v.target = demo_target::parse(v.url);
  v.problem = take_orders(v.head, v.orders);
  if (!v.target)
    v.problem.append("X-CF-Forwarded-Url: no URL that can be asked for\n");
  if (v.head["X-CF-Proxy-Signature"].empty() || v.head["X-CF-Proxy-Metadata"].empty())
    v.problem.append("X-CF-Proxy-Signature: none; this is a route service, to be asked by a router\n");
  if (v.head.version() != 11)
    v.problem.append("HTTP/1.1 is wanted\n");
  if (!v.problem.empty())
    return;
  http::token_list connection{v.head[http::field::connection]};
  drop_hop_fields(v.head, connection.exists("upgrade"));
  v.head.target(v.target->url.target);
  v.head.set(http::field::host, v.target->url.authority);
}

} // namespace

class demo_route_service::impl {
public:
  explicit impl(const demo_route_service_options& options)
    : options_{options}, router_{router_of(options)}, server_{options.name, options.listen} {
    load_certificate();
    outward_.set_default_verify_paths();
    outward_.set_verify_mode(asio::ssl::verify_peer);
    server_.start([this](stream client) { return serve(std::move(client)); });
  }

  std::uint16_t port() const noexcept { return server_.address().port(); }
  bool stop(milliseconds patience) { return server_.stop(patience); }

private:
  static std::optional<demo_target> router_of(const demo_route_service_options& options) {
    auto router = parse_host_port(options.router);
    if (!router && !options.router.empty())
      throw std::invalid_argument("--router: not HOST:PORT: " + options.router);
    return router;
  }

  void load_certificate() {
    tls_.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    error_code ec;
    if (options_.certificate.empty()) {
      const auto own = demo_certificate::make(server_.address().address().to_string());
      tls_.use_certificate_chain(asio::buffer(own.chain));
      tls_.use_private_key(asio::buffer(own.key), asio::ssl::context::pem);
      std::printf("%s: for ca_certs of the router:\n%s", options_.name.c_str(), own.chain.c_str());
      return;
    }
    tls_.use_certificate_chain_file(options_.certificate, ec);
    if (ec)
      throw std::invalid_argument("--cert: " + options_.certificate + ": " + ec.message());
    tls_.use_private_key_file(options_.key, asio::ssl::context::pem, ec);
    if (ec)
      throw std::invalid_argument("--key: " + options_.key + ": " + ec.message());
  }

  // -- Connections and their requests

  task<void> serve(stream client) {
    error_code ec;
    client.socket().set_option(tcp::no_delay{true}, ec);
    visitor here{tls_stream{std::move(client), tls_}, ++visitors_};
    here.wire.next_layer().expires_after(10s);
    co_await here.wire.async_handshake(asio::ssl::stream_base::server, into(ec));
    auto next = ec ? after::cut : after::keep;
    while (next == after::keep)
      next = co_await serve_one(here);
    if (next == after::cut)
      co_return;
    here.wire.next_layer().expires_after(2s);
    co_await here.wire.async_shutdown(into(ec));
  }

  task<after> serve_one(visitor& here) {
    visit v;
    v.orders = options_.orders;
    v.message.header_limit(head_bytes_max);
    v.message.body_limit(any_body_bytes);
    error_code ec;
    here.wire.next_layer().expires_after(idle_timeout);
    co_await http::async_read_header(here.wire, here.buffer, v.message, into(ec));
    const demo_server::exchange_mark mark{server_};
    auto next = after::close;
    if (ec) {
      next = co_await refuse(here, v, ec);
      co_return next;
    }
    prepare(v);
    next = co_await decide(here, v);
    if (next == after::keep && !v.message.is_done())
      next = co_await read_unwanted(here, v);
    co_return next;
  }

  task<after> decide(visitor& here, visit& v) {
    auto next = after::close;
    if (!v.problem.empty()) {
      note(here, v, "refused, 400");
      next = co_await send(here, v, 400, v.problem);
      co_return next;
    }
    if (v.orders.delay > 0ms) {
      error_code ec;
      timer pause{server_.loop(), v.orders.delay};
      co_await pause.async_wait(into(ec));
    }
    if (v.orders.reject != 0) {
      note(here, v, "rejected, " + std::to_string(v.orders.reject));
      next = co_await send(here, v, v.orders.reject, "Rejected by the route service.\n");
    } else {
      next = co_await pass_on(here, v);
    }
    co_return next;
  }

  /// Answers what cannot be read, if there is anybody to answer.
  task<after> refuse(visitor& here, visit& v, error_code why) {
    if (why.category() != make_error_code(http::error::bad_method).category()
        || why == http::error::end_of_stream || why == http::error::partial_message)
      co_return after::close;
    co_await send(here, v, 400, why.message() + "\n");
    co_return after::close;
  }

  /// An answer of our own.
  task<after> send(visitor& here, visit& v, unsigned status, std::string text) {
    http::response<http::string_body> out;
    out.version(11);
    out.result(status);
    out.set(http::field::content_type, "text/plain; charset=utf-8");
    const bool keep = may_keep(v);
    out.keep_alive(keep);
    out.body() = std::move(text);
    out.prepare_payload();
    http::response_serializer<http::string_body> serializer{out};
    error_code ec;
    here.wire.next_layer().expires_after(message_patience);
    if (v.head.method() == http::verb::head)
      co_await http::async_write_header(here.wire, serializer, into(ec));
    else
      co_await http::async_write(here.wire, serializer, into(ec));
    co_return ec ? after::cut : keep ? after::keep : after::close;
  }

  bool may_keep(const visit& v) const { return v.message.keep_alive() && !server_.leaving(); }

  /// The rest of a body that nobody wants any more, so that the client comes to read its answer.
  task<after> read_unwanted(visitor& here, visit& v) {
    body_relay<true, tls_stream, tls_stream> rest{here.wire, here.buffer, v.message, here.wire, false};
    side_task reading{server_.loop()};
    reading.start(server_.loop(), rest.discard(unwanted_bytes_max));
    co_await reading.wait(linger_patience);
    here.wire.next_layer().cancel();
    co_await reading.wait(std::chrono::hours{1});
    co_return v.message.is_done() && !rest.read_error ? after::keep : after::close;
  }

  // -- Passing on

  task<after> pass_on(visitor& here, visit& v) {
    auto next = after::close;
    const auto problem = co_await reach(here, v);
    if (!problem.empty()) {
      note(here, v, "failed, 502: " + problem);
      next = co_await send(here, v, 502, "The route service cannot pass this on: " + problem + "\n");
      co_return next;
    }
    auto& to = *here.next;
    to.reusable = false;
    if (auto* const plain = std::get_if<stream>(&to.wire))
      next = co_await exchange(here, v, *plain, to);
    else
      next = co_await exchange(here, v, std::get<tls_stream>(to.wire), to);
    if (!to.reusable)
      here.next.reset();
    co_return next;
  }

  /// Sets `here.next` to a connection to where `v` leads. Returns why there is none, or nothing.
  task<std::string> reach(visitor& here, const visit& v) {
    const auto& to = router_ ? *router_ : *v.target;
    const auto port = std::to_string(to.url.port);
    auto place = std::string{to.tls ? "https://" : "http://"};
    place.append(to.url.host).append(":").append(port);
    if (here.next && here.next->place == place && is_quiet(*here.next))
      co_return std::string{};
    here.next.reset();
    error_code ec;
    asio::ip::basic_resolver<tcp, executor> resolver{server_.loop()};
    const auto found = co_await resolver.async_resolve(to.url.host, port, into(ec));
    stream plain{stream::socket_type{server_.loop()}};
    if (!ec) {
      plain.expires_after(10s);
      co_await plain.async_connect(found, into(ec));
    }
    if (ec)
      co_return place + ": " + ec.message();
    plain.socket().set_option(tcp::no_delay{true}, ec);
    if (!to.tls) {
      here.next.emplace(upstream{place, std::move(plain)});
      co_return std::string{};
    }
    tls_stream secure{std::move(plain), outward_};
    SSL_set_tlsext_host_name(secure.native_handle(), to.url.host.c_str());
    secure.set_verify_callback(asio::ssl::host_name_verification{to.url.host});
    co_await secure.async_handshake(asio::ssl::stream_base::client, into(ec));
    if (ec)
      co_return place + ": " + ec.message();
    here.next.emplace(upstream{place, std::move(secure)});
    co_return std::string{};
  }

  /// The request to the router and its answer back; the body of the first goes on beside the second.
  template <class Router>
  task<after> exchange(visitor& here, visit& v, Router& router, upstream& to) {
    error_code ec;
    http::request_serializer<http::empty_body> head{v.head};
    beast::get_lowest_layer(router).expires_after(message_patience);
    co_await http::async_write_header(router, head, into(ec));
    body_relay<true, tls_stream, Router> upload{here.wire, here.buffer, v.message, router, v.message.chunked()};
    side_task uploading{server_.loop()};
    if (!ec && !v.message.is_done())
      uploading.start(server_.loop(), upload.run());
    std::optional<message_parser<false>> answer;
    if (!ec)
      co_await read_head(here, v, router, to, answer, ec);
    auto next = after::close;
    if (ec) {
      note(here, v, "failed, 502: " + ec.message());
      next = co_await send(here, v, 502, "The route service got no answer: " + ec.message() + "\n");
    } else if (answer->get().result() == http::status::switching_protocols) {
      next = co_await tunnel(here, v, router, to, *answer);
    } else {
      next = co_await bring_back(here, v, router, to, *answer);
    }
    if (next != after::cut)
      co_await uploading.wait(linger_patience);
    if (uploading.running()) { // It borrows what is about to go.
      here.wire.next_layer().cancel();
      beast::get_lowest_layer(router).cancel();
      co_await uploading.wait(std::chrono::hours{1});
      next = next == after::keep ? after::close : next;
    }
    to.reusable = !ec && next == after::keep && answer->keep_alive() && v.message.is_done() && !upload.write_error;
    co_return next;
  }

  /// The head of the final answer; interim ones go on at once.
  template <class Router>
  task<void> read_head(visitor& here, const visit& v, Router& router, upstream& to,
                       std::optional<message_parser<false>>& answer, error_code& ec) {
    for (;;) {
      answer.emplace();
      answer->header_limit(head_bytes_max);
      answer->body_limit(any_body_bytes);
      answer->skip(v.head.method() == http::verb::head);
      beast::get_lowest_layer(router).expires_after(message_patience);
      co_await http::async_read_header(router, to.buffer, *answer, into(ec));
      const auto status = answer->get().result_int();
      if (ec || status / 100 != 1 || status == 101)
        co_return;
      http::response<http::empty_body> interim{answer->get().base()};
      co_await write_head(here, std::move(interim), ec);
      if (ec)
        co_return;
    }
  }

  task<void> write_head(visitor& here, http::response<http::empty_body> head, error_code& ec) {
    http::response_serializer<http::empty_body> serializer{head};
    here.wire.next_layer().expires_after(message_patience);
    co_await http::async_write_header(here.wire, serializer, into(ec));
  }

  template <class Router>
  task<after> bring_back(visitor& here, visit& v, Router& router, upstream& to, message_parser<false>& answer) {
    http::response<http::empty_body> head{answer.get().base()};
    answer.get().base().clear();
    drop_hop_fields(head, false);
    const bool empty = answer.is_done();
    const bool chunked = answer.chunked() || answer.need_eof();
    if (!empty && answer.need_eof())
      head.chunked(true);
    const bool keep = may_keep(v);
    head.keep_alive(keep);
    auto did = "forwarded, " + std::to_string(head.result_int());
    for (const auto& [name, value] : v.orders.rewrites) {
      head.set(name, value);
      did.append(", rewrote ").append(name);
    }
    note(here, v, v.orders.die ? did + ", died" : did);
    error_code ec;
    if (v.orders.die && empty)
      co_return after::cut;
    co_await write_head(here, std::move(head), ec);
    if (!ec && !empty) {
      body_relay<false, Router, tls_stream> download{router, to.buffer, answer, here.wire, chunked};
      co_await download.run(v.orders.die);
      ec = download.read_error ? download.read_error : download.write_error;
    }
    if (ec)
      note(here, v, "broke off: " + ec.message());
    co_return ec || v.orders.die ? after::cut : keep ? after::keep : after::close;
  }

  /// After a 101: bytes both ways, until either side ends.
  template <class Router>
  task<after> tunnel(visitor& here, visit& v, Router& router, upstream& to, message_parser<false>& answer) {
    http::response<http::empty_body> head{answer.get().base()};
    drop_hop_fields(head, true);
    note(here, v, "forwarded, 101");
    error_code ec;
    co_await write_head(here, std::move(head), ec);
    side_task outward{server_.loop()};
    outward.start(server_.loop(), splice_and_end(here, router));
    co_await splice(router, to.buffer, here.wire);
    here.wire.next_layer().cancel();
    co_await outward.wait(std::chrono::hours{1});
    co_return ec ? after::cut : after::close;
  }

  template <class Router>
  task<void> splice_and_end(visitor& here, Router& router) {
    co_await splice(here.wire, here.buffer, router);
    beast::get_lowest_layer(router).cancel();
  }

  void note(const visitor& here, const visit& v, const std::string& did) const {
    std::printf("%s #%u %s %s %s\n", time_text().c_str(), here.number,
                printable(view(v.head.method_string())).c_str(), printable(v.url).c_str(), did.c_str());
    std::fflush(stdout);
  }

  demo_route_service_options options_;
  std::optional<demo_target> router_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  asio::ssl::context outward_{asio::ssl::context::tls_client};
  unsigned visitors_ = 0;
  demo_server server_; // Last: what runs there uses all the others.
};

demo_route_service::demo_route_service(const demo_route_service_options& options)
  : impl_{std::make_unique<impl>(options)} {
}

demo_route_service::~demo_route_service() = default;

std::uint16_t demo_route_service::port() const noexcept {
  return impl_->port();
}

bool demo_route_service::stop(std::chrono::milliseconds patience) {
  return impl_->stop(patience);
}

int demo_route_service_main(const demo_route_service_options& options) {
  return run_demo_server<demo_route_service>(options);
}

} // namespace shunt::app
