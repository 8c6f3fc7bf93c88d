// The requests of one loop that wait for the first endpoint of their route. Who may wait, and who goes
// when endpoints come, the route's shard decides. Loop's thread only.
#pragma once

#include "actors/protocol.hpp"
#include "net/deadline.hpp"

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace shunt {

class held_requests {
public:
  enum class outcome : std::uint8_t {
    over,    ///< Look for the route again.
    refused, ///< Too many wait.
    late,    ///< Nothing came in time.
    left,    ///< Its client did not wait.
  };

  /// `owner` answers who has a route's host now.
  held_requests(net::deadline_wheel& deadlines,
                std::function<route_shard_actor(std::string_view host)> owner)
    : deadlines_{&deadlines}, owner_{std::move(owner)} {}

  /// Who the shards answer to. Before the first request.
  void open(lease_cache_actor self) { self_ = std::move(self); }
  void over(const hold_over& message);
  /// Those who wait ask the successor of their shard, if their host is one of its.
  void ask_again(const std::function<bool(std::string_view host)>& concerns);

  /// One request's place. Holds it, in the shard's eyes, until it is destroyed: also while the request is
  /// being served.
  class place {
  public:
    place(held_requests& among, std::string host, std::string path, std::size_t bytes,
          net::steady_time until);
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    ~place();

    bool is_for(std::string_view host, std::string_view path) const {
      return host == host_ && path == path_;
    }
    /// Suspends until there is an outcome. May be awaited again after `over`, for what is left of the time:
    /// `again` if the endpoints that came were filled by others.
    auto wait(bool again = false);
    /// The client has left: ends the wait at once.
    void leave() { end(outcome::left); }

  private:
    friend class held_requests;
    struct awaiter;

    void ask(bool again);
    void release();
    void end(outcome how);

    held_requests& among_;
    std::string host_;
    std::string path_;
    std::size_t bytes_;
    net::steady_time until_;
    std::uint64_t id_ = 0; ///< 0: the shard does not know of it.
    outcome outcome_ = outcome::late;
    bool left_ = false;
    std::coroutine_handle<> awaiting_;
    net::deadline limit_;
  };

private:
  net::deadline_wheel* deadlines_;
  std::function<route_shard_actor(std::string_view)> owner_;
  lease_cache_actor self_;
  std::unordered_map<std::uint64_t, place*> places_;
  std::uint64_t last_id_ = 0;
};

struct held_requests::place::awaiter {
  place& self;
  bool again;

  bool await_ready() const noexcept { return self.left_; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    self.awaiting_ = awaiting;
    self.ask(again);
  }
  outcome await_resume() const noexcept { return self.left_ ? outcome::left : self.outcome_; }
};

inline auto held_requests::place::wait(bool again) {
  return awaiter{*this, again};
}

} // namespace shunt
