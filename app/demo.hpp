// The command line of the demo: `shunt demo backend ...` and `shunt demo route-service ...`.
#pragma once

#include <CLI/CLI.hpp>

namespace shunt::app {

/// Adds the subcommand `demo` to `cli`. If it is chosen, it runs while `cli` parses and leaves what
/// the process shall exit with in `exit_code`, which must outlive `cli`.
void add_demo_commands(CLI::App& cli, int& exit_code);

} // namespace shunt::app
