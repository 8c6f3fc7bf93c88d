// The frames that nodes exchange. A frame is a length (4 bytes, big endian) and so many bytes of msgpack: an
// array of its kind and its fields.
//
// Versions. A node writes frames of the version that both agreed on: the highest that both speak. It reads its
// own and the one before, so that a cluster can be upgraded node by node. What makes that possible:
// - Fields stand in arrays or in maps of numbers. New ones are appended; a reader takes those it knows,
//   passes over the rest, and gives those that are missing the value they had before there was such a field.
// - Frames and messages of a kind that is not known are passed over and counted.
// - Nothing is renumbered, and nothing changes its type or its meaning. What must change becomes a new field,
//   frame or message, written only from the version on that has it; then `frame_version` grows, and
//   `frame_version_lowest` follows one behind. A frame that only informs may be written to all, since nothing is amiss
//   where it is passed over.
// - The hello, the welcome and the refusal are read by all versions, whatever they agree on.
//
// Everything may come from anyone. A length beyond the bound ends the connection before anything is
// allocated; what is made of a frame is bounded by `memory_bytes_max`.
#pragma once

#include "routing/membership.hpp"
#include "routing/replica_message.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace shunt::cluster {

/// 2: leases have numbers.
inline constexpr std::uint32_t frame_version = 2;
inline constexpr std::uint32_t frame_version_lowest = 1; ///< That is still read and written.

inline constexpr std::size_t frame_length_bytes = 4;
/// Of what follows the length.
inline constexpr std::size_t frame_bytes_max = 1024 * 1024;
/// The same until both sides know each other.
inline constexpr std::size_t greeting_bytes_max = 8 * 1024;
/// What may be made of one frame. Frames that hold much in few bytes come to more than they are long.
inline constexpr std::size_t frame_memory_bytes_max = 16 * 1024 * 1024;
inline constexpr std::size_t shards_max = 65'536;
inline constexpr std::size_t node_text_bytes_max = 512; ///< Of each name and address of a node.
inline constexpr std::size_t reason_bytes_max = 1024;

/// Append, never renumber.
enum class frame_kind : std::uint8_t { hello = 1, welcome, refusal, heartbeat, messages, news, counts };

/// Two nodes share a connection for everything, and one for pieces of slices, so that these hold up nothing.
enum class link_lane : std::uint8_t { main = 0, slices = 1 };

/// What whoever connects says first.
struct hello_frame {
  std::uint32_t lowest = frame_version_lowest;
  std::uint32_t highest = frame_version;
  link_lane lane = link_lane::main;
  std::uint64_t token = 0; ///< For `slices`: what the welcome to the main connection had.
  routing::node_hello node;

  bool operator==(const hello_frame&) const = default;
};

/// Answers a hello: from here on both speak `version`.
struct welcome_frame {
  std::uint32_t version = frame_version;
  std::uint64_t token = 0; ///< For the hello of the second connection.
  routing::node_hello node;

  bool operator==(const welcome_frame&) const = default;
};

/// Append, never renumber. An unknown one acts as `unfit`.
enum class refusal_code : std::uint8_t {
  unfit,     ///< Something differs that must not. A person has to act; until then trying again is in vain.
  duplicate, ///< There is a better connection between the two already.
  itself,    ///< It connected to itself.
  version,   ///< No common frame version.
  busy,      ///< Not now.
};

/// Answers a hello or a welcome; the connection ends with it.
struct refusal_frame {
  refusal_code code = refusal_code::unfit;
  std::string reason; ///< For the log of the other side.
  std::string node;   ///< Who refuses.

  bool operator==(const refusal_frame&) const = default;
};

struct shard_message {
  std::size_t shard = 0;
  routing::replica_message what;
};
struct messages_frame {
  std::vector<shard_message> messages;
  std::optional<std::uint64_t> composed_ms; ///< The first of them, by the sender's clock; earlier builds do not say.
  std::size_t skipped = 0; ///< Of kinds that this version does not know.
};

/// What the sender's slices have, of those that it counts for all.
struct table_counts {
  std::uint64_t routes = 0;
  std::uint64_t endpoints = 0; ///< Once for each of their routes.

  bool operator==(const table_counts&) const = default;
};

/// Of a kind that this version does not know.
struct unknown_frame {
  std::uint64_t kind = 0;

  bool operator==(const unknown_frame&) const = default;
};

using peer_frame = std::variant<hello_frame, welcome_frame, refusal_frame, routing::node_heartbeat,
                                messages_frame, unknown_frame, routing::node_news, table_counts>;

// -- Writing. All give whole frames, with their length.

std::string encode(const hello_frame& frame);
std::string encode(const welcome_frame& frame);
std::string encode(const refusal_frame& frame);
std::string encode(const routing::node_heartbeat& frame);
/// Of as many nodes as `membership` can hear of.
std::string encode(const routing::node_news& frame);
std::string encode(const table_counts& frame);

/// Collects messages to replicas for one frame. Messages that are too large for any should have gone through
/// `in_parts` (replica_codec.hpp) before.
class message_packer {
public:
  explicit message_packer(std::uint32_t version = frame_version) : version_{version} {}
  /// False: it is longer than `bytes_max` by itself, or there is no room for it besides those that were added. In an empty
  /// one, with all that a frame may have: in no frame at all.
  bool add(std::size_t shard, const routing::replica_message& message, routing::time_point composed,
           std::size_t bytes_max = frame_bytes_max);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return frame_.size(); }
  /// The frame, if there is any message; begins anew.
  std::string take();

private:
  void begin();

  std::uint32_t version_;
  std::string frame_; ///< Its memory is kept for the next one.
  std::size_t count_ = 0;
  routing::time_point composed_{}; ///< The first.
};

// -- Reading.

/// How long the frame is that begins here, without its length; nothing if that cannot be told yet.
std::optional<std::size_t> frame_length(std::string_view bytes);

/// Whether it is one, by its kind alone; of what follows the length.
bool is_heartbeat(std::string_view payload);

struct decoded_frame {
  std::optional<peer_frame> frame;
  std::string error; ///< Why there is none.
};
/// Reads what follows the length. Messages to shards from `shards` on are errors.
decoded_frame decode(std::string_view payload, std::size_t shards = shards_max);

/// The highest version that both speak.
std::optional<std::uint32_t> common_version(const hello_frame& theirs,
                                            std::uint32_t lowest = frame_version_lowest,
                                            std::uint32_t highest = frame_version);

} // namespace shunt::cluster
