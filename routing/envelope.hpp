// What Loggregator is told, in its first protocol (cloudfoundry/dropsonde-protocol): each message
// is an envelope, a protobuf message that is a datagram by itself. Pure: values in, bytes out. Each
// function replaces what is in `out`, whose memory is used again. `now_ns`: since the Unix epoch.
#pragma once

#include "routing/access_record.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::routing {

/// So much was counted since it was last told.
void write_counter(std::string& out, std::string_view name, std::uint64_t delta,
                   std::int64_t now_ns);

void write_value(std::string& out, std::string_view name, double value, std::string_view unit,
                 std::int64_t now_ns);

/// A line of an app's log, about a request to it, under the endpoint's tags. `instance`: which
/// router says so.
void write_log_line(std::string& out, std::string_view line, const access_record& about,
                    std::string_view instance, std::int64_t now_ns);

/// That a request was served, or an attempt at it made, and in which time.
void write_start_stop(std::string& out, const access_record& about, std::int64_t now_ns);

} // namespace shunt::routing
