#include "app/status_server.hpp"

#include "app/basic_auth.hpp"
#include "app/log_options.hpp"
#include "net/body.hpp"
#include "net/front_tls.hpp"
#include "net/http_date.hpp"
#include "net/http_head.hpp"
#include "net/listener.hpp"
#include "net/log_sink.syslog.hpp"
#include "net/tls_engine.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <coroutine>
#include <map>
#include <mutex>

namespace shunt::app {

using namespace std::chrono_literals;
namespace asio = net::asio;

namespace {

constexpr auto request_within = 10s;
constexpr std::size_t connections_max = 256; ///< Of a port.
constexpr std::size_t buffers_max = 64 * 1024 * 1024;
constexpr std::string_view plain = "text/plain; charset=utf-8";

/// A status line and what every answer has (RFC 9110, section 6.6.1).
std::string head_of(std::string_view status) {
  thread_local net::http_date date;
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\nDate: ").append(date.at(std::time(nullptr))).append("\r\n");
  return text;
}

std::string response(std::string_view status, std::string_view fields, std::string_view body) {
  auto text = head_of(status);
  text.append(fields).append("Content-Length: ");
  text.append(std::to_string(body.size())).append("\r\nConnection: close\r\n\r\n");
  return text.append(body);
}

std::string answer_unknown() {
  return response("404 Not Found",
                  "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n",
                  "404 page not found\n");
}

std::string answer_unauthorized() {
  return response("401 Unauthorized", "WWW-Authenticate: Basic\r\n", "401 Unauthorized\n");
}

std::string_view path_of(const net::request_head& head) {
  return head.path_and_query.substr(0, head.path_and_query.find('?'));
}

/// Nothing behind the head, if the request asks for no more (RFC 9110, section 9.3.2).
std::string_view wanted_of(std::string_view whole, const net::request_head& by) {
  return by.method == "HEAD" ? whole.substr(0, whole.find("\r\n\r\n") + 4) : whole;
}

/// Of the names that Go takes for addresses.
std::string numeric(const std::string& address) {
  return address.empty() ? "0.0.0.0" : address == "localhost" ? "127.0.0.1" : address;
}

void append_piece(std::string& to, const page::piece& piece, bool chunked) {
  if (!chunked) {
    to.append(piece.text);
    return;
  }
  if (!piece.text.empty()) { // An empty chunk would be the last one.
    std::array<char, 16> size;
    const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.text.size(), 16).ptr;
    to.append(size.data(), end).append("\r\n").append(piece.text).append("\r\n");
  }
  if (piece.last)
    to.append("0\r\n\r\n");
}

} // namespace

struct status_server::port {
  net::listener listener;

  port(net::event_loop& events, int socket, net::listener::accept_callback on_accept,
       net::listener::pause_callback on_pause)
    : listener{events, socket, std::move(on_accept), std::move(on_pause)} {}
};

/// The connections of one port. Whoever has asked for nothing yet may have to go: it takes nobody's password to
/// connect and be silent, and what asks at once, as a health check does, must get through.
struct status_server::visitors {
  std::size_t open = 0;
  std::map<std::uint64_t, net::wire*> silent; ///< The one that has waited longest first.
  std::uint64_t next = 0;

  bool make_room() {
    if (open < connections_max)
      return true;
    if (silent.empty())
      return false;
    const auto oldest = silent.extract(silent.begin()).mapped();
    oldest->abort(asio::error::timed_out);
    return true;
  }

  /// One of the silent, until it has asked.
  class waiting {
  public:
    waiting(std::shared_ptr<visitors> among, net::wire& client)
      : among_{std::move(among)}, number_{among_->next++} {
      among_->silent.emplace(number_, &client);
    }
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;
    ~waiting() { end(); }
    void end() { among_->silent.erase(number_); }

  private:
    std::shared_ptr<visitors> among_;
    std::uint64_t number_;
  };
};

/// A question for a piece of a page, and who waits for the answer.
struct status_server::listing {
  std::coroutine_handle<> awaiting;
  std::optional<page::piece> piece;
};

/// Where answers and questions arrive from other threads; it outlives the server, which may be gone by then.
struct status_server::letter_box {
  std::mutex mutex;
  status_server* server; ///< Null once it closes.
};

status_server::status_server(router_context& context, std::shared_ptr<const net::front_tls> tls,
                             page_source routes)
  : context_{context}, tls_{std::move(tls)}, routes_{std::move(routes)}, budget_{buffers_max}, events_{0, budget_},
    letter_box_{std::make_shared<letter_box>()} {
  letter_box_->server = this;
}

status_server::~status_server() {
  close();
}

void status_server::serve_metrics(reports& tells, std::shared_ptr<const net::front_tls> tls) {
  reports_ = &tells;
  metrics_tls_ = std::move(tls);
}

void status_server::open() {
  const auto& settings = context_.settings;
  const auto& status = settings.status;
  if (status.enable_deprecated_varz_healthz_endpoints)
    listen(status.host, status.port, {site::everything}, "status.port");
  else if (status.enable_nontls_health_checks)
    listen("0.0.0.0", status.port, {site::health}, "status.port");
  if (tls_ != nullptr)
    listen("0.0.0.0", status.tls.port, {site::health, true}, "status.tls.port");
  listen("127.0.0.1", status.routes.port, {site::routes}, "status.routes.port");
  if (reports_ != nullptr && settings.prometheus_served())
    listen("127.0.0.1", settings.prometheus.port, {site::metrics, metrics_tls_ != nullptr},
           "prometheus.port");
  if (!settings.debug_addr.empty())
    listen_for_debugging(settings.debug_addr);
  events_.start();
  started_ = true;
  for (auto& each : ports_)
    events_.post([&each = *each] { each.listener.open(); });
  if (reports_ != nullptr && reports_->looks())
    events_.post([this] { look(); });
}

/// So that `/varz` can tell rates.
void status_server::look() {
  reports_->look();
  next_look_.expires_after(request_history::look_every);
}

void status_server::close() {
  {
    const std::lock_guard lock{letter_box_->mutex};
    letter_box_->server = nullptr;
  }
  if (std::exchange(started_, false)) {
    events_.run([this] {
      next_look_.disarm();
      for (auto& each : ports_)
        each->listener.close();
      while (!listings_.empty())
        answered(*listings_.begin(), std::nullopt);
    });
    events_.stop();
  }
  ports_.clear();
}

std::uint16_t status_server::listen(const std::string& address, std::uint16_t number, place where,
                                    const char* key) {
  try {
    where.clients = std::make_shared<visitors>();
    const int socket = net::open_listening_socket(numeric(address), number);
    context_.log.info({}, "status-listener-started",
                      {{"key", key}, {"address", address}, {"port", net::port_of(socket)}});
    ports_.push_back(std::make_unique<port>(
      events_, socket, [this, where](int accepted) { serve(accepted, where); },
      [this](net::error_code reason) {
        context_.log.error({}, "status-accept-paused", {{"error", reason.message()}});
      }));
    return net::port_of(socket);
  } catch (const std::exception& failed) {
    throw std::runtime_error(std::string{key} + ": cannot listen on " + address + ":"
                             + std::to_string(number) + ": " + failed.what());
  }
}

/// Nobody's requests depend on it: a router that cannot have it goes on without, as gorouter does.
void status_server::listen_for_debugging(const std::string& address) {
  try {
    const auto [named, digits] = net::split_host_port(address, "debug_addr");
    const auto host = numeric(address.starts_with(':') ? std::string{} : named); // Not this machine alone.
    std::uint16_t wanted = 0;
    const auto* end = digits.data() + digits.size();
    if (const auto read = std::from_chars(digits.data(), end, wanted); read.ec != std::errc{} || read.ptr != end)
      throw std::runtime_error{"debug_addr: '" + address + "' is not an address and a port"};
    const auto number = listen(host, wanted, {site::debug}, "debug_addr");
    context_.log.info({}, "debugserver-started", {{"address", host}, {"port", number}});
  } catch (const std::exception& failed) {
    context_.log.error({}, "failed-to-start-debug-server", {{"error", failed.what()}});
  }
}

void status_server::follow(start_facts next) {
  events_.post([this, next = std::move(next)]() mutable {
    rules_ = std::move(next.rules);
    if (next.status_tls != nullptr)
      tls_ = std::move(next.status_tls);
    if (next.metrics_tls != nullptr)
      metrics_tls_ = std::move(next.metrics_tls);
    if (reports_ != nullptr)
      reports_->use_credentials(settings().status.user, settings().status.pass);
  });
}

void status_server::serve(int descriptor, place where) {
  net::tcp_socket socket{events_.get_executor()};
  net::error_code failed;
  socket.assign(net::tcp::v4(), descriptor, failed);
  if (failed || !where.clients->make_room())
    return; // The socket closes.
  ++where.clients->open;
  net::wire_ptr client{new net::wire{events_, std::move(socket)}};
  net::start(talk(std::move(client), where),
             [clients = where.clients](const std::exception_ptr&) { --clients->open; });
}

net::task<bool> status_server::shake_hands(net::wire_ptr client, const net::front_tls* tls) {
  auto session = tls == nullptr ? nullptr : tls->new_session();
  if (!session)
    co_return false;
  const auto failed =
    co_await client->secure(std::make_unique<net::tls_engine>(std::move(session)), request_within);
  co_return !failed;
}

net::task<void> status_server::talk(net::wire_ptr client, place where) {
  /// However this ends: a read under way would keep it open.
  struct closing {
    net::wire& client;
    ~closing() { client.close(); }
  } const at_the_end{*client};
  visitors::waiting silent{where.clients, *client};
  net::request_head head;
  net::head_scratch scratch;
  client->stall_limit(request_within);
  if (where.tls) {
    const auto& tls = where.what == site::metrics ? metrics_tls_ : tls_;
    const bool secured = co_await shake_hands(client, tls.get());
    if (!secured)
      co_return;
  }
  client->receive_within(request_within);
  for (;;) {
    const auto status = net::parse_request(client->bytes(), head, {64 * 1024, 200}, scratch);
    if (status.complete())
      break;
    if (status.failed()) {
      std::string refusal;
      net::append_rejection(refusal, status.error, {});
      co_await client->send(refusal);
      co_return;
    }
    if (client->buffer_bytes() > 0 && client->bytes().size() + 2048 > client->buffer_bytes())
      client->want_buffer(client->buffer_bytes() * 2);
    const auto failed = co_await client->receive();
    if (failed)
      co_return;
  }
  client->receive_within(0s);
  client->pin();
  if (where.what != site::debug) // Whose requests have a body.
    silent.end();
  if (const auto* source = page_at(path_of(head), where.what)) {
    const bool whole = co_await show(*client, head, *source);
    if (!whole)
      co_return;
  } else if (where.what == site::debug) {
    const auto text = co_await answer_debug(*client, head);
    silent.end();
    co_await client->send(wanted_of(text, head));
  } else {
    const auto text = answer(head, where.what);
    co_await client->send(wanted_of(text, head));
  }
  client->shutdown_send();
}

const page_source* status_server::page_at(std::string_view path, site what) const {
  if (what != site::routes && what != site::everything)
    return nullptr;
  if (path == "/routes")
    return &routes_;
  return what == site::routes && path == "/cluster" && cluster_ ? &cluster_ : nullptr;
}

std::string status_server::answer(const net::request_head& head, site what) {
  const auto path = path_of(head);
  const bool deprecated = what == site::everything;
  if (what == site::metrics)
    return answer_metrics(path);
  if (what != site::routes) {
    if (path == "/health" || (deprecated && path == "/healthz"))
      return answer_health();
    if (!deprecated && path == "/is-process-alive-do-not-use-for-loadbalancing")
      return response("200 OK", "Content-Type: text/plain; charset=utf-8\r\n", "ok\n");
  }
  if (deprecated && path == "/varz" && reports_ != nullptr)
    return answer_varz(head);
  return answer_unknown();
}

/// `/log-level` (gorouter's debug server): the body names the level from now on, until the settings are read again.
net::task<std::string> status_server::answer_debug(net::wire& client, const net::request_head& head) {
  if (path_of(head) != "/log-level")
    co_return answer_unknown();
  if (head.method != "PUT" && head.method != "POST")
    co_return response("405 Method Not Allowed", "Allow: PUT, POST\r\n", {});
  constexpr std::size_t named_bytes_max = 64;
  net::body_reader body;
  body.begin(head.framing, head.content_length);
  std::string text;
  client.consume(head.head_bytes);
  client.receive_within(request_within); // All of it.
  std::size_t read = 0;
  while (!body.done() && text.size() <= named_bytes_max && read <= 16 * named_bytes_max) {
    const auto step = body.take(client.bytes());
    for (std::size_t i = 0; i < step.piece_count; ++i)
      text.append(step.pieces[i]);
    client.consume(step.consumed);
    read += step.consumed;
    if (step.malformed)
      co_return response("400 Bad Request", {}, {});
    if (step.done || step.consumed > 0)
      continue;
    const auto failed = co_await client.receive();
    if (failed)
      co_return std::string{};
  }
  client.receive_within(0s);
  const auto level = log_level_of(text);
  if (!level)
    co_return response("400 Bad Request", "Content-Type: text/plain; charset=utf-8\r\n",
                       "The body has to be debug, info, warn, error or fatal.\n");
  context_.log.set_level(*level);
  co_return response("200 OK", {}, {});
}

std::string status_server::answer_metrics(std::string_view path) const {
  if (path != "/metrics")
    return answer_unknown();
  const auto type = std::string{"Content-Type: "}.append(metrics_content_type).append("\r\n");
  return response("200 OK", type, reports_->prometheus());
}

std::string status_server::answer_varz(const net::request_head& head) {
  if (!authorized(head))
    return answer_unauthorized();
  return response("200 OK", "Content-Type: application/json\r\n", varz());
}

std::string status_server::varz() {
  const auto& status = settings().status;
  return reports_->varz(status.host + ":" + std::to_string(status.port));
}

std::function<void(std::function<void(const std::string&)> tell)> status_server::varz_source() const {
  return [box = letter_box_](std::function<void(const std::string&)> tell) {
    const std::lock_guard lock{box->mutex};
    if (auto* here = box->server)
      here->events_.post([here, tell = std::move(tell)] { tell(here->varz()); });
  };
}

std::string status_server::answer_health() const {
  constexpr std::string_view never_cached =
    "Cache-Control: private, max-age=0\r\nExpires: 0\r\n";
  const bool alone = context_.isolated.load() && settings().cluster.isolated == config::cluster_isolated::unhealthy;
  if (context_.state.load() != health::healthy || alone)
    return response("503 Service Unavailable", never_cached, {});
  return response("200 OK",
                  std::string{never_cached}.append("Content-Type: ").append(plain).append("\r\n"),
                  "ok\n");
}

bool status_server::authorized(const net::request_head& head) const {
  const auto* given = net::find_field(head.fields, net::field_id::authorization);
  const auto& status = settings().status;
  return given != nullptr && is_authorized(given->value, status.user, status.pass);
}

/// Once: whoever was sent away when the server closed is not asked again.
void status_server::answered(const std::shared_ptr<listing>& asked, std::optional<page::piece> piece) {
  const auto question = asked; // The set may hold the last.
  if (listings_.erase(question) == 0)
    return;
  question->piece = std::move(piece);
  question->awaiting.resume();
}

net::task<std::optional<page::piece>> status_server::next_piece(std::shared_ptr<page> of) {
  /// Waits for the answer from another thread.
  struct awaiter {
    status_server& server;
    page& asked;
    std::shared_ptr<listing> question;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      question->awaiting = awaiting;
      server.listings_.insert(question);
      asked.next([box = server.letter_box_, answers = question](std::optional<page::piece> told) {
        const std::lock_guard lock{box->mutex};
        if (auto* here = box->server)
          here->events_.post([here, answers, piece = std::move(told)]() mutable {
            here->answered(answers, std::move(piece));
          });
      });
    }
    std::optional<page::piece> await_resume() { return std::move(question->piece); }
  };
  awaiter asking{*this, *of, std::make_shared<listing>()};
  co_return co_await asking;
}

/// False: not all of it, and what was sent does not look like all.
net::task<bool> status_server::show(net::wire& client, const net::request_head& head, const page_source& source) {
  std::string text;
  if (!authorized(head)) {
    text = answer_unauthorized();
    co_await client.send(wanted_of(text, head));
    co_return true;
  }
  const bool chunked = head.version_minor > 0; // Of an older client the end of the connection is the end.
  const auto shown = source();
  auto piece = co_await next_piece(shown);
  if (!piece || piece->last) {
    text = piece ? response("200 OK", "Content-Type: application/json\r\n", piece->text)
                 : response("503 Service Unavailable", "Retry-After: 1\r\n",
                            "What there is to show did not answer in time.\n");
    co_await client.send(wanted_of(text, head));
    co_return true;
  }
  text = head_of("200 OK").append("Content-Type: application/json\r\n");
  text.append(chunked ? "Transfer-Encoding: chunked\r\n" : "").append("Connection: close\r\n\r\n");
  for (;;) {
    append_piece(text, *piece, chunked);
    const auto failed = co_await client.send(wanted_of(text, head));
    if (failed || piece->last || head.method == "HEAD")
      co_return !failed;
    piece = co_await next_piece(shown);
    if (!piece)
      co_return false;
    text.clear();
  }
}

} // namespace shunt::app
