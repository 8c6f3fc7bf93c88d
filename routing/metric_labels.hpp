// Under which labels the requests to an endpoint are counted: numbers that the network layer gives,
// so that it need not look at the endpoint's tags for every request.
#pragma once

#include <cstdint>

namespace shunt::routing {

struct metric_labels {
  static constexpr std::uint32_t not_looked_up = 0xffffffff;

  std::uint32_t component = not_looked_up;
  std::uint32_t source = not_looked_up;
  std::uint32_t app = not_looked_up;

  bool known() const noexcept { return component != not_looked_up; }
  bool operator==(const metric_labels&) const = default;
};

} // namespace shunt::routing
