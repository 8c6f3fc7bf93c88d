// Reads the options of the demo's commands; what they do is elsewhere.
#include "app/demo.hpp"

#include "app/demo_backend.hpp"
#include "app/demo_route_service.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

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
  cmd->add_option("--route-service", o.route_service, "https URL of a route service that they are bound to");
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

/// An option whose value is an order; its name says which.
void add_order(CLI::App& cmd, demo_orders& orders, const std::string& name, const std::string& about) {
  const auto take = [&orders, name](const std::vector<std::string>& values) {
    for (const auto& value : values)
      if (const auto problem = orders.take(name, value); !problem.empty())
        throw CLI::ValidationError("--" + name, problem + ": " + value);
  };
  cmd.add_option_function<std::vector<std::string>>("--" + name, take, about);
}

void add_route_service(CLI::App& demo, int& exit_code) {
  const auto given = std::make_shared<demo_route_service_options>();
  auto& o = *given;
  auto* cmd = demo.add_subcommand("route-service", "A route service over HTTPS, which logs what it is sent");
  cmd->add_option("--listen", o.listen, "IP:PORT; port 0 = any free one")->capture_default_str();
  auto* certificate = cmd->add_option("--cert", o.certificate, "PEM file; without it a certificate is made and printed");
  auto* key = cmd->add_option("--key", o.key, "PEM file of its key");
  certificate->needs(key);
  key->needs(certificate);
  cmd->add_option("--router", o.router,
                  "HOST:PORT of the router to send requests on to, in plain HTTP; without it they go "
                  "wherever X-CF-Forwarded-Url leads");
  add_order(*cmd, o.orders, "reject", "Answers every request with this status, 400 to 599");
  add_order(*cmd, o.orders, "delay", "Waits so long first, as 250ms or 2s; a minute at most");
  add_order(*cmd, o.orders, "rewrite", "'NAME: VALUE' to set in every answer; may be repeated");
  cmd->add_flag("--die", o.orders.die, "Closes the connection in the middle of every answer");
  cmd->footer("A request may say otherwise for itself, and the app does not see that it did:\n"
              "  X-Demo-Reject: 403 (or no)   X-Demo-Delay: 2s   X-Demo-Rewrite: NAME: VALUE   X-Demo-Die: yes (or no)");
  cmd->callback([given, &exit_code] { exit_code = demo_route_service_main(*given); });
}

} // namespace

void add_demo_commands(CLI::App& cli, int& exit_code) {
  auto* demo = cli.add_subcommand("demo", "Sample applications to try the router with");
  demo->require_subcommand(1);
  add_backend(*demo, exit_code);
  add_route_service(*demo, exit_code);
}

} // namespace shunt::app
