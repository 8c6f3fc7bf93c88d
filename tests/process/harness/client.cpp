#include "tests/process/harness/client.hpp"

namespace shunt::test {

bool client::sees_close(milliseconds time) {
  reader_.patience = time;
  try {
    return reader_.some().empty();
  } catch (const socket_error&) {
    return false;
  }
}

bool client::sees_end(milliseconds time) {
  reader_.patience = time;
  try {
    return reader_.some().empty();
  } catch (const socket_error& error) {
    return error.reason == socket_error::kind::reset;
  }
}

std::string get_request(std::string_view host, std::string_view path, std::string_view fields) {
  std::string text{"GET "};
  text.append(path).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  return text.append(fields).append("\r\n");
}

std::string post_request(std::string_view host, std::string_view body, std::string_view fields) {
  std::string text{"POST / HTTP/1.1\r\nHost: "};
  text.append(host).append("\r\nContent-Length: ").append(std::to_string(body.size()));
  return text.append("\r\n").append(fields).append("\r\n").append(body);
}

} // namespace shunt::test
