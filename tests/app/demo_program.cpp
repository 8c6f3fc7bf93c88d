// The demo's commands and nothing else, as a program that tests can start and signal.
#include "app/demo.hpp"

int main(int argc, char** argv) {
  int exit_code = 0;
  CLI::App cli{"demo"};
  shunt::app::add_demo_commands(cli, exit_code);
  CLI11_PARSE(cli, argc, argv);
  return exit_code;
}
