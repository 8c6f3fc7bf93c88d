#include "cluster/peer_frame.hpp"

#include "cluster/msgpack.hpp"
#include "cluster/replica_codec.hpp"
#include "cluster/told_codec.hpp"
#include "cluster/told_codec.text.hpp"
#include "routing/message_transit.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace shunt::cluster {

namespace {

using routing::node_heartbeat;
using routing::node_hello;
using std::uint64_t;

constexpr uint64_t hears_nats_flag = 1;
constexpr uint64_t leaving_flag = 2;
/// Length, the array of two, the kind, and an array whose count takes four bytes.
constexpr std::size_t messages_head_bytes = frame_length_bytes + 1 + 1 + 5;
/// Of any frame: up to the end of its kind.
constexpr std::size_t frame_kind_bytes_max = 5 + 9;
/// When they were composed.
constexpr std::size_t messages_tail_bytes_max = 9;
/// Of memory that a packer keeps.
constexpr std::size_t kept_bytes_max = 64 * 1024;
constexpr unsigned char array_32 = 0xdd;

void put_length(std::string& frame, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i)
    frame[at + i] = static_cast<char>(value >> (8 * (3 - i)));
}

/// `write_fields(out)` writes so many values.
template <class WriteFields>
std::string frame_of(frame_kind kind, std::size_t fields, WriteFields write_fields) {
  std::string frame(frame_length_bytes, '\0');
  msgpack_writer out{&frame};
  out.array(1 + fields);
  out.put(static_cast<uint64_t>(kind));
  write_fields(out);
  put_length(frame, 0, frame.size() - frame_length_bytes);
  return frame;
}

// -- What a node says of itself.

void write_node(msgpack_writer& out, const node_hello& node) {
  out.array(10);
  for (const auto* text : {&node.cluster, &node.node, &node.zone, &node.address})
    out.put(std::string_view{*text});
  out.put(node.incarnation);
  out.put(uint64_t{node.shards});
  out.put(uint64_t{node.holders});
  out.put(node.suspect_after_ms);
  out.put(node.remove_after_ms);
  out.put(node.rebalance_after_ms);
}

std::uint32_t read_u32(msgpack_reader& in) {
  return static_cast<std::uint32_t>(in.number(0xffff'ffff));
}

node_hello read_node(msgpack_reader& in) {
  node_hello node;
  msgpack_record fields{in};
  for (auto* text : {&node.cluster, &node.node, &node.zone, &node.address})
    if (fields.next())
      *text = read_line(in, node_text_bytes_max);
  if (fields.next())
    node.incarnation = in.number();
  if (fields.next())
    node.shards = static_cast<std::uint32_t>(in.number(shards_max));
  if (fields.next())
    node.holders = read_u32(in);
  if (fields.next())
    node.suspect_after_ms = in.number();
  if (fields.next())
    node.remove_after_ms = in.number();
  if (fields.next())
    node.rebalance_after_ms = in.number();
  fields.end();
  if (node.node.empty())
    in.fail("expected the name of a node");
  return node;
}

// -- Each kind of frame.

hello_frame read_hello(msgpack_reader& in, msgpack_record& fields) {
  hello_frame frame;
  if (fields.next())
    frame.lowest = read_u32(in);
  if (fields.next())
    frame.highest = read_u32(in);
  if (fields.next())
    frame.lane = static_cast<link_lane>(in.number(static_cast<uint64_t>(link_lane::slices)));
  if (fields.next())
    frame.token = in.number();
  if (fields.next())
    frame.node = read_node(in);
  if (frame.lowest > frame.highest || frame.node.node.empty())
    in.fail("expected a hello");
  return frame;
}

welcome_frame read_welcome(msgpack_reader& in, msgpack_record& fields) {
  welcome_frame frame;
  if (fields.next())
    frame.version = read_u32(in);
  if (fields.next())
    frame.token = in.number();
  if (fields.next())
    frame.node = read_node(in);
  if (frame.node.node.empty())
    in.fail("expected a welcome");
  return frame;
}

refusal_frame read_refusal(msgpack_reader& in, msgpack_record& fields) {
  refusal_frame frame;
  if (fields.next()) {
    const auto code = in.number();
    const bool known = code <= static_cast<uint64_t>(refusal_code::busy);
    frame.code = known ? static_cast<refusal_code>(code) : refusal_code::unfit;
  }
  if (fields.next())
    frame.reason = in.text(reason_bytes_max);
  if (fields.next())
    frame.node = read_line(in, node_text_bytes_max);
  return frame;
}

/// One bit a shard, the first in the highest bit of the first byte.
std::string packed(const std::vector<bool>& bits) {
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < bits.size(); ++i)
    if (bits[i])
      bytes[i / 8] = static_cast<char>(static_cast<unsigned char>(bytes[i / 8]) | 0x80 >> i % 8);
  return bytes;
}

std::vector<bool> read_bits(msgpack_reader& in, std::size_t count) {
  const auto bytes = in.blob((shards_max + 7) / 8);
  if (bytes.size() != (count + 7) / 8) {
    in.fail("expected a bit for each shard");
    return {};
  }
  std::vector<bool> bits(count);
  for (std::size_t i = 0; i < count; ++i)
    bits[i] = (static_cast<unsigned char>(bytes[i / 8]) & 0x80 >> i % 8) != 0;
  return bits;
}

node_heartbeat read_heartbeat(msgpack_reader& in, msgpack_record& fields) {
  node_heartbeat beat;
  if (fields.next())
    beat.sequence = in.number();
  if (fields.next())
    beat.view = in.number();
  if (fields.next()) {
    const auto flags = in.number();
    beat.hears_nats = (flags & hears_nats_flag) != 0;
    beat.leaving = (flags & leaving_flag) != 0;
  }
  std::size_t count = 0;
  if (fields.next())
    count = in.number(shards_max);
  if (fields.next())
    beat.in_sync = read_bits(in, count);
  return beat;
}

void read_message(msgpack_reader& in, std::size_t shards, messages_frame& into) {
  msgpack_record fields{in};
  std::size_t shard = 0;
  std::optional<std::size_t> kind;
  std::optional<routing::replica_message> message;
  if (fields.next())
    shard = in.number();
  if (fields.next())
    kind = in.number();
  if (kind && fields.next())
    message = read_replica_message(in, *kind);
  else
    in.fail("expected a message");
  fields.end();
  if (shard >= shards)
    in.fail("expected a shard of the cluster");
  if (in.failed())
    return;
  in.charge<shard_message>();
  if (message)
    into.messages.push_back({shard, std::move(*message)});
  else
    ++into.skipped;
}

messages_frame read_messages(msgpack_reader& in, msgpack_record& fields, std::size_t shards) {
  messages_frame frame;
  if (!fields.next())
    return frame;
  for (auto left = in.array(); left > 0 && !in.failed(); --left)
    read_message(in, shards, frame);
  if (fields.next())
    frame.composed_ms = in.number(routing::message_transit::stamp_max_ms);
  return frame;
}

routing::told_node read_told_node(msgpack_reader& in) {
  routing::told_node node;
  msgpack_record fields{in};
  for (auto* text : {&node.node, &node.zone, &node.address})
    if (fields.next())
      *text = read_line(in, node_text_bytes_max);
  if (fields.next())
    node.incarnation = in.number();
  if (fields.next())
    node.sequence = in.number();
  if (fields.next())
    node.age = std::min(read_age(in), routing::oldest);
  if (fields.next())
    node.left = in.boolean();
  fields.end();
  in.charge<routing::told_node>();
  return node;
}

routing::node_news read_news(msgpack_reader& in, msgpack_record& fields) {
  routing::node_news news;
  if (!fields.next())
    return news;
  auto left = in.array();
  if (left > routing::peers_max)
    in.fail("expected fewer nodes");
  for (; left > 0 && !in.failed(); --left)
    news.nodes.push_back(read_told_node(in));
  return news;
}

table_counts read_counts(msgpack_reader& in, msgpack_record& fields) {
  table_counts counts;
  if (fields.next())
    counts.routes = in.number();
  if (fields.next())
    counts.endpoints = in.number();
  return counts;
}

peer_frame read_frame(msgpack_reader& in, msgpack_record& fields, uint64_t kind, std::size_t shards) {
  switch (kind) {
    case static_cast<uint64_t>(frame_kind::hello): return read_hello(in, fields);
    case static_cast<uint64_t>(frame_kind::welcome): return read_welcome(in, fields);
    case static_cast<uint64_t>(frame_kind::refusal): return read_refusal(in, fields);
    case static_cast<uint64_t>(frame_kind::heartbeat): return read_heartbeat(in, fields);
    case static_cast<uint64_t>(frame_kind::messages): return read_messages(in, fields, shards);
    case static_cast<uint64_t>(frame_kind::news): return read_news(in, fields);
    case static_cast<uint64_t>(frame_kind::counts): return read_counts(in, fields);
    default: return unknown_frame{kind};
  }
}

} // namespace

// -- Writing.

std::string encode(const hello_frame& frame) {
  return frame_of(frame_kind::hello, 5, [&](msgpack_writer& out) {
    out.put(uint64_t{frame.lowest});
    out.put(uint64_t{frame.highest});
    out.put(static_cast<uint64_t>(frame.lane));
    out.put(frame.token);
    write_node(out, frame.node);
  });
}

std::string encode(const welcome_frame& frame) {
  return frame_of(frame_kind::welcome, 3, [&](msgpack_writer& out) {
    out.put(uint64_t{frame.version});
    out.put(frame.token);
    write_node(out, frame.node);
  });
}

namespace {

/// Not in the middle of a character.
std::string_view cut(std::string_view reason) {
  auto bytes = std::min(reason.size(), reason_bytes_max);
  while (bytes < reason.size() && bytes > 0 && (static_cast<unsigned char>(reason[bytes]) & 0xc0) == 0x80)
    --bytes;
  return reason.substr(0, bytes);
}

} // namespace

std::string encode(const refusal_frame& frame) {
  return frame_of(frame_kind::refusal, 3, [&](msgpack_writer& out) {
    out.put(static_cast<uint64_t>(frame.code));
    out.put(cut(frame.reason));
    out.put(std::string_view{frame.node});
  });
}

std::string encode(const node_heartbeat& beat) {
  return frame_of(frame_kind::heartbeat, 5, [&](msgpack_writer& out) {
    out.put(beat.sequence);
    out.put(beat.view);
    out.put((beat.hears_nats ? hears_nats_flag : 0) | (beat.leaving ? leaving_flag : 0));
    out.put(uint64_t{beat.in_sync.size()});
    out.blob(packed(beat.in_sync));
  });
}

std::string encode(const routing::node_news& news) {
  return frame_of(frame_kind::news, 1, [&](msgpack_writer& out) {
    out.array(news.nodes.size());
    for (const auto& node : news.nodes) {
      out.array(7);
      for (const auto* text : {&node.node, &node.zone, &node.address})
        out.put(std::string_view{*text});
      out.put(node.incarnation);
      out.put(node.sequence);
      write_age(out, node.age);
      out.put(node.left);
    }
  });
}

std::string encode(const table_counts& counts) {
  return frame_of(frame_kind::counts, 2, [&](msgpack_writer& out) {
    out.put(counts.routes);
    out.put(counts.endpoints);
  });
}

void message_packer::begin() {
  frame_.assign(frame_length_bytes, '\0');
  msgpack_writer out{&frame_};
  out.array(3);
  out.put(static_cast<uint64_t>(frame_kind::messages));
  frame_ += static_cast<char>(array_32); // How many they are stands in its place in the end.
  frame_.append(4, '\0');
}

bool message_packer::add(std::size_t shard, const routing::replica_message& message, routing::time_point composed,
                         std::size_t bytes_max) {
  if (empty()) {
    begin();
    composed_ = composed;
  }
  const auto before = frame_.size();
  msgpack_writer out{&frame_};
  out.array(3);
  out.put(uint64_t{shard});
  out.put(uint64_t{kind_of(message)});
  write(out, message, version_);
  const bool has_room = frame_.size() - frame_length_bytes <= frame_bytes_max - messages_tail_bytes_max;
  if (!has_room || frame_.size() - before > bytes_max) {
    frame_.resize(before);
    return false;
  }
  composed_ = std::min(composed_, composed);
  ++count_;
  return true;
}

std::string message_packer::take() {
  if (empty())
    return {};
  msgpack_writer out{&frame_};
  out.put(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(composed_.time_since_epoch()).count()));
  put_length(frame_, messages_head_bytes - 4, count_);
  put_length(frame_, 0, frame_.size() - frame_length_bytes);
  count_ = 0;
  if (frame_.capacity() > kept_bytes_max)
    return std::exchange(frame_, {});
  auto frame = frame_; // No longer than it has to be, since it may wait.
  frame_.clear();
  return frame;
}

// -- Reading.

std::optional<std::size_t> frame_length(std::string_view bytes) {
  if (bytes.size() < frame_length_bytes)
    return std::nullopt;
  std::size_t length = 0;
  for (const char c : bytes.substr(0, frame_length_bytes))
    length = length << 8 | static_cast<unsigned char>(c);
  return length;
}

bool is_heartbeat(std::string_view payload) {
  msgpack_reader in{payload.substr(0, frame_kind_bytes_max), frame_memory_bytes_max};
  return in.array() > 0 && in.number() == static_cast<uint64_t>(frame_kind::heartbeat) && !in.failed()
         && decode(payload, 0).frame; // One that cannot be read changes nothing.
}

decoded_frame decode(std::string_view payload, std::size_t shards) {
  if (payload.size() > frame_bytes_max)
    return {std::nullopt, "longer than a frame may be"};
  msgpack_reader in{payload, frame_memory_bytes_max};
  msgpack_record fields{in};
  if (!fields.next())
    in.fail("expected the kind of a frame");
  const auto kind = in.number();
  auto frame = read_frame(in, fields, kind, shards);
  fields.end();
  if (!in.failed() && !in.left().empty())
    in.fail("bytes behind its end");
  if (in.failed())
    return {std::nullopt, in.reason()};
  return {std::move(frame), {}};
}

std::optional<std::uint32_t> common_version(const hello_frame& theirs, std::uint32_t lowest,
                                            std::uint32_t highest) {
  const auto version = std::min(highest, theirs.highest);
  if (version < std::max(lowest, theirs.lowest))
    return std::nullopt;
  return version;
}

} // namespace shunt::cluster
