// Keys of being one node among others.
#include "config/schema.hpp"

#include "config/cat.hpp"

#include <charconv>

#define KEY(member, ...) SHUNT_CONFIG_KEY(settings, member, __VA_ARGS__)

namespace shunt::config {

namespace {

constexpr int nodes_max = 1024;

/// A number of nodes, or all of them, for which 0 stands.
struct node_count {
  static std::string type() { return "int or all"; }
  void operator()(const found_value& v, std::int64_t& out) const {
    const auto found = v.scalar();
    if (!found)
      return;
    int count = 0;
    const auto* const end = found->data() + found->size();
    const auto result = std::from_chars(found->data(), end, count);
    if (*found == "all")
      out = 0;
    else if (result.ec == std::errc{} && result.ptr == end && count >= 1 && count <= nodes_max)
      out = count;
    else
      v.refuse(
        cat("found ", shown(*found), ", allowed is 1 to ", std::to_string(nodes_max), ", or all"));
  }
};

/// Shorter ones than this are not kept by a machine that is busy.
constexpr period moment{100ms};
/// What a silent holder said last counts for so long: a denial and a confirmation rest on it.
constexpr period silence{100ms, 3s};

} // namespace

schema_of<settings> cluster_fields() {
  return {
    KEY(cluster.name, text{}),
    KEY(cluster.node.name, text{}),
    KEY(cluster.node.host, text{}),
    KEY(cluster.node.port, number{1, 65'535}),
    KEY(cluster.peers, texts{}),
    KEY(cluster.discovery, choice<cluster_discovery>{}),
    KEY(cluster.shards, number{1, 4096}),
    KEY(cluster.holders, node_count{}),
    KEY(cluster.zone, text{}),
    KEY(cluster.tls.cert_chain, text{}),
    KEY(cluster.tls.private_key, text{}),
    KEY(cluster.tls.ca_certs, text{}),
    KEY(cluster.snapshot, text{}),
    KEY(cluster.suspect_after, silence),
    KEY(cluster.remove_after, moment),
    KEY(cluster.rebalance_after, moment),
    KEY(cluster.confirm_timeout, moment),
    KEY(cluster.isolated, choice<cluster_isolated>{}),
  };
}

} // namespace shunt::config
