#include "tests/process/harness/node_program.hpp"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace shunt::test {
namespace {

constexpr milliseconds longest = 40s; ///< Of a scenario, before it gives up by itself.

/// Where ./test installs the npm packages.
std::string packages() {
  const char* chosen = std::getenv("SHUNT_CLIENTS");
  const std::string where = chosen && *chosen ? chosen : SHUNT_CLIENTS_DIRECTORY;
  if (!std::filesystem::exists(where + "/node_modules"))
    throw std::runtime_error(
      "the npm packages of tests/clients/package.json are not installed in " + where
      + ": run ./test, which installs them, and see what it says if it cannot");
  return where;
}

std::vector<std::string> command(const std::string& script, const std::string& scenario,
                                 nlohmann::json options) {
  options["deadline_ms"] = slowed(longest).count();
  return {"env",    "SHUNT_CLIENTS=" + packages(),
          "node",   SHUNT_CLIENT_SCRIPTS "/" + script,
          scenario, options.dump()};
}

} // namespace

node_program::node_program(const std::string& script, const std::string& scenario,
                           nlohmann::json options)
  : process_{command(script, scenario, std::move(options)), files_.path_of("output")} {
}

std::vector<nlohmann::json> node_program::facts() const {
  std::vector<nlohmann::json> all;
  std::istringstream in{process_.output()};
  for (std::string line; std::getline(in, line);)
    if (auto each = nlohmann::json::parse(line, nullptr, false); each.is_object())
      all.push_back(std::move(each));
  return all;
}

template <class Predicate>
nlohmann::json node_program::first(Predicate wanted, const std::string& what) {
  nlohmann::json found;
  const auto told = [&] {
    for (auto& each : facts())
      if (found.is_null() && wanted(each))
        found = std::move(each);
    return !found.is_null();
  };
  eventually([&] { return told() || !process_.running(); });
  if (!told())
    throw std::runtime_error("node never told " + what + ":\n" + process_.output());
  return found;
}

nlohmann::json node_program::wait_for(const std::string& key) {
  return first([&](const nlohmann::json& each) { return each.contains(key); }, key);
}

nlohmann::json node_program::wait_for(const std::string& key, const nlohmann::json& value) {
  return first(
    [&](const nlohmann::json& each) { return each.contains(key) && each.at(key) == value; },
    key + ": " + value.dump());
}

nlohmann::json node_program::result() {
  const auto code = process_.wait_for_exit(longest + 10s);
  const auto all = facts();
  if (code != 0 || all.empty())
    throw std::runtime_error("node failed:\n" + process_.output());
  return all.back();
}

} // namespace shunt::test
