#include "net/metron.hpp"

#include "config/settings.hpp"
#include "net/log_sink.syslog.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace shunt::net {

namespace {

/// Host and port. Throws.
std::pair<std::string, std::string> split(const std::string& address) {
  return split_host_port(address, "logging.metron_address");
}

/// A socket that sends there. None, with the reason in `error`, if the address cannot be found.
descriptor dial(const std::string& address, std::string& error) {
  const auto [host, port] = split(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  descriptor socket;
  // IPv4 first: agents listen on 127.0.0.1, while `localhost` may well mean ::1, too.
  for (const int family : {AF_INET, AF_INET6}) {
    hints.ai_family = family;
    addrinfo* found = nullptr;
    if (const int failure = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found)) {
      error = address + ": " + ::gai_strerror(failure);
      continue;
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all{found, ::freeaddrinfo};
    socket = descriptor{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket && ::connect(socket.get(), found->ai_addr, found->ai_addrlen) == 0)
      return socket;
    error = address + ": " + std::strerror(errno);
  }
  return {};
}

struct dialled {
  descriptor socket;
  std::string error;
};

/// The same, until it is to `stop`. The C library's resolver cannot be interrupted: it has a thread of its own, which
/// may outlive whoever asked.
std::optional<dialled> dial(const std::string& address, std::stop_token stop) {
  struct question {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::optional<dialled> answer;
  };
  const auto asked = std::make_shared<question>();
  std::thread{[asked, address] {
    dialled answer;
    answer.socket = dial(address, answer.error);
    const std::lock_guard lock{asked->mutex};
    asked->answer = std::move(answer);
    asked->changed.notify_all();
  }}.detach();
  std::unique_lock lock{asked->mutex};
  asked->changed.wait(lock, stop, [&] { return asked->answer.has_value(); });
  return std::move(asked->answer);
}

} // namespace

loggregator_rules::loggregator_rules(const config::settings& settings) {
  const bool there = !settings.logging.metron_address.empty();
  lines = there && settings.logging.loggregator_enabled;
  requests = there && settings.send_http_start_stop_server_event;
  attempts = there && settings.send_http_start_stop_client_event;
  metrics = there && settings.enable_envelope_v1_metrics;
}

void check_metron_address(const std::string& address) {
  if (!address.empty())
    split(address);
}

metron::metron(std::string address, log_trouble trouble)
  : trouble_{std::move(trouble)}, address_{std::move(address)} {
  check_metron_address(address_);
}

void metron::use(std::string address) {
  const std::lock_guard lock{mutex_};
  if (address_ == address)
    return;
  address_ = std::move(address);
  found_ = false;
  in_trouble_ = false; // With another.
}

void metron::look_up(std::stop_token stop) {
  std::string address;
  {
    const std::lock_guard lock{mutex_};
    if (found_)
      return;
    address = address_;
  }
  auto answer = address.empty() ? std::optional<dialled>{std::in_place} : dial(address, std::move(stop));
  if (!answer)
    return;
  const std::lock_guard lock{mutex_};
  socket_ = std::move(answer->socket);
  found_ = socket_ || address.empty();
  deaf_until_.store(socket_ ? 0 : never, std::memory_order_relaxed);
  if (!found_)
    begin_trouble(answer->error);
}

void metron::send(std::string_view envelope) {
  const auto now = clock::now();
  const std::lock_guard lock{mutex_};
  const int first = try_send(envelope);
  if (first == ECONNREFUSED) {
    // An earlier one's: nobody was there. This one may still arrive.
    deaf_until_.store((now + quiet).time_since_epoch().count(), std::memory_order_relaxed);
    lose(address_ + ": " + std::strerror(first), now);
    if (const int second = try_send(envelope); second != 0)
      lose(address_ + ": " + std::strerror(second), now);
  } else if (first == EMSGSIZE || first == EDESTADDRREQ) { // Nobody's fault there: clients send what is so long.
    lost_.fetch_add(1, std::memory_order_relaxed);
  } else if (first != 0) {
    lose(address_ + ": " + std::strerror(first), now);
  } else if (in_trouble_ && now - last_loss_ > quiet) {
    in_trouble_ = false;
    trouble_("metron-reached", std::to_string(lost() - lost_before_) + " messages were lost");
  }
}

/// 0, or why a datagram was lost.
int metron::try_send(std::string_view envelope) {
  if (!socket_)
    return EDESTADDRREQ;
  while (::send(socket_.get(), envelope.data(), envelope.size(), MSG_NOSIGNAL) < 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

void metron::lose(std::string_view error, clock::time_point now) {
  begin_trouble(error);
  last_loss_ = now;
  lost_.fetch_add(1, std::memory_order_relaxed);
}

void metron::begin_trouble(std::string_view error) {
  if (std::exchange(in_trouble_, true))
    return;
  lost_before_ = lost();
  trouble_("metron-unreachable", error);
}

} // namespace shunt::net
