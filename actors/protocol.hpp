// Every message that actors send each other, and the interfaces that accept them. Read this first.
// All of it stays inside one process: messages may hold pointers, and their order between two actors
// is kept. (What crosses nodes is written as msgpack by the room `cluster`.)
#pragma once

#include "actors/access_log_writer.hpp"
#include "net/nats_batch.hpp"
#include "net/probe_result.hpp"
#include "net/wire.hpp"
#include "routing/lease_table.hpp"
#include "routing/membership.hpp"
#include "routing/peer.hpp"
#include "routing/registration.hpp"
#include "routing/reservation.hpp"
#include "routing/route_service_session.hpp"
#include "routing/slice.hpp"
#include "routing/time.hpp"

#include <caf/make_message.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shunt {

// -- The configuration file, read again. Goes to the supervisor, who passes it on to everybody else and gives it to
// successors.

struct policy; // policy.hpp

/// What begins from now on follows these rules; what is under way goes on with those that it began with.
struct use_policy {
  std::shared_ptr<const policy> rules;
};

// -- The lease cache: one a loop. Holds the leases that the loop's connections route by.

/// Answers `lease_host`: all that the shard knows of one host. Lost only with the shard, in which
/// case the supervisor announces the shard's successor and the lease cache asks again.
struct host_granted {
  std::size_t shard = 0;
  std::uint64_t incarnation = 0; ///< Of the shard. Sequences compare only within one.
  std::uint64_t sequence = 0;
  bool in_sync = true; ///< Whether the absence of the host is ground for a 404.
  std::shared_ptr<routing::host_grant> grant; ///< The holder's. Null: all wildcards have been granted.
};

/// What changed on leased hosts since the push before; at most 10 ms of changes.
struct hosts_changed {
  std::size_t shard = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  bool in_sync = true;
  std::shared_ptr<const std::vector<routing::host_change>> changes; ///< Null: only `in_sync` changed.
};

/// Answers `hold_request`: look for the route again, it has endpoints or is not what it was; or, if
/// `refused`, there is no room to wait in.
struct hold_over {
  std::uint64_t id = 0;
  bool refused = false;
};

/// The shard actor died and has this successor, which knows nothing yet. Leases stay in use.
struct shard_replaced;

/// INTERNAL. Gives back leases that no request used for a while.
struct expire_leases {};

using lease_cache_actor = caf::typed_actor<
  caf::reacts_to<host_granted>, caf::reacts_to<hosts_changed>, caf::reacts_to<hold_over>,
  caf::reacts_to<shard_replaced>, caf::reacts_to<use_policy>, caf::reacts_to<expire_leases>>;

// -- The health checker: one a process. Asks the endpoints of routes that want it how they are.

/// What routes of one shard want checked from now on. Sent only when such a route has changed.
struct check_routes;

/// INTERNAL. Some check may be due.
struct checks_due {
  routing::time_point at{}; ///< As it was foreseen.
};
/// INTERNAL. A check is over.
struct check_ended {
  std::uint64_t id = 0; ///< The plan's.
  net::probe_result result;
};

using health_checker_actor =
  caf::typed_actor<caf::reacts_to<check_routes>, caf::reacts_to<shard_replaced>,
                   caf::reacts_to<use_policy>, caf::reacts_to<checks_due>, caf::reacts_to<check_ended>>;

// -- The route shard: owns one slice of the table, alone. Everyone else holds leases on copies.

/// Registers and unregisters, in the order in which NATS delivered them. No answer: apps register
/// again every few seconds. `source` is let go of when the batch was applied; as long as too many
/// are alive, NATS is held back.
struct registration_batch {
  std::shared_ptr<std::vector<routing::registration>> registrations;
  std::shared_ptr<net::nats_batch> source;
};

/// Reservations that were made, in order; one of the same route replaces the one before. No answer: the
/// keeper of reservations sends them again to a shard's successor.
struct reserve_routes {
  std::shared_ptr<const std::vector<routing::reservation>> made;
};
/// Reservations that ended before their time: hosts and paths, normalised. Those whose time is over the
/// shard ends by itself.
struct unreserve_routes {
  std::shared_ptr<const std::vector<std::pair<std::string, std::string>>> routes;
};

/// Asks for a lease on `host` (lower case, no port). Answered by `host_granted`, and from then on
/// by `hosts_changed`, until `drop_lease`. A holder that asks again still has one lease.
struct lease_host {
  std::string host;
  lease_cache_actor holder;
};

/// The holder forgot the lease. Lost: the shard goes on pushing, and the holder ignores it. One who
/// has no lease on `host` drops nothing.
struct drop_lease {
  std::string host;
  lease_cache_actor holder;
};

/// Makes the holder hear of wildcard hosts, all of them, now and from now on.
struct lease_wildcards {
  lease_cache_actor holder;
};

/// The holder routes by everything up to `sequence`. What confirmation rests on.
struct changes_applied {
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  lease_cache_actor holder;
};

/// A request waits for the first endpoint of a route (both normalised, as its pool names them). Answered
/// by `hold_over`, after whatever the holder must have heard before; then, or when it waits no longer,
/// `release_hold` follows.
struct hold_request {
  std::string host;
  std::string path;
  std::uint64_t id = 0; ///< The holder's.
  std::size_t bytes = 0; ///< That it may occupy while it waits.
  bool again = false; ///< It was sent off, and met endpoints that others had filled.
  lease_cache_actor holder;
};
/// The request left, waited long enough, or was sent on and is through.
struct release_hold {
  std::string host;
  std::string path;
  std::uint64_t id = 0;
  lease_cache_actor holder;
};
/// INTERNAL. Says again for which routes requests wait.
struct announce_demand {};

/// An attempt failed in a way that marks the endpoint, or removes it when it is a TLS endpoint.
struct endpoint_failed {
  std::string host;    ///< Of the route, normalised; perhaps a wildcard.
  std::string path;    ///< Of the route, normalised.
  std::string address; ///< host:port of the endpoint.
  bool prune_tls = false;
};

/// Names who checks the health of endpoints. Until a shard hears it, it keeps what there is to tell.
struct check_health {
  health_checker_actor by;
};

/// The checks have a verdict on an endpoint of a route. Lost only with the shard, whose successor
/// has all routes checked anew.
struct endpoint_judged {
  routing::judgement said;
};

/// What is known may be out of date, so nothing unknown is denied from now on. `connected`: there is
/// a connection to NATS (again), everybody was asked over it to register, and the doubt ends when
/// they had time to. `dropped`: messages were lost, and more may be; the doubt goes on until
/// `connected` comes without it. Of drops one may hear late: they say nothing of the connection.
struct nats_changed {
  bool connected = false;
  bool dropped = false;

  bool operator==(const nats_changed&) const = default;
};

/// The Routing API is followed (again), and all its routes were handed over; or changes of it may go
/// unheard from now on, so that nothing unknown is denied. Not heard of at all: it is followed, or is
/// not asked.
struct routing_api_changed {
  bool followed = true;

  bool operator==(const routing_api_changed&) const = default;
};

/// An actor died with what it knew, and everybody is being asked to register again: the doubt ends
/// when they had time to, unless NATS is away or loses messages.
struct registrations_asked {};

/// Asks for routes as `/routes` shows them, from `cursor` (0 = the first) on. Answered in pieces,
/// so that no piece holds the shard long.
struct list_routes {
  std::uint64_t cursor = 0;
};
struct route_list {
  std::vector<std::pair<std::string, std::string>> routes; ///< Normalised uri, JSON array.
  std::uint64_t next = routing::slice::walk_end; ///< The cursor to ask with next, or the end.
};

/// INTERNAL. One step of pruning; begins a cycle, or goes on with one.
struct prune_routes {
  bool begin = false;
  std::uint64_t beat = 0; ///< With `begin`: what is of another beat than the present one is void.
};
/// INTERNAL. Sends what was collected for at most 10 ms.
struct push_changes {};
// -- What a node keeps over a restart.

/// What a slice was when the process ended. Used on the shard's thread; gives each host once.
class slice_source {
public:
  virtual ~slice_source() = default;
  /// `host`, if it is there; and, when this is called first, all wildcards.
  virtual std::vector<routing::told_host> find(std::string_view host) noexcept = 0;
  /// Some more, about `most`. Empty: that was all.
  virtual std::vector<routing::told_host> read(std::size_t most) noexcept = 0;
};
/// Until it hears better, the shard knows what this says: of each host when that is first needed, of all others by and by.
struct restore_slice {
  std::shared_ptr<slice_source> from;
  double turn = 0; ///< In the time in which all shards read, from 0 to 1, so that they do not all do so at once.
};
/// INTERNAL. Reads some hosts that nobody has needed so far.
struct read_slice {};
/// Asks for the contents of a slice that is held here, from `cursor` (0 = the first) on, in pieces.
struct tell_slice {
  std::uint64_t cursor = 0;
};
struct slice_piece {
  std::shared_ptr<const std::vector<routing::told_host>> hosts; ///< Never null.
  std::uint64_t next = routing::slice::tell_end;
  bool in_demand = false; ///< Another node is taking it over, and waits.
};

/// INTERNAL. Something of the replica's is due: see `shard_replica::due`.
struct shard_tick {};

// -- What shards of a cluster's nodes say to each other goes by way of the cluster node, one a process.

/// Takes a message to the same shard on a peer. Lost with the link, of which `peer_gone` tells.
struct to_peer {
  routing::peer_id to = routing::this_node;
  std::size_t shard = 0;
  std::shared_ptr<const routing::replica_message> what;
  routing::time_point composed = std::chrono::steady_clock::now(); ///< The ages in it are of then.
};
/// Such a message, arrived. In the order in which that peer sent it.
struct from_peer {
  routing::peer_id from = routing::this_node;
  std::size_t shard = 0;
  std::shared_ptr<const routing::replica_message> what;
  std::optional<routing::time_point> composed{}; ///< By this node's clock; nothing if the peer did not say.
};
/// Who holds the shard from now on.
struct shard_view_changed {
  routing::shard_view view;
};
/// The link to a peer closed: whatever was under way with it is lost.
struct peer_gone {
  routing::peer_id peer = routing::this_node;
};
/// What this node knows of the shard, whenever that changes.
struct shard_sync {
  std::size_t shard = 0;
  bool in_sync = false; ///< There is a copy here, and it is in sync; peers are told.
  bool ready = false;   ///< What is not known here does not exist, whoever holds it.
};
/// Asks a shard of this node what `routing::change_asked` asks. Answered by `change_answered` to the confirmer.
struct ask_change {
  routing::change_asked question;
};
/// A node has answered; this one, or a peer by way of its shard.
struct change_answered {
  routing::peer_id by = routing::this_node;
  std::size_t shard = 0;
  routing::change_told answer;
};
/// Somebody waits at `reply` to hear whether all nodes route by these: handed to the shard of the first, after the
/// change itself; if it is for this node to answer, the shard hands it on to the confirmer. Otherwise another node
/// does the same; the shard remembers it until that one must have answered, and hands it on if it comes to be its turn.
struct confirm_change {
  std::string reply; ///< A NATS subject.
  std::vector<routing::change_asked> what;
  std::chrono::nanoseconds waited{0}; ///< So far, at a shard.
};
/// The peers as they are now, for the confirmer.
struct peers_changed {
  struct peer {
    routing::peer_id id = routing::this_node;
    std::string name;
    bool alive = false; ///< If not, it is suspect: it may or may not be there.
    bool agrees = true; ///< It sees the same nodes as this one: nobody routes of whom this one does not know.

    bool operator==(const peer&) const = default;
  };
  /// Those that left are not among them, nor the dead, unless this node may be on the smaller side of a partition.
  std::vector<peer> peers;
};
/// INTERNAL. Some change may be overdue.
struct changes_due {};

/// Answers those who ask whether their change has reached all nodes; one a process (cluster/change_confirmer.hpp).
struct confirmer_contacts; // Whom it asks; below.
using change_confirmer_actor =
  caf::typed_actor<caf::reacts_to<confirmer_contacts>, caf::reacts_to<confirm_change>, caf::reacts_to<change_answered>,
                   caf::reacts_to<peers_changed>, caf::reacts_to<shard_replaced>, caf::reacts_to<use_policy>,
                   caf::reacts_to<changes_due>>;

/// INTERNAL. Requests that were under way on what was removed may have ended.
struct look_at_changes {};

/// Somebody holds a shard now of which nobody has a copy: everybody is to be asked to register.
struct registrations_wished {};

/// The part of the cluster node (cluster/cluster_node.hpp) that shards speak to.
using shard_outlet_actor = caf::typed_actor<caf::reacts_to<to_peer>, caf::reacts_to<shard_sync>,
                                            caf::reacts_to<registrations_wished>>;

using route_shard_actor = caf::typed_actor<
  caf::reacts_to<registration_batch>, caf::reacts_to<reserve_routes>,
  caf::reacts_to<unreserve_routes>, caf::reacts_to<lease_host>, caf::reacts_to<drop_lease>,
  caf::reacts_to<lease_wildcards>, caf::reacts_to<changes_applied>, caf::reacts_to<hold_request>,
  caf::reacts_to<release_hold>, caf::reacts_to<announce_demand>, caf::reacts_to<endpoint_failed>,
  caf::reacts_to<check_health>, caf::reacts_to<endpoint_judged>, caf::reacts_to<nats_changed>, caf::reacts_to<routing_api_changed>,
  caf::reacts_to<registrations_asked>, caf::replies_to<list_routes>::with<route_list>, caf::reacts_to<prune_routes>,
  caf::reacts_to<push_changes>, caf::reacts_to<shard_tick>, caf::reacts_to<from_peer>,
  caf::reacts_to<shard_view_changed>, caf::reacts_to<peer_gone>, caf::reacts_to<confirm_change>,
  caf::reacts_to<ask_change>, caf::reacts_to<look_at_changes>, caf::reacts_to<restore_slice>,
  caf::reacts_to<read_slice>, caf::replies_to<tell_slice>::with<slice_piece>, caf::reacts_to<use_policy>>;

/// The shards are there and know of the confirmer, and it of them from now on.
struct confirmer_contacts {
  std::vector<route_shard_actor> shards;
  shard_outlet_actor cluster; ///< Null: this node is alone.
};

struct shard_replaced {
  std::size_t shard = 0;
  route_shard_actor successor;
};

struct check_routes {
  std::size_t shard = 0;
  route_shard_actor owner;
  std::shared_ptr<const std::vector<routing::checked_route>> routes;
};

// -- The cluster node: one a process. Links this node to the others, knows who they are (routing/membership.hpp),
// and tells each shard who holds it. What shards say to each other goes through it and its links, one actor
// each, which write and read frames. Whoever dies of them takes the links along; the peers link anew.

namespace cluster {
class peer_tls;
struct arrived_frame;
struct link_event;
} // namespace cluster

/// All shards, in order. From now on the node links to others. Before it, nobody can link to it.
struct start_cluster {
  std::vector<route_shard_actor> shards;
};
/// This node leaves on purpose; peers are told, and hold its shards without it.
struct leave_cluster {};
/// Addresses of nodes ("host:port"), perhaps of itself, to be linked to besides those configured.
struct peers_found {
  std::vector<std::string> addresses;
};
/// For new links. Null: loopback only.
struct use_cluster_tls {
  std::shared_ptr<const cluster::peer_tls> tls;
};

/// Asks how the cluster looks from here.
struct cluster_status_asked {};
struct cluster_status {
  struct node {
    std::string name, zone, address;
    std::string state; ///< "alive", "suspect", "dead" or "left".
    std::uint64_t incarnation = 0;
    std::uint32_t frame_version = 0; ///< 0: not linked.
    bool hears_nats = false;
    bool view_equal = false; ///< It says that it sees the same nodes.
    std::size_t shards_held = 0, shards_in_sync = 0;
    std::size_t queued_bytes = 0, queued_slice_bytes = 0; ///< That wait to be sent to it.
    std::string warning; ///< What is set differently there; empty: nothing.
  };
  routing::node_hello self;
  std::uint64_t view = 0;
  std::size_t shards_held = 0, shards_in_sync = 0;
  bool hears_nats = false;
  bool leaving = false;
  bool isolated = false; ///< No peer was heard for a while, although there should be some.
  std::vector<node> nodes; ///< The others, by name.
};

/// INTERNAL. Time for a heartbeat, and for whatever time brings.
struct tend_cluster {};
/// INTERNAL. From the transport, or from the actor of a link.
struct link_news {
  std::shared_ptr<const cluster::link_event> what;
};

using cluster_node_actor = shard_outlet_actor::extend<
  caf::reacts_to<start_cluster>, caf::reacts_to<leave_cluster>, caf::reacts_to<peers_found>,
  caf::reacts_to<use_cluster_tls>, caf::reacts_to<nats_changed>, caf::reacts_to<shard_replaced>,
  caf::replies_to<cluster_status_asked>::with<cluster_status>, caf::reacts_to<tend_cluster>,
  caf::reacts_to<link_news>>;

/// INTERNAL. A frame of the link's.
struct frame_arrived {
  std::shared_ptr<const cluster::arrived_frame> frame;
};
/// INTERNAL. The link closed; this is the last that it brings.
struct link_over {};
/// INTERNAL. What was collected goes out.
struct flush_frames {};

/// One link to a peer, from its beginning to its end.
using peer_link_actor =
  caf::typed_actor<caf::reacts_to<to_peer>, caf::reacts_to<shard_replaced>, caf::reacts_to<frame_arrived>,
                   caf::reacts_to<link_over>, caf::reacts_to<flush_frames>>;

// -- The keeper of snapshots: one a process, on a thread of its own, since it waits for the disk.

/// INTERNAL. It is time for a new one.
struct write_snapshot {};
/// Asks for one now. Answered when it is in its place, or could not be written.
struct await_snapshot {};
struct snapshot_written {
  bool whole = false;
};
using snapshot_keeper_actor =
  caf::typed_actor<caf::reacts_to<write_snapshot>, caf::replies_to<await_snapshot>::with<snapshot_written>,
                   caf::reacts_to<shard_replaced>>;

// -- The demand publisher: tells the world, over NATS, for which routes requests wait. Off the loops and
// the shards, because publishing may have to wait for a server.

struct route_demand {
  std::string uri;
  std::string app; ///< GUID of whoever was or will be behind it; may be empty.
  std::size_t waiting = 0;
  std::chrono::steady_clock::time_point said = std::chrono::steady_clock::now();
};

using demand_publisher_actor = caf::typed_actor<caf::reacts_to<route_demand>>;

// -- The registrar: parses what NATS delivers, off the loops, and hands it to the shards.

/// Messages in the order of their arrival.
struct registry_messages {
  std::shared_ptr<net::nats_batch> batch;
};

/// Registrations that need no parsing, in order: the Routing API's. `source` is let go of when they
/// were applied. No answer and no repetition of what is lost, but for the list of all routes, which
/// comes every few seconds.
struct registry_routes {
  std::shared_ptr<std::vector<routing::registration>> registrations;
  std::shared_ptr<net::nats_batch> source;
};

using registrar_actor =
  caf::typed_actor<caf::reacts_to<registry_messages>, caf::reacts_to<registry_routes>,
                   caf::reacts_to<shard_replaced>, caf::reacts_to<use_policy>>;

// -- The keeper of reservations: one a process, on a thread of its own, since it waits for the disk.

/// `router.reserve` and `router.unreserve`, in the order of their arrival. No answer. What waits in the
/// mailbox of a keeper that dies is lost.
struct reservation_messages {
  std::shared_ptr<net::nats_batch> batch;
};

/// Asks how the start went. Answered when what was stored is on its way to the shards.
struct await_reservations {};
struct reservations_loaded {
  std::size_t count = 0;
  std::string problem; ///< Why the router must not start; empty: it may.
};

/// INTERNAL. Some may be over.
struct end_reservations {};
/// INTERNAL. The store failed, and is to be tried again.
struct write_reservations {};

using reservation_keeper_actor =
  caf::typed_actor<caf::reacts_to<reservation_messages>, caf::reacts_to<shard_replaced>, caf::reacts_to<use_policy>,
                   caf::replies_to<await_reservations>::with<reservations_loaded>,
                   caf::reacts_to<end_reservations>, caf::reacts_to<write_reservations>>;

// -- Connections and their doorkeeper: one `acceptor` a loop, one `connection` a client.

/// Ends an idle connection at once and a busy one after its response.
struct drain_connection {};
/// Ends a connection in the middle of whatever it does.
struct cut_connection {};

using connection_actor =
  caf::typed_actor<caf::reacts_to<drain_connection>, caf::reacts_to<cut_connection>>;

/// Starts accepting. The descriptor is a listening socket, which the acceptor owns from here on.
struct open_listener {
  int descriptor = -1;
  bool tls = false;
  bool internal = false; ///< Of `internal_listener`: for the router itself.
};
/// Takes over a connection that another loop accepted, because this one has fewer.
struct adopt_connection {
  int descriptor = -1;
  bool tls = false;
  bool internal = false; ///< As its listener.
};
/// Stops accepting, after serving what waits to be accepted; drains all connections.
struct drain_loop {};
/// Cuts all connections. `loop_quiet` follows when they are gone.
struct cut_loop {};
/// INTERNAL. A connection of this loop ended.
struct connection_ended {
  std::uint64_t id = 0;
};

using acceptor_actor =
  caf::typed_actor<caf::reacts_to<open_listener>, caf::reacts_to<adopt_connection>,
                   caf::reacts_to<use_policy>, caf::reacts_to<drain_loop>, caf::reacts_to<cut_loop>,
                   caf::reacts_to<connection_ended>>;

// -- Route service sessions: an actor for each request that left for its route service, and a directory of them
// on each loop. What requests of one loop ask of another's sessions.

/// A request carries the signature of that session. Answered by `use_judged`. Lost, or late: the request goes on
/// as if nobody knew.
struct signature_used;
/// It is over.
struct signature_use_ended {
  std::uint64_t session = 0; ///< Its serial on the loop that is told.
  bool came_back = false;
  routing::time_point at{};
};
/// What becomes of the request that asked.
struct use_judged {
  std::uint64_t question = 0; ///< As the asker numbers them.
  routing::use_verdict verdict = routing::use_verdict::unknown;
};

using session_directory_actor =
  caf::typed_actor<caf::reacts_to<signature_used>, caf::reacts_to<signature_use_ended>,
                   caf::reacts_to<use_judged>>;
using route_service_session_actor =
  caf::typed_actor<caf::reacts_to<signature_used>, caf::reacts_to<signature_use_ended>>;

struct signature_used {
  std::uint64_t session = 0; ///< Its serial on the loop that is asked.
  bool comes_back = false;   ///< At the session's own route.
  routing::time_point at{};
  std::uint64_t question = 0;
  session_directory_actor asker;
};

// -- The supervisor: start order, drain, and what happens when an actor dies.

struct router_parts; // supervisor.hpp

/// Everything is wired: wait for registrations, then open the doors.
struct start_router {
  std::shared_ptr<router_parts> parts;
};
/// The process was asked to end: in its own time (`drain`), or now.
struct stop_router {
  bool drain = false;
};
/// An acceptor that drains or cuts has no connection left.
struct loop_quiet {
  std::size_t loop = 0;
};
/// Something without which the router cannot go on; it stops and exits with 1.
struct fatal_failure {
  std::string message; ///< As the component log names it.
  std::string error;
};
/// INTERNAL. The wait of phase `phase` is over.
struct phase_over {
  int phase = 0;
};
/// All shards of this node are in sync with the rest of its cluster: the doors may open now.
struct table_ready {};

using supervisor_actor =
  caf::typed_actor<caf::reacts_to<start_router>, caf::reacts_to<stop_router>,
                   caf::reacts_to<loop_quiet>, caf::reacts_to<fatal_failure>,
                   caf::reacts_to<phase_over>, caf::reacts_to<table_ready>, caf::reacts_to<use_policy>>;

} // namespace shunt

#include "actors/message_types.hpp"
