// How the contents of a route table are written in frames, and read. An endpoint is a map of small numbers
// to what is there: most fields usually are not. Everything that can stand in a table goes through,
// and nothing else comes in: what is read keeps to the bounds that a registration has to keep to.
//
// Whoever adds a field appends its number. An older node passes over it, and then holds another endpoint
// than the one that was told: digests of the two differ until both know the field. So write it only to
// nodes that speak a frame version which has it.
#pragma once

#include "cluster/msgpack.hpp"
#include "routing/replica_message.hpp"

#include <cstddef>
#include <vector>

namespace shunt::cluster {

void write(msgpack_writer& out, const routing::endpoint& e);
void write(msgpack_writer& out, const routing::told_member& member);
void write(msgpack_writer& out, const routing::told_end& end);
void write(msgpack_writer& out, const routing::told_path& path);
void write(msgpack_writer& out, const routing::told_host& host);
void write(msgpack_writer& out, const routing::endpoint_key& key);
/// A negative one is written as none.
void write_age(msgpack_writer& out, routing::nanoseconds age);

/// What `value` takes in a frame.
template <class T>
std::size_t encoded_bytes(const T& value) {
  msgpack_writer counted{nullptr};
  write(counted, value);
  return counted.bytes();
}

/// Each fails by the reader's `fail`; then what it returns is of no use.
routing::endpoint_ptr read_endpoint(msgpack_reader& in);
routing::told_host read_host(msgpack_reader& in);
std::vector<routing::told_host> read_hosts(msgpack_reader& in);
routing::endpoint_key read_key(msgpack_reader& in);
routing::nanoseconds read_age(msgpack_reader& in);
/// A host that can have routes, normalised.
std::string read_host_name(msgpack_reader& in);

} // namespace shunt::cluster
