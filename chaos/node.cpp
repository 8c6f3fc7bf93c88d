#include "chaos/node.hpp"

#include "tests/process/harness/client.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/router.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <random>
#include <set>
#include <system_error>

namespace shunt::chaos {

/// Below the range from which Linux takes the ports of outgoing connections.
std::uint16_t lasting_port() {
  static std::mt19937 chance{std::random_device{}()};
  static std::set<int> given; // To somebody who may not listen on it yet.
  std::uniform_int_distribution<int> below{20000, 32000};
  for (int attempt = 0; attempt < 100; ++attempt)
    try {
      if (const int port = below(chance); given.insert(port).second)
        return test::bound_socket(static_cast<std::uint16_t>(port)).local_port();
    } catch (const std::system_error&) {
      // Taken; the next one.
    }
  throw std::runtime_error("there is no free port from 20000 to 32000");
}

node_ports reserve_ports() {
  return {lasting_port(), lasting_port(), lasting_port(), lasting_port()};
}

node::node(node_options options, node_ports ports) : options_{std::move(options)}, ports_{ports} {
  auto settings = options_.settings;
  settings["port"] = ports_.http;
  settings["status"] = {{"port", ports_.status},
                        {"user", "chaos"},
                        {"pass", "chaos"},
                        {"routes", {{"port", ports_.routes}}}};
  settings["access_log"] = {{"file", options_.directory + "/access.log"}};
  test::write_file(options_.directory + "/router.yml", settings.dump(2) + "\n");
}

void node::start() {
  std::vector<std::string> command;
  if (!options_.redirects.empty())
    command = {"env", "LD_PRELOAD=" SHUNT_CHAOS_REDIRECT_LIBRARY,
               "SHUNT_CHAOS_REDIRECT=" + options_.redirects};
  command.insert(command.end(),
                 {test::shunt_executable(), "-c", options_.directory + "/router.yml"});
  process_ = std::make_unique<test::child_process>(command, options_.directory + "/router.log");
}

bool node::healthy() const {
  try {
    test::client asker{ports_.status};
    asker.reader().patience = std::chrono::milliseconds{200};
    return asker.send(test::get_request("localhost", "/health")).response().status == 200;
  } catch (const std::exception&) {
    return false;
  }
}

std::optional<nlohmann::json> node::cluster_page() const {
  constexpr auto chaos_chaos = "Authorization: Basic Y2hhb3M6Y2hhb3M=\r\n";
  try {
    test::client asker{ports_.routes};
    asker.reader().patience = std::chrono::milliseconds{500};
    const auto answer =
      asker.send(test::get_request("localhost", "/cluster", chaos_chaos)).response();
    return answer.status == 200 ? std::optional{nlohmann::json::parse(answer.body)} : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

} // namespace shunt::chaos
