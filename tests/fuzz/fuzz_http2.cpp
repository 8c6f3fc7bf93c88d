// HTTP/2 from fuzzed bytes, to a server that answers, and to a client that asked. Whatever a
// session shows of a stream must be, or become, one message that our own strict parsers take, with
// nothing behind it. The first byte says how the rest is split, and which side it is spoken to.
#include "net/chunked.hpp"
#include "net/http2_session.hpp"
#include "net/http_head.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>

using namespace shunt::net;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

/// Reads what a session shows of one stream.
class message_reader {
public:
  explicit message_reader(bool request) : request_{request} {}

  void take(std::string_view bytes) {
    text_ += bytes;
    while (!head_done_ && take_head()) {
    }
    if (head_done_)
      take_body();
  }
  bool head_done() const { return head_done_; }
  bool upgrade() const { return upgrade_; }

private:
  bool take_head() {
    if (text_.empty())
      return false;
    const auto status = request_ ? parse_request(text_, asked_, {}, scratch_)
                                 : parse_response(text_, false, answered_, {}, scratch_);
    require(!status.failed());
    require(status.complete()); // Heads are shown whole.
    const message_head& head = request_ ? static_cast<const message_head&>(asked_) : answered_;
    require(head.framing != body_framing::until_close);
    if (request_)
      require(!asked_.host.empty() && asked_.form != target_form::absolute);
    upgrade_ = head.upgrade;
    framing_ = head.framing;
    left_ = head.framing == body_framing::length ? head.content_length : 0;
    head_done_ = request_ || answered_.status >= 200 || answered_.status == 101;
    text_.erase(0, head.head_bytes);
    return true;
  }

  void take_body() {
    if (upgrade_)
      text_.clear();
    while (framing_ == body_framing::chunked && !text_.empty()) {
      require(!chunks_done_);
      const auto result = decoder_.decode(text_);
      require(result.state != chunked_state::error);
      chunks_done_ = result.state == chunked_state::done;
      text_.erase(0, result.consumed);
    }
    if (framing_ == body_framing::length) {
      require(text_.size() <= left_);
      left_ -= text_.size();
      text_.clear();
    }
    require(text_.empty());
  }

  bool request_, head_done_ = false, upgrade_ = false, chunks_done_ = false;
  std::string text_;
  request_head asked_;
  response_head answered_;
  head_scratch scratch_;
  body_framing framing_ = body_framing::none;
  std::uint64_t left_ = 0;
  chunked_decoder decoder_;
};

constexpr std::string_view answers[] = {
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
  "chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
  "HTTP/1.1 204 No Content\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\nuntil the end",
  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all of it",
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
  "websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
};

constexpr std::string_view asks[] = {
  "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
  "k\r\n\r\n",
};

class driver {
public:
  driver(bool server, std::size_t choice)
    : server_{server},
      choice_{choice},
      session_{server ? http2_role::server : http2_role::client_http, limits(), 1} {}

  void ask() {
    for (const auto text : asks) {
      if (!session_.can_open())
        return;
      const auto id = session_.open();
      readers_[id] = std::make_unique<message_reader>(false);
      session_.write(id, text);
    }
  }
  bool receive(std::string_view bytes) {
    now_ += std::chrono::milliseconds{1};
    const bool alive = session_.receive(bytes, now_);
    listen();
    std::string out;
    session_.collect(out, 1'000);
    require(out.size() < 1'000 + 16'384 + 100);
    listen();
    return alive;
  }
  std::size_t buffered() {
    std::size_t bytes = 0;
    for (const auto& each : readers_)
      bytes += session_.inbound(each.first).size();
    return bytes;
  }

private:
  static http2_limits limits() {
    http2_limits made;
    made.head_bytes_max = 4'096;
    made.fields_max = 50;
    made.streams_max = 10;
    made.outbound_bytes_max = 64;
    return made;
  }

  void listen() {
    while (const auto news = session_.next_news()) {
      if (news->opened)
        readers_[news->id] = std::make_unique<message_reader>(true);
      auto& reader = *readers_.at(news->id);
      if (server_ && news->opened && !take_request(news->id, reader))
        continue;
      read(news->id, reader);
      if (server_ && news->opened)
        session_.write(news->id, answers[choice_++ % std::size(answers)]);
      if (choice_++ % 5 == 0)
        session_.end(news->id);
      if (news->ended || choice_ % 7 == 0) {
        session_.release(news->id);
        readers_.erase(news->id);
      }
    }
  }

  /// False for one whose head is refused: it has been answered.
  bool take_request(http2_stream_id id, message_reader& reader) {
    std::string text;
    head_outline outline;
    require(session_.take_head(id, text, outline));
    if (!outline.refused()) {
      reader.take(text);
      require(reader.head_done());
      return true;
    }
    request_head head;
    require(read_request(text, outline, head, {}).failed());
    std::string answer;
    append_rejection(answer, outline.refusal(), "id", head.method == "HEAD");
    session_.write(id, answer);
    session_.end(id);
    session_.release(id);
    readers_.erase(id);
    return false;
  }

  void read(http2_stream_id id, message_reader& reader) {
    for (auto text = session_.inbound(id); !text.empty(); text = session_.inbound(id)) {
      const auto part =
        choice_ % 3 == 0 && reader.head_done() ? text.substr(0, 1 + text.size() / 2) : text;
      reader.take(part);
      session_.consume(id, part.size());
    }
  }

  bool server_;
  std::size_t choice_;
  http2_session session_;
  http2_session::time_point now_{};
  std::map<http2_stream_id, std::unique_ptr<message_reader>> readers_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const bool server = data[0] < 192;
  const std::size_t step = data[0] % 4 == 0 ? bytes.size() + 1 : 1 + data[0] % 64;
  driver session{server, data[0]};
  bool alive = true;
  if (server)
    alive = session.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  else
    session.ask();
  for (std::size_t at = 0; alive && at < bytes.size(); at += step)
    alive = session.receive(bytes.substr(at, step));
  require(session.buffered() == 0);
  return 0;
}
