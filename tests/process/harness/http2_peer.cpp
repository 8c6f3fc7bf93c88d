#include "tests/process/harness/http2_peer.hpp"

#include <algorithm>

namespace shunt::test {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t frame_bytes_max = 16 * 1024;

} // namespace

http2_peer::http2_peer(stream_socket socket) : socket_{std::move(socket)} {
}

http2_peer http2_peer::client_of(std::uint16_t port,
                                 const std::vector<std::pair<int, std::uint32_t>>& settings) {
  return client_on(stream_socket::connected_to(port), settings);
}

http2_peer http2_peer::client_on(stream_socket socket,
                                 const std::vector<std::pair<int, std::uint32_t>>& settings) {
  http2_peer made{std::move(socket)};
  made.send(std::string{preface} + frame::settings(settings));
  return made;
}

http2_peer http2_peer::server_on(stream_socket socket,
                                 const std::vector<std::pair<int, std::uint32_t>>& settings) {
  http2_peer made{std::move(socket)};
  std::string begun;
  while (begun.size() < preface.size()) {
    const auto more = made.socket_.receive();
    if (more.empty())
      throw socket_error{socket_error::kind::other, "no preface"};
    begun += more;
  }
  if (!begun.starts_with(preface))
    throw socket_error{socket_error::kind::other, "what came is no HTTP/2: " + begun};
  made.send(frame::settings(settings));
  made.take(std::string_view{begun}.substr(preface.size()));
  return made;
}

bool http2_peer::try_send(std::string_view frames, milliseconds time) {
  try {
    return socket_.send_within(frames, time) == frames.size();
  } catch (const socket_error&) {
    return false;
  }
}

void http2_peer::take(std::string_view bytes) {
  seen_->take(bytes);
  for (; acknowledged_ < seen_->settings_frames; ++acknowledged_)
    try_send(frame::settings_ack());
}

bool http2_peer::read_some(clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - clock::now());
  try {
    const auto bytes = socket_.receive(frame_bytes_max, std::max(left / slowness(), 1ms));
    take(bytes);
    return !bytes.empty();
  } catch (const socket_error& error) {
    if (error.reason == socket_error::kind::timed_out)
      throw;
    return false;
  }
}

int http2_peer::read_to_end(milliseconds time) {
  read_until([] { return false; }, time);
  return seen_->goaways.empty() ? -1 : seen_->goaways.back().second;
}

const net::frame_reader::stream& http2_peer::finished(std::uint32_t stream) {
  auto& wanted = seen_->streams[stream];
  if (!read_until([&] { return wanted.ended || wanted.reset >= 0; }))
    throw std::runtime_error{"the connection ended before the stream"};
  return wanted;
}

bool http2_peer::answers_a_ping() {
  const auto before = seen_->ping_acks;
  return try_send(frame::ping()) && read_until([&] { return seen_->ping_acks > before; });
}

net::field_list http2_request(const std::string& method, const std::string& host,
                              const std::string& path, const net::field_list& more) {
  net::field_list all{
    {":method", method}, {":scheme", "http"}, {":path", path}, {":authority", host}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string field_of(const std::string& head, const std::string& name) {
  const auto begin = ("\n" + head).find("\n" + name + ": ");
  if (begin == std::string::npos)
    return {};
  const auto value = begin + name.size() + 2;
  return head.substr(value, head.find('\n', value) - value);
}

std::string large_headers(std::uint32_t stream, const net::field_list& fields, bool last) {
  const auto block = frame::block(fields);
  std::string frames;
  for (std::size_t at = 0; at == 0 || at < block.size(); at += frame_bytes_max) {
    const bool first = at == 0, final = at + frame_bytes_max >= block.size();
    frames += frame::any(first ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                         static_cast<std::uint8_t>((first && last ? frame::end_stream : 0)
                                                   | (final ? frame::end_headers : 0)),
                         stream, std::string_view{block}.substr(at, frame_bytes_max));
  }
  return frames;
}

} // namespace shunt::test
