// The token that the Routing API wants to see: how the UAA's answer is read, and when a token that
// is still good is to be replaced. Pure: time is an argument.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::net {

struct routing_api_token {
  std::string text; ///< Fit for a header field.
  std::chrono::seconds expires_in{0};
};

/// A token, or why the answer holds none. The reason never quotes the answer.
struct token_reading {
  std::optional<routing_api_token> token;
  std::string reason; ///< Empty if there is a token.
};

/// Reads the body of the UAA's answer to a request for a token (RFC 6749, section 5.1).
token_reading read_token(std::string_view json);

/// One token, for as long as it may be used.
class token_cache {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// A token is not used any more so long before it expires.
  explicit token_cache(std::chrono::seconds expiry_buffer) : expiry_buffer_{expiry_buffer} {}
  /// For tokens that are kept from now on.
  void set_expiry_buffer(std::chrono::seconds buffer) noexcept { expiry_buffer_ = buffer; }

  void keep(routing_api_token token, time_point now);
  /// It was refused.
  void forget() { token_.reset(); }
  /// Null: a new one is to be fetched.
  const std::string* find(time_point now) const;

private:
  std::chrono::seconds expiry_buffer_;
  std::optional<routing_api_token> token_;
  time_point use_until_{};
};

} // namespace shunt::net
