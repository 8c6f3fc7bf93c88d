// What the sources of http2_session share: memory that every head needs for a moment, and the
// callbacks that nghttp2 calls.
#pragma once

#include "net/http2_session.hpp"
#include "net/http2_stream.hpp"

namespace shunt::net {

/// What a session holds while it has streams. An idle one has nothing to do with it.
struct http2_workspace {
  http2_head_reader reader;
  http2_fields fields;
  response_head response;
  request_head request;
  std::string trailers;
};

/// Bits of http2_stream::news.
inline constexpr std::uint8_t news_opened = 1;
inline constexpr std::uint8_t news_readable = 2;
inline constexpr std::uint8_t news_writable = 4;
inline constexpr std::uint8_t news_ended = 8;

/// Each finds its session and hands on what it was told.
struct http2_callbacks {
  static const nghttp2_session_callbacks* all();

  /// Tells a client that still sends its request, of which nobody will read more, to stop, once it has the whole
  /// response (RFC 9113, section 8.1).
  static void stop_request(http2_session& session, http2_stream& stream);

  /// The library keeps that head no longer, if it is an interim one.
  static void interim_gone(http2_session& session, const nghttp2_frame* frame);

  static void add_input(nghttp2_session_callbacks* to);
  static void add_output(nghttp2_session_callbacks* to);

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self);
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                    std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                    std::uint8_t flags, void* self);
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                            std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*);
  static int data_chunk(nghttp2_session*, std::uint8_t flags, std::int32_t id,
                        const std::uint8_t* data, std::size_t bytes, void* self);
  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int frame_refused(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* self);

  static ssize_t read_data(nghttp2_session*, std::int32_t id, std::uint8_t* to, std::size_t bytes,
                           std::uint32_t* flags, nghttp2_data_source* source, void* self);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t bytes, nghttp2_data_source* source, void* self);
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
};

} // namespace shunt::net
