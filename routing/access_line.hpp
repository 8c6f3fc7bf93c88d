// The access log's line, byte for byte as gorouter writes it, so that what parses the one parses
// the other. Pure and fast: it runs for every request, though never on a loop.
#pragma once

#include "routing/access_record.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

/// What the line shows of the query of a GET (`logging.redact_query_params`).
enum class query_redaction : std::uint8_t {
  none, ///< The query as received.
  all,  ///< Nothing: neither the query nor its question mark.
  hash, ///< `?hash=` and the SHA-1 of the raw query in hex.
};

/// A field that is logged only on demand (`logging.extra_access_log_fields`).
enum class access_field : std::uint8_t {
  app_time,
  backend_time,
  caller_cf_app,
  caller_cf_org,
  caller_cf_space,
  dial_time,
  dns_time,
  failed_attempts,
  failed_attempts_time,
  local_address,
  route_policy,
  route_service_time,
  tls_sni,
  tls_time,
};

/// The field of that name, if there is one.
std::optional<access_field> access_field_named(std::string_view name);

/// A header's name as the line spells it: lower case, `_` for `-`.
std::string access_header_label(std::string_view header_name);

/// The settings of the line, worked out once.
struct access_format {
  bool disable_log_forwarded_for = false;
  bool disable_log_source_ip = false;
  query_redaction redaction = query_redaction::none;
  std::vector<access_field> extra_fields; ///< In the order configured.
  std::vector<std::string> extra_headers; ///< As access_header_label spells them, in order.
};

/// Appends the line of `record`, '\n' included, to `out`. Whatever a client sent, the line holds no
/// other line break.
void append_line(std::string& out, const access_record& record, const access_format& format);

/// The same line, and shorter where a client wrote very much: for Loggregator, whose messages are datagrams. It shortens
/// lines of more than `short_line_bytes`, and then as gorouter does, which says in the line what is missing.
void append_short_line(std::string& out, const access_record& record, const access_format& format);
inline constexpr std::size_t short_line_bytes = 65'400;

} // namespace shunt::routing
