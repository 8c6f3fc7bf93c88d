#include "net/http2_stream.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::size_t kept_bytes_max = 16 * 1024; ///< Of a buffer that waits for its next stream.
constexpr std::size_t compaction_bytes_min = 16 * 1024;
constexpr std::size_t size_digits = 8; ///< Fixed, so that a size can be filled in later.
constexpr std::size_t size_line_bytes = size_digits + 2;
constexpr std::string_view chunk_end = "\r\n";

void empty_out(std::string& text) {
  if (text.capacity() > kept_bytes_max)
    std::string{}.swap(text);
  else
    text.clear();
}

std::size_t held_by(const std::string& buffer, bool empty) noexcept {
  return empty && buffer.capacity() <= kept_bytes_max ? 0 : buffer.capacity();
}

} // namespace

std::size_t byte_queue::held_bytes() const noexcept {
  return held_by(bytes_, empty());
}

void byte_queue::append(std::string_view more) {
  if (begin_ == bytes_.size()) {
    bytes_.clear();
    begin_ = 0;
  } else if (begin_ >= compaction_bytes_min && begin_ >= size()) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  bytes_.append(more);
}

void byte_queue::drop(std::size_t count) noexcept {
  begin_ += std::min(count, size());
}

void byte_queue::clear() {
  empty_out(bytes_);
  begin_ = 0;
}

void http2_inbound::refuse_head(parse_error why, std::string_view method) {
  head_open_ = false;
  head_.assign(method);
  outline_.note_start(method.size(), 0);
  outline_.note_refusal(why);
}

void http2_inbound::append(std::string_view data) {
  make_room();
  if (kind_ == http2_body::chunked && open_chunk_ == none) {
    open_chunk_ = body_.size();
    body_.append(size_line_bytes, '0');
  }
  body_.append(data);
  data_bytes_ += data.size();
}

void http2_inbound::finish(std::string_view trailers) {
  if (kind_ != http2_body::chunked) { // The other framings have no place for them (RFC 9110, section 6.5.1).
    trailers_apart_ = trailers;
    return;
  }
  seal();
  last_chunk_ = body_.size();
  body_.append("0\r\n").append(trailers).append("\r\n");
}

void http2_inbound::seal() {
  if (open_chunk_ == none)
    return;
  auto size = body_.size() - open_chunk_ - size_line_bytes;
  for (auto i = open_chunk_ + size_digits; i-- > open_chunk_; size >>= 4)
    body_[i] = "0123456789abcdef"[size & 15];
  body_.replace(open_chunk_ + size_digits, 2, "\r\n");
  body_.append(chunk_end);
  open_chunk_ = none;
}

bool http2_inbound::take_head(std::string& text, head_outline& outline) {
  if (!has_head() || head_open_)
    return false;
  head_.swap(text);
  std::swap(outline_, outline);
  head_.clear();
  outline_.clear();
  head_end_ = 0;
  return true;
}

/// Moves what is left to the front where that is cheap. There is no last chunk yet: more comes.
void http2_inbound::make_room() {
  const auto left = body_.size() - body_begin_;
  if (left > 0 && (body_begin_ < compaction_bytes_min || body_begin_ < left))
    return;
  body_.erase(0, body_begin_);
  if (open_chunk_ != none)
    open_chunk_ -= body_begin_;
  body_begin_ = 0;
}

std::string_view http2_inbound::view() {
  if (head_begin_ < head_end_)
    return std::string_view{head_}.substr(head_begin_, head_end_ - head_begin_);
  if (held_)
    return {};
  seal();
  return std::string_view{body_}.substr(body_begin_);
}

std::size_t http2_inbound::discard() noexcept {
  body_begin_ = body_.size();
  return std::exchange(data_bytes_, std::size_t{0});
}

std::size_t http2_inbound::consume(std::size_t count) {
  const auto of_head = std::min(count, head_end_ - head_begin_);
  head_begin_ += of_head;
  if (head_begin_ == head_end_ && !head_open_ && head_end_ > 0) { // Its reader has its own copy.
    empty_out(head_);
    outline_.clear();
    head_begin_ = head_end_ = 0;
  }
  count = std::min(count - of_head, body_.size() - body_begin_);
  auto data = count;
  if (kind_ == http2_body::chunked)
    data = consume_chunks(count);
  else
    body_begin_ += count;
  data_bytes_ -= data;
  return data;
}

std::size_t http2_inbound::consume_chunks(std::size_t count) {
  std::size_t data = 0;
  while (count > 0) {
    if (size_line_left_ + chunk_data_left_ + chunk_end_left_ == 0) {
      if (body_begin_ >= last_chunk_) {
        body_begin_ += count;
        break;
      }
      enter_chunk();
    }
    auto& left = size_line_left_ > 0    ? size_line_left_
                 : chunk_data_left_ > 0 ? chunk_data_left_
                                        : chunk_end_left_;
    const auto taken = std::min(count, left);
    if (&left == &chunk_data_left_)
      data += taken;
    left -= taken;
    count -= taken;
    body_begin_ += taken;
  }
  return data;
}

/// Reads the size of the chunk that consumption has reached; it was written by `seal`.
void http2_inbound::enter_chunk() {
  const char* digits = body_.data() + body_begin_;
  std::from_chars(digits, digits + size_digits, chunk_data_left_, 16);
  size_line_left_ = size_line_bytes;
  chunk_end_left_ = chunk_end.size();
}

std::size_t http2_inbound::held_bytes() const noexcept {
  return held_by(head_, true) + held_by(body_, body_begin_ == body_.size());
}

void http2_inbound::clear() {
  kind_ = http2_body::none;
  held_ = head_open_ = false;
  empty_out(head_);
  empty_out(body_);
  empty_out(trailers_apart_);
  if (outline_.kept_bytes() > kept_bytes_max)
    outline_ = {};
  outline_.clear();
  head_begin_ = head_end_ = body_begin_ = data_bytes_ = 0;
  open_chunk_ = last_chunk_ = none;
  size_line_left_ = chunk_data_left_ = chunk_end_left_ = 0;
}

/// A head is small, or else it counts for as long as it is kept.
std::size_t http2_stream::held_bytes() const noexcept {
  return inbound.held_bytes() + outbound.held_bytes() + held_by(head_text, true);
}

void http2_stream::clear() {
  id = -1;
  news = 0;
  announced = released = in_use = ended = false;
  ending = {};
  inbound.clear();
  input_done = head_read = doomed = was_head = tunnel = false;
  head_bytes = 0;
  body_left = unknown;
  websocket_key.clear();
  phase = outbound_phase::head;
  outbound.clear();
  empty_out(head_text);
  scratch.reset();
  length_left = 0;
  output_done = output_sent = deferred = wants_room = has_trailers = ends_apart = false;
  interim_bytes = taken_bytes = counted_bytes = 0;
}

} // namespace shunt::net
