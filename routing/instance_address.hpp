// The instances that a request asks for by X-CF-App-Instance and X-CF-Process-Instance: their
// syntax, gorouter's to the letter, which of them counts when both are there, and what the client
// is told when there is no such instance. Views in, views out; whether an endpoint is meant is
// `instance_filter`'s business, and the answer to bad syntax stands in the table of router errors.
#pragma once

#include "routing/balance.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::routing {

/// The values of the two headers, each the first of its name; empty = absent.
struct instance_headers {
  std::string_view app;     ///< X-CF-App-Instance: `guid:index`.
  std::string_view process; ///< X-CF-Process-Instance: `guid` or `guid:index`.
};

enum class instance_demand : std::uint8_t {
  any,         ///< Neither header: choose freely.
  certain,     ///< Only what the filter accepts; if nothing does, `unknown_instance_message`.
  bad_app,     ///< The client's fault: 400 `invalid_cf_app_instance_header`.
  bad_process, ///< The client's fault: 400 `invalid_cf_process_instance_header`.
};

struct instance_address {
  instance_demand demand = instance_demand::any;
  /// Set if `certain`. Views into the headers.
  instance_filter only{};
};

/// What the headers ask for. The app header alone decides if it is there; then the process header
/// is not even looked at, so that it may be malformed.
instance_address parse_instance_address(const instance_headers& headers) noexcept;

/// The message of the 400 `unknown_route` when `host`, the Host as received, has no such instance
/// or is itself unknown. Names the instance of the process header if there is one, even though the
/// app header decided. Only for headers that were found to be `certain`.
std::string unknown_instance_message(const instance_headers& headers, std::string_view host);

} // namespace shunt::routing
