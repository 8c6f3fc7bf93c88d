#include "tests/process/harness/scrape.hpp"

#include <sstream>

namespace shunt::test {

namespace {

metric_values values_of(const std::string& text) {
  metric_values all;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#'))
      continue;
    const auto space = line.rfind(' ');
    EXPECT_TRUE(all.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second)
      << line << " twice";
  }
  return all;
}

} // namespace

metric_values scrape(const router& of) {
  const auto port = of.status_listener("prometheus.port");
  const auto answer = client{port}.send(get_request("localhost", "/metrics")).response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.one("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  return values_of(answer.body);
}

double value(const metric_values& all, const std::string& name) {
  const auto found = all.find(name);
  return found == all.end() ? 0 : found->second;
}

} // namespace shunt::test
