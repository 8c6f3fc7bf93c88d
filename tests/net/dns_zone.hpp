// A DNS server for one zone (RFC 1035): names with IPv4 addresses, and silence for all whose name begins with `slow`.
// Belongs to its loop's thread.
#pragma once

#include "net/event_loop.hpp"

#include <boost/asio/ip/udp.hpp>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

class dns_zone {
public:
  explicit dns_zone(event_loop& loop)
    : socket_{loop.context(), asio::ip::udp::endpoint{asio::ip::address_v4::loopback(), 0}} {
    receive();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port()); }

  bool silent = true;
  std::map<std::string, std::vector<std::string>> hosts;
  std::map<std::string, int> asked; ///< For IPv4 addresses.

private:
  void receive() {
    socket_.async_receive_from(asio::buffer(bytes_), from_, [this](boost::system::error_code failed, std::size_t count) {
      if (failed)
        return;
      reply({bytes_.data(), count});
      receive();
    });
  }
  void reply(std::string_view query) {
    std::string name;
    std::size_t at = 12; // Behind the header: one question.
    while (query[at] != 0) {
      name += (name.empty() ? "" : ".") + std::string{query.substr(at + 1, static_cast<unsigned char>(query[at]))};
      at += 1 + static_cast<unsigned char>(query[at]);
    }
    const auto question_end = at + 5;
    const bool for_ipv4 = query[at + 2] == 1;
    asked[name] += for_ipv4;
    if (silent && name.starts_with("slow"))
      return;
    const auto host = hosts.find(name);
    const bool found = host != hosts.end();
    const auto told = found && for_ipv4 ? host->second : std::vector<std::string>{};
    std::string out{query.substr(0, 2)};
    out += {'\x81', found ? '\x80' : '\x83', 0, 1, 0, static_cast<char>(told.size()), 0, 0, 0, 0};
    out += query.substr(12, question_end - 12);
    for (const auto& each : told) {
      out += {'\xc0', 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
      for (const auto byte : asio::ip::make_address_v4(each).to_bytes())
        out += static_cast<char>(byte);
    }
    socket_.send_to(asio::buffer(out), from_);
  }

  asio::ip::udp::socket socket_;
  asio::ip::udp::endpoint from_;
  std::array<char, 512> bytes_;
};

} // namespace shunt::net
