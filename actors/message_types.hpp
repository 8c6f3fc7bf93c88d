// Every message type, for CAF: CAF_ENABLE_TYPE_ID_CHECKS makes one that is missing here a compile error. None of them leaves the
// process, so none needs to be serialised. Included by protocol.hpp and by nobody else.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#define SHUNT_MESSAGES(X) \
  X(access_records) \
  X(adopt_connection) \
  X(announce_demand) \
  X(ask_change) \
  X(await_reservations) \
  X(await_snapshot) \
  X(change_answered) \
  X(changes_applied) \
  X(changes_due) \
  X(check_ended) \
  X(check_health) \
  X(check_routes) \
  X(checks_due) \
  X(cluster_status) \
  X(cluster_status_asked) \
  X(confirm_change) \
  X(confirmer_contacts) \
  X(connection_ended) \
  X(cut_connection) \
  X(cut_loop) \
  X(drain_connection) \
  X(drain_loop) \
  X(drop_lease) \
  X(end_access_log) \
  X(end_reservations) \
  X(endpoint_failed) \
  X(endpoint_judged) \
  X(expire_leases) \
  X(fatal_failure) \
  X(flush_access_log) \
  X(flush_frames) \
  X(frame_arrived) \
  X(from_peer) \
  X(hold_over) \
  X(hold_request) \
  X(host_granted) \
  X(hosts_changed) \
  X(lease_host) \
  X(lease_wildcards) \
  X(leave_cluster) \
  X(link_news) \
  X(link_over) \
  X(list_routes) \
  X(look_at_changes) \
  X(loop_quiet) \
  X(nats_changed) \
  X(open_listener) \
  X(peer_gone) \
  X(peers_changed) \
  X(peers_found) \
  X(phase_over) \
  X(prune_routes) \
  X(push_changes) \
  X(read_slice) \
  X(registration_batch) \
  X(registrations_asked) \
  X(registrations_wished) \
  X(registry_messages) \
  X(registry_routes) \
  X(release_hold) \
  X(reopen_access_log) \
  X(reservation_messages) \
  X(reservations_loaded) \
  X(reserve_routes) \
  X(restore_slice) \
  X(route_demand) \
  X(route_list) \
  X(routing_api_changed) \
  X(shard_replaced) \
  X(shard_sync) \
  X(shard_tick) \
  X(shard_view_changed) \
  X(signature_use_ended) \
  X(signature_used) \
  X(slice_piece) \
  X(snapshot_written) \
  X(start_cluster) \
  X(start_router) \
  X(stop_router) \
  X(table_ready) \
  X(tell_slice) \
  X(tend_access_log) \
  X(tend_cluster) \
  X(to_peer) \
  X(unreserve_routes) \
  X(use_access_sinks) \
  X(use_cluster_tls) \
  X(use_judged) \
  X(use_policy) \
  X(write_reservations) \
  X(write_snapshot)

CAF_BEGIN_TYPE_ID_BLOCK(shunt, first_custom_type_id)
#define SHUNT_MESSAGE(name) CAF_ADD_TYPE_ID(shunt, (shunt::name))
SHUNT_MESSAGES(SHUNT_MESSAGE)
#undef SHUNT_MESSAGE
CAF_END_TYPE_ID_BLOCK(shunt)

#define SHUNT_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shunt::name)
SHUNT_MESSAGES(SHUNT_MESSAGE)
#undef SHUNT_MESSAGE
#undef SHUNT_MESSAGES
