// Routes as `/routes` shows them, and endpoints as log lines do.
#pragma once

#include "routing/slice.hpp"

#include <string>

namespace shunt {

/// The JSON array of the route's endpoints in pool order, fields as gorouter orders them.
std::string route_json(const routing::slice::route_view& route);

/// What a router that speaks HTTP/2 or does not, by `table_rules::http2`, shows as the protocol of an endpoint.
std::string_view protocol_with(const routing::endpoint& endpoint, bool http2);

/// The `route-endpoint` of a log line: {"ApplicationId","Addr","Tags","RouteServiceUrl","AZ"}.
std::string endpoint_summary_json(const routing::endpoint& endpoint);

/// A JSON string, quotes included, with `<`, `>` and `&` escaped as Go does.
void append_html_safe_json(std::string& out, std::string_view text);

} // namespace shunt
