// Endpoints, and what a route as a whole asks for, in frames.
#include "cluster/told_codec.hpp"
#include "cluster/told_codec.text.hpp"

#include <array>
#include <optional>

namespace shunt::cluster {

namespace {

using routing::endpoint;
using routing::endpoint_spec;
using routing::route_options;
using std::uint64_t;

/// On the wire. Append, never renumber.
enum class field : std::uint8_t {
  host,
  port,
  tls,
  app,
  instance_id,
  instance_index,
  server_cert_domain_san,
  protocol,
  isolation_segment,
  availability_zone,
  route_service_url,
  tags,
  loadbalancing,
  hash_header,
  hash_balance,
  policy_scope,
  policy_sources,
  health_check_path,
  health_check_interval_ms,
  options,
  updated_at_ns,
  modification_guid,
  modification_index,
  stale_threshold_seconds,
};

/// Of route_options. Append, never renumber.
enum class option : std::uint8_t {
  empty_status,
  retry_after_s,
  hold_ms,
  fallback,
  open_without_service,
  empty_body,
  empty_content_type,
};

constexpr std::size_t content_type_bytes_max = 256;
constexpr std::int64_t retry_after_s_max = 365 * 24 * 3600;

/// Writes a map of what is not as it would be without being told.
template <class Key>
class sparse_map {
public:
  explicit sparse_map(msgpack_writer& out) : out_{out}, begin_{out.begin_map()} {}
  sparse_map(const sparse_map&) = delete;
  sparse_map& operator=(const sparse_map&) = delete;

  template <class T>
  void add(Key key, const T& value, const T& absent = {}) {
    if (value != absent)
      add_always(key, [&](msgpack_writer& out) { out.put(value); });
  }
  template <class Write>
  void add_always(Key key, Write write) {
    ++count_;
    out_.put(static_cast<uint64_t>(key));
    write(out_);
  }
  void end() { out_.end_map(begin_, count_); }

private:
  msgpack_writer& out_;
  std::size_t begin_;
  std::size_t count_ = 0;
};

template <class Key, class AddFields>
void write_sparse(msgpack_writer& out, AddFields add_fields) {
  sparse_map<Key> all{out};
  add_fields(all);
  all.end();
}

void write_tags(msgpack_writer& out, const endpoint& e) {
  out.map(e.tag_count());
  for (std::size_t i = 0; i < e.tag_count(); ++i) {
    const auto [key, value] = e.tag(i);
    out.put(key);
    out.put(value);
  }
}

void add_fields(sparse_map<field>& to, const endpoint& e) {
  constexpr std::string_view usual_protocol = "http1";
  to.add(field::host, e.host());
  to.add(field::port, uint64_t{e.port()});
  to.add(field::tls, e.tls());
  to.add(field::app, e.app());
  to.add(field::instance_id, e.instance_id());
  to.add(field::instance_index, e.instance_index());
  to.add(field::server_cert_domain_san, e.server_cert_domain_san());
  to.add(field::protocol, e.protocol(), usual_protocol);
  to.add(field::isolation_segment, e.isolation_segment());
  to.add(field::availability_zone, e.availability_zone());
  to.add(field::route_service_url, e.route_service_url());
  if (e.tag_count() > 0)
    to.add_always(field::tags, [&](msgpack_writer& out) { write_tags(out, e); });
  to.add(field::loadbalancing, e.loadbalancing());
  to.add(field::hash_header, e.hash_header());
  to.add(field::hash_balance, e.hash_balance());
  to.add(field::policy_scope, e.policy_scope());
  to.add(field::policy_sources, e.policy_sources());
  to.add(field::health_check_path, e.health_check_path());
  to.add(field::health_check_interval_ms, uint64_t{e.health_check_interval_ms()});
  if (e.has_route_options())
    to.add_always(field::options, [&](msgpack_writer& out) {
      write(out, routing::unpack_route_options(e.packed_route_options()));
    });
  to.add(field::updated_at_ns, e.updated_at_ns());
  to.add(field::modification_guid, e.modification_guid());
  to.add(field::modification_index, uint64_t{e.modification_index()});
  to.add(field::stale_threshold_seconds, std::int64_t{e.stale_threshold_seconds()});
}

/// Calls `read(key)` for each pair; keys must ascend, so none comes twice. `read` returns false for a key
/// that it does not know.
template <class Key, class Read>
void read_sparse(msgpack_reader& in, Read read) {
  constexpr uint64_t key_max = 0xffff;
  uint64_t least = 0;
  for (auto left = in.map(); left > 0 && !in.failed(); --left) {
    const auto key = in.number(key_max);
    if (key < least)
      in.fail("expected each field once, and in order");
    least = key + 1;
    if (!in.failed() && !read(static_cast<Key>(key)))
      in.skip();
  }
}

/// One endpoint while it is read.
struct endpoint_reading {
  msgpack_reader& in;
  endpoint_spec spec{};
  route_options options{};

  std::string_view text() { return in.text(endpoint::text_bytes_max); }
  /// Of what finds its way into header fields.
  std::string_view line() { return read_line(in, endpoint::text_bytes_max); }

  void read_tags() {
    thread_local std::array<endpoint_spec::tag_view, endpoint::tags_max> tags; // Rarely so many: not to be cleared.
    const auto count = in.map();
    if (count > tags.size())
      in.fail("expected at most 256 tags");
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
      const auto key = text();
      tags[i] = {key, text()};
    }
    if (!in.failed())
      spec.tags = {tags.data(), count};
  }

  void read_service() {
    spec.route_service_url = text();
    if (!spec.route_service_url.starts_with("https"))
      in.fail("expected the url of a route service");
  }

  void read_options() {
    options = read_route_options(in);
    spec.route_options = &options;
  }

  /// As `add_fields` wrote it. False: unknown.
  bool read(field key) {
    constexpr uint64_t u32_max = 0xffff'ffff;
    switch (key) {
      case field::host: spec.host = line(); break;
      case field::port: spec.port = static_cast<std::uint16_t>(in.number(0xffff)); break;
      case field::tls: spec.tls = in.boolean(); break;
      case field::app: spec.app = line(); break;
      case field::instance_id: spec.instance_id = line(); break;
      case field::instance_index: spec.instance_index = line(); break;
      case field::server_cert_domain_san: spec.server_cert_domain_san = line(); break;
      case field::protocol: spec.protocol = text(); break;
      case field::isolation_segment: spec.isolation_segment = text(); break;
      case field::availability_zone: spec.availability_zone = text(); break;
      case field::route_service_url: read_service(); break;
      case field::tags: read_tags(); break;
      case field::loadbalancing: spec.loadbalancing = text(); break;
      case field::hash_header: spec.hash_header = text(); break;
      case field::hash_balance: spec.hash_balance = in.real(); break;
      case field::policy_scope: spec.policy_scope = text(); break;
      case field::policy_sources: spec.policy_sources = text(); break;
      case field::health_check_path: spec.health_check_path = text(); break;
      case field::health_check_interval_ms:
        spec.health_check_interval_ms = static_cast<std::int64_t>(in.number(u32_max));
        break;
      case field::options: read_options(); break;
      case field::updated_at_ns: spec.updated_at_ns = in.signed_number(); break;
      case field::modification_guid: spec.modification_guid = text(); break;
      case field::modification_index:
        spec.modification_index = static_cast<std::uint32_t>(in.number(u32_max));
        break;
      case field::stale_threshold_seconds: spec.stale_threshold_seconds = in.signed_number(); break;
      default: return false;
    }
    return true;
  }
};

} // namespace

void write(msgpack_writer& out, const endpoint& e) {
  write_sparse<field>(out, [&](sparse_map<field>& to) { add_fields(to, e); });
}

routing::endpoint_ptr read_endpoint(msgpack_reader& in) {
  endpoint_reading reading{in};
  read_sparse<field>(in, [&](field key) { return reading.read(key); });
  if (in.failed())
    return {};
  auto made = endpoint::make(reading.spec);
  if (!made)
    in.fail("expected an endpoint within its bounds");
  else
    in.charge(made->allocated_bytes());
  return made;
}

// -- What a route asks for.

void write(msgpack_writer& out, const route_options& options) {
  write_sparse<option>(out, [&](sparse_map<option>& to) {
    to.add(option::empty_status, uint64_t{options.empty_status});
    if (options.retry_after)
      to.add_always(option::retry_after_s, [&](msgpack_writer& into) {
        into.put(std::int64_t{options.retry_after->count()});
      });
    to.add(option::hold_ms, std::int64_t{options.hold.count()});
    to.add(option::fallback, options.fallback);
    to.add(option::open_without_service, options.open_without_service);
    to.add(option::empty_body, std::string_view{options.empty_body});
    to.add(option::empty_content_type, std::string_view{options.empty_content_type});
  });
}

namespace {

std::uint16_t read_empty_status(msgpack_reader& in) {
  const auto status = in.number(599);
  if (status < 400)
    in.fail("expected a status from 400 to 599");
  return static_cast<std::uint16_t>(status);
}

std::string_view read_empty_body(msgpack_reader& in) {
  const auto body = in.text(routing::empty_body_bytes_max);
  for (const char c : body)
    if (is_control(c) && c != '\n' && c != '\r' && c != '\t')
      in.fail("control characters in a body");
  return body;
}

} // namespace

route_options read_route_options(msgpack_reader& in) {
  route_options read;
  read_sparse<option>(in, [&](option key) {
    switch (key) {
      case option::empty_status: read.empty_status = read_empty_status(in); break;
      case option::retry_after_s:
        read.retry_after = std::chrono::seconds{static_cast<std::int64_t>(in.number(retry_after_s_max))};
        break;
      case option::hold_ms:
        read.hold = std::chrono::milliseconds{
          static_cast<std::int64_t>(in.number(static_cast<uint64_t>(routing::hold_max.count())))};
        break;
      case option::fallback: read.fallback = in.boolean(); break;
      case option::open_without_service: read.open_without_service = in.boolean(); break;
      case option::empty_body: read.empty_body = read_empty_body(in); break;
      case option::empty_content_type:
        read.empty_content_type = read_line(in, content_type_bytes_max);
        break;
      default: return false;
    }
    return true;
  });
  in.charge<route_options>(read.empty_body);
  return read;
}

} // namespace shunt::cluster
