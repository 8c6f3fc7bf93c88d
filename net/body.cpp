#include "net/body.hpp"

#include <algorithm>
#include <charconv>

namespace shunt::net {

void body_reader::begin(body_framing framing, std::uint64_t length) noexcept {
  framing_ = framing;
  left_ = framing == body_framing::length ? length : 0;
  taken_ = 0;
  done_ = framing == body_framing::none || (framing == body_framing::length && length == 0);
  if (framing == body_framing::chunked)
    decoder_.reset();
}

body_reader::step body_reader::take(std::string_view available) {
  step found;
  if (done_) {
    found.done = true;
    return found;
  }
  if (framing_ == body_framing::chunked) {
    const auto decoded = decoder_.decode(available);
    found.consumed = decoded.consumed;
    found.malformed = decoded.state == chunked_state::error;
    done_ = decoded.state == chunked_state::done;
    found.piece_count = decoded.piece_count;
    for (std::size_t i = 0; i < decoded.piece_count; ++i) {
      found.pieces[i] = decoded.pieces[i];
      found.data_bytes += decoded.pieces[i].size();
    }
  } else if (!available.empty()) {
    auto data = available;
    if (framing_ == body_framing::length) {
      data = available.substr(0, std::min<std::uint64_t>(left_, available.size()));
      left_ -= data.size();
      done_ = left_ == 0;
    }
    found.consumed = found.data_bytes = data.size();
    found.pieces[0] = data;
    found.piece_count = 1;
  }
  taken_ += found.data_bytes;
  found.done = done_;
  return found;
}

bool body_reader::finish_at_close() noexcept {
  if (framing_ == body_framing::until_close)
    done_ = true;
  return done_;
}

std::span<const field> body_reader::trailers() const noexcept {
  return framing_ == body_framing::chunked && done_ ? decoder_.trailers()
                                                    : std::span<const field>{};
}

namespace {

/// What one turn of a relay sends: head, chunk size, data, chunk end, last chunk.
class gathered {
public:
  void add(std::string_view text) {
    if (!text.empty())
      parts_[count_++] = {const_cast<char*>(text.data()), text.size()};
  }
  void add_step(const body_reader::step& step, body_framing out) {
    const bool chunked = out == body_framing::chunked && step.data_bytes > 0;
    if (chunked)
      add(chunk_size(step.data_bytes));
    for (std::size_t i = 0; i < step.piece_count; ++i)
      add(step.pieces[i]);
    if (chunked)
      add("\r\n");
  }
  void add_end(std::span<const field> trailers) {
    end_ = "0\r\n";
    for (const auto& each : trailers)
      end_.append(each.name).append(": ").append(each.value).append("\r\n");
    end_.append("\r\n");
    add(end_);
  }
  std::span<iovec> parts() { return {parts_.data(), count_}; }

private:
  std::string_view chunk_size(std::size_t bytes) {
    auto* end = std::to_chars(size_.data(), size_.data() + size_.size() - 2, bytes, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    return {size_.data(), static_cast<std::size_t>(end - size_.data())};
  }

  std::array<iovec, chunked_result::pieces_max + 4> parts_;
  std::size_t count_ = 0;
  std::array<char, 20> size_;
  std::string end_;
};

/// What follows a body whose length was told, from stream to stream.
task<relay_result> relay_trailers(wire_ptr from, wire_ptr to, const std::chrono::nanoseconds* silence_max) {
  const bool limited = silence_max != nullptr && silence_max->count() > 0;
  if (limited)
    from->receive_within(*silence_max);
  const auto failed = co_await from->receive_trailers();
  if (limited)
    from->receive_within(std::chrono::nanoseconds{0});
  if (failed)
    co_return relay_result{relay_end::source_failed, failed};
  std::string end = "0\r\n";
  end.append(from->trailers()).append("\r\n");
  const auto unsent = co_await to->send(end);
  if (unsent)
    co_return relay_result{relay_end::sink_failed, unsent};
  co_return relay_result{};
}

/// A wire that streams has a large buffer; what comes after the stream needs none.
class ordinary_buffer_after {
public:
  explicit ordinary_buffer_after(wire& streaming) : wire_{streaming} {}
  ordinary_buffer_after(const ordinary_buffer_after&) = delete;
  ordinary_buffer_after& operator=(const ordinary_buffer_after&) = delete;
  ~ordinary_buffer_after() { wire_.want_buffer(buffer_store::block_bytes); }

private:
  wire& wire_;
};

} // namespace

task<relay_result> relay_body(wire_ptr from, body_reader& body, wire_ptr to, body_framing out,
                              std::string_view head, const std::chrono::nanoseconds* silence_max,
                              const head_outline* outline) {
  const ordinary_buffer_after restored{*from};
  bool ended = body.done();
  for (;;) {
    const auto step = body.take(from->bytes());
    gathered next;
    next.add(std::exchange(head, {}));
    next.add_step(step, out);
    if ((step.done || ended) && out == body_framing::chunked)
      next.add_end(body.trailers());
    const bool ends_apart = step.done && out == body_framing::length && to->is_stream() && from->may_have_trailers();
    if (ends_apart)
      to->end_apart();
    error_code unsent;
    if (const auto parts = next.parts(); !parts.empty())
      // GCC 12 wants it in a statement of its own.
      unsent = co_await to->send(parts, std::exchange(outline, nullptr));
    // Sent or not: what the reader took must not be read as the next message.
    from->consume(step.consumed);
    if (unsent)
      co_return relay_result{relay_end::sink_failed, unsent};
    if (ends_apart) {
      const auto trailed = co_await relay_trailers(from, to, silence_max);
      co_return trailed;
    }
    if (step.done || ended)
      break;
    if (step.malformed)
      co_return relay_result{relay_end::source_malformed, {}};
    if (step.consumed > 0 && !from->bytes().empty())
      continue; // The list of pieces was full.
    const bool limited = silence_max != nullptr && silence_max->count() > 0;
    if (limited)
      from->receive_within(*silence_max);
    const auto code = co_await from->receive();
    // Until the next read the sender waits for us: a slow receiver is not its silence.
    if (limited)
      from->receive_within(std::chrono::nanoseconds{0});
    if (code) {
      if (code != asio::error::eof || !body.finish_at_close())
        co_return relay_result{relay_end::source_failed, code};
      ended = true;
    } else if (from->bytes().size() >= buffer_store::block_bytes) {
      from->want_buffer(buffer_store::stream_bytes); // It comes faster than it is read.
    }
  }
  co_return relay_result{};
}

task<bool> discard_body(wire_ptr from, body_reader& body, std::uint64_t bytes_max,
                        std::chrono::nanoseconds silence_max) {
  const auto begin = body.bytes_taken();
  while (!body.done() && body.bytes_taken() - begin <= bytes_max) {
    const auto step = body.take(from->bytes());
    from->consume(step.consumed);
    if (step.malformed)
      co_return false;
    if (step.done || (step.consumed > 0 && !from->bytes().empty()))
      continue;
    from->receive_within(silence_max);
    const auto code = co_await from->receive();
    from->receive_within(std::chrono::nanoseconds{0});
    if (code)
      co_return false;
  }
  co_return body.done();
}

} // namespace shunt::net
