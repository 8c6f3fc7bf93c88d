// A request's stay at its route service, from its signing to the client's answer: whether the service's
// time is over, how often the signature was used, how many requests carry it at once, and how much of
// the time was the service's and how much the app's. A state machine without I/O; whoever drives it
// tells what happens and when.
#pragma once

#include "routing/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing {

/// Names a session among those of all routers that share a secret. Travels encrypted in the signature,
/// so it need not be hard to guess.
struct session_id {
  std::uint64_t incarnation = 0; ///< Of the process: random, so that a successor's differs.
  std::uint32_t loop = 0;
  std::uint64_t serial = 0; ///< On that loop.

  bool operator==(const session_id&) const = default;

  /// Appends the three in lower-case hexadecimal, with dashes between.
  void append_to(std::string& out) const;
  /// Empty unless `text` is exactly what `append_to` writes.
  static std::optional<session_id> parse(std::string_view text);
};

struct session_limits {
  /// For the service to answer, or to send the request back; 0 = none.
  nanoseconds timeout{0};
  /// Requests that may come back with the signature; 0 = any number.
  std::uint64_t uses_max = 0;
};

/// Requests that may carry one signature at the same time. A service that repeats a request does so one
/// after the other, or a few at once; that many at once are a loop, or abuse.
inline constexpr std::uint32_t signature_uses_at_once_max = 16;

/// What becomes of a request that carries a session's signature.
enum class use_verdict : std::uint8_t {
  admitted,
  used_up,  ///< It came back more often than `session_limits::uses_max`.
  looping,  ///< Too many requests with that signature are under way at once.
  too_late, ///< The service was given up: the client is being answered without it.
  over,     ///< The client has its answer.
  unknown,  ///< Another process knows, or nobody: no ground for a refusal.
};

struct session_times {
  nanoseconds service{-1};
  nanoseconds app{-1}; ///< Negative: the request did not come back.
};

class route_service_session {
public:
  /// Begins when the request is signed.
  route_service_session(const session_limits& limits, time_point now)
    : limits_{limits}, began_{now} {}

  /// When to call `expire`; `time_point::max()`: never.
  time_point deadline() const noexcept;
  /// Whether the service is to be given up now. True once at most.
  bool expire(time_point now) noexcept;
  /// The service began to answer.
  void answered() noexcept { settled_ = true; }
  /// The client is going to be answered without the service, whatever it still does.
  void give_up() noexcept { given_up_ = true; }

  /// A request with the signature arrived. `comes_back`: at the session's own route; else on its way
  /// through a route of no route service, such as that of a service which is an app itself. Each is to
  /// be ended by `use_ended`, whatever the verdict.
  use_verdict use(bool comes_back, time_point now) noexcept;
  void use_ended(bool came_back, time_point now) noexcept;

  bool given_up() const noexcept { return given_up_; }
  /// Whether the request was let through to the app.
  bool has_come_back() const noexcept { return uses_ > 0; }
  /// Up to now: the app's is the time during which at least one request was on its way to it and back,
  /// the service's is the rest.
  session_times times(time_point now) const noexcept;

private:
  session_limits limits_;
  time_point began_;
  time_point app_began_{};
  nanoseconds app_{0};
  std::uint64_t uses_ = 0;
  std::uint32_t under_way_ = 0; ///< Requests that carry the signature.
  std::uint32_t at_app_ = 0;    ///< Of these, such as came back.
  bool settled_ = false;        ///< It answered, or sent the request back.
  bool given_up_ = false;
};

} // namespace shunt::routing
