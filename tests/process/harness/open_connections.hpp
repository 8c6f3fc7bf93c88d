// Clients of a router in the middle of what they do: HTTP/1.1 kept alive, HTTP/2 with a stream under way, and a WebSocket.
// For tests of what must not disturb any of them.
#pragma once

#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tool.hpp"

#include <future>
#include <string>

namespace shunt::test {

class open_connections {
public:
  /// The router serves HTTP/2 over TLS. Gives `there` scripts of its own.
  open_connections(stage& here, backend& there);
  ~open_connections() { held_.open(); }

  /// What the HTTP/1.1 connection and the WebSocket have to say; the stream still waits.
  void speak();
  /// Lets the stream come to its end, and has another one follow on its connection. Once, at last.
  void finish();

  const std::string& host() const { return host_; }

private:
  gate held_;
  std::string host_;
  client kept_;
  client socket_;
  std::future<tool_result> streams_;
  int spoken_ = 0;
};

} // namespace shunt::test
