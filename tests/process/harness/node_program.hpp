// A script of tests/clients, run by Node.js: clients and backends that other people wrote. A test
// names a scenario and gives it options; facts come back as JSON, one object a line.
#pragma once

#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace shunt::test {

class node_program {
public:
  /// Starts `scenario` of tests/clients/`script`. Throws if the npm packages are not installed.
  node_program(const std::string& script, const std::string& scenario,
               nlohmann::json options = nlohmann::json::object());

  /// The first line of facts that has `key`, perhaps not yet there. Throws, with what the program
  /// wrote, if there is none in time.
  nlohmann::json wait_for(const std::string& key);
  /// The first one where `key` has that value.
  nlohmann::json wait_for(const std::string& key, const nlohmann::json& value);
  /// Everything told so far, in order.
  std::vector<nlohmann::json> facts() const;
  /// Where a server listens.
  std::uint16_t port() { return wait_for("port").at("port"); }
  /// Its last facts, when it has ended. Throws if it fails or takes too long.
  nlohmann::json result();

private:
  template <class Predicate>
  nlohmann::json first(Predicate wanted, const std::string& what);

  temporary_directory files_;
  child_process process_;
};

/// Runs a scenario to its end.
inline nlohmann::json run_node(const std::string& script, const std::string& scenario,
                               nlohmann::json options = nlohmann::json::object()) {
  return node_program{script, scenario, std::move(options)}.result();
}

} // namespace shunt::test
