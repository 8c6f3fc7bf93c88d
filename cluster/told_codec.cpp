#include "cluster/told_codec.hpp"

#include "cluster/told_codec.text.hpp"
#include "routing/uri.hpp"

#include <array>
#include <limits>
#include <memory>

namespace shunt::cluster {

namespace {

using routing::endpoint;
using routing::told_end;
using routing::told_host;
using routing::told_member;
using routing::told_path;
using std::uint64_t;

/// Of a path on the wire.
constexpr uint64_t is_whole = 1;
constexpr uint64_t is_known = 2;

/// The longest address that an endpoint can have, with its port.
constexpr std::size_t address_bytes_max = endpoint::text_bytes_max + 6;

template <class T>
void write_all(msgpack_writer& out, const std::vector<T>& values) {
  out.array(values.size());
  for (const auto& each : values)
    write(out, each);
}

/// Of values whose number somebody else tells.
constexpr std::size_t reserved_max = 96;

template <class T, class Read>
std::vector<T> read_all(msgpack_reader& in, Read read) {
  auto left = in.array();
  std::vector<T> all;
  all.reserve(std::min<std::size_t>(left, reserved_max));
  for (; left > 0 && !in.failed(); --left) {
    all.push_back(read());
    in.charge<T>();
  }
  return all;
}

std::string read_string(msgpack_reader& in, std::size_t bytes_max) {
  const auto line = read_line(in, bytes_max);
  in.charge(line.size());
  return std::string{line};
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// Whether `lowered` is what `normalise` makes of `text`.
bool is_lowered(std::string_view text, std::string_view lowered) {
  return std::ranges::equal(text, lowered, {}, lower);
}

/// Whether a registration spelt so has that key. Empty: it is spelt as the key.
bool is_spelling_of(std::string_view text, std::string_view host, std::string_view path) {
  const auto slash = std::min(text.find('/'), text.size());
  return text.empty()
         || (is_lowered(text.substr(0, slash), host)
             && is_lowered(text.substr(std::min(slash + 1, text.size())), path));
}

std::string read_spelling(msgpack_reader& in, std::string_view host, std::string_view path) {
  auto text = read_string(in, routing::uri_bytes_max);
  if (!is_spelling_of(text, host, path))
    in.fail("expected a spelling of the route's own");
  return text;
}

bool is_host(std::string_view host) {
  return routing::is_acceptable(host, {}) && routing::is_normal(host)
         && host.find('/') == std::string_view::npos;
}

/// The host is one by itself. A path may end with a slash: `normalise` takes away only the last of several.
bool is_path_of(std::string_view host, std::string_view path) {
  return routing::is_acceptable(host, path) && path.find('?') == std::string_view::npos
         && is_lowered(path, path);
}

std::string read_path_name(msgpack_reader& in, std::string_view host) {
  auto path = read_string(in, routing::uri_bytes_max);
  if (!in.failed() && !is_path_of(host, path))
    in.fail("expected the path of a route, normalised");
  return path;
}

} // namespace

// -- Ages.

void write_age(msgpack_writer& out, routing::nanoseconds age) {
  out.put(static_cast<uint64_t>(std::max<std::int64_t>(age.count(), 0)));
}

routing::nanoseconds read_age(msgpack_reader& in) {
  constexpr auto most = static_cast<uint64_t>(std::numeric_limits<std::int64_t>::max());
  return routing::nanoseconds{static_cast<std::int64_t>(in.number(most))};
}

// -- Members, and those that left.

void write(msgpack_writer& out, const told_member& member) {
  const bool usual = !member.provisional && member.spelling.empty();
  out.array(usual ? 2 : 4);
  write(out, *member.target);
  write_age(out, member.age);
  if (usual)
    return;
  out.put(member.provisional);
  out.put(std::string_view{member.spelling});
}

void write(msgpack_writer& out, const told_end& end) {
  out.array(end.heard_before ? 3 : 2);
  out.put(std::string_view{end.address});
  write_age(out, end.age);
  if (end.heard_before)
    write_age(out, *end.heard_before);
}

namespace {

told_member read_member(msgpack_reader& in, std::string_view host, std::string_view path) {
  told_member member;
  msgpack_record fields{in};
  if (fields.next())
    member.target = read_endpoint(in);
  if (!member.target)
    in.fail("expected an endpoint");
  if (fields.next())
    member.age = std::min(read_age(in), routing::oldest);
  if (fields.next())
    member.provisional = in.boolean();
  if (fields.next())
    member.spelling = read_spelling(in, host, path);
  fields.end();
  return member;
}

told_end read_end(msgpack_reader& in) {
  told_end end;
  msgpack_record fields{in};
  if (fields.next())
    end.address = read_string(in, address_bytes_max);
  if (end.address.empty())
    in.fail("expected the address of an endpoint");
  if (fields.next())
    end.age = std::min(read_age(in), routing::oldest);
  if (fields.next())
    end.heard_before = read_age(in);
  fields.end();
  return end;
}

} // namespace

// -- What a route as a whole has.

namespace {

/// On the wire. Append, never renumber.
constexpr std::array algorithms{routing::algorithm::router_default, routing::algorithm::round_robin,
                                routing::algorithm::least_connection, routing::algorithm::hash};
using reservation_kind = routing::route_traits::reservation_kind;
constexpr std::array reservations{reservation_kind::none, reservation_kind::alone,
                                  reservation_kind::with_fallback};

template <class T, std::size_t Size>
uint64_t number_of(const std::array<T, Size>& all, T value) {
  return static_cast<uint64_t>(std::ranges::find(all, value) - all.begin());
}
template <class T, std::size_t Size>
T read_one_of(msgpack_reader& in, const std::array<T, Size>& all) {
  return all[in.number(Size - 1)];
}

void write_policies(msgpack_writer& out, const std::vector<routing::policy_option>& policies) {
  out.array(policies.size());
  for (const auto& each : policies) {
    out.array(2);
    out.put(std::string_view{each.scope});
    out.put(std::string_view{each.sources});
  }
}

routing::policy_option read_policy(msgpack_reader& in) {
  routing::policy_option policy;
  msgpack_record fields{in};
  if (fields.next())
    policy.scope = in.text(endpoint::text_bytes_max);
  if (fields.next())
    policy.sources = in.text(endpoint::text_bytes_max);
  fields.end();
  in.charge(policy.scope.size() + policy.sources.size());
  return policy;
}

std::string read_service_url(msgpack_reader& in) {
  auto url = std::string{in.text(endpoint::text_bytes_max)};
  if (!url.empty() && !url.starts_with("https"))
    in.fail("expected the url of a route service");
  return url;
}

std::vector<routing::policy_option> read_policies(msgpack_reader& in) {
  auto policies = read_all<routing::policy_option>(in, [&] { return read_policy(in); });
  if (policies.size() > routing::route_policies_max + 1)
    in.fail("expected fewer policies");
  return policies;
}

} // namespace

void write(msgpack_writer& out, const routing::route_traits& traits) {
  out.array(8);
  out.put(std::string_view{traits.route_service_url});
  out.put(number_of(algorithms, traits.algorithm));
  out.put(std::string_view{traits.hash_header});
  out.put(traits.hash_balance);
  out.put(std::string_view{traits.spelling});
  write_policies(out, traits.policies);
  out.put(number_of(reservations, traits.reserved));
  if (traits.options)
    write(out, *traits.options);
  else
    out.nil();
}

routing::route_traits read_traits(msgpack_reader& in) {
  routing::route_traits traits;
  msgpack_record fields{in};
  if (fields.next())
    traits.route_service_url = read_service_url(in);
  if (fields.next())
    traits.algorithm = read_one_of(in, algorithms);
  if (fields.next())
    traits.hash_header = in.text(endpoint::text_bytes_max);
  if (fields.next())
    traits.hash_balance = in.real();
  if (fields.next())
    traits.spelling = in.text(routing::uri_bytes_max);
  if (fields.next())
    traits.policies = read_policies(in);
  if (fields.next())
    traits.reserved = read_one_of(in, reservations);
  if (fields.next() && !in.nil())
    traits.options = std::make_shared<const routing::route_options>(read_route_options(in));
  fields.end();
  in.charge(traits.route_service_url.size() + traits.hash_header.size() + traits.spelling.size());
  return traits;
}

// -- Paths and hosts.

void write(msgpack_writer& out, const told_path& path) {
  const bool usual = path.empty_for.count() == 0 && path.last_app.empty()
                     && path.last == routing::route_traits{};
  out.array(usual ? 4 : 7);
  out.put(std::string_view{path.path});
  out.put((path.whole ? is_whole : 0) | (path.known ? is_known : 0));
  write_all(out, path.members);
  write_all(out, path.ended);
  if (usual)
    return;
  write_age(out, path.empty_for);
  write(out, path.last);
  out.put(std::string_view{path.last_app});
}

void write(msgpack_writer& out, const told_host& host) {
  out.array(3);
  out.put(std::string_view{host.host});
  out.put(host.whole);
  write_all(out, host.paths);
}

namespace {

told_path read_path(msgpack_reader& in, std::string_view host) {
  told_path path;
  msgpack_record fields{in};
  if (fields.next())
    path.path = read_path_name(in, host);
  if (fields.next()) {
    const auto flags = in.number(std::numeric_limits<uint64_t>::max());
    path.whole = (flags & is_whole) != 0;
    path.known = (flags & is_known) != 0;
  }
  if (fields.next())
    path.members = read_all<told_member>(in, [&] { return read_member(in, host, path.path); });
  if (fields.next())
    path.ended = read_all<told_end>(in, [&] { return read_end(in); });
  if (fields.next())
    path.empty_for = std::min(read_age(in), routing::oldest);
  if (fields.next())
    path.last = read_traits(in);
  if (!is_spelling_of(path.last.spelling, host, path.path))
    in.fail("expected a spelling of the route's own");
  if (fields.next())
    path.last_app = read_string(in, endpoint::text_bytes_max);
  fields.end();
  return path;
}

} // namespace

std::string read_host_name(msgpack_reader& in) {
  auto host = read_string(in, routing::host_bytes_max);
  if (!is_host(host))
    in.fail("expected the host of a route, normalised");
  return host;
}

told_host read_host(msgpack_reader& in) {
  told_host host;
  msgpack_record fields{in};
  if (fields.next())
    host.host = read_host_name(in);
  if (host.host.empty())
    in.fail("expected the host of a route");
  if (fields.next())
    host.whole = in.boolean();
  if (fields.next())
    host.paths = read_all<told_path>(in, [&] { return read_path(in, host.host); });
  fields.end();
  return host;
}

std::vector<told_host> read_hosts(msgpack_reader& in) {
  return read_all<told_host>(in, [&] { return read_host(in); });
}

// -- Keys.

void write(msgpack_writer& out, const routing::endpoint_key& key) {
  out.array(3);
  out.put(std::string_view{key.host});
  out.put(std::string_view{key.path});
  out.put(std::string_view{key.address});
}

routing::endpoint_key read_key(msgpack_reader& in) {
  routing::endpoint_key key;
  msgpack_record fields{in};
  if (fields.next())
    key.host = read_host_name(in);
  if (fields.next())
    key.path = read_path_name(in, key.host);
  if (fields.next())
    key.address = read_string(in, address_bytes_max);
  if (key.host.empty() || key.address.empty())
    in.fail("expected the key of an endpoint");
  fields.end();
  return key;
}

} // namespace shunt::cluster
