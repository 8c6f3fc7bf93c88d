// Reads the options of the demo's commands; what they do is elsewhere.
#include "app/demo.hpp"

#include "app/demo_backend.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace shunt::app {
namespace {

/// What CLI11 writes into; lives as long as the command it belongs to.
struct backend_arguments {
  demo_backend_options options;
  std::uint32_t heartbeat_ms = 0;
};

void add_backend(CLI::App& demo, int& exit_code) {
  const auto given = std::make_shared<backend_arguments>();
  auto& o = given->options;
  auto* cmd = demo.add_subcommand("backend", "An application that registers itself over NATS");
  cmd->add_option("--name", o.name, "What it calls itself")->capture_default_str();
  cmd->add_option("--listen", o.listen, "IP:PORT; port 0 = any free one")->capture_default_str();
  cmd->add_option("--nats", o.nats, "URL of the NATS server")->capture_default_str();
  cmd->add_option("--route", o.routes, "HOST[/PATH] to register; may be repeated")->required();
  const std::map<std::string, std::uint32_t> units{{"ms", 1}, {"s", 1000}, {"m", 60'000}};
  cmd
    ->add_option("--heartbeat", given->heartbeat_ms,
                 "Registers again this often, as 500ms, 5s or 1m; by default as routers ask")
    ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION"))
    ->check(CLI::Range(10, 3'600'000));
  cmd->callback([given, &exit_code] {
    given->options.heartbeat = std::chrono::milliseconds{given->heartbeat_ms};
    exit_code = demo_backend_main(given->options);
  });
}

} // namespace

void add_demo_commands(CLI::App& cli, int& exit_code) {
  auto* demo = cli.add_subcommand("demo", "Sample applications to try the router with");
  demo->require_subcommand(1);
  add_backend(*demo, exit_code);
}

} // namespace shunt::app
