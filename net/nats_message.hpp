// One message from NATS. Owns the client library's memory, so nothing is copied between the socket
// and the parser.
#pragma once

#include <memory>
#include <string_view>

struct __natsMsg; // What <nats/nats.h> calls natsMsg.

namespace shunt::net {

class nats_message {
public:
  nats_message() = default;
  /// Takes ownership of `raw`.
  explicit nats_message(__natsMsg* raw) noexcept : raw_(raw) {}
  /// A message that never was on the wire; for tests. Throws std::bad_alloc.
  nats_message(std::string_view subject, std::string_view reply, std::string_view payload);

  std::string_view subject() const noexcept;
  std::string_view reply() const noexcept; ///< Empty: nobody waits for an answer.
  std::string_view payload() const noexcept;

private:
  struct destroy {
    void operator()(__natsMsg* raw) const noexcept;
  };
  std::unique_ptr<__natsMsg, destroy> raw_;
};

} // namespace shunt::net
