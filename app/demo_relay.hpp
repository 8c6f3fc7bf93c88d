// How the demo's route service passes an exchange on: the request to the router and its answer back, both
// at once and a buffer at a time, whatever the two streams are made of. HTTP/1.1 on both sides.
#pragma once

#include "app/demo_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <optional>

namespace shunt::app::demo {

namespace http = beast::http;

template <bool IsRequest>
using message_parser = http::parser<IsRequest, http::buffer_body>;

// Longer than it takes any router to give up.
constexpr std::chrono::seconds message_patience{300};
// A client that still sends when its answer is complete may finish, or it would not see the answer.
constexpr std::chrono::seconds linger_patience{5};

/// What becomes of the client's connection.
enum class after : std::uint8_t {
  keep,  ///< The next request may come.
  close, ///< In good order.
  cut,   ///< At once: the answer is not whole, and must not look so.
};

/// Drops what is meant for one connection only (RFC 9110, section 7.6.1), but for an upgrade if `keep_upgrade`.
template <bool IsRequest>
void drop_hop_fields(http::header<IsRequest>& head, bool keep_upgrade) {
  const std::string listed{view(head[http::field::connection])};
  for (const auto each : http::token_list{listed})
    if (!beast::iequals(each, "upgrade") && !beast::iequals(each, "te")
        && !beast::iequals(each, "content-length") && !beast::iequals(each, "transfer-encoding"))
      head.erase(each);
  head.erase("Keep-Alive");
  head.erase("Proxy-Connection");
  head.erase(http::field::connection);
  if (keep_upgrade)
    head.set(http::field::connection, "Upgrade");
  else
    head.erase(http::field::upgrade);
}

/// A body on its way from one stream to another.
template <bool IsRequest, class From, class To>
class body_relay {
public:
  /// `message` has read its head, whose fields are somebody else's by now: what it holds at the end are
  /// the trailers. All are borrowed.
  body_relay(From& from, beast::flat_buffer& buffer, message_parser<IsRequest>& message, To& to, bool chunked)
    : from_{from}, buffer_{buffer}, message_{message}, to_{to}, chunked_{chunked} {}

  /// Ends at the end of the body or at an error of either side. With `cut` it stops after half of the
  /// first piece.
  task<void> run(bool cut = false) {
    for (;;) {
      const auto bytes = co_await next_piece();
      if (bytes == 0)
        break;
      const asio::const_buffer piece{piece_.data(), cut ? bytes / 2 : bytes};
      co_await send(piece);
      if (write_error || cut)
        co_return;
    }
    if (!read_error && chunked_)
      co_await finish();
  }

  /// The same, to nowhere, until `bytes` have been read.
  task<void> discard(std::size_t bytes) {
    for (std::size_t got = 0; !read_error && got < bytes;) {
      const auto more = co_await next_piece();
      if (more == 0)
        break;
      got += more;
    }
  }

  error_code read_error;
  error_code write_error;

private:
  /// 0 at the end.
  task<std::size_t> next_piece() {
    while (!read_error && !message_.is_done()) {
      auto& body = message_.get().body();
      body.data = piece_.data();
      body.size = piece_.size();
      beast::get_lowest_layer(from_).expires_after(message_patience);
      co_await http::async_read_some(from_, buffer_, message_, into(read_error));
      if (read_error == http::error::need_buffer)
        read_error = {};
      if (const auto bytes = piece_.size() - body.size; bytes > 0)
        co_return bytes;
    }
    co_return 0;
  }

  task<void> send(asio::const_buffer piece) {
    if (piece.size() == 0) // As a chunk it would be the end.
      co_return;
    beast::get_lowest_layer(to_).expires_after(message_patience);
    if (chunked_) {
      const auto chunk = http::make_chunk(piece);
      co_await asio::async_write(to_, chunk, into(write_error));
    } else {
      co_await asio::async_write(to_, piece, into(write_error));
    }
  }

  task<void> finish() {
    const http::fields trailers = message_.get().base();
    const auto end = http::make_chunk_last(trailers);
    beast::get_lowest_layer(to_).expires_after(message_patience);
    co_await asio::async_write(to_, end, into(write_error));
  }

  From& from_;
  beast::flat_buffer& buffer_;
  message_parser<IsRequest>& message_;
  To& to_;
  bool chunked_;
  std::array<char, 16 << 10> piece_;
};

/// Bytes in one direction of a tunnel, until either side ends. `first` was read already.
template <class From, class To>
task<void> splice(From& from, beast::flat_buffer& first, To& to) {
  error_code ec;
  while (!ec) {
    if (first.size() > 0) {
      beast::get_lowest_layer(to).expires_after(message_patience);
      co_await asio::async_write(to, first.data(), into(ec));
      first.consume(first.size());
    }
    if (ec)
      break;
    beast::get_lowest_layer(from).expires_never();
    const auto room = first.prepare(16 << 10);
    const auto bytes = co_await from.async_read_some(room, into(ec));
    first.commit(bytes);
  }
}

/// A second coroutine of the loop, and its end. It borrows from whoever started it, who has to wait.
class side_task {
public:
  explicit side_task(asio::io_context& loop) : ended_{loop, timer::time_point::max()} {}

  void start(asio::io_context& loop, task<void> body) {
    running_ = true;
    asio::co_spawn(loop, std::move(body), [this](std::exception_ptr) {
      running_ = false;
      ended_.cancel();
    });
  }
  bool running() const noexcept { return running_; }
  /// Until it has ended, or for `patience` at most.
  task<void> wait(std::chrono::seconds patience) {
    error_code ignored;
    ended_.expires_after(patience);
    if (running_)
      co_await ended_.async_wait(into(ignored));
  }

private:
  timer ended_;
  bool running_ = false;
};

} // namespace shunt::app::demo
