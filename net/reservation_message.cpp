#include "net/reservation_message.hpp"

#include "net/json_fields.hpp"
#include "net/log_field.hpp"
#include "net/route_options_reader.hpp"
#include "routing/route_service_url.hpp"
#include "routing/uri.hpp"

#include <array>
#include <cstring>
#include <new>
#include <span>

namespace shunt::net {

namespace dom = simdjson::dom;

struct reservation_reader::memory {
  dom::parser parser{reservation_payload_bytes_max};
  std::vector<char> padded; ///< The text, and as many bytes behind it as simdjson may read.
};

reservation_reader::reservation_reader() : memory_(std::make_unique<memory>()) {
}
reservation_reader::~reservation_reader() = default;
reservation_reader::reservation_reader(reservation_reader&&) noexcept = default;
reservation_reader& reservation_reader::operator=(reservation_reader&&) noexcept = default;

namespace {

/// A message while it is being read. What reads a field returns false after setting `reason`.
struct reading {
  std::vector<routing::uri_key> routes{};
  routing::reservation said{}; ///< Of all uris.
  routing::route_options options{};
  std::chrono::seconds ttl{0};
  std::string reason{};

  bool refuse(std::string_view field, std::string_view why) {
    reason.append(field).append(": ").append(why);
    return false;
  }
  bool refuse(std::string_view field, std::string_view expected, dom::element found) {
    refuse(field, "expected ");
    reason.append(expected).append(", found ").append(json::type_name(found));
    return false;
  }
};

struct field {
  std::string_view name;
  bool (*read)(reading&, std::string_view name, dom::element);
};

bool read_uri(reading& r, std::string_view name, dom::element value) {
  std::string_view uri;
  if (value.get_string().get(uri) != simdjson::SUCCESS)
    return r.refuse(name, "only strings in it", value);
  if (json::has_control(uri))
    return r.refuse(name, "control characters in one");
  if (r.routes.size() == reservation_uris_max)
    return r.refuse(name, "more than 1000 of them");
  auto key = routing::normalise(uri);
  if (!routing::is_acceptable(key.host, key.path))
    return r.refuse(name, "one that cannot be a route: no host, too long, or too deep");
  r.routes.push_back(std::move(key));
  return true;
}

/// Of what comes twice the last wins.
bool read_uris(reading& r, std::string_view name, dom::element value) {
  dom::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS)
    return r.refuse(name, "an array of strings", value);
  r.routes.clear();
  for (const auto item : list)
    if (!read_uri(r, name, item))
      return false;
  return true;
}

bool read_service_url(reading& r, std::string_view name, dom::element value) {
  std::string_view url;
  if (value.get_string().get(url) != simdjson::SUCCESS)
    return r.refuse(name, "a string", value);
  if (!url.empty() && !routing::route_service_url::parse(url))
    return r.refuse(name, "expected an https URL with a host, without user and fragment");
  r.said.route_service_url = url;
  return true;
}

template <std::string routing::reservation::*Member>
bool read_line(reading& r, std::string_view name, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return r.refuse(name, "a string", value);
  if (text.size() > reservation_text_bytes_max)
    return r.refuse(name, "more than 256 bytes");
  if (json::has_control(text))
    return r.refuse(name, "control characters in it");
  r.said.*Member = text;
  return true;
}

bool read_hash_balance(reading& r, std::string_view name, dom::element value) {
  if (value.get_double().get(r.said.hash_balance) != simdjson::SUCCESS)
    return r.refuse(name, "a number", value);
  return r.said.hash_balance >= 0 || r.refuse(name, "negative");
}

/// A fraction or an exponent is refused even where its value is whole, as Go does.
bool read_ttl(reading& r, std::string_view name, dom::element value) {
  std::int64_t seconds = 0;
  if (!value.is_int64() && !value.is_uint64())
    return r.refuse(name, "an integer from 0 to 315360000", value);
  if (value.get_int64().get(seconds) != simdjson::SUCCESS || seconds < 0
      || seconds > reserve_ttl_max.count())
    return r.refuse(name, "expected an integer from 0 to 315360000, found one out of range");
  r.ttl = std::chrono::seconds{seconds};
  return true;
}

constexpr std::array balancing_options{
  field{"loadbalancing", read_line<&routing::reservation::loadbalancing>},
  field{"hash_header", read_line<&routing::reservation::hash_header>},
  field{"hash_balance", read_hash_balance},
};

/// False: refused. Members that nobody knows are passed over.
bool read_field(reading& r, std::span<const field> known, std::string_view key,
                dom::element value) {
  const auto match =
    std::ranges::find_if(known, [&](const field& f) { return json::is_named(key, f.name); });
  return match == known.end() || value.is_null() || match->read(r, match->name, value);
}

bool read_option(reading& r, std::string_view key, dom::element value) {
  switch (read_route_option(key, value, r.options, r.reason)) {
    case option_outcome::read: return true;
    case option_outcome::refused: return false;
    case option_outcome::other: break;
  }
  return read_field(r, balancing_options, key, value);
}

bool read_options(reading& r, std::string_view name, dom::element value) {
  dom::object members;
  if (value.get_object().get(members) != simdjson::SUCCESS)
    return r.refuse(name, "an object", value);
  for (const auto member : members)
    if (!read_option(r, member.key, member.value)) {
      r.reason.insert(0, "options.");
      return false;
    }
  return true;
}

constexpr std::array unreserve_fields{field{"uris", read_uris}};
constexpr std::array reserve_fields{
  field{"uris", read_uris},
  field{"route_service_url", read_service_url},
  field{"app", read_line<&routing::reservation::app>},
  field{"options", read_options},
  field{"reserve_ttl_in_seconds", read_ttl},
};

bool read_document(reading& r, dom::parser& parser, std::vector<char>& padded,
                   std::string_view text, std::span<const field> known) {
  if (text.empty())
    return r.refuse("not JSON", "empty");
  if (text.size() > reservation_payload_bytes_max)
    return r.refuse("payload", "larger than 1 MiB");
  if (parser.max_depth() != reservation_depth_max
      && parser.allocate(4096, reservation_depth_max) != simdjson::SUCCESS)
    throw std::bad_alloc{};
  padded.resize(std::max(padded.size(), text.size() + simdjson::SIMDJSON_PADDING));
  std::memcpy(padded.data(), text.data(), text.size());
  dom::element root;
  dom::object members;
  const auto error = parser.parse(padded.data(), text.size(), false).get(root);
  if (error == simdjson::MEMALLOC)
    throw std::bad_alloc{};
  if (error != simdjson::SUCCESS)
    return r.refuse("not JSON", simdjson::error_message(error));
  if (root.get_object().get(members) != simdjson::SUCCESS)
    return r.refuse("message", "an object", root);
  for (const auto member : members)
    if (!read_field(r, known, member.key, member.value))
      return false;
  return !r.routes.empty() || r.refuse("uris", "there must be at least one");
}

void append_member(std::string& json, std::string_view name, const std::string& text) {
  if (text.empty())
    return;
  append_json_string(json, name);
  json += ':';
  append_json_string(json, text);
  json += ',';
}

/// Ends an object whose members have commas behind them.
void close_object(std::string& json) {
  if (json.back() == ',')
    json.pop_back();
  json += '}';
}

/// Normalising takes one slash from the end, which may belong to the path.
std::string uri_of(const routing::reservation& about) {
  auto uri = about.host;
  if (!about.path.empty())
    uri.append("/").append(about.path);
  if (about.path.ends_with('/'))
    uri.append("/");
  return uri;
}

} // namespace

reservation_result<reserve_message> reservation_reader::read_reserve(std::string_view text) {
  reading r;
  if (!read_document(r, memory_->parser, memory_->padded, text, reserve_fields))
    return reservation_result<reserve_message>{std::move(r.reason)};
  if (r.options != routing::route_options{})
    r.said.options = std::make_shared<const routing::route_options>(std::move(r.options));
  reserve_message message{.made = {}, .ttl = r.ttl};
  message.made.reserve(r.routes.size());
  for (auto& each : r.routes) {
    auto& made = message.made.emplace_back(r.said);
    made.host = std::move(each.host);
    made.path = std::move(each.path);
  }
  return reservation_result<reserve_message>{std::move(message)};
}

reservation_result<unreserve_message> reservation_reader::read_unreserve(std::string_view text) {
  reading r;
  if (!read_document(r, memory_->parser, memory_->padded, text, unreserve_fields))
    return reservation_result<unreserve_message>{std::move(r.reason)};
  unreserve_message message;
  message.routes.reserve(r.routes.size());
  for (auto& each : r.routes)
    message.routes.emplace_back(std::move(each.host), std::move(each.path));
  return reservation_result<unreserve_message>{std::move(message)};
}

std::string to_json(const routing::reservation& reservation) {
  std::string json{R"({"uris":[)"};
  append_json_string(json, uri_of(reservation));
  json += "],";
  append_member(json, "route_service_url", reservation.route_service_url);
  append_member(json, "app", reservation.app);
  json += R"("options":{)";
  append_member(json, "loadbalancing", reservation.loadbalancing);
  append_member(json, "hash_header", reservation.hash_header);
  if (reservation.hash_balance != 0) {
    json += R"("hash_balance":)";
    append_json_value(json, reservation.hash_balance);
    json += ',';
  }
  if (reservation.options)
    append_route_options(json, *reservation.options);
  close_object(json);
  json += '}';
  return json;
}

} // namespace shunt::net
