// What the owner writes, on its way from HTTP/1.1.
#include "net/http2_session.work.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::size_t frame_head_bytes = 9;

http2_session& session_of(void* self) {
  return *static_cast<http2_session*>(self);
}

/// Resets by which we blame the peer. One that provokes them makes us work as much as one that
/// resets by itself.
bool blames_peer(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_REFUSED_STREAM: return true;
    default: return false;
  }
}

nghttp2_data_provider provider_of(http2_stream& stream) {
  nghttp2_data_provider made{};
  made.source.ptr = &stream;
  made.read_callback = http2_callbacks::read_data;
  return made;
}

/// What the library keeps of a head until it is sent.
std::size_t kept_bytes_of(std::span<const nghttp2_nv> fields) {
  std::size_t bytes = 0;
  for (const auto& each : fields)
    bytes += sizeof each + each.namelen + each.valuelen;
  return bytes;
}

/// Of a server's. Trailers, whose first field may be anything, end the stream.
bool is_interim(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 || frame.headers.nvlen == 0)
    return false;
  const auto& status = frame.headers.nva[0]; // It comes first.
  return status.valuelen == 3 && status.value[0] == '1';
}

http2_fields::head_bytes bytes_of(bool head_kept) {
  return head_kept ? http2_fields::head_bytes::kept : http2_fields::head_bytes::passing;
}

} // namespace

// -- Frames.

void http2_callbacks::add_output(nghttp2_session_callbacks* to) {
  nghttp2_session_callbacks_set_send_data_callback(to, send_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(to, frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(to, frame_not_sent);
}

/// Says how much the next DATA frame holds; `send_data` puts it there, without a copy in between.
ssize_t http2_callbacks::read_data(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                                   std::size_t bytes, std::uint32_t* flags,
                                   nghttp2_data_source* source, void* self) {
  auto& stream = *static_cast<http2_stream*>(source->ptr);
  const auto count = std::min(bytes, stream.outbound.size());
  if (session_of(self).failed_ || (count == 0 && !stream.output_done)) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags = NGHTTP2_DATA_FLAG_NO_COPY;
  if (count < stream.outbound.size() || !stream.output_done)
    return static_cast<ssize_t>(count);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream.has_trailers && !stream.decoder.trailers().empty()) {
    auto& fields = session_of(self).work_->fields;
    fields.put_trailers(stream.decoder.trailers());
    if (nghttp2_submit_trailer(session, id, fields.data(), fields.size()) != 0)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(count);
}

int http2_callbacks::send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                               std::size_t bytes, nghttp2_data_source* source, void* self) {
  auto& session = session_of(self);
  auto& stream = *static_cast<http2_stream*>(source->ptr);
  if (session.out_->size() >= session.out_bytes_max_)
    return NGHTTP2_ERR_WOULDBLOCK; // The library would go on from stream to stream.
  session.out_->append(reinterpret_cast<const char*>(head), frame_head_bytes);
  session.out_->append(stream.outbound.view().substr(0, bytes));
  stream.outbound.drop(bytes);
  stream.taken_bytes += bytes;
  session.unsent_bytes_ -= bytes;
  session.weigh(stream);
  if (stream.wants_room && stream.outbound.size() <= session.limits_.outbound_bytes_max / 2) {
    stream.wants_room = false;
    session.tell(stream, news_writable);
  }
  return 0;
}

int http2_callbacks::frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  auto& session = session_of(self);
  switch (frame->hd.type) {
    case NGHTTP2_RST_STREAM:
      if (session.client_ids_.reset(frame->hd.stream_id) && blames_peer(frame->rst_stream.error_code))
        session.count_reset();
      break;
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
      ++session.useful_frames_;
      interim_gone(session, frame);
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        break;
      if (auto* stream = session.find(frame->hd.stream_id)) {
        session.answers_ += stream->head_bytes > 0; // Not to what was refused.
        session.sent_last_frame(*stream);
      }
      break;
    case NGHTTP2_GOAWAY: // With an error: the library found that the peer broke the connection.
      session.gave_up_ = static_cast<http2_code>(frame->goaway.error_code);
      break;
    default: break;
  }
  return 0;
}

/// A request that never left: the peer said goodbye first, or the owner changed its mind.
int http2_callbacks::frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
  auto& session = session_of(self);
  interim_gone(session, frame);
  if (session.is_server() || frame->hd.type != NGHTTP2_HEADERS
      || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
    return 0;
  for (const auto& each : session.streams_)
    if (each && each->in_use && each->id == frame->hd.stream_id)
      session.close(*each, http2_code::refused_stream, true);
  return 0;
}

void http2_callbacks::interim_gone(http2_session& session, const nghttp2_frame* frame) {
  if (session.is_server() && is_interim(*frame))
    session.interim_left(frame->hd.stream_id, kept_bytes_of(std::span{frame->headers.nva, frame->headers.nvlen}));
}

void http2_session::sent_last_frame(http2_stream& stream) {
  stream.output_sent = true;
  http2_callbacks::stop_request(*this, stream);
}

void http2_callbacks::stop_request(http2_session& session, http2_stream& stream) {
  const bool unread = stream.released || stream.phase == outbound_phase::discard;
  if (session.is_server() && stream.output_sent && unread && !stream.input_done
      && !std::exchange(stream.doomed, true))
    nghttp2_submit_rst_stream(session.library(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_NO_ERROR);
}

// -- HTTP/1.1.

std::size_t http2_session::write(http2_stream_id id, std::string_view text) {
  const iovec part{const_cast<char*>(text.data()), text.size()};
  return write(id, std::span{&part, 1});
}

std::size_t http2_session::write(http2_stream_id id, std::span<const iovec> parts,
                                 const head_outline* outline) {
  auto& stream = at(id);
  const auto text_of = [](const iovec& part) {
    return std::string_view{static_cast<const char*>(part.iov_base), part.iov_len};
  };
  std::size_t taken = 0;
  if (outline != nullptr && !parts.empty()
      && take_outlined_head(stream, text_of(parts.front()), *outline)) {
    taken = parts.front().iov_len;
    parts = parts.subspan(1);
  }
  for (const auto& part : parts) {
    const auto text = text_of(part);
    const auto used = take_text(stream, text);
    taken += used;
    if (used < text.size())
      break;
  }
  weigh(stream);
  const bool news = !stream.outbound.empty() || stream.output_done;
  if (news && !stream.ended && std::exchange(stream.deferred, false))
    nghttp2_session_resume_data(library(), stream.id);
  return taken;
}

std::size_t http2_session::take_text(http2_stream& stream, std::string_view text) {
  std::size_t taken = 0;
  while (taken < text.size() && !stream.ended && !stream.doomed) {
    const auto rest = text.substr(taken);
    std::size_t used = 0;
    switch (stream.phase) {
      case outbound_phase::head:
        if (!takes_head(stream)) // A backend may send many, and the library would keep a copy of each.
          stream.wants_room = true;
        else
          used = take_head_text(stream, rest);
        break;
      case outbound_phase::done: fail_stream(stream, http2_code::internal_error); break;
      case outbound_phase::discard: used = rest.size(); break;
      default: used = take_body(stream, rest); break;
    }
    taken += used;
    if (used == 0)
      break;
  }
  return taken;
}

/// A head of which it is known where its parts stand is kept until it has been sent, so that the library
/// need not copy it. False for what is to be parsed.
bool http2_session::take_outlined_head(http2_stream& stream, std::string_view text,
                                       const head_outline& outline) {
  const bool expected = stream.phase == outbound_phase::head && stream.head_text.empty()
                        && takes_head(stream) && !stream.ended && !stream.doomed;
  const bool whole = outline.known() && outline.head_bytes() == text.size();
  if (!expected || !whole)
    return false;
  stream.head_text.assign(text);
  lower_names(stream.head_text, outline);
  const head_limits limits{limits_.sent_head_bytes_max, 0};
  const auto status =
    is_server() ? read_response(stream.head_text, outline, stream.was_head, work_->response, limits)
                : read_request(stream.head_text, outline, work_->request, limits);
  if (status.complete())
    take_message(stream, true);
  else
    fail_stream(stream, http2_code::internal_error);
  return true;
}

/// A head that comes whole, as most do, is parsed where it is.
std::size_t http2_session::take_head_text(http2_stream& stream, std::string_view text) {
  const auto before = stream.head_text.size();
  if (before > 0)
    stream.head_text.append(text);
  const auto used = parse_head(stream, before > 0 ? std::string_view{stream.head_text} : text);
  if (used == 0) {
    if (before == 0 && !stream.doomed)
      stream.head_text.assign(text);
    return text.size();
  }
  stream.head_text.clear();
  return used - before;
}

/// The length of the head, or 0 if it is not complete or not one.
std::size_t http2_session::parse_head(http2_stream& stream, std::string_view text) {
  const head_limits limits{limits_.sent_head_bytes_max, 0};
  const auto status =
    is_server() ? parse_response(text, stream.was_head, work_->response, limits, stream.scratch)
                : parse_request(text, work_->request, limits, stream.scratch);
  if (status.failed())
    fail_stream(stream, http2_code::internal_error);
  if (!status.complete())
    return 0;
  const auto used = is_server() ? work_->response.head_bytes : work_->request.head_bytes;
  take_message(stream, false);
  return used;
}

void http2_session::take_message(http2_stream& stream, bool head_kept) {
  if (is_server())
    take_response(stream, head_kept);
  else
    take_request(stream, head_kept);
}

void http2_session::take_response(http2_stream& stream, bool head_kept) {
  auto& head = work_->response;
  auto& fields = work_->fields;
  if (head.status == 101) {
    const auto* accept = find_field(head.fields, "sec-websocket-accept");
    // A server that takes everything for a handshake would let a client speak to what is no
    // WebSocket.
    if (!stream.tunnel || accept == nullptr
        || accept->value != websocket_accept(stream.websocket_key))
      return answer(stream, 502);
    fields.put_response(head, 200, false);
    stream.phase = outbound_phase::tunnel;
    settle_tunnel(stream, true);
    return submit_response(stream, true);
  }
  if (head.status < 200) {
    fields.put_response(head, head.status, false);
    submit_interim(stream);
    stream.head_text.clear(); // Another head will follow.
    return;
  }
  if (stream.tunnel && head.status / 100 == 2)
    return answer(stream, 502); // It would say that there is a tunnel.
  settle_tunnel(stream, false);
  fields.put_response(head, head.status, head.status != 204, bytes_of(head_kept));
  begin_body(stream);
  submit_response(stream, !stream.output_done);
}

void http2_session::submit_response(http2_stream& stream, bool with_body) {
  auto provider = provider_of(stream);
  const auto& fields = work_->fields;
  if (nghttp2_submit_response(library(), stream.id, fields.data(), fields.size(),
                              with_body ? &provider : nullptr)
      != 0)
    fail_stream(stream, http2_code::internal_error);
}

bool http2_session::takes_head(const http2_stream& stream) const noexcept {
  return stream.interim_bytes <= limits_.outbound_share_bytes;
}

void http2_session::submit_interim(http2_stream& stream) {
  const auto& fields = work_->fields;
  if (nghttp2_submit_headers(library(), NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(), fields.size(), nullptr)
      != 0)
    return fail_stream(stream, http2_code::internal_error);
  const auto kept = kept_bytes_of(std::span{fields.data(), fields.size()});
  stream.interim_bytes += kept;
  held_bytes_ += kept;
}

/// The stream may be gone; its head was in the library until now.
void http2_session::interim_left(std::int32_t wire_id, std::size_t bytes) {
  held_bytes_ -= bytes;
  auto* stream = find(wire_id);
  if (stream == nullptr)
    return;
  stream->interim_bytes -= bytes;
  if (takes_head(*stream) && std::exchange(stream->wants_room, false))
    tell(*stream, news_writable);
}

void http2_session::answer(http2_stream& stream, int status) {
  settle_tunnel(stream, false);
  stream.phase = outbound_phase::discard;
  stream.output_done = true;
  work_->fields.put_status(status);
  submit_response(stream, false);
}

void http2_session::take_request(http2_stream& stream, bool head_kept) {
  auto& head = work_->request;
  const bool websocket = head.upgrade && iequals(head.upgrade_protocol, "websocket");
  if (websocket && !peer_allows_websocket())
    return close(stream, http2_code::refused_stream, true);
  if (websocket)
    if (const auto* key = find_field(head.fields, "sec-websocket-key"))
      stream.websocket_key = key->value;
  stream.was_head = head.method == "HEAD";
  stream.tunnel = websocket;
  work_->fields.put_request(head, role_ == http2_role::client_https ? "https" : "http", websocket,
                            bytes_of(head_kept));
  if (websocket)
    stream.phase = outbound_phase::tunnel;
  else
    begin_body(stream);
  auto provider = provider_of(stream);
  const auto made =
    nghttp2_submit_request(library(), nullptr, work_->fields.data(), work_->fields.size(),
                           stream.output_done ? nullptr : &provider, &stream);
  if (made < 0)
    return close(stream, http2_code::refused_stream, true);
  stream.id = made;
}

void http2_session::begin_body(http2_stream& stream) {
  const message_head& head =
    is_server() ? static_cast<const message_head&>(work_->response) : work_->request;
  switch (head.framing) {
    case body_framing::none: return finish_output(stream);
    case body_framing::length:
      stream.phase = outbound_phase::length;
      stream.length_left = head.content_length;
      return;
    case body_framing::chunked: return begin_chunks(stream);
    case body_framing::until_close: stream.phase = outbound_phase::until_close; return;
  }
}

void http2_session::begin_chunks(http2_stream& stream) {
  stream.phase = outbound_phase::chunked;
  stream.has_trailers = true;
  stream.decoder.reset();
}

void http2_session::end_apart(http2_stream_id id) {
  at(id).ends_apart = true;
}

/// The answer to a client that asked for a tunnel: what it has sent already is for the tunnel or
/// for nobody.
void http2_session::settle_tunnel(http2_stream& stream, bool opened) {
  if (!stream.tunnel)
    return;
  stream.tunnel = opened;
  if (opened)
    stream.inbound.unhold();
  else
    give_credit(stream, stream.inbound.discard());
  tell(stream, news_readable);
}

std::size_t http2_session::room_of(const http2_stream& stream) const noexcept {
  const bool scarce = sparing_ || unsent_bytes_ >= limits_.connection_outbound_bytes_max;
  const auto most = scarce ? limits_.outbound_share_bytes : limits_.outbound_bytes_max;
  return most - std::min(stream.outbound.size(), most);
}

std::size_t http2_session::take_body(http2_stream& stream, std::string_view text) {
  auto part = text.substr(0, room_of(stream));
  if (part.size() < text.size())
    stream.wants_room = true;
  if (part.empty())
    return 0;
  if (stream.phase == outbound_phase::chunked)
    return take_chunks(stream, part);
  if (stream.phase == outbound_phase::length) {
    part = part.substr(0, std::min<std::uint64_t>(stream.length_left, part.size()));
    stream.length_left -= part.size();
  }
  stream.outbound.append(part);
  unsent_bytes_ += part.size();
  if (stream.phase != outbound_phase::length || stream.length_left > 0)
    return part.size();
  if (stream.ends_apart)
    begin_chunks(stream);
  else
    finish_output(stream);
  return part.size();
}

std::size_t http2_session::take_chunks(http2_stream& stream, std::string_view text) {
  const auto result = stream.decoder.decode(text);
  for (const auto piece : result.data()) {
    stream.outbound.append(piece);
    unsent_bytes_ += piece.size();
  }
  if (result.state == chunked_state::done)
    finish_output(stream);
  else if (result.state == chunked_state::error)
    fail_stream(stream, http2_code::internal_error);
  return result.consumed;
}

void http2_session::finish_output(http2_stream& stream) {
  stream.phase = outbound_phase::done;
  stream.output_done = true;
  if (stream.id >= 0 && std::exchange(stream.deferred, false))
    nghttp2_session_resume_data(library(), stream.id);
}

void http2_session::end(http2_stream_id id) {
  auto& stream = at(id);
  if (stream.ended || stream.doomed)
    return;
  switch (stream.phase) {
    case outbound_phase::done:
    case outbound_phase::discard: return;
    case outbound_phase::until_close:
    case outbound_phase::tunnel: return finish_output(stream);
    default: return fail_stream(stream, http2_code::internal_error);
  }
}

} // namespace shunt::net
