// UAA and Routing API as a child process on loopback, over TLS, for as long as the object lives.
// What they say is set, and what they heard is told, over the child's standard input and output.
#pragma once

#include "test_certificates.hpp"

#include <nlohmann/json.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::net {

class routing_api_server {
public:
  /// Waits until both accept clients. Throws std::runtime_error.
  explicit routing_api_server(const test_certificates& certificates);
  ~routing_api_server() { kill(); }
  routing_api_server(const routing_api_server&) = delete;
  routing_api_server& operator=(const routing_api_server&) = delete;

  std::uint16_t uaa_port() const { return uaa_port_; }
  std::uint16_t api_port() const { return api_port_; }
  /// Ends at once, as after a crash.
  void kill();
  bool alive() const { return pid_ > 0; }

  /// Leaves behind all that was set and heard, and all who asked so far.
  void begin_anew() { world_ = std::to_string(++worlds_); }
  /// Expects to be asked without a prefix.
  void begin_at_the_root() { world_.clear(); }
  /// To stand between host and path in what is asked for.
  std::string prefix() const { return '/' + world_; }

  void set_routes(const std::string& body) { command("set_routes", {body}); }
  void set_expiry(int seconds) { command("set_expiry", {seconds}); }
  void revoke() { command("revoke"); }
  /// `what`: token, routes, events. `answer`: see the script.
  void prepare(const std::string& what, const nlohmann::json& answer) {
    command("prepare", {what, answer});
  }
  /// To all streams; how many there are.
  int send(const std::string& text) { return command("send", {text}).get<int>(); }
  void end_streams(bool cleanly) { command("end_streams", {cleanly}); }
  /// All requests so far: what, path, authorization, body, client.
  nlohmann::json heard() { return command("heard"); }
  /// Those for `what`.
  std::size_t count(const std::string& what);
  nlohmann::json latest(const std::string& what);
  /// Waits for some.
  bool await(const std::string& what, std::size_t count);

private:
  nlohmann::json command(const std::string& name, const std::vector<nlohmann::json>& words = {});
  std::string read_line();

  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string unread_;
  std::string world_ = "0";
  int worlds_ = 0;
  std::uint16_t uaa_port_ = 0;
  std::uint16_t api_port_ = 0;
};

} // namespace shunt::net
