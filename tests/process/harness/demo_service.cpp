#include "tests/process/harness/demo_service.hpp"

#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/router.hpp"

#include <set>
#include <sstream>
#include <stdexcept>

namespace shunt::test {
namespace {

std::vector<std::string> command(std::vector<std::string> options) {
  options.insert(options.begin(), {shunt_executable(), "demo", "route-service"});
  return options;
}

} // namespace

demo_service::demo_service(std::uint16_t router_port, const std::vector<std::string>& more)
  : process_{command(with_certificate(router_port, more)), files_.path_of("output")} {
  wait_until_it_listens();
}

demo_service::demo_service(std::vector<std::string> options)
  : process_{command(std::move(options)), files_.path_of("output")} {
  wait_until_it_listens();
}

std::vector<std::string> demo_service::with_certificate(std::uint16_t router_port,
                                                        const std::vector<std::string>& more) {
  write_file(files_.path_of("cert.pem"), bound_routes::service_certificate().pem());
  write_file(files_.path_of("key.pem"), bound_routes::service_certificate().key_pem());
  std::vector<std::string> all{"--cert", files_.path_of("cert.pem"), "--key", files_.path_of("key.pem"),
                               "--router", "127.0.0.1:" + std::to_string(router_port)};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void demo_service::wait_until_it_listens() {
  const std::string before = "listening on port ";
  eventually([&] { return !process_.running() || process_.output().find(before) != std::string::npos; });
  const auto said = process_.output();
  const auto at = said.find(before);
  if (at == said.npos || said.find('\n', at) == said.npos)
    throw std::runtime_error("the route service does not start:\n" + said);
  port_ = static_cast<std::uint16_t>(std::stoi(said.substr(at + before.size())));
}

std::vector<std::string> demo_service::lines(const std::string& text) const {
  std::vector<std::string> all;
  std::istringstream in{process_.output()};
  for (std::string line; std::getline(in, line);)
    if (line.find(" #") != line.npos && line.find(text) != line.npos)
      all.push_back(line);
  return all;
}

std::string demo_service::wait_for_line(const std::string& text) const {
  std::vector<std::string> found;
  const auto seen = [&] {
    found = lines(text);
    return !found.empty();
  };
  if (!eventually(seen))
    throw std::runtime_error("the route service never logged " + text + ":\n" + process_.output());
  return found.front();
}

std::size_t demo_service::connection_count() const {
  std::set<std::string> numbers;
  for (const auto& line : lines()) {
    const auto at = line.find(" #") + 1;
    numbers.insert(line.substr(at, line.find(' ', at) - at));
  }
  return numbers.size();
}

} // namespace shunt::test
