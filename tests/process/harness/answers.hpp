// Scripts that many tests give to their backends.
#pragma once

#include "tests/process/harness/backend.hpp"

#include <string>
#include <vector>

namespace shunt::test::answers {

/// Reads the request, then sends exactly `bytes`.
backend::script bytes(std::string bytes);
/// The same, then closes.
backend::script bytes_then_close(std::string bytes);
/// 200 with that body, length announced. `fields` are whole lines with CRLF.
backend::script ok(std::string body, std::string fields = {});
/// 200 with the request's own body.
backend::script echo();
/// Reads the request, then closes without a word.
backend::script closing();
/// Reads the head, then resets the connection.
backend::script resetting();
/// Reads the request, then says nothing until the peer gives up.
backend::script silent();
/// 101 with `Upgrade: token`, then everything sent back, until the peer half-closes.
backend::script upgrade_echo(std::string token = "websocket");
/// The first script answers the first request to this backend, and so on; the last stays.
backend::script in_turn(std::vector<backend::script> scripts);

} // namespace shunt::test::answers
