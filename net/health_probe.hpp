// Asks one endpoint over HTTP how it is, again and again, by one connection for as long as both sides
// keep it: HTTP/1.1, or HTTP/2 where the endpoint speaks that. Everything has a bound: the time of a
// check as a whole, the head of the answer, and what of its body is read for the connection's sake.
// Loop's thread only.
#pragma once

#include "net/backend_tls.hpp"
#include "net/dial.hpp"
#include "net/http2_link.hpp"
#include "net/http_head.hpp"
#include "net/probe_result.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace shunt::net {

class health_probe : public std::enable_shared_from_this<health_probe> {
public:
  /// Whom to ask.
  struct target {
    std::string host; ///< An IP literal or a DNS name, no brackets.
    std::uint16_t port = 0;
    std::string address;  ///< As it is shown.
    std::string tls_name; ///< What its certificate must be for; empty: no TLS.
    bool http2 = false;   ///< With TLS it is offered, without TLS it is spoken.
  };
  /// Whom to trust, and how long to wait.
  struct terms {
    std::shared_ptr<const backend_tls> tls; ///< Null: TLS endpoints cannot be reached.
    std::chrono::nanoseconds timeout{0};
    std::chrono::nanoseconds keep{0}; ///< An idle connection of HTTP/1.1; 0 = none of either kind.
  };

  health_probe(event_loop& loop, target whom) : loop_{loop}, target_{std::move(whom)} {}
  health_probe(const health_probe&) = delete;
  health_probe& operator=(const health_probe&) = delete;
  ~health_probe() { drop_connection(); }

  /// One check: sends `request`, a whole HTTP/1.1 request, and judges the answer. One at a time;
  /// `self` keeps the probe until it is over. A connection that was opened on the terms of another
  /// `tls` is not used.
  static task<probe_result> check(std::shared_ptr<health_probe> self, std::string request,
                                  terms on);
  /// Ends a check under way, and the connection. No other check follows.
  void close() noexcept;
  bool is_connected() const noexcept { return up_ != nullptr || link_ != nullptr; }

private:
  using clock = std::chrono::steady_clock;

  task<probe_result> attempt(const std::string& request, const terms& on, bool fresh);
  task<probe_result> open(const terms& on, bool fresh);
  task<probe_result> dial();
  task<probe_result> secure(const terms& on);
  task<probe_result> read_answer();
  task<void> finish(const terms& on);
  bool reuse();
  void start_http2();
  probe_result failed(error_code code, const char* doing) const;
  std::chrono::nanoseconds left() const;
  void drop_connection() noexcept;
  static void on_event(void* self);

  event_loop& loop_;
  target target_;
  std::shared_ptr<const backend_tls> opened_with_;
  wire_ptr up_;         ///< The connection, or a stream of `link_`.
  http2_link_ptr link_; ///< Null over HTTP/1.1.
  response_head head_;
  head_scratch scratch_;
  clock::time_point deadline_{};
  bool reused_ = false;
  bool heard_ = false; ///< Something of the answer.
  bool closed_ = false;
};

} // namespace shunt::net
