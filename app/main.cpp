// The executable: what its command line means, and how it says that it failed.
#include "app/cluster_wiring.hpp"
#include "app/demo.hpp"
#include "app/log_options.hpp"
#include "app/router.hpp"
#include "app/start_facts.hpp"
#include "config/load.hpp"
#include "net/tls_memory.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace shunt;

void show(const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings)
    std::cerr << "warning: " << warning << '\n';
}

int check(const std::string& file) {
  try {
    const auto loaded = config::load_file(file);
    show(loaded.warnings);
    app::read_start_facts(loaded.settings);
    std::cout << file << ": valid\n";
    return 0;
  } catch (const config::config_error& refused) {
    show(refused.warnings());
    std::cerr << refused.what() << '\n';
  } catch (const std::exception& refused) {
    std::cerr << file << ": " << refused.what() << '\n';
  }
  return 1;
}

int show_cluster(const std::string& file, bool json) {
  try {
    return app::print_cluster_status(config::load_file(file).settings, json);
  } catch (const std::exception& refused) {
    std::cerr << refused.what() << '\n';
    return 1;
  }
}

int route(const std::string& file) {
  net::adopt_tls_memory(); // First: OpenSSL has allocated nothing yet.
  app::block_router_signals();
  net::component_log log;
  log.flush_on_abort();
  try {
    const auto loaded = file.empty() ? config::load({}, "defaults") : config::load_file(file);
    log.configure(app::log_options_of(loaded.settings));
    for (const auto& warning : loaded.warnings)
      log.warn({}, "config-warning", {{"warning", warning}});
    return app::run_router(loaded.settings, file, log);
  } catch (const config::config_error& refused) {
    std::cerr << refused.what() << '\n';
    log.error({}, "Error loading config:", {{"error", refused.what()}});
  } catch (const std::exception& failed) {
    std::cerr << "shunt: " << failed.what() << '\n';
    log.error({}, app::message_of(failed), {{"error", failed.what()}});
  }
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App cli{"Shunt, an HTTP router cluster"};
  cli.set_version_flag("--version", SHUNT_VERSION);
  cli.require_subcommand(0, 1);
  int exit_code = 0;

  std::string file;
  cli.add_option("-c,--config", file, "The gorouter YAML file; without it the defaults apply");
  auto* router = cli.add_subcommand("router", "Run a router in the foreground (the default)");
  router->add_option("-c,--config", file, "The gorouter YAML file; without it the defaults apply");
  auto* checker = cli.add_subcommand("check", "Validate a configuration file and exit");
  checker->add_option("-c,--config", file, "The file")->required();
  auto* cluster = cli.add_subcommand("cluster", "Look at the cluster that a router is part of");
  cluster->require_subcommand(1);
  auto* status = cluster->add_subcommand("status", "Print its nodes: how they are, and what they hold");
  bool json = false;
  status->add_option("-c,--config", file, "The file that the router runs with")->required();
  status->add_flag("--json", json, "For programs");
  app::add_demo_commands(cli, exit_code);

  CLI11_PARSE(cli, argc, argv);
  if (checker->parsed())
    return check(file);
  if (status->parsed())
    return show_cluster(file, json);
  if (router->parsed() || cli.get_subcommands().empty())
    return route(file);
  return exit_code;
}
