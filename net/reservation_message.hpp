// Reads the payloads of `router.reserve` and `router.unreserve` (docs/protocol.md), and writes a
// reservation as the message that would make it, which is how it is stored. Strict: a field of the
// wrong type or out of range refuses the whole message, with a reason that names the field. Unknown
// fields and options are ignored; field names match in any case, null acts as absent.
#pragma once

#include "routing/reservation.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::net {

inline constexpr std::size_t reservation_payload_bytes_max = 1024 * 1024;
inline constexpr std::size_t reservation_uris_max = 1'000; ///< Each has a copy of what is said.
inline constexpr std::size_t reservation_depth_max = 32;   ///< Of nested arrays and objects.
inline constexpr std::size_t reservation_text_bytes_max =
  256; ///< Of `app`, `loadbalancing`, `hash_header`.
inline constexpr std::chrono::seconds reserve_ttl_max = std::chrono::hours{87'600}; ///< Ten years.

/// What `router.reserve` says.
struct reserve_message {
  std::vector<routing::reservation> made; ///< In order, at least one; `until` is not set.
  std::chrono::seconds ttl{0};            ///< 0: none was given.
};

/// What `router.unreserve` says: hosts and paths, normalised; at least one.
struct unreserve_message {
  std::vector<std::pair<std::string, std::string>> routes;
};

/// A message, or why there is none.
template <class Message>
class reservation_result {
public:
  explicit reservation_result(Message message) : message_(std::move(message)) {}
  explicit reservation_result(std::string reason) : reason_(std::move(reason)) {}

  explicit operator bool() const noexcept { return reason_.empty(); }
  Message& operator*() noexcept { return message_; }
  Message* operator->() noexcept { return &message_; }
  const Message* operator->() const noexcept { return &message_; }
  /// For example `options.hold: longer than 10m0s`; empty: there is a message.
  const std::string& reason() const noexcept { return reason_; }

private:
  Message message_;
  std::string reason_;
};

/// Keeps the memory that reading needs from one message to the next. One a thread.
class reservation_reader {
public:
  reservation_reader();
  ~reservation_reader();
  reservation_reader(reservation_reader&&) noexcept;
  reservation_reader& operator=(reservation_reader&&) noexcept;

  /// Never throw but std::bad_alloc.
  reservation_result<reserve_message> read_reserve(std::string_view json);
  reservation_result<unreserve_message> read_unreserve(std::string_view json);

  struct memory; ///< Hides the JSON library.

private:
  std::unique_ptr<memory> memory_;
};

/// The canonical message: `read_reserve` makes of it the same reservation, but for its time.
std::string to_json(const routing::reservation& reservation);

} // namespace shunt::net
