// The router's own errors as the operator's page (`html_error_template_file`) instead of plain text.
#pragma once

#include "net/error_template.hpp"
#include "net/http_head.hpp"
#include "net/router_error.hpp"

#include <string>
#include <string_view>

namespace shunt::net {

/// Reads the file. Throws std::runtime_error that says what is wrong with it, and where.
error_template read_error_template(const std::string& path);

/// Gives `error` the page for a body, unless it has one of the operator's own already. False, and
/// nothing changed, when the page would be too long.
bool dress(error_response& error, const error_template& page, std::string_view request_id);

/// A request that was no request, as an error that can be dressed.
error_response describe_refusal(parse_error error);

} // namespace shunt::net
