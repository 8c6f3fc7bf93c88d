#include "tests/process/harness/answers.hpp"

#include <atomic>
#include <memory>

namespace shunt::test::answers {

backend::script bytes(std::string bytes) {
  return [bytes = std::move(bytes)](backend_session& session) {
    session.read_body();
    session.send(bytes);
  };
}

backend::script bytes_then_close(std::string bytes) {
  return [bytes = std::move(bytes)](backend_session& session) {
    session.read_body();
    session.send(bytes);
    session.close();
  };
}

backend::script ok(std::string body, std::string fields) {
  return bytes("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields
               + "\r\n" + body);
}

backend::script echo() {
  return [](backend_session& session) {
    const auto& body = session.read_body();
    session.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"
                 + body);
  };
}

backend::script closing() {
  return [](backend_session& session) {
    session.read_body();
    session.close();
  };
}

backend::script resetting() {
  return [](backend_session& session) { session.reset(); };
}

backend::script silent() {
  return [](backend_session& session) {
    session.read_body();
    session.wait_for_close();
  };
}

backend::script upgrade_echo(std::string token) {
  return [token = std::move(token)](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + token
                 + "\r\n\r\n");
    for (auto bytes = session.reader().some(); !bytes.empty(); bytes = session.reader().some())
      session.send(bytes);
    session.close();
  };
}

backend::script in_turn(std::vector<backend::script> scripts) {
  auto next = std::make_shared<std::atomic<std::size_t>>(0);
  return [next, scripts = std::move(scripts)](backend_session& session) {
    scripts[std::min(next->fetch_add(1), scripts.size() - 1)](session);
  };
}

} // namespace shunt::test::answers
