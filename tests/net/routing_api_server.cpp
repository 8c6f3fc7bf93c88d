#include "routing_api_server.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

namespace shunt::net {

namespace {

constexpr auto patience = std::chrono::seconds{20};

[[noreturn]] void become(std::vector<std::string> arguments, int channel) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(channel, STDIN_FILENO);
  ::dup2(channel, STDOUT_FILENO);
  std::vector<char*> pointers;
  for (auto& argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execvp(pointers.front(), pointers.data());
  ::_exit(127);
}

template <class Condition>
bool wait_for(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

} // namespace

routing_api_server::routing_api_server(const test_certificates& certificates) {
  const auto script =
    (std::filesystem::path{__FILE__}.parent_path() / "routing_api_server.py").string();
  std::vector<std::string> arguments{"python3", "-u", script};
  for (auto& each : certificates.server_arguments())
    arguments.push_back(each);
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error{"socketpair"};
  pid_ = ::fork();
  if (pid_ == 0)
    become(std::move(arguments), ends[1]);
  ::close(ends[1]);
  to_ = from_ = ends[0];
  const auto ports = nlohmann::json::parse(read_line());
  uaa_port_ = ports.at(0).get<std::uint16_t>();
  api_port_ = ports.at(1).get<std::uint16_t>();
}

void routing_api_server::kill() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(to_);
  pid_ = -1;
}

std::string routing_api_server::read_line() {
  for (auto end = unread_.npos; (end = unread_.find('\n')) == unread_.npos;) {
    char buffer[4096];
    pollfd readable{from_, POLLIN, 0};
    const auto limit =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
    const auto size = ::poll(&readable, 1, limit) == 1 ? ::read(from_, buffer, sizeof buffer) : 0;
    if (size <= 0) {
      kill();
      throw std::runtime_error{"routing_api_server.py says nothing"};
    }
    unread_.append(buffer, static_cast<std::size_t>(size));
  }
  const auto end = unread_.find('\n');
  auto line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

nlohmann::json routing_api_server::command(const std::string& name,
                                           const std::vector<nlohmann::json>& words) {
  auto whole = nlohmann::json::array({world_, name});
  for (const auto& word : words)
    whole.push_back(word);
  const auto line = whole.dump() + '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const auto size = ::send(to_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (size <= 0)
      throw std::runtime_error{"routing_api_server.py is gone"};
    sent += static_cast<std::size_t>(size);
  }
  return nlohmann::json::parse(read_line());
}

std::size_t routing_api_server::count(const std::string& what) {
  const auto all = heard();
  return static_cast<std::size_t>(
    std::ranges::count_if(all, [&](const auto& each) { return each["what"] == what; }));
}

nlohmann::json routing_api_server::latest(const std::string& what) {
  nlohmann::json found;
  for (auto& each : heard())
    if (each["what"] == what)
      found = each;
  return found;
}

bool routing_api_server::await(const std::string& what, std::size_t wanted) {
  return wait_for([&] { return count(what) >= wanted; });
}

} // namespace shunt::net
