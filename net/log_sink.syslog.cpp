// Names, addresses and framing of syslog.
#include "net/log_sink.syslog.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace shunt::net {

namespace {

std::string own_hostname() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0)
    return {};
  return name.data();
}

/// A part of the header: what would end it early is left out.
std::string header_part(std::string text) {
  std::erase_if(text, [](unsigned char byte) { return byte <= 0x20 || byte == 0x7f; });
  return text.empty() ? "-" : text;
}

/// A server that vanished is noticed within half a minute, even while there is nothing to send.
void watch_connection(int fd) {
  constexpr int on = 1, idle_seconds = 15, give_up_ms = 30'000;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_seconds, sizeof(idle_seconds));
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_ms, sizeof(give_up_ms));
}

/// A burst of datagrams may wait for the network card, though not for long.
void limit_waiting(int fd) {
  const timeval patience{0, 50'000};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

} // namespace

std::pair<std::string, std::string> split_host_port(const std::string& address, const std::string& key) {
  const auto colon = address.rfind(':');
  auto host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    throw std::runtime_error{key + ": too many colons in " + address};
  if (colon == address.npos || colon + 1 == address.size())
    throw std::runtime_error{key + ": missing port in " + address};
  return {host.empty() ? "localhost" : host, address.substr(colon + 1)};
}

syslog_server::syslog_server(const syslog_sink_options& options)
  : name_{options.network + " " + options.address} {
  auto network = options.network;
  if (network.ends_with('4') || network.ends_with('6')) {
    family_ = network.back() == '4' ? AF_INET : AF_INET6;
    network.pop_back();
  }
  if (network != "tcp" && network != "udp")
    throw std::runtime_error{"logging.syslog_network: unknown network " + options.network};
  type_ = network == "tcp" ? SOCK_STREAM : SOCK_DGRAM;
  std::tie(host_, port_) = split_host_port(options.address, "logging.syslog_addr");
}

std::vector<syslog_address> syslog_server::addresses(std::string& error) const {
  addrinfo hints{};
  hints.ai_family = family_;
  hints.ai_socktype = type_;
  addrinfo* found = nullptr;
  if (const int failure = ::getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found)) {
    error = name_ + ": " + ::gai_strerror(failure);
    return {};
  }
  std::vector<syslog_address> result;
  for (const auto* each = found; each != nullptr; each = each->ai_next) {
    auto& address = result.emplace_back();
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.bytes = each->ai_addrlen;
  }
  ::freeaddrinfo(found);
  return result;
}

descriptor syslog_server::dial(const syslog_address& address, std::string& error) const {
  const int flags = SOCK_CLOEXEC | (is_tcp() ? SOCK_NONBLOCK : 0);
  descriptor socket{::socket(address.storage.ss_family, type_ | flags, 0)};
  if (socket)
    is_tcp() ? watch_connection(socket.get()) : limit_waiting(socket.get());
  const auto* where = reinterpret_cast<const sockaddr*>(&address.storage);
  if (socket && (::connect(socket.get(), where, address.bytes) == 0 || errno == EINPROGRESS))
    return socket;
  error = name_ + ": " + std::strerror(errno);
  return {};
}

syslog_framing::syslog_framing(const syslog_sink_options& options)
  : wall_clock_{options.wall_clock},
    truncate_bytes_{options.truncate_bytes > 0 ? options.truncate_bytes
                                               : std::numeric_limits<std::size_t>::max()},
    behind_time_{" " + header_part(options.hostname.empty() ? own_hostname() : options.hostname)
                 + " " + header_part(options.app_name) + " " + std::to_string(::getpid())
                 + " - \xef\xbb\xbf"} {
} // The byte order mark says that UTF-8 follows.

void syslog_framing::append(std::string& out, std::string_view line) {
  const auto now = std::chrono::floor<std::chrono::seconds>(wall_clock_());
  if (now != header_time_)
    refresh(now);
  out += header_;
  out += cut_text(line, truncate_bytes_);
}

void syslog_framing::refresh(std::chrono::sys_seconds now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{now - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "<14>1 %04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  header_ = text.data() + behind_time_;
  header_time_ = now;
}

std::string_view cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return text;
  auto end = bytes_max;
  const auto continues = [text](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (end > 0 && bytes_max - end < 3 && continues(end))
    --end;
  return text.substr(0, end);
}

std::shared_ptr<log_sink> open_syslog_sink(syslog_sink_options options, log_trouble trouble) {
  syslog_server server{options};
  return server.is_tcp()
           ? open_syslog_tcp(std::move(server), std::move(options), std::move(trouble))
           : open_syslog_udp(std::move(server), std::move(options), std::move(trouble));
}

} // namespace shunt::net
