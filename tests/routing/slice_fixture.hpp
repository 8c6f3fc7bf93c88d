// A slice that hears what a test makes up, and what its routes look like then.
#pragma once

#include "routing/slice.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace shunt::routing::testing {

class Slice : public ::testing::Test {
protected:
  using spec_change = std::function<void(endpoint_spec&)>;

  register_outcome put(const std::string& uri, std::uint16_t port, const spec_change& more = {}) {
    return table->register_endpoint(heard(uri, make_endpoint(port, more)), now, wall_ns).outcome;
  }
  unregister_result take(const std::string& uri, std::uint16_t port, const spec_change& more = {}) {
    return table->unregister_endpoint(registration::make(true, make_endpoint(port, more), uri),
                                      now);
  }
  void use(table_rules rules) { table = std::make_unique<slice>(std::move(rules)); }

  /// The ports of a route in pool order, "empty" or "gone".
  std::string pool(const std::string& host, const std::string& path = "") {
    for (const auto& p : table->grant(host).paths) {
      if (p.path != path)
        continue;
      std::string ports;
      for (const auto& e : p.endpoints)
        ports.append(ports.empty() ? "" : ",").append(std::to_string(e.target->port()));
      return ports.empty() ? "empty" : ports;
    }
    return "gone";
  }
  route_traits traits(const std::string& host) { return table->grant(host).paths.at(0).traits; }

  time_point now = start;
  std::unique_ptr<slice> table = std::make_unique<slice>(table_rules{});
};

} // namespace shunt::routing::testing
