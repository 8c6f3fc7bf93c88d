// Connections between nodes, on a thread and an event loop of their own, so that neither requests nor
// transfers of slices hold up a heartbeat. It connects and accepts, greets and is greeted (peer_frame.hpp),
// and carries frames; who may link and what the frames say is for others to judge.
//
// A link is two connections, opened by the same side: one for everything and one for pieces of slices. It
// is open when both are, and ends with either. Without TLS nobody but this machine is accepted or connected
// to. Frames that wait to be sent are bounded, and too many end the link; what arrives is read only as
// fast as it is let go of.
#pragma once

#include "cluster/cluster_metrics.hpp"
#include "cluster/peer_frame.hpp"
#include "cluster/peer_tls.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace shunt::cluster {

struct transport_options {
  routing::node_hello self;
  int listening_socket = -1; ///< Taken over. -1: nobody can connect.
  std::shared_ptr<const peer_tls> tls; ///< Null: loopback only.
  std::size_t shards = shards_max;
  /// From the first packet until the link is open.
  std::chrono::nanoseconds greeting_limit = std::chrono::seconds{5};
  /// Without a byte from the other side, or without its taking one, the link ends.
  std::chrono::nanoseconds silence_limit = std::chrono::seconds{5};
  /// That wait to be sent, for each of the two connections of a link.
  std::size_t queue_bytes_max = 32 * 1024 * 1024;
  /// That were handed over and not let go of, for each of the two connections: then nothing is read from that one for a
  /// while. So slices that wait to be merged hold up no heartbeat.
  std::size_t unconsumed_bytes_max = 4 * 1024 * 1024;
  std::size_t strangers_max = 64; ///< Connections that have not said yet who they are.
  std::uint32_t version_lowest = frame_version_lowest;
  std::uint32_t version_highest = frame_version;
  std::string name_servers; ///< "ip:port", comma between; empty: the system's.
};

/// Which frames go first. Heartbeats and changes share a connection.
enum class send_queue : std::uint8_t { heartbeats, changes, slices };

/// One link, known by its number to whoever uses it. Any thread.
class link_handle {
public:
  explicit link_handle(std::uint64_t number) : number_{number} {}
  std::uint64_t number() const noexcept { return number_; }
  /// That wait to be sent.
  std::size_t queued_bytes(link_lane lane) const noexcept {
    return queued_[static_cast<std::size_t>(lane)].load(std::memory_order_relaxed);
  }

private:
  friend class peer_transport;
  friend struct arrived_frame;
  friend class transport_core;

  const std::uint64_t number_;
  std::atomic<std::size_t> queued_[2] = {0, 0};
  std::atomic<std::size_t> unconsumed_[2] = {0, 0};
  std::atomic<bool> overflown_{false};
};
using link_ptr = std::shared_ptr<link_handle>;

/// A frame, without its length. As long as it, or a copy of `credit`, lives, it counts as not consumed.
struct arrived_frame {
  std::string payload;
  link_lane lane = link_lane::main;
  std::shared_ptr<const void> credit;
};

/// Who hears of one link. Called on the transport's thread; must not block.
class link_listener {
public:
  virtual ~link_listener() = default;
  virtual void on_open() = 0;
  virtual void on_frame(arrived_frame frame) = 0;
  /// The last call; also when it never opened.
  virtual void on_closed(std::string reason) = 0;
};

/// A node that wants to link, or that welcomed us.
struct greeting {
  link_ptr link;
  bool dialled = false; ///< By us.
  std::uint32_t version = 0;
  routing::node_hello node;
  std::string address; ///< Whence, or whither as it was asked for.
};

/// Why a connection of our own came to nothing before there was anything to judge.
struct dial_failure {
  std::uint64_t number = 0; ///< As `dial` returned it.
  std::string address;
  std::optional<refusal_code> refused; ///< By the other node.
  std::string node; ///< Who refused.
  std::string reason;
};

/// Who judges. Called on the transport's thread; must not block.
class transport_listener {
public:
  virtual ~transport_listener() = default;
  /// To be answered by `accept` or `refuse`. The handshake's limit goes on meanwhile.
  virtual void on_greeting(greeting heard) = 0;
  virtual void on_dial_failed(dial_failure failure) = 0;
  /// Somebody connected and did not get so far as to be judged.
  virtual void on_stranger(std::string address, std::string reason) = 0;
};

class transport_core;

class peer_transport {
public:
  /// `listener` is let go of when it ends.
  peer_transport(transport_options options, std::shared_ptr<transport_listener> listener,
                 std::shared_ptr<cluster_metrics> metrics);
  ~peer_transport();
  peer_transport(const peer_transport&) = delete;
  peer_transport& operator=(const peer_transport&) = delete;

  /// Ends all links; nothing happens any more, and no call to a listener comes after it. Not on the transport's own
  /// thread. Idempotent; done by the destructor, too.
  void stop();

  // -- Any thread.

  /// Connects to `address` ("host:port", IPv6 in brackets). Comes to `on_greeting` or `on_dial_failed`. `turn`: which
  /// address of a name is tried first (net/dial.hpp).
  std::uint64_t dial(std::string address, std::size_t turn = 0);
  /// The link goes on, and `listener` hears of it.
  void accept(const link_ptr& link, std::shared_ptr<link_listener> listener);
  void refuse(const link_ptr& link, refusal_code code, std::string reason);
  /// Sends a whole frame after those of the same queue, when the link is open. False: too much is waiting
  /// already, and the link ends.
  bool send(const link_ptr& link, send_queue queue, std::string frame);
  void close(const link_ptr& link, std::string reason);
  /// For new connections.
  void use_tls(std::shared_ptr<const peer_tls> tls);

private:
  std::unique_ptr<transport_core> core_;
};

/// "host:port" or "[v6]:port"; nothing if it is neither.
struct host_and_port {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<host_and_port> split_address(std::string_view address);

} // namespace shunt::cluster
