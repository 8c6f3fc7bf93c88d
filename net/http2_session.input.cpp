// What the peer sends, on its way to HTTP/1.1.
#include "net/http2_session.work.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

/// How many times the largest head still is a mistake that deserves an answer.
constexpr std::size_t absurd_head_factor = 4;

std::string_view text(const std::uint8_t* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

http2_session& session_of(void* self) {
  return *static_cast<http2_session*>(self);
}

parse_error refusal_of(http2_verdict verdict) {
  switch (verdict) {
    case http2_verdict::too_large: return parse_error::head_too_large;
    case http2_verdict::too_many: return parse_error::too_many_fields;
    case http2_verdict::connect_method: return parse_error::connect_method;
    default: return parse_error::unsupported_protocol;
  }
}

} // namespace

void http2_callbacks::add_input(nghttp2_session_callbacks* to) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(to, begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(to, begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(to, header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(to, invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, data_chunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(to, frame_received);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(to, frame_refused);
  nghttp2_session_callbacks_set_on_stream_close_callback(to, stream_closed);
}

int http2_callbacks::begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
  auto& session = session_of(self);
  session.count_frame(head->type, head->flags, head->length);
  if (head->type != NGHTTP2_DATA)
    session.judge_stream_id(head->type, head->stream_id);
  return 0;
}

int http2_callbacks::begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  return session_of(self).begin_head(frame->hd.stream_id,
                                     frame->headers.cat == NGHTTP2_HCAT_REQUEST);
}

int http2_callbacks::header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                            std::size_t name_bytes, const std::uint8_t* value,
                            std::size_t value_bytes, std::uint8_t, void* self) {
  auto& session = session_of(self);
  if (session.head_of_ == nullptr)
    return 0;
  auto& reader = session.work_->reader;
  reader.add(text(name, name_bytes), text(value, value_bytes));
  if (reader.bytes() <= absurd_head_factor * session.limits_.head_bytes_max)
    return 0;
  session.calm(); // A few bytes can name kilobytes of the table again and again.
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/// The library would leave such a field out; whoever sends one means harm, or has a fault to find.
int http2_callbacks::invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                                    std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                                    void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int http2_callbacks::data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id,
                                const std::uint8_t* data, std::size_t bytes, void* self) {
  auto& session = session_of(self);
  ++session.useful_frames_;
  session.take_data(session.find(id), id, text(data, bytes));
  return 0;
}

int http2_callbacks::frame_received(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  auto& session = session_of(self);
  const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    session.end_head(last);
  } else if (frame->hd.type == NGHTTP2_DATA && last) {
    if (auto* stream = session.find(frame->hd.stream_id))
      session.end_input(*stream);
  } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
    // The client knows that we are leaving: what it has opened until now is served, nothing else.
    if (session.shutting_down_)
      session.stop_accepting();
  }
  return 0;
}

/// The library resets the stream, or never opened it. Counted at once: to a peer that reads nothing no reset is
/// ever sent, and each waits.
int http2_callbacks::frame_refused(nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
  auto& session = session_of(self);
  if (session.client_ids_.reset(frame->hd.stream_id))
    session.count_reset();
  return 0;
}

int http2_callbacks::stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code,
                                   void* self) {
  auto& session = session_of(self);
  if (auto* stream = session.find(id)) // Refused ones below the last that a GOAWAY names, too.
    session.close(*stream, static_cast<http2_code>(code), code == NGHTTP2_REFUSED_STREAM);
  return 0;
}

int http2_session::begin_head(std::int32_t wire_id, bool new_request) {
  head_of_ = nullptr;
  head_is_trailers_ = false;
  const auto fields_max = limits_.fields_max == 0 ? fields_cap : limits_.fields_max;
  http2_head_reader::bounds bounds{limits_.head_bytes_max, fields_max};
  if (new_request) {
    // A client that resets its streams may open others before the owner has let go of the old.
    if (in_use_ >= std::size_t{2} * limits_.streams_max || calmed_) {
      nghttp2_submit_rst_stream(library(), NGHTTP2_FLAG_NONE, wire_id, NGHTTP2_REFUSED_STREAM);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    auto& stream = take_stream();
    stream.id = wire_id;
    nghttp2_session_set_stream_user_data(library(), wire_id, &stream);
    head_of_ = &stream;
    auto& text = stream.inbound.begin_head();
    work_->reader.begin_request(text, bounds, stream.inbound.outline_of_head());
    return 0;
  }
  auto* stream = find(wire_id);
  if (stream == nullptr || stream->doomed)
    return 0;
  head_of_ = stream;
  head_is_trailers_ = stream->head_read;
  auto& reader = work_->reader;
  if (head_is_trailers_) {
    constexpr auto limits = chunked_decoder::trailer_limits; // Whoever reads them takes no more.
    work_->trailers.clear();
    reader.begin_trailers(work_->trailers, {limits.head_bytes_max - 2, limits.fields_max});
  } else {
    auto& text = stream->inbound.begin_head();
    // Nothing but this holds interim heads back that nobody takes: together they are no larger than one may be.
    bounds.bytes_max -= std::min(bounds.bytes_max, stream->inbound.waiting_head_bytes());
    reader.begin_response(text, bounds, stream->tunnel, stream->inbound.outline_of_head());
  }
  return 0;
}

void http2_session::end_head(bool last) {
  auto* stream = std::exchange(head_of_, nullptr);
  const bool trailers = std::exchange(head_is_trailers_, false);
  if (stream == nullptr || stream->doomed || stream->ended)
    return;
  if (trailers)
    end_trailers(*stream);
  else if (is_server())
    end_request_head(*stream, last);
  else
    end_response_head(*stream, last);
  weigh(*stream);
}

void http2_session::end_request_head(http2_stream& stream, bool last) {
  auto& reader = work_->reader;
  if (reader.asks_for_tunnel())
    stream.websocket_key = next_key();
  const auto verdict = reader.finish_request(last, stream.websocket_key);
  if (verdict == http2_verdict::malformed) // Nobody hears of the stream.
    return fail_stream(stream, http2_code::protocol_error);
  if (verdict == http2_verdict::good) {
    stream.head_bytes = stream.inbound.commit_head();
  } else {
    count_reset(); // An answer costs no less than a reset, which is counted when it is sent.
    stream.inbound.refuse_head(refusal_of(verdict), reader.method());
  }
  heads_bytes_ += stream.head_bytes;
  if (heads_bytes_ > limits_.heads_bytes_max) {
    stream.inbound.clear();
    return fail_stream(stream, http2_code::refused_stream);
  }
  stream.head_read = true;
  stream.was_head = reader.request_is_head();
  stream.tunnel = reader.body() == http2_body::tunnel; // A refused head has no body that anybody reads.
  stream.inbound.begin_body(reader.body());
  if (stream.tunnel)
    stream.inbound.hold(); // What is sent before the answer must not be read as the next request.
  stream.announced = true;
  // Without a priority of the client's choice streams would wait for the end of the one before.
  const nghttp2_extpri turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(library(), stream.id, &turns, 1);
  tell(stream, news_opened | news_readable);
  if (last)
    end_input(stream);
}

void http2_session::end_response_head(http2_stream& stream, bool last) {
  auto& reader = work_->reader;
  const auto accept = stream.tunnel ? websocket_accept(stream.websocket_key) : std::string{};
  const auto verdict = reader.finish_response(last, stream.was_head, accept);
  const bool good = verdict == http2_verdict::good;
  if (good)
    stream.inbound.commit_head();
  else if (verdict == http2_verdict::malformed || stream.inbound.is_behind_another_head())
    return fail_stream(stream, http2_code::protocol_error);
  else // Whoever asked is told which limit it broke.
    stream.inbound.refuse_head(refusal_of(verdict), {});
  tell(stream, news_readable);
  if (good && reader.status() < 200)
    return;
  stream.head_read = true;
  if (stream.tunnel && reader.body() != http2_body::tunnel) {
    stream.tunnel = false; // Refused: an ordinary response.
    finish_output(stream);
  }
  stream.inbound.begin_body(reader.body());
  if (good && reader.body() == http2_body::none)
    stream.body_left = 0;
  else if (good && reader.body() == http2_body::raw)
    stream.body_left = reader.body_bytes();
  if (last)
    end_input(stream);
}

void http2_session::end_trailers(http2_stream& stream) {
  if (work_->reader.finish_trailers() != http2_verdict::good)
    return fail_stream(stream, http2_code::protocol_error);
  end_input(stream, work_->trailers);
}

void http2_session::take_data(http2_stream* stream, std::int32_t wire_id, std::string_view data) {
  if (stream == nullptr || stream->doomed || stream->released || !stream->announced) {
    nghttp2_session_consume(library(), wire_id, data.size());
    return;
  }
  stream->inbound.append(data);
  if (stream->body_left != http2_stream::unknown) // The library lets no more come than that.
    stream->body_left -= data.size();
  weigh(*stream);
  tell(*stream, news_readable);
}

void http2_session::end_input(http2_stream& stream, std::string_view trailers) {
  if (stream.doomed || std::exchange(stream.input_done, true))
    return;
  if (!stream.released && stream.announced)
    stream.inbound.finish(trailers);
  tell(stream, news_readable);
}

} // namespace shunt::net
