// Field names match in any case, unknown fields are ignored, null acts as absent and of what comes
// twice the last wins, as with Go's encoding/json, by which both ends of the API read.
#include "net/routing_api_route.hpp"

#include "routing/uri.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <vector>

namespace shunt::net {

namespace dom = simdjson::dom;

struct routing_api_reader::memory {
  dom::parser parser{routing_api_route_bytes_max};
  std::vector<char> padded; ///< The text, and as many bytes behind it as simdjson may read.
};

routing_api_reader::routing_api_reader() : memory_(std::make_unique<memory>()) {
}
routing_api_reader::~routing_api_reader() = default;

namespace {

constexpr std::size_t route_depth_max = 32; ///< Of nested arrays and objects.

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// `name` is lower case.
bool is_named(std::string_view key, std::string_view name) {
  return std::equal(key.begin(), key.end(), name.begin(), name.end(),
                    [](char a, char b) { return lower(a) == b; });
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// A route while it is being read. What reads a field returns what it expected, if it found
/// something else.
using complaint = std::string_view;
using field_reader = complaint (*)(routing_api_route&, dom::element);

struct route_field {
  std::string_view name;
  field_reader read;
};

template <std::string_view routing_api_route::*Member>
complaint read_line(routing_api_route& into, dom::element value) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return "expected a string";
  if (std::ranges::any_of(text, is_control))
    return "control characters in it";
  into.*Member = text;
  return {};
}

/// A fraction or an exponent is refused even where its value is whole, as Go does.
template <auto Member>
complaint read_integer(routing_api_route& into, dom::element value) {
  using number = std::remove_reference_t<decltype(into.*Member)>;
  constexpr auto least = static_cast<std::int64_t>(std::numeric_limits<number>::min());
  constexpr auto most = static_cast<std::int64_t>(std::numeric_limits<number>::max());
  std::int64_t found = 0;
  if ((!value.is_int64() && !value.is_uint64()) || value.get_int64().get(found) != simdjson::SUCCESS
      || found < least || found > most)
    return sizeof(number) == 2   ? "expected an integer from 0 to 65535"
           : sizeof(number) == 4 ? "expected an integer from 0 to 4294967295"
                                 : "expected an integer of 64 bits";
  into.*Member = static_cast<number>(found);
  return {};
}

/// Empty, or a reason that names the field.
std::string read_fields(routing_api_route& into, dom::object members,
                        std::span<const route_field> known) {
  for (const auto member : members) {
    const auto match =
      std::ranges::find_if(known, [&](const route_field& f) { return is_named(member.key, f.name); });
    if (match == known.end() || member.value.is_null())
      continue;
    if (const auto wrong = match->read(into, member.value); !wrong.empty())
      return std::string{match->name}.append(": ").append(wrong);
  }
  return {};
}

constexpr std::array tag_fields{
  route_field{"guid", read_line<&routing_api_route::modification_guid>},
  route_field{"index", read_integer<&routing_api_route::modification_index>},
};

complaint read_tag(routing_api_route& into, dom::element value) {
  dom::object members;
  if (value.get_object().get(members) != simdjson::SUCCESS)
    return "expected an object";
  return read_fields(into, members, tag_fields).empty()
           ? complaint{}
           : complaint{"expected a string guid and an integer index from 0 to 4294967295"};
}

constexpr std::array route_fields{
  route_field{"route", read_line<&routing_api_route::route>},
  route_field{"ip", read_line<&routing_api_route::ip>},
  route_field{"port", read_integer<&routing_api_route::port>},
  route_field{"ttl", read_integer<&routing_api_route::ttl_seconds>},
  route_field{"log_guid", read_line<&routing_api_route::log_guid>},
  route_field{"route_service_url", read_line<&routing_api_route::route_service_url>},
  route_field{"modification_tag", read_tag},
};

} // namespace

/// The members of `json`, one object; or an error that says why there are none.
struct routing_api_reader::object {
  dom::object members;
  std::string error;
};

routing_api_reader::object routing_api_reader::parse(std::string_view json) {
  if (json.size() > routing_api_route_bytes_max)
    return {{}, "larger than 1 MiB"};
  auto& [parser, padded] = *memory_;
  if (parser.max_depth() != route_depth_max && parser.allocate(4096, route_depth_max) != simdjson::SUCCESS)
    throw std::bad_alloc{};
  padded.resize(std::max(padded.size(), json.size() + simdjson::SIMDJSON_PADDING));
  if (!json.empty())
    std::memcpy(padded.data(), json.data(), json.size());
  dom::element root;
  object found;
  const auto error = parser.parse(padded.data(), json.size(), false).get(root);
  if (error == simdjson::MEMALLOC)
    throw std::bad_alloc{};
  if (error != simdjson::SUCCESS)
    found.error = std::string{"not JSON: "} + simdjson::error_message(error);
  else if (root.get_object().get(found.members) != simdjson::SUCCESS)
    found.error = "expected an object";
  return found;
}

routing_api_result routing_api_reader::read(std::string_view json) {
  const auto found = parse(json);
  if (!found.error.empty())
    return routing_api_result{found.error};
  routing_api_route route;
  if (auto reason = read_fields(route, found.members, route_fields); !reason.empty())
    return routing_api_result{std::move(reason)};
  if (route.route.empty() || route.ip.empty())
    return routing_api_result{route.route.empty() ? "route: must be given" : "ip: must be given"};
  return routing_api_result{route};
}

std::optional<routing_api_name> routing_api_reader::read_name(std::string_view json) {
  constexpr std::span naming{route_fields.data(), 3}; // The route, the ip and the port.
  const auto found = parse(json);
  routing_api_route named, route;
  if (!found.error.empty() || !read_fields(named, found.members, naming.first(1)).empty() || named.route.empty())
    return std::nullopt;
  route.route = named.route;
  const bool address_known = read_fields(named, found.members, naming).empty() && !named.ip.empty();
  if (auto made = address_known ? make_registration(named, false) : std::nullopt)
    return routing_api_name{std::move(made), true};
  return routing_api_name{make_registration(route, false), false};
}

std::optional<routing::registration> make_registration(const routing_api_route& route,
                                                       bool unregister) {
  routing::endpoint_spec spec;
  spec.host = route.ip;
  spec.port = route.port;
  spec.app = route.log_guid;
  spec.server_cert_domain_san = route.log_guid; // As gorouter does, though TLS is never spoken.
  spec.stale_threshold_seconds = route.ttl_seconds;
  spec.route_service_url = route.route_service_url;
  spec.modification_guid = route.modification_guid;
  spec.modification_index = route.modification_index;
  auto target = routing::endpoint::make(spec);
  if (!target)
    return std::nullopt;
  auto made = routing::registration::make(unregister, std::move(target), std::string{route.route});
  if (!routing::is_acceptable(made.host(), made.path()))
    return std::nullopt;
  return made;
}

} // namespace shunt::net
