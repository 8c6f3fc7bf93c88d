// Short ways to say what the tests of this room say all the time.
#pragma once

#include "routing/registration.hpp"
#include "routing/time.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::routing::testing {

using namespace std::chrono_literals;

inline constexpr time_point start{1000s};
inline constexpr std::int64_t wall_ns = 1'700'000'000'000'000'000;

/// An endpoint at "10.0.0.1:`port`", with whatever `more` adds.
inline endpoint_ptr make_endpoint(std::uint16_t port,
                                  const std::function<void(endpoint_spec&)>& more = {}) {
  endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = port;
  if (more)
    more(spec);
  return endpoint::make(spec);
}

inline std::string address_of(std::uint16_t port) {
  std::string text{"10.0.0.1:"};
  return text.append(std::to_string(port));
}

inline registration heard(std::string uri, endpoint_ptr target) {
  return registration::make(false, std::move(target), std::move(uri));
}

} // namespace shunt::routing::testing
