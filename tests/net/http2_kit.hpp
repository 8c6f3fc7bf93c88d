// For tests of HTTP/2: frames made by hand, frames taken apart, and two sessions joined in memory.
#pragma once

#include "net/http2_session.hpp"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::net {

using field_list = std::vector<std::pair<std::string, std::string>>;

namespace frame {

inline constexpr std::uint8_t end_stream = 1, end_headers = 4, ack = 1;

inline std::string number(std::uint64_t value, int bytes) {
  std::string text;
  while (bytes-- > 0)
    text += static_cast<char>(value >> (8 * bytes));
  return text;
}

inline std::string any(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                       std::string_view payload) {
  auto text = number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags);
  return text.append(number(stream, 4)).append(payload);
}

/// A length with a prefix of seven bits (RFC 7541, section 5.1).
inline std::string length(std::size_t value) {
  if (value < 127)
    return {static_cast<char>(value)};
  std::string text{'\x7f'};
  for (value -= 127; value >= 128; value /= 128)
    text += static_cast<char>(128 + value % 128);
  return text += static_cast<char>(value);
}

/// Literals that change no table.
inline std::string block(const field_list& fields) {
  std::string text;
  for (const auto& [name, value] : fields)
    text.append(1, '\0')
      .append(length(name.size()))
      .append(name)
      .append(length(value.size()))
      .append(value);
  return text;
}

inline std::string headers(std::uint32_t stream, const field_list& fields, bool last = true) {
  return any(NGHTTP2_HEADERS, end_headers | (last ? end_stream : 0), stream, block(fields));
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool last = false) {
  return any(NGHTTP2_DATA, last ? end_stream : 0, stream, bytes);
}
inline std::string settings(const std::vector<std::pair<int, std::uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries)
    payload += number(static_cast<std::uint64_t>(id), 2) + number(value, 4);
  return any(NGHTTP2_SETTINGS, 0, 0, payload);
}
inline std::string settings_ack() {
  return any(NGHTTP2_SETTINGS, ack, 0, "");
}
inline std::string ping(bool answer = false) {
  return any(NGHTTP2_PING, answer ? ack : 0, 0, "12345678");
}
inline std::string rst_stream(std::uint32_t stream, std::uint32_t code) {
  return any(NGHTTP2_RST_STREAM, 0, stream, number(code, 4));
}
inline std::string window_update(std::uint32_t stream, std::uint32_t bytes) {
  return any(NGHTTP2_WINDOW_UPDATE, 0, stream, number(bytes, 4));
}
inline std::string goaway(std::uint32_t last_stream, std::uint32_t code) {
  return any(NGHTTP2_GOAWAY, 0, 0, number(last_stream, 4) + number(code, 4));
}
inline std::string preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings();
}

inline field_list get(const std::string& path = "/") {
  return {{":method", "GET"}, {":scheme", "https"}, {":path", path}, {":authority", "a.example"}};
}
inline field_list post(field_list more = {}) {
  field_list all{
    {":method", "POST"}, {":scheme", "https"}, {":path", "/up"}, {":authority", "a.example"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
inline field_list websocket() {
  return {{":method", "CONNECT"}, {":protocol", "websocket"},  {":scheme", "https"},
          {":path", "/chat"},     {":authority", "a.example"}, {"sec-websocket-version", "13"}};
}

} // namespace frame

/// What a session sent, taken apart.
class frame_reader {
public:
  struct stream {
    std::vector<std::string> heads; ///< Each as `name: value\n` lines.
    std::string data;
    bool ended = false;
    int reset = -1; ///< The code.
    std::vector<std::size_t> data_sizes;
  };

  frame_reader() { nghttp2_hd_inflate_new(&inflater_); }
  frame_reader(const frame_reader&) = delete;
  frame_reader& operator=(const frame_reader&) = delete;
  ~frame_reader() { nghttp2_hd_inflate_del(inflater_); }

  void take(std::string_view bytes) {
    bytes_ += bytes;
    while (bytes_.size() >= 9 && bytes_.size() >= 9 + number(0, 3)) {
      const auto size = number(0, 3);
      take_frame(static_cast<std::uint8_t>(bytes_[3]), static_cast<std::uint8_t>(bytes_[4]),
                 number(5, 4), std::string_view{bytes_}.substr(9, size));
      bytes_.erase(0, 9 + size);
    }
  }

  std::map<std::uint32_t, stream> streams;
  std::vector<std::pair<std::uint32_t, int>> goaways; ///< Last stream and code.
  std::map<std::uint32_t, std::uint64_t> credit;      ///< Windows opened, by stream.
  std::map<int, std::uint32_t> settings;
  int pings = 0, ping_acks = 0;
  std::size_t settings_frames = 0; ///< Without acknowledgements.

private:
  std::uint32_t number(std::size_t at, std::size_t size, std::string_view in) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(in[at + i]);
    return value;
  }
  std::uint32_t number(std::size_t at, std::size_t size) const { return number(at, size, bytes_); }

  void take_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                  std::string_view payload) {
    const bool last = (type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) && (flags & 1) != 0;
    if (last)
      streams[id].ended = true;
    switch (type) {
      case NGHTTP2_DATA:
        streams[id].data += payload;
        streams[id].data_sizes.push_back(payload.size());
        break;
      case NGHTTP2_HEADERS: streams[id].heads.push_back(inflate(payload)); break;
      case NGHTTP2_RST_STREAM: streams[id].reset = static_cast<int>(number(0, 4, payload)); break;
      case NGHTTP2_PING: ++((flags & 1) != 0 ? ping_acks : pings); break;
      case NGHTTP2_WINDOW_UPDATE: credit[id] += number(0, 4, payload); break;
      case NGHTTP2_GOAWAY:
        goaways.emplace_back(number(0, 4, payload), static_cast<int>(number(4, 4, payload)));
        break;
      case NGHTTP2_SETTINGS:
        settings_frames += (flags & 1) == 0;
        for (std::size_t at = 0; at + 6 <= payload.size(); at += 6)
          settings[static_cast<int>(number(at, 2, payload))] = number(at + 2, 4, payload);
        break;
      default: break;
    }
  }

  std::string inflate(std::string_view block) {
    std::string text;
    const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
    auto left = block.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, in, left, 1);
      if (used < 0)
        return "malformed";
      in += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        text.append(reinterpret_cast<char*>(nv.name), nv.namelen)
          .append(": ")
          .append(reinterpret_cast<char*>(nv.value), nv.valuelen)
          .append("\n");
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
        nghttp2_hd_inflate_end_headers(inflater_);
        return text;
      }
    }
  }

  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string bytes_;
};

/// An owner that reads everything and notes what it is told.
class owner {
public:
  owner(http2_role role, const http2_limits& limits = {}) : session{role, limits, 1} {}

  struct seen {
    std::string input;
    bool opened = false, ended = false;
    int writable = 0;
  };

  /// Hands bytes in, then listens.
  bool receive(std::string_view bytes) {
    const bool alive = session.receive(bytes, now);
    listen();
    return alive;
  }
  std::string collect(std::size_t bytes_max = 1 << 20) {
    std::string out;
    session.collect(out, bytes_max);
    listen();
    return out;
  }
  void listen() {
    while (const auto news = session.next_news()) {
      auto& stream = streams[news->id];
      if (news->opened) {
        stream = {};
        opened.push_back(news->id);
      }
      stream.opened |= news->opened;
      stream.ended |= news->ended;
      stream.writable += news->writable;
      if (reads)
        read(news->id);
    }
  }
  void read(http2_stream_id id) {
    for (auto text = session.inbound(id); !text.empty(); text = session.inbound(id)) {
      streams[id].input += text;
      session.consume(id, text.size());
    }
  }
  std::string take_input(http2_stream_id id) { return std::exchange(streams[id].input, {}); }

  http2_session session;
  http2_session::time_point now{};
  bool reads = true;
  std::map<http2_stream_id, seen> streams;
  std::vector<http2_stream_id> opened;
};

/// A client and a server, joined.
struct joined {
  explicit joined(const http2_limits& limits = {})
    : server{http2_role::server, limits}, client{http2_role::client_https, limits} {
    pump();
  }
  void pump() {
    for (;;) {
      const auto to_server = client.collect(), to_client = server.collect();
      if (to_server.empty() && to_client.empty())
        return;
      server.receive(to_server);
      client.receive(to_client);
    }
  }
  /// Sends a request. The server's number of the stream is the last in `server.opened`.
  http2_stream_id ask(std::string_view request) {
    const auto id = client.session.open();
    client.streams[id] = {};
    EXPECT_EQ(client.session.write(id, request), request.size());
    pump();
    return id;
  }
  http2_stream_id asked() const { return server.opened.back(); }
  void answer(std::string_view response) {
    EXPECT_EQ(server.session.write(asked(), response), response.size());
    pump();
  }

  owner server, client;
};

/// A server, and what it sent.
struct served : owner {
  explicit served(const http2_limits& limits = {}) : owner{http2_role::server, limits} {
    receive(frame::preface());
    exchange(frame::settings_ack());
  }
  bool exchange(std::string_view bytes) {
    const bool alive = receive(bytes);
    sent.take(collect());
    return alive;
  }
  int goaway_code() const { return sent.goaways.empty() ? -1 : sent.goaways.back().second; }

  frame_reader sent;
};

} // namespace shunt::net
