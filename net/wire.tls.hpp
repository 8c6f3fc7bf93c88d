// What a wire holds while it speaks TLS.
#pragma once

#include "net/tls_engine.hpp"
#include "net/wire.hpp"

#include <string>
#include <string_view>

namespace shunt::net {

struct wire::tls_state {
  std::unique_ptr<tls_engine> engine;
  block ciphertext{};      ///< What was received last. None while the wire dozes.
  std::string encrypted{}; ///< What the peer did not take yet.
  std::size_t sent = 0;    ///< Of `encrypted`.
  bool flushing = false;   ///< It will be sent without anybody waiting for that,
  bool shut_after = false; ///< and then there is no more.
  bool said_goodbye = false;

  std::string_view unsent() const noexcept { return std::string_view{encrypted}.substr(sent); }
};

} // namespace shunt::net
