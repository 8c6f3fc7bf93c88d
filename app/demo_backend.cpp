// Two parts: what it answers, and the link to NATS. What NATS says arrives on its client's threads and
// is posted to the server's loop; everything else happens there.
#include "app/demo_backend.hpp"

#include "app/demo_backend.nats.hpp"
#include "app/demo_server.hpp"

#include <nlohmann/json.hpp>

#include <boost/asio/post.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <charconv>
#include <cstdio>
#include <optional>
#include <random>

namespace shunt::app {
namespace {

using namespace demo;
namespace http = beast::http;
namespace websocket = beast::websocket;
using namespace std::chrono_literals;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

constexpr std::size_t body_bytes_max = 8 << 20;
constexpr auto slow_max = 60s;
constexpr auto exchange_timeout = 60s;

// -- Small rules

/// A random UUID, version 4, as application and instance GUIDs are.
std::string random_guid() {
  std::random_device chance;
  char text[37];
  const auto word = [&] { return static_cast<unsigned>(chance()); };
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%08x%04x", word(), word() & 0xffff,
                word() & 0xfff, (word() & 0x3fff) | 0x8000, word(), word() & 0xffff);
  return text;
}

std::string_view path_of(const request& asked) {
  const auto target = view(asked.target());
  return target.substr(0, target.find('?'));
}

/// The wait that `/slow?ms=250` asks for; none if the query is malformed or out of bounds.
std::optional<milliseconds> slowness_of(const request& asked) {
  const auto target = view(asked.target());
  constexpr std::string_view prefix = "/slow?ms=";
  if (target.substr(0, prefix.size()) != prefix)
    return std::nullopt;
  std::uint32_t count = 0;
  const auto last = target.data() + target.size();
  const auto [end, error] = std::from_chars(target.data() + prefix.size(), last, count);
  if (error != std::errc{} || end != last || milliseconds{count} > slow_max)
    return std::nullopt;
  return milliseconds{count};
}

response plain(const request& asked, http::status status, std::string text) {
  response answer{status, asked.version()};
  answer.set(http::field::content_type, "text/plain; charset=utf-8");
  answer.keep_alive(asked.keep_alive());
  answer.body() = std::move(text);
  answer.prepare_payload();
  return answer;
}

/// What the client sees by default: who answered, and what of the request arrived here.
std::string portrait(const std::string& name, const request& asked) {
  std::string text = "Hello from " + name + ".\n\n";
  text.append(view(asked.method_string())).append(" ").append(view(asked.target()));
  text.append(asked.version() == 10 ? " HTTP/1.0\n" : " HTTP/1.1\n");
  for (const auto& field : asked)
    text.append(view(field.name_string())).append(": ").append(view(field.value())).append("\n");
  return text;
}

response echo(const request& asked) {
  auto answer = plain(asked, http::status::ok, asked.body());
  if (const auto type = asked.find(http::field::content_type); type != asked.end())
    answer.set(http::field::content_type, type->value());
  return answer;
}

} // namespace

// -- The server

class demo_backend::impl {
public:
  explicit impl(demo_backend_options options)
    : options_{std::move(options)},
      server_{options_.name, options_.listen},
      heartbeat_{server_.loop()},
      interval_{options_.heartbeat > 0ms ? options_.heartbeat : 20s} {
    registration_ = compose_registration();
    nats_.emplace(options_.nats, "shunt-demo-" + options_.name, [this](milliseconds interval) {
      asio::post(server_.loop(), [this, interval] { on_announcement(interval); });
    });
    publish_registration();
    server_.spawn(beat());
    server_.start([this](stream client) { return serve(std::move(client)); });
  }

  ~impl() {
    nats_.reset();  // From here on nothing posts to the loop.
    server_.halt(); // And nothing uses the timer.
  }

  std::uint16_t port() const noexcept { return server_.address().port(); }

  bool stop(milliseconds patience) {
    return server_.stop(patience, [this] { leave(); });
  }

private:
  // -- Registering

  std::string compose_registration() {
    const auto instance = random_guid();
    nlohmann::json message = {{"host", server_.address().address().to_string()},
                              {"port", port()},
                              {"uris", options_.routes},
                              {"app", random_guid()},
                              {"private_instance_id", instance},
                              {"private_instance_index", "0"},
                              {"tags", {{"component", "demo"}, {"instance_id", instance}}}};
    if (!options_.route_service.empty())
      message["route_service_url"] = options_.route_service;
    return message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  void publish_registration() { nats_->publish("router.register", registration_); }

  /// A router has started, or the connection to NATS is new: register now, not at the next beat.
  void on_announcement(milliseconds interval) {
    if (server_.leaving())
      return;
    if (options_.heartbeat == 0ms && interval > 0ms)
      interval_ = interval;
    publish_registration();
    heartbeat_.cancel(); // Starts the new interval.
  }

  task<void> beat() {
    while (!server_.leaving()) {
      error_code ec;
      heartbeat_.expires_after(interval_);
      co_await heartbeat_.async_wait(into(ec));
      if (!ec && !server_.leaving())
        publish_registration();
    }
  }

  void leave() {
    heartbeat_.cancel();
    nats_->publish("router.unregister", registration_);
    if (!nats_->flush(2s))
      std::fprintf(stderr, "%s: NATS did not confirm the unregistration\n", options_.name.c_str());
  }

  // -- Serving

  task<void> serve(stream client) {
    beast::flat_buffer buffer{2 * head_bytes_max};
    for (bool open = true; open;)
      open = co_await serve_one(client, buffer);
    error_code ignored;
    client.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  /// One exchange. False if the connection has to be closed after it.
  task<bool> serve_one(stream& client, beast::flat_buffer& buffer) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(head_bytes_max);
    parser.body_limit(body_bytes_max);
    error_code ec;
    client.expires_after(idle_timeout);
    co_await http::async_read_header(client, buffer, parser, into(ec));
    if (ec)
      co_return co_await refuse(client, parser.get(), ec);
    if (websocket::is_upgrade(parser.get()) && path_of(parser.get()) == "/ws") {
      co_await echo_websocket(std::move(client), parser.release());
      co_return false;
    }
    const demo_server::exchange_mark mark{server_};
    client.expires_after(exchange_timeout);
    co_await read_body(client, buffer, parser, ec);
    if (ec)
      co_return co_await refuse(client, parser.get(), ec);
    co_return co_await reply(client, parser.get());
  }

  task<void> read_body(stream& client, beast::flat_buffer& buffer,
                       http::request_parser<http::string_body>& parser, error_code& ec) {
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on{http::status::continue_, 11};
      co_await http::async_write(client, go_on, into(ec));
    }
    if (!ec && !parser.is_done())
      co_await http::async_read(client, buffer, parser, into(ec));
  }

  task<bool> reply(stream& client, const request& asked) {
    auto answer = co_await compose(asked);
    if (server_.leaving())
      answer.keep_alive(false);
    error_code ec;
    client.expires_after(exchange_timeout);
    http::response_serializer<http::string_body> serializer{answer};
    if (asked.method() == http::verb::head) // Length and type of the body, but not the body.
      co_await http::async_write_header(client, serializer, into(ec));
    else
      co_await http::async_write(client, serializer, into(ec));
    co_return !ec && answer.keep_alive();
  }

  task<response> compose(const request& asked) {
    const auto path = path_of(asked);
    if (path == "/slow") {
      const auto wait = slowness_of(asked);
      if (!wait)
        co_return plain(asked, http::status::bad_request, "Use /slow?ms=0 to /slow?ms=60000.\n");
      error_code ec;
      timer pause{server_.loop(), *wait};
      co_await pause.async_wait(into(ec));
    }
    if (path == "/echo" && asked.method() == http::verb::post)
      co_return echo(asked);
    co_return plain(asked, http::status::ok, portrait(options_.name, asked));
  }

  /// Answers what cannot be read, if there is anybody to answer. Always false: close.
  task<bool> refuse(stream& client, const request& asked, error_code why) {
    if (why.category() != make_error_code(http::error::bad_method).category()
        || why == http::error::end_of_stream || why == http::error::partial_message)
      co_return false;
    const bool large = why == http::error::body_limit;
    auto answer = plain(asked, large ? http::status::payload_too_large : http::status::bad_request,
                        why.message() + "\n");
    answer.version(11);
    answer.keep_alive(false);
    client.expires_after(5s);
    co_await http::async_write(client, answer, into(why));
    co_return false;
  }

  task<void> echo_websocket(stream client, request asked) {
    client.expires_never(); // From here the WebSocket's own timeouts hold.
    websocket::stream<stream> peer{std::move(client)};
    peer.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
    peer.read_message_max(body_bytes_max);
    error_code ec;
    co_await peer.async_accept(asked, into(ec));
    beast::flat_buffer message;
    while (!ec) {
      co_await peer.async_read(message, into(ec));
      if (ec)
        break;
      peer.text(peer.got_text());
      co_await peer.async_write(message.data(), into(ec));
      message.consume(message.size());
    }
  }

  demo_backend_options options_;
  std::string registration_;
  demo_server server_;
  timer heartbeat_;
  milliseconds interval_;
  std::optional<demo_nats_link> nats_;
};

demo_backend::demo_backend(demo_backend_options options)
  : impl_{std::make_unique<impl>(std::move(options))} {
}

demo_backend::~demo_backend() = default;

std::uint16_t demo_backend::port() const noexcept {
  return impl_->port();
}

bool demo_backend::stop(std::chrono::milliseconds patience) {
  return impl_->stop(patience);
}

// -- The command

int demo_backend_main(const demo_backend_options& options) {
  return run_demo_server<demo_backend>(options);
}

} // namespace shunt::app
