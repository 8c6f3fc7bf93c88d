// The connection: settings, memory for streams, news, flow control, and what is counted against the
// peer.
#include "net/http2_session.hpp"

#include "net/http2_memory.hpp"
#include "net/http2_session.work.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace shunt::net {

namespace {

struct option_deleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};

std::unique_ptr<nghttp2_option, option_deleter> make_option(const http2_limits& limits) {
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0)
    throw std::bad_alloc{};
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  constexpr std::uint64_t unlimited = 1'000'000'000; // `count_reset` judges, and knows more.
  nghttp2_option_set_stream_reset_rate_limit(made, unlimited, unlimited);
  nghttp2_option_set_max_outbound_ack(made, limits.unsent_answers_max);
  nghttp2_option_set_max_continuations(made, limits.continuations_max);
  nghttp2_option_set_max_send_header_block_length(made, limits.sent_head_bytes_max);
  return std::unique_ptr<nghttp2_option, option_deleter>{made};
}

/// The frames by which a peer makes us work without getting on.
constexpr std::uint32_t idle_frames_per_useful_frame = 4;

/// Answers may be cheap, too: they allow so many times the resets that are allowed anyway.
constexpr std::uint64_t answers_count_max = 9;

/// What sessions of one thread lend each other, the one used last first: it is still in the cache.
template <class T>
class spare_parts {
public:
  std::unique_ptr<T> take() {
    if (parts_.empty())
      return std::make_unique<T>();
    auto taken = std::move(parts_.back());
    parts_.pop_back();
    return taken;
  }
  void give_back(std::unique_ptr<T> part) {
    constexpr std::size_t kept_max = 128;
    if (part && parts_.size() < kept_max)
      parts_.push_back(std::move(part));
  }

private:
  std::vector<std::unique_ptr<T>> parts_;
};

/// Without what only an unusual head needed.
void trim(http2_workspace& used) {
  constexpr std::size_t kept_bytes_max = 64 * 1024;
  const auto fields = used.request.fields.capacity() + used.response.fields.capacity();
  if (used.reader.kept_bytes() + used.trailers.capacity() + used.fields.kept_bytes()
        + fields * sizeof(field)
      > kept_bytes_max)
    used = {};
}

thread_local spare_parts<http2_stream> spare_streams;
thread_local spare_parts<http2_workspace> spare_workspaces;

constexpr std::array<std::uint8_t, 8> drain_ping{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

} // namespace

const nghttp2_session_callbacks* http2_callbacks::all() {
  static const auto* const made = [] {
    nghttp2_session_callbacks* callbacks = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
      throw std::bad_alloc{};
    add_input(callbacks);
    add_output(callbacks);
    return callbacks;
  }();
  return made;
}

http2_session::http2_session(http2_role role, const http2_limits& limits, std::uint64_t seed)
  : role_{role}, limits_{limits}, seed_{seed}, memory_{std::make_unique<http2_memory>()},
    frames_{NGHTTP2_CLIENT_MAGIC_LEN} {
  const auto option = make_option(limits_);
  const auto create = is_server() ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  if (create(&session_, http2_callbacks::all(), this, option.get(), memory_->functions()) != 0)
    throw std::bad_alloc{};
  submit_settings();
}

http2_session::~http2_session() {
  nghttp2_session_del(library());
}

void http2_session::rest() noexcept {
  if (in_use_ > 0 || head_under_way() || wants_send())
    return;
  memory_->rest();
  asleep_ = true;
}

void http2_session::wake() const noexcept {
  memory_->wake();
  asleep_ = false;
}

void http2_session::submit_settings() {
  std::array<nghttp2_settings_entry, 5> entries{{
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window_bytes},
    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.head_bytes_max)},
    // Its tree costs work and its frames are free to send; streams take turns instead.
    {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams_max},
    {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  }};
  std::size_t count = limits_.websocket ? 5 : 4;
  if (!is_server()) {
    entries[3] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    count = 4;
  }
  nghttp2_submit_settings(library(), NGHTTP2_FLAG_NONE, entries.data(), count);
  nghttp2_session_set_local_window_size(library(), NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(limits_.connection_window_bytes));
}

bool http2_session::receive(std::string_view bytes, time_point now) {
  if (failed_)
    return false;
  if (now - window_begin_ >= limits_.flood_window) {
    window_begin_ = now;
    resets_ = answers_ = idle_frames_ = useful_frames_ = 0;
  }
  const auto taken = take_bytes(bytes);
  if (taken < 0) {
    const bool flood = taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    nghttp2_session_terminate_session(library(),
                                      flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    abandon(flood ? http2_code::enhance_your_calm : http2_code::protocol_error);
  } else if (calmed_) {
    abandon(http2_code::enhance_your_calm);
  } else if (nghttp2_session_want_read(library()) == 0) {
    abandon(http2_code::no_error); // Both sides have said goodbye, and nothing is under way.
  }
  return !failed_;
}

/// Of data for a stream that is no more the library says nothing: it is found before the library has it.
std::ptrdiff_t http2_session::take_bytes(std::string_view bytes) {
  const auto give = [this](std::string_view some) -> std::ptrdiff_t {
    if (some.empty())
      return 0;
    return nghttp2_session_mem_recv(library(), reinterpret_cast<const std::uint8_t*>(some.data()), some.size());
  };
  std::size_t given = 0;
  if (is_server()) {
    std::size_t at = 0;
    while (const auto head = frames_.next(bytes, at)) {
      if (head->type != NGHTTP2_DATA)
        continue;
      if (const auto taken = give(bytes.substr(given, head->begin - given)); taken < 0)
        return taken;
      given = head->begin;
      judge_stream_id(NGHTTP2_DATA, head->stream);
    }
  }
  return give(bytes.substr(given));
}

void http2_session::collect(std::string& out, std::size_t bytes_max) {
  out_ = &out;
  out_bytes_max_ = out.size() + bytes_max;
  while (out.size() < out_bytes_max_) {
    const std::uint8_t* frame = nullptr;
    const auto bytes = nghttp2_session_mem_send(library(), &frame);
    if (bytes < 0)
      abandon(http2_code::internal_error); // Out of memory.
    if (bytes <= 0)
      break;
    out.append(reinterpret_cast<const char*>(frame), static_cast<std::size_t>(bytes));
  }
  out_ = nullptr;
  if (!failed_ && (calmed_ || gave_up_ != http2_code::no_error))
    abandon(calmed_ ? http2_code::enhance_your_calm : gave_up_);
}

bool http2_session::wants_send() const {
  return nghttp2_session_want_write(library()) != 0;
}

bool http2_session::finished() const {
  return !wants_send() && (failed_ || nghttp2_session_want_read(library()) == 0);
}

void http2_session::abandon(http2_code code) {
  failed_ = true;
  for (const auto& each : streams_)
    if (each && each->in_use)
      close(*each, code, false);
}

/// After a failure slots are not used again: the library may still know their streams.
void http2_session::retire(http2_stream& stream) {
  if (!failed_)
    return free_stream(stream);
  if (!std::exchange(stream.in_use, false))
    return;
  --in_use_;
  lingering_ -= stream.released;
}

void http2_session::shutdown() {
  if (std::exchange(shutting_down_, true) || failed_)
    return;
  if (is_server()) {
    nghttp2_submit_shutdown_notice(library());
    nghttp2_submit_ping(library(), NGHTTP2_FLAG_NONE, drain_ping.data());
  } else if (is_idle()) {
    say_last_goodbye();
  }
}

void http2_session::stop_accepting() {
  if (is_server() && shutting_down_ && !failed_)
    say_last_goodbye();
}

void http2_session::say_last_goodbye() {
  nghttp2_submit_goaway(library(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(library()),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

// -- Streams.

http2_stream& http2_session::take_stream() {
  if (free_.empty()) {
    free_.push_back(static_cast<http2_stream_id>(streams_.size()));
    streams_.emplace_back();
  }
  if (!work_)
    work_ = spare_workspaces.take();
  const auto slot = free_.back();
  free_.pop_back();
  streams_[slot] = spare_streams.take();
  auto& taken = *streams_[slot];
  taken.slot = slot;
  taken.queued = false;
  taken.in_use = true;
  ++in_use_;
  return taken;
}

void http2_session::free_stream(http2_stream& stream) {
  if (head_of_ == &stream)
    head_of_ = nullptr;
  heads_bytes_ -= stream.head_bytes;
  unsent_bytes_ -= stream.outbound.size();
  held_bytes_ -= stream.counted_bytes;
  if (stream.id >= 0) // The library may have more to say of it.
    nghttp2_session_set_stream_user_data(library(), stream.id, nullptr);
  lingering_ -= stream.released;
  const auto slot = stream.slot;
  stream.clear();
  spare_streams.give_back(std::move(streams_[slot]));
  free_.push_back(slot);
  if (--in_use_ > 0)
    return;
  trim(*work_);
  spare_workspaces.give_back(std::move(work_));
  if (shutting_down_ && !is_server())
    say_last_goodbye();
}

http2_stream* http2_session::find(std::int32_t wire_id) const {
  return static_cast<http2_stream*>(nghttp2_session_get_stream_user_data(library(), wire_id));
}

void http2_session::tell(http2_stream& stream, std::uint8_t what) {
  if (!stream.announced || stream.released)
    return;
  stream.news |= what;
  if (!std::exchange(stream.queued, true))
    news_.push_back(stream.slot);
}

std::optional<http2_news> http2_session::next_news() {
  while (news_begin_ < news_.size()) {
    const auto& stream = streams_[news_[news_begin_++]];
    if (!stream)
      continue; // Gone meanwhile.
    stream->queued = false;
    const auto news = std::exchange(stream->news, std::uint8_t{0});
    if (news != 0)
      return http2_news{stream->slot, (news & news_opened) != 0, (news & news_readable) != 0,
                        (news & news_writable) != 0, (news & news_ended) != 0};
  }
  news_.clear();
  news_begin_ = 0;
  return std::nullopt;
}

void http2_session::close(http2_stream& stream, http2_code code, bool unprocessed) {
  if (std::exchange(stream.ended, true))
    return;
  stream.ending = {code, stream.input_done, unprocessed && !is_server()};
  if (!failed_) // What nobody may ever consume must not narrow the connection.
    nghttp2_session_consume_connection(library(), stream.inbound.data_bytes());
  if (stream.announced && !stream.released)
    tell(stream, news_ended);
  else
    retire(stream);
}

void http2_session::fail_stream(http2_stream& stream, http2_code code) {
  if (stream.ended || std::exchange(stream.doomed, true))
    return;
  if (stream.id < 0)
    return close(stream, code, true);
  nghttp2_submit_rst_stream(library(), NGHTTP2_FLAG_NONE, stream.id,
                            static_cast<std::uint32_t>(code));
}

void http2_session::give_credit(http2_stream& stream, std::size_t data_bytes) {
  if (data_bytes > 0 && !stream.ended)
    nghttp2_session_consume(library(), stream.id, data_bytes);
}

/// After whatever changes what a stream holds.
void http2_session::weigh(http2_stream& stream) noexcept {
  const auto held = stream.held_bytes();
  held_bytes_ += held - std::exchange(stream.counted_bytes, held);
}

std::string_view http2_session::inbound(http2_stream_id id) {
  return at(id).inbound.view();
}

void http2_session::consume(http2_stream_id id, std::size_t count) {
  auto& stream = at(id);
  give_credit(stream, stream.inbound.consume(count));
  weigh(stream);
}

bool http2_session::has_head(http2_stream_id id) const {
  return at(id).inbound.has_head();
}

bool http2_session::take_head(http2_stream_id id, std::string& text, head_outline& outline) {
  auto& stream = at(id);
  const bool taken = stream.inbound.take_head(text, outline);
  weigh(stream);
  return taken;
}

bool http2_session::input_ended(http2_stream_id id) const {
  const auto& stream = at(id);
  return stream.ended || (stream.tunnel && stream.input_done && !stream.inbound.held());
}

bool http2_session::input_complete(http2_stream_id id) const {
  return at(id).input_done;
}

std::string_view http2_session::trailers_apart(http2_stream_id id) const {
  return at(id).inbound.trailers_apart();
}

const http2_ending& http2_session::ending(http2_stream_id id) const {
  return at(id).ending;
}

void http2_session::reset(http2_stream_id id, http2_code code) {
  fail_stream(at(id), code);
}

void http2_session::release(http2_stream_id id) {
  auto& stream = at(id);
  if (stream.released)
    return;
  stream.released = true;
  ++lingering_;
  stream.taken_bytes = limits_.taken_bytes_min; // It has as long as others from here on.
  stream.news = 0;
  if (stream.ended)
    return retire(stream);
  give_credit(stream, stream.inbound.data_bytes());
  stream.inbound.clear();
  weigh(stream);
  // Many backends say behind a response that was whole that it is over; a reset would tell them that it was not wanted.
  const bool complete = stream.output_done && (is_server() || stream.input_done || stream.body_left == 0);
  if (!complete)
    fail_stream(stream, break_code());
  else
    http2_callbacks::stop_request(*this, stream);
}

std::size_t http2_session::reset_stalled() {
  std::size_t waiting = 0;
  for (const auto& each : streams_) {
    if (!each || !each->in_use || !each->released || each->ended || each->doomed)
      continue;
    const auto taken = std::exchange(each->taken_bytes, std::size_t{0});
    if (taken > 0 && (taken >= limits_.taken_bytes_min || lets_come(*each)))
      ++waiting;
    else
      fail_stream(*each, break_code());
  }
  return waiting;
}

/// Whether the peer's windows let more of the stream out.
bool http2_session::lets_come(const http2_stream& stream) const {
  return nghttp2_session_get_remote_window_size(library()) > 0
         && nghttp2_session_get_stream_remote_window_size(library(), stream.id) > 0;
}

std::size_t http2_session::unsent_bytes(http2_stream_id id) const {
  return at(id).outbound.size();
}

bool http2_session::can_open() const {
  return !is_server() && !failed_ && !shutting_down_
         && nghttp2_session_check_request_allowed(library()) != 0
         && in_use_ < nghttp2_session_get_remote_settings(library(),
                                                          NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool http2_session::peer_allows_websocket() const {
  return nghttp2_session_get_remote_settings(library(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL)
         == 1;
}

http2_stream_id http2_session::open() {
  auto& stream = take_stream();
  stream.announced = true;
  if (failed_)
    close(stream, http2_code::refused_stream, true);
  return stream.slot;
}

/// splitmix64, twice.
std::string http2_session::next_key() {
  const auto next = [this] {
    auto z = seed_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  const auto high = next();
  return websocket_key(high, next());
}

// -- Defences.

void http2_session::count_frame(std::uint8_t type, std::uint8_t flags, std::size_t length) {
  bool useful = false;
  switch (type) {
    // What it holds may be padding. If there is data, `take_data` counts it, too.
    case NGHTTP2_DATA: useful = (flags & NGHTTP2_FLAG_END_STREAM) != 0; break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION: useful = length > 0; break;
    case NGHTTP2_RST_STREAM: return count_reset();
    default: break;
  }
  ++(useful ? useful_frames_ : idle_frames_);
  const auto allowed = limits_.idle_frames_max + idle_frames_per_useful_frame * useful_frames_;
  if (idle_frames_ > allowed)
    calm();
}

/// The library forgets a stream with its end; what is said of it afterwards is judged here.
void http2_session::judge_stream_id(std::uint8_t type, std::int32_t id) {
  using state = http2_stream_ids::state;
  if (!is_server() || shutting_down_)
    return;
  const auto give_up = [this](http2_code code) {
    nghttp2_session_terminate_session(library(), static_cast<std::uint32_t>(code));
  };
  if (type == NGHTTP2_PRIORITY && id == 0)
    return give_up(http2_code::protocol_error);
  const bool head = type == NGHTTP2_HEADERS; // Data comes by way of `take_bytes`.
  if ((!head && type != NGHTTP2_DATA) || id % 2 == 0)
    return;
  if (client_ids_.is_fresh(id)) {
    if (head)
      client_ids_.open(id);
  } else if (nghttp2_session_find_stream(library(), id) == nullptr) {
    const auto known = client_ids_.of(id);
    if (known != state::reset)
      give_up(head && known == state::never_opened ? http2_code::protocol_error : http2_code::stream_closed);
  }
}

void http2_session::count_reset() {
  if (is_server() && ++resets_ > limits_.resets_max + std::min<std::uint64_t>(answers_, answers_count_max * limits_.resets_max))
    calm();
}

/// Ends the connection as soon as the bytes at hand have been gone through.
void http2_session::calm() {
  if (!std::exchange(calmed_, true))
    nghttp2_session_terminate_session(library(), NGHTTP2_ENHANCE_YOUR_CALM);
}

} // namespace shunt::net
