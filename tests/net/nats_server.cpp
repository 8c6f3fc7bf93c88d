// Starts and ends the child; what it says on standard error tells when it is ready, and on which
// port.
#include "nats_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace shunt::net {

namespace {

void check(natsStatus status) {
  if (status != NATS_OK)
    throw std::runtime_error{describe(status)};
}

[[noreturn]] void become(std::vector<std::string>& arguments, int log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(log, STDERR_FILENO);
  std::vector<char*> pointers;
  for (auto& argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  ::execvp("nats-server", pointers.data());
  ::execv("/usr/sbin/nats-server", pointers.data()); // Where users other than root do not look.
  ::_exit(127);
}

} // namespace

nats_server::nats_server(std::vector<std::string> arguments, std::uint16_t port) {
  const auto port_text = port == 0 ? std::string{"-1"} : std::to_string(port);
  arguments.insert(arguments.begin(), {"nats-server", "-a", "127.0.0.1", "-p", port_text});
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error{"pipe"};
  pid_ = ::fork();
  if (pid_ == 0)
    become(arguments, ends[1]);
  ::close(ends[1]);
  log_ = ends[0];
  await_ready();
}

void nats_server::await_ready() {
  const std::string marker = "Listening for client connections on 127.0.0.1:";
  std::string said;
  while (said.find("Server is ready") == std::string::npos) {
    char buffer[4096];
    pollfd readable{log_, POLLIN, 0};
    const auto size = ::poll(&readable, 1, 10'000) == 1 ? ::read(log_, buffer, sizeof buffer) : 0;
    if (size <= 0) {
      kill();
      throw std::runtime_error{"nats-server: " + said};
    }
    said.append(buffer, static_cast<std::size_t>(size));
  }
  port_ = static_cast<std::uint16_t>(std::stoi(said.substr(said.find(marker) + marker.size())));
}

void nats_server::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(log_);
  }
  pid_ = -1;
}

nats_peer::nats_peer(const nats_server& server, const std::string& user, const std::string& pass) {
  nats_options options;
  options.hosts = {{"127.0.0.1", server.port()}};
  options.user = user;
  options.pass = pass;
  natsConnection* raw = nullptr;
  check(natsConnection_Connect(&raw, make_client_options(options).get()));
  connection_.reset(raw);
}

void nats_peer::subscribe(const std::string& subject) {
  natsSubscription* raw = nullptr;
  check(natsConnection_SubscribeSync(&raw, connection_.get(), subject.c_str()));
  subscription_.reset(raw);
  flush();
}

void nats_peer::publish(const std::string& subject, const std::string& payload,
                        const std::string& reply) {
  const auto size = static_cast<int>(payload.size());
  check(reply.empty()
          ? natsConnection_Publish(connection_.get(), subject.c_str(), payload.data(), size)
          : natsConnection_PublishRequest(connection_.get(), subject.c_str(), reply.c_str(),
                                          payload.data(), size));
}

void nats_peer::flush() {
  check(natsConnection_FlushTimeout(connection_.get(), 10'000));
}

std::optional<nats_message> nats_peer::next(std::chrono::milliseconds patience) {
  natsMsg* raw = nullptr;
  if (natsSubscription_NextMsg(&raw, subscription_.get(), patience.count()) != NATS_OK)
    return std::nullopt;
  return nats_message{raw};
}

} // namespace shunt::net
