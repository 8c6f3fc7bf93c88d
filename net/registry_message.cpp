// The whole payload is validated before its fields are looked at (simdjson's DOM): the faster way
// of reading on demand would let rubbish in ignored fields pass.
#include "net/registry_message.hpp"

#include "config/duration.hpp"
#include "net/json_fields.hpp"
#include "net/route_options_reader.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>

namespace shunt::net {

namespace dom = simdjson::dom;
using routing::endpoint_spec;

struct parse_scratch::memory {
  dom::parser parser{registry_payload_bytes_max};
  std::vector<char> padded; ///< The payload, and as many bytes behind it as simdjson may read.
  std::vector<std::string_view> uris;
  std::vector<endpoint_spec::tag_view> tags;
  routing::route_options route_options;
  std::string complaint; ///< About one of these.
};

parse_scratch::parse_scratch() : memory_(std::make_unique<memory>()) {
}
parse_scratch::~parse_scratch() = default;
parse_scratch::parse_scratch(parse_scratch&&) noexcept = default;
parse_scratch& parse_scratch::operator=(parse_scratch&&) noexcept = default;

namespace {

/// One message while it is being read. The functions below return false after setting `reason`.
struct reading {
  parse_scratch::memory& scratch;
  endpoint_spec spec{};
  std::uint16_t port = 0;
  std::uint16_t tls_port = 0;
  std::string reason{};

  bool refuse(std::string_view field, std::string_view expected, dom::element found) {
    reason.append(field).append(": expected ").append(expected).append(", found ");
    reason.append(json::type_name(found));
    return false;
  }
  bool refuse(std::string_view field, std::string_view why) {
    reason.append(field).append(": ").append(why);
    return false;
  }
};

bool read_text(reading& r, std::string_view name, dom::element value, std::string_view& into) {
  return value.get_string().get(into) == simdjson::SUCCESS || r.refuse(name, "a string", value);
}

bool read_line(reading& r, std::string_view name, dom::element value, std::string_view& into) {
  return read_text(r, name, value, into)
         && (!json::has_control(into) || r.refuse(name, "control characters in it"));
}

/// A fraction or an exponent is refused even where its value is whole, as Go does.
template <class Number>
bool read_integer(reading& r, std::string_view name, dom::element value, Number& into) {
  constexpr auto most = static_cast<std::int64_t>(std::numeric_limits<Number>::max());
  constexpr auto least = static_cast<std::int64_t>(std::numeric_limits<Number>::min());
  constexpr bool is_port = std::is_same_v<Number, std::uint16_t>;
  constexpr auto expected = is_port ? "an integer from 0 to 65535" : "an integer of 64 bits";
  std::int64_t number = 0;
  if (!value.is_int64() && !value.is_uint64())
    return r.refuse(name, expected, value);
  if (value.get_int64().get(number) != simdjson::SUCCESS || number < least || number > most)
    return r.refuse(name, std::string{"expected "} + expected + ", found one out of range");
  into = static_cast<Number>(number);
  return true;
}

bool read_number(reading& r, std::string_view name, dom::element value, double& into) {
  return value.get_double().get(into) == simdjson::SUCCESS || r.refuse(name, "a number", value);
}

bool read_uris(reading& r, std::string_view name, dom::element value) {
  dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS)
    return r.refuse(name, "an array of strings", value);
  r.scratch.uris.clear();
  for (const auto item : list) {
    std::string_view uri; // Null is the empty string.
    if (!item.is_null() && item.get_string().get(uri) != simdjson::SUCCESS)
      return r.refuse(name, "only strings in it", item);
    if (json::has_control(uri))
      return r.refuse(name, "control characters in one");
    if (r.scratch.uris.size() == registry_uris_max)
      return r.refuse(name, "more than 10000 of them");
    r.scratch.uris.push_back(uri);
  }
  return true;
}

/// A second `tags` adds to the first, and of equal keys the last wins, like all that comes twice.
bool read_tags(reading& r, std::string_view name, dom::element value) {
  dom::object members;
  if (value.get_object().get(members) != simdjson::SUCCESS)
    return r.refuse(name, "an object", value);
  for (const auto member : members) {
    std::string_view text;
    if (!member.value.is_null() && member.value.get_string().get(text) != simdjson::SUCCESS)
      return r.refuse(name, "only strings in it", member.value);
    if (r.scratch.tags.size() == routing::endpoint::tags_max)
      return r.refuse(name, "more than 256 of them");
    r.scratch.tags.emplace_back(member.key, text);
  }
  return true;
}

struct registry_field {
  std::string_view name;
  bool (*read)(reading&, std::string_view name, dom::element);
};

template <std::string_view endpoint_spec::*Member>
constexpr registry_field text_field(std::string_view name) {
  return {name, [](reading& r, std::string_view called, dom::element value) {
            return read_text(r, called, value, r.spec.*Member);
          }};
}

/// For what finds its way into header fields: a line break in it would begin another field.
template <std::string_view endpoint_spec::*Member>
constexpr registry_field line_field(std::string_view name) {
  return {name, [](reading& r, std::string_view called, dom::element value) {
            return read_line(r, called, value, r.spec.*Member);
          }};
}

template <auto Member>
constexpr registry_field integer_field(std::string_view name) {
  return {name, [](reading& r, std::string_view called, dom::element value) {
            if constexpr (std::is_same_v<decltype(Member), std::uint16_t reading::*>)
              return read_integer(r, called, value, r.*Member);
            else
              return read_integer(r, called, value, r.spec.*Member);
          }};
}

bool read_hash_balance(reading& r, std::string_view name, dom::element value) {
  return read_number(r, name, value, r.spec.hash_balance);
}

/// Text that is no duration is told apart from none, but does not cost an app its route.
bool read_check_interval(reading& r, std::string_view name, dom::element value) {
  std::string_view text;
  if (!read_text(r, name, value, text))
    return false;
  const auto interval = config::parse_duration(text);
  const auto ms = interval ? std::chrono::floor<std::chrono::milliseconds>(*interval).count() : -1;
  r.spec.health_check_interval_ms = ms > 0 ? ms : -1;
  return true;
}

constexpr std::array option_fields{
  text_field<&endpoint_spec::loadbalancing>("loadbalancing"),
  text_field<&endpoint_spec::hash_header>("hash_header"),
  registry_field{"hash_balance", read_hash_balance},
  text_field<&endpoint_spec::policy_scope>("route_policy_scope"),
  text_field<&endpoint_spec::policy_sources>("route_policy_sources"),
  text_field<&endpoint_spec::health_check_path>("health_check_path"),
  registry_field{"health_check_interval", read_check_interval},
};

bool read_options(reading& r, std::string_view name, dom::element value);

/// The usual ones first: they are searched in this order.
constexpr std::array message_fields{
  line_field<&endpoint_spec::host>("host"),
  integer_field<&reading::port>("port"),
  integer_field<&reading::tls_port>("tls_port"),
  registry_field{"uris", read_uris},
  line_field<&endpoint_spec::app>("app"),
  line_field<&endpoint_spec::instance_id>("private_instance_id"),
  line_field<&endpoint_spec::instance_index>("private_instance_index"),
  line_field<&endpoint_spec::server_cert_domain_san>("server_cert_domain_san"),
  registry_field{"tags", read_tags},
  text_field<&endpoint_spec::protocol>("protocol"),
  text_field<&endpoint_spec::isolation_segment>("isolation_segment"),
  text_field<&endpoint_spec::availability_zone>("availability_zone"),
  text_field<&endpoint_spec::route_service_url>("route_service_url"),
  integer_field<&endpoint_spec::updated_at_ns>("endpoint_updated_at_ns"),
  integer_field<&endpoint_spec::stale_threshold_seconds>("stale_threshold_in_seconds"),
  registry_field{"options", read_options},
};

/// Null leaves a text or a number as it was, but empties a list or a map; so it is with Go.
void read_null(reading& r, std::string_view name) {
  if (name == "uris")
    r.scratch.uris.clear();
  else if (name == "tags")
    r.scratch.tags.clear();
}

bool read_fields(reading& r, dom::object members, std::span<const registry_field> known) {
  for (const auto member : members) {
    const auto match = std::ranges::find_if(
      known, [&](const registry_field& candidate) { return json::is_named(member.key, candidate.name); });
    if (match == known.end())
      continue;
    if (member.value.is_null())
      read_null(r, match->name);
    else if (!match->read(r, match->name, member.value))
      return false;
  }
  return true;
}

/// What makes no sense acts as absent. To refuse the message would cost an app its route.
void read_route_options(reading& r, dom::object members) {
  auto& options = r.scratch.route_options;
  auto wanted = r.spec.route_options == nullptr ? routing::route_options{} : options;
  for (const auto member : members) {
    std::string complaint;
    const auto outcome = read_route_option(member.key, member.value, wanted, complaint);
    if (outcome == option_outcome::refused && r.scratch.complaint.empty())
      r.scratch.complaint = std::move(complaint);
    if (outcome != option_outcome::read)
      continue;
    options = wanted;
    r.spec.route_options = &options;
  }
}

bool read_options(reading& r, std::string_view name, dom::element value) {
  dom::object members;
  if (value.get_object().get(members) != simdjson::SUCCESS)
    return r.refuse(name, "an object", value);
  if (read_fields(r, members, option_fields)) {
    read_route_options(r, members);
    return true;
  }
  r.reason.insert(0, "options.");
  return false;
}

bool read_document(reading& r, std::string_view payload) {
  auto& scratch = r.scratch;
  if (scratch.padded.size() < payload.size() + simdjson::SIMDJSON_PADDING)
    scratch.padded.resize(payload.size() + simdjson::SIMDJSON_PADDING);
  std::memcpy(scratch.padded.data(), payload.data(), payload.size());
  dom::element root;
  dom::object members;
  const auto error = scratch.parser.parse(scratch.padded.data(), payload.size(), false).get(root);
  if (error != simdjson::SUCCESS)
    return r.refuse("not JSON", simdjson::error_message(error));
  if (root.is_null())
    return true; // To Go the same as an empty object.
  if (root.get_object().get(members) != simdjson::SUCCESS)
    return r.refuse("message", "an object", root);
  return read_fields(r, members, message_fields);
}

bool read_message(reading& r, std::string_view payload) {
  r.scratch.uris.clear();
  r.scratch.tags.clear();
  r.scratch.complaint.clear();
  if (payload.empty())
    return r.refuse("not JSON", "empty");
  if (payload.size() > registry_payload_bytes_max)
    return r.refuse("payload", "larger than 1 MiB");
  if (r.scratch.parser.max_depth() != registry_depth_max
      && r.scratch.parser.allocate(4096, registry_depth_max) != simdjson::SUCCESS)
    throw std::bad_alloc{};
  if (!read_document(r, payload))
    return false;
  if (!r.spec.route_service_url.empty() && !r.spec.route_service_url.starts_with("https"))
    return r.refuse("route_service_url", "must start with https");
  return true;
}

} // namespace

registry_result parse(std::string_view payload, bool unregister, parse_scratch& scratch) {
  auto& memory = scratch.get();
  reading r{memory};
  if (!read_message(r, payload))
    return registry_result{std::move(r.reason)};
  r.spec.tls = r.tls_port != 0;
  r.spec.port = r.spec.tls ? r.tls_port : r.port;
  r.spec.tags = memory.tags;
  return registry_result{registry_message{unregister, r.spec, memory.uris, memory.complaint}};
}

} // namespace shunt::net
