// What a node tells of its cluster; see metrics.hpp.
#include "app/metrics.families.hpp"

namespace shunt::app {

void add_cluster(family_list& to, const cluster_counts& c) {
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    to.gauge(name, help, static_cast<double>(value));
  };
  gauge("shunt_cluster_links", "Nodes that this one is linked to", c.links);
  gauge("shunt_cluster_shards_held", "Shards of which this node is to have a copy", c.shards_held);
  gauge("shunt_cluster_shards_held_in_sync", "Shards of which this node has a copy in sync", c.shards_in_sync);
  gauge("shunt_cluster_shards_ready", "Shards of which this node knows what there is, its own or borrowed",
        c.shards_ready);
  gauge("shunt_cluster_queued_bytes", "Bytes that wait to be sent to other nodes", c.queued_bytes);
  to.gauge("shunt_cluster_lease_age_seconds",
           "Since the lender of a borrowed shard was last heard, of the one that has been silent longest",
           c.lease_age.count());
  to.gauge("shunt_cluster_push_lag_seconds",
           "Since a push was sent that a borrower has not applied, of the one that has been awaited longest",
           c.push_lag.count());
  to.counter("shunt_cluster_repair_rounds_total", "Times that a copy here was found to differ from another",
             c.repairs);
  to.counter("shunt_cluster_repaired_hosts_total", "Hosts that other holders told because copies differed",
             c.repaired_hosts);
  to.counter("shunt_cluster_repair_bytes_total", "Bytes sent to compare and repair copies", c.repair_bytes);
  to.counter("shunt_cluster_transferred_hosts_total", "Hosts that were taken over from other holders",
             c.transferred_hosts);
  to.counter("shunt_cluster_transfer_bytes_total", "Bytes sent to nodes that take over a copy", c.transfer_bytes);
  to.counter("shunt_cluster_granted_hosts_total", "Hosts that were lent to other nodes", c.granted_hosts);
  auto& bytes = to.add("shunt_cluster_bytes_total", "Bytes of frames between nodes",
                       prometheus::MetricType::Counter);
  family_list::count(bytes, {{"direction", "in"}}, c.bytes_in);
  family_list::count(bytes, {{"direction", "out"}}, c.bytes_out);
  to.counter("shunt_cluster_links_opened_total", "Links that were opened", c.links_opened);
  to.counter("shunt_cluster_frames_refused_total", "Frames that could not be read; each ended its link",
             c.frames_refused);
  to.counter("shunt_cluster_overflows_total", "Links that ended because too much waited to be sent",
             c.overflows);
  to.counter("shunt_cluster_strangers_total", "Connections that ended before they said who they are",
             c.strangers);
  to.counter("shunt_cluster_foreign_messages_total", "Registrations of shards that other nodes hold",
             c.foreign_messages);
  to.counter("shunt_confirmed_changes_total", "Changes of which all nodes said that they route by them",
             c.changes_confirmed);
  to.counter("shunt_unconfirmed_changes_total", "Changes of which some node did not say so in time",
             c.changes_pending);
  to.counter("shunt_snapshots_written_total", "Snapshots of the table that were written",
             c.snapshots_written);
  to.counter("shunt_snapshot_failures_total", "Snapshots that could not be written or read",
             c.snapshot_failures);
  gauge("shunt_snapshot_hosts", "Hosts in the last snapshot that this process wrote", c.snapshot_hosts);
}

} // namespace shunt::app
