#include "tests/process/harness/stage.hpp"

#include <atomic>
#include <stdexcept>

namespace shunt::test {

std::string fresh_host() {
  static std::atomic<int> number{0};
  return "h" + std::to_string(++number) + ".example.com";
}

namespace {

std::string normalised(std::string uri) {
  for (auto& c : uri)
    c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  uri.resize(std::min(uri.size(), uri.find('?')));
  if (uri.ends_with('/'))
    uri.pop_back();
  return uri;
}

std::string loopback(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

} // namespace

void stage::map(const std::string& uri, std::uint16_t port, const nlohmann::json& more) {
  bus.announce(port, uri, more);
  if (!eventually([&] { return under_test.lists(normalised(uri), loopback(port)); }))
    throw std::runtime_error(uri + " was registered, but /routes does not show it");
}

void stage::unmap(const std::string& uri, std::uint16_t port, const nlohmann::json& more) {
  bus.withdraw(port, uri, more);
  if (!eventually([&] { return !under_test.lists(normalised(uri), loopback(port)); }))
    throw std::runtime_error(uri + " was unregistered, but /routes still shows it");
}

std::string stage::mapped(const backend& to, const nlohmann::json& more) {
  auto host = fresh_host();
  map(host, to, more);
  return host;
}

http_response stage::ask(std::string_view request_bytes, std::string_view method) const {
  return client{under_test.port()}.send(request_bytes).response(method);
}

bool stage::eventually_answers(const std::string& host, const std::string& path, int status) const {
  return eventually([&] { return get(host, path).status == status; });
}

} // namespace shunt::test
