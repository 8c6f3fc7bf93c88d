// What the client does with bytes of the Routing API as they arrive. Seen by the client's sources
// alone.
#pragma once

#include "net/json_elements.hpp"
#include "net/routing_api_client.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace shunt::net {

/// Keeps a short answer.
struct kept_answer final : http_reader {
  bool on_bytes(std::string_view bytes) override {
    text += bytes;
    return true;
  }
  std::string text;
};

/// Reads the list of all routes, one at a time.
class routing_api_client::list_reader final : public http_reader {
public:
  explicit list_reader(routing_api_client& client)
    : client_{client}, elements_{client.options_.event_bytes_max} {}

  bool on_bytes(std::string_view bytes) override {
    while (const auto element = elements_.next(bytes))
      take(*element);
    return elements_.error().empty();
  }

  bool complete() const { return elements_.complete(); }
  std::string_view error() const { return elements_.error(); }
  std::uint64_t listed() const { return listed_; }

private:
  void take(std::string_view element) {
    ++listed_;
    auto route = client_.read(element, false);
    if (!route) { // What could not be read is not missing.
      const auto named = client_.reader_.read_name(element);
      if (!named)
        client_.routes_.list_nameless();
      else if (named->of)
        client_.routes_.list_unreadable(*named->of, named->address_known);
    } else if (client_.routes_.list(*route)) {
      client_.add(std::move(*route));
    }
  }

  routing_api_client& client_;
  json_elements elements_;
  std::uint64_t listed_ = 0;
};

/// Follows the stream of changes, from the moment it is asked for.
class routing_api_client::event_reader final : public http_reader {
public:
  explicit event_reader(routing_api_client& client)
    : client_{client}, stream_{client.options_.event_bytes_max} {}

  void begin(const http_request& request) {
    transfer_ = client_.transfers_.begin(request, client_.options_.tls, *this);
  }
  const std::optional<http_outcome>& outcome() const { return transfer_->outcome(); }
  std::optional<std::chrono::milliseconds> retry() const { return stream_.retry(); }
  clock::time_point following_since() const { return following_since_; }

  void on_head(int status) override {
    if (status != 200)
      return;
    following_since_ = clock::now();
    client_.subscribed();
  }
  bool on_bytes(std::string_view bytes) override {
    while (const auto event = stream_.next(bytes))
      client_.take(*event);
    return true;
  }

private:
  routing_api_client& client_;
  event_stream stream_;
  clock::time_point following_since_{};
  std::unique_ptr<http_transfer> transfer_; // Last: it calls the above.
};

} // namespace shunt::net
