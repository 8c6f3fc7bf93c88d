#include "cluster/replica_codec.hpp"

#include "cluster/told_codec.hpp"

#include <limits>
#include <string_view>

namespace shunt::cluster {

namespace {

using namespace routing;
using std::uint64_t;

/// More than any frame has room for.
constexpr std::size_t blob_bytes_max = 1024 * 1024;

// -- Lists of numbers, packed: big endian, without anything between them.

template <class Number>
void append_number(std::string& to, Number value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
    to += static_cast<char>(value >> shift);
}

template <class Number>
Number take_number(std::string_view& from) {
  Number value = 0;
  for (const char c : from.substr(0, sizeof value))
    value = static_cast<Number>(value << 8 | static_cast<unsigned char>(c));
  from.remove_prefix(sizeof value);
  return value;
}

template <class Number>
void write_packed(msgpack_writer& out, const std::vector<Number>& numbers) {
  std::string packed;
  packed.reserve(numbers.size() * sizeof(Number));
  for (const auto each : numbers)
    append_number(packed, each);
  out.blob(packed);
}

template <class Number>
std::vector<Number> read_packed(msgpack_reader& in) {
  auto packed = in.blob(blob_bytes_max);
  if (packed.size() % sizeof(Number) != 0)
    in.fail("expected whole numbers");
  std::vector<Number> numbers;
  in.charge(packed.size());
  if (in.failed())
    return numbers;
  numbers.reserve(packed.size() / sizeof(Number));
  while (!packed.empty())
    numbers.push_back(take_number<Number>(packed));
  return numbers;
}

void write_hosts(msgpack_writer& out, const std::vector<told_host>& hosts) {
  out.array(hosts.size());
  for (const auto& each : hosts)
    write(out, each);
}

void write_keys(msgpack_writer& out, const std::vector<endpoint_key>& keys) {
  out.array(keys.size());
  for (const auto& each : keys)
    write(out, each);
}

std::vector<endpoint_key> read_keys(msgpack_reader& in) {
  std::vector<endpoint_key> keys;
  for (auto left = in.array(); left > 0 && !in.failed(); --left) {
    keys.push_back(read_key(in));
    in.charge<endpoint_key>();
  }
  return keys;
}

// -- What came later than the first version: its writers are told what the peer reads.

constexpr std::uint32_t leases_numbered = 2;

void begin_of_lease(msgpack_writer& out, std::size_t other_fields, std::uint32_t version) {
  out.array(other_fields + (version >= leases_numbered ? 1 : 0));
}
void end_of_lease(msgpack_writer& out, uint64_t lease, std::uint32_t version) {
  if (version >= leases_numbered)
    out.put(lease);
}

// -- One pair for each kind, in their order. Fields are appended, never moved.

void write_fields(msgpack_writer& out, const lease_start& m, std::uint32_t version) {
  begin_of_lease(out, 1, version);
  out.array(m.hosts.size());
  for (const auto& host : m.hosts)
    out.put(std::string_view{host});
  end_of_lease(out, m.lease, version);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, lease_start& m) {
  if (!fields.next())
    return;
  for (auto left = in.array(); left > 0 && !in.failed(); --left) {
    m.hosts.push_back(read_host_name(in));
    in.charge<std::string>();
  }
  if (fields.next())
    m.lease = in.number();
}

void write_fields(msgpack_writer& out, const lease_end&) {
  out.array(0);
}
void read_fields(msgpack_reader&, msgpack_record&, lease_end&) {}

void write_fields(msgpack_writer& out, const lease_more& m) {
  out.array(1);
  out.put(std::string_view{m.host});
}
void read_fields(msgpack_reader& in, msgpack_record& fields, lease_more& m) {
  if (fields.next())
    m.host = read_host_name(in);
  if (m.host.empty())
    in.fail("expected a host");
}

void write_fields(msgpack_writer& out, const lease_less& m) {
  out.array(1);
  out.put(std::string_view{m.host});
}
void read_fields(msgpack_reader& in, msgpack_record& fields, lease_less& m) {
  if (fields.next())
    m.host = read_host_name(in);
  if (m.host.empty())
    in.fail("expected a host");
}

void write_fields(msgpack_writer& out, const lease_granted& m, std::uint32_t version) {
  begin_of_lease(out, 4, version);
  out.put(m.sequence);
  out.put(m.in_sync);
  out.put(m.complete);
  write_hosts(out, m.hosts);
  end_of_lease(out, m.lease, version);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, lease_granted& m) {
  if (fields.next())
    m.sequence = in.number();
  if (fields.next())
    m.in_sync = in.boolean();
  if (fields.next())
    m.complete = in.boolean();
  if (fields.next())
    m.hosts = read_hosts(in);
  if (fields.next())
    m.lease = in.number();
}

void write_fields(msgpack_writer& out, const lease_changed& m, std::uint32_t version) {
  begin_of_lease(out, 4, version);
  out.put(m.sequence);
  out.put(m.in_sync);
  write_hosts(out, m.hosts);
  write_packed(out, m.appeared);
  end_of_lease(out, m.lease, version);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, lease_changed& m) {
  if (fields.next())
    m.sequence = in.number();
  if (fields.next())
    m.in_sync = in.boolean();
  if (fields.next())
    m.hosts = read_hosts(in);
  if (fields.next())
    m.appeared = read_packed<uint64_t>(in);
  if (fields.next())
    m.lease = in.number();
}

void write_fields(msgpack_writer& out, const lease_applied& m) {
  out.array(1);
  out.put(m.sequence);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, lease_applied& m) {
  if (fields.next())
    m.sequence = in.number();
}

void write_fields(msgpack_writer& out, const known_hosts& m, std::uint32_t version) {
  begin_of_lease(out, 1, version);
  out.blob(m.filter);
  end_of_lease(out, m.lease, version);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, known_hosts& m) {
  if (fields.next())
    m.filter = in.blob(blob_bytes_max);
  in.charge(m.filter.size());
  if (fields.next())
    m.lease = in.number();
}

void write_fields(msgpack_writer& out, const slice_digest& m) {
  out.array(2);
  out.put(m.sum);
  out.put(m.in_sync);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, slice_digest& m) {
  if (fields.next())
    m.sum = in.number();
  if (fields.next())
    m.in_sync = in.boolean();
}

void write_fields(msgpack_writer& out, const bucket_digests& m) {
  out.array(1);
  write_packed(out, m.sums);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, bucket_digests& m) {
  if (fields.next())
    m.sums = read_packed<uint64_t>(in);
}

/// The hosts as pairs of numbers.
void write_fields(msgpack_writer& out, const host_digests& m) {
  out.array(2);
  write_packed(out, m.buckets);
  std::vector<uint64_t> pairs;
  pairs.reserve(2 * m.hosts.size());
  for (const auto& [host, sum] : m.hosts)
    pairs.insert(pairs.end(), {host, sum});
  write_packed(out, pairs);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, host_digests& m) {
  if (fields.next())
    m.buckets = read_packed<std::uint16_t>(in);
  if (!fields.next())
    return;
  const auto pairs = read_packed<uint64_t>(in);
  if (pairs.size() % 2 != 0)
    in.fail("expected pairs");
  else
    for (std::size_t i = 0; i < pairs.size(); i += 2)
      m.hosts.push_back({pairs[i], pairs[i + 1]});
}

void write_fields(msgpack_writer& out, const slice_pull& m) {
  out.array(1);
  write_packed(out, m.hosts);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, slice_pull& m) {
  if (fields.next())
    m.hosts = read_packed<uint64_t>(in);
}

void write_fields(msgpack_writer& out, const slice_told& m) {
  out.array(2);
  write_hosts(out, m.hosts);
  out.put(m.last);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, slice_told& m) {
  if (fields.next())
    m.hosts = read_hosts(in);
  if (fields.next())
    m.last = in.boolean();
}

void write_fields(msgpack_writer& out, const transfer_pull& m) {
  out.array(1);
  out.put(m.cursor);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, transfer_pull& m) {
  if (fields.next())
    m.cursor = in.number();
}

void write_fields(msgpack_writer& out, const transfer_piece& m) {
  out.array(m.held ? 4 : 5);
  out.put(m.cursor);
  out.put(m.next);
  out.put(m.in_sync);
  write_hosts(out, m.hosts);
  if (!m.held)
    out.put(m.held);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, transfer_piece& m) {
  if (fields.next())
    m.cursor = in.number();
  if (fields.next())
    m.next = in.number();
  if (fields.next())
    m.in_sync = in.boolean();
  if (fields.next())
    m.hosts = read_hosts(in);
  if (fields.next())
    m.held = in.boolean();
}

void write_fields(msgpack_writer& out, const ages_asked& m) {
  out.array(m.failed.empty() ? 2 : 3);
  out.put(m.round);
  write_keys(out, m.of);
  if (m.failed.empty())
    return;
  out.array(m.failed.size());
  for (const bool each : m.failed)
    out.put(each);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, ages_asked& m) {
  if (fields.next())
    m.round = in.number();
  if (fields.next())
    m.of = read_keys(in);
  if (!fields.next())
    return;
  for (auto left = in.array(); left > 0 && !in.failed(); --left) {
    m.failed.push_back(in.boolean());
    in.charge(1);
  }
}

void write_fields(msgpack_writer& out, const ages_told& m) {
  out.array(2);
  out.put(m.round);
  out.array(m.ages.size());
  for (const auto age : m.ages)
    write_age(out, age);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, ages_told& m) {
  if (fields.next())
    m.round = in.number();
  if (!fields.next())
    return;
  for (auto left = in.array(); left > 0 && !in.failed(); --left) {
    m.ages.push_back(read_age(in));
    in.charge<nanoseconds>();
  }
}

void write_fields(msgpack_writer& out, const endpoints_pruned& m) {
  out.array(1);
  write_keys(out, m.which);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, endpoints_pruned& m) {
  if (fields.next())
    m.which = read_keys(in);
}

void write_fields(msgpack_writer& out, const change_asked& m) {
  out.array(5);
  out.put(m.change);
  write(out, m.which);
  out.put(m.present);
  out.put(m.content);
  write_age(out, m.within);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, change_asked& m) {
  if (fields.next())
    m.change = in.number();
  if (!fields.next())
    return in.fail("expected an endpoint that is asked about");
  m.which = read_key(in);
  if (fields.next())
    m.present = in.boolean();
  if (fields.next())
    m.content = in.number();
  if (fields.next())
    m.within = read_age(in);
}

void write_fields(msgpack_writer& out, const change_told& m) {
  out.array(3);
  out.put(m.change);
  out.put(m.applied);
  out.put(m.drained);
}
void read_fields(msgpack_reader& in, msgpack_record& fields, change_told& m) {
  if (fields.next())
    m.change = in.number();
  if (fields.next())
    m.applied = in.boolean();
  if (fields.next())
    m.drained = in.boolean();
}

template <std::size_t Kind = 0>
std::optional<replica_message> read_kind(msgpack_reader& in, std::size_t kind) {
  if constexpr (Kind == std::variant_size_v<replica_message>) {
    in.skip(); // Of a later version.
    return std::nullopt;
  } else {
    if (kind != Kind)
      return read_kind<Kind + 1>(in, kind);
    std::variant_alternative_t<Kind, replica_message> message;
    msgpack_record fields{in};
    read_fields(in, fields, message);
    fields.end();
    if (in.failed())
      return std::nullopt;
    return replica_message{std::in_place_index<Kind>, std::move(message)};
  }
}

} // namespace

void write(msgpack_writer& out, const replica_message& message, std::uint32_t version) {
  std::visit(
    [&](const auto& m) {
      if constexpr (requires { write_fields(out, m, version); })
        write_fields(out, m, version);
      else
        write_fields(out, m);
    },
    message);
}

std::optional<replica_message> read_replica_message(msgpack_reader& in, std::size_t kind) {
  return read_kind(in, kind);
}

} // namespace shunt::cluster
