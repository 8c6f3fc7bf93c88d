// The HTTP/2 connections of one loop to its backends. One takes many requests at a time, so a second to
// the same backend is only opened when the first is full or going away. Loop's thread only.
#pragma once

#include "net/http2_link.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shunt::net {

class http2_pool {
public:
  explicit http2_pool(std::chrono::nanoseconds idle_timeout) : idle_timeout_{idle_timeout} {}
  http2_pool(const http2_pool&) = delete;
  http2_pool& operator=(const http2_pool&) = delete;

  /// A connection to `backend` that takes another request now, or null. Not `but`, which may be gone.
  http2_link_ptr find(std::string_view backend, const http2_link* but = nullptr);
  /// Keeps a connection, which is run from here on, until it ends: also when the backend's host acknowledges nothing for
  /// `lost`, with requests under way; 0 = as the kernel sees it.
  void add(std::string_view backend, const http2_link_ptr& link, std::chrono::nanoseconds lost = {});
  /// Lets all connections end as soon as their streams have.
  void clear();
  std::size_t size() const noexcept;

  // -- So that requests which come together do not open a connection each.

  /// Whether somebody is about to `add` one; `opened` then opens when they did, or gave up. It must
  /// outlive that.
  bool await_dial(std::string_view backend, latch& opened);
  /// Whether the last dial that ended led to a connection, and to room for others' requests: then it is worth to wait
  /// for the next, too.
  bool last_dial_left_room(std::string_view backend) const;
  void dial_began(std::string_view backend);
  void dial_ended(std::string_view backend);

private:
  struct shelf {
    std::vector<http2_link_ptr> links;
    std::vector<latch*> waiting;
    bool dialling = false;
    bool added = false;     ///< By the dial that is under way.
    bool left_room = false; ///< By the last that ended.
  };
  struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  shelf& shelf_of(std::string_view backend);
  void forget(const std::string& backend, const http2_link* ended);
  void tidy(const std::string& backend);

  std::chrono::nanoseconds idle_timeout_;
  std::unordered_map<std::string, shelf, hash, std::equal_to<>> shelves_;
};

} // namespace shunt::net
