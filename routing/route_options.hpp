// What a route as a whole asks for by the `options` of its registrations or of its reservation, beyond
// what balancing needs: how it answers while it has no backends, and what follows when its route service
// fails.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::routing {

struct route_options {
  std::uint16_t empty_status = 0; ///< `empty_status`, 400 to 599; 0 = the node's.
  std::optional<std::chrono::seconds> retry_after{}; ///< `retry_after`; zero = none is sent.
  /// `hold`: how long a request may wait for the first backend; zero = not at all.
  std::chrono::milliseconds hold{0};
  /// `fallback`, of a reservation: while the route has no backends, shorter paths and wildcards serve.
  bool fallback = false;
  /// `route_service_failure: open`: a request whose route service is down goes to the app without it.
  bool open_without_service = false;
  std::string empty_body{}; ///< `empty_body`; empty = the node's.
  std::string empty_content_type{}; ///< `empty_content_type`, of that body; empty = plain text.

  bool operator==(const route_options&) const = default;
  /// An order without meaning, the same on all nodes.
  auto operator<=>(const route_options&) const = default;
};

inline constexpr std::size_t empty_body_bytes_max = 16 * 1024;
inline constexpr std::chrono::milliseconds hold_max = std::chrono::minutes{10};

/// Options that are shared, compared by what they say. Null: nothing is asked for.
class route_options_ptr {
public:
  route_options_ptr() = default;
  route_options_ptr(std::shared_ptr<const route_options> held) : held_{std::move(held)} {}
  route_options_ptr(std::shared_ptr<route_options> held) : held_{std::move(held)} {}

  explicit operator bool() const noexcept { return held_ != nullptr; }
  const route_options& operator*() const noexcept { return *held_; }
  const route_options* operator->() const noexcept { return held_.get(); }
  friend bool operator==(const route_options_ptr& a, const route_options_ptr& b) {
    return a.held_ == b.held_ || (a && b && *a == *b);
  }
  bool operator==(std::nullptr_t) const noexcept { return held_ == nullptr; }

private:
  std::shared_ptr<const route_options> held_;
};

/// One text for each value, and back. Only for this process.
std::string pack(const route_options& options);
route_options unpack_route_options(std::string_view packed);

} // namespace shunt::routing
