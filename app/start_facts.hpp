// What a configuration file says, with the certificates that it names read and found usable: all that
// can be wrong with a file without looking at ports and other processes.
#pragma once

#include "actors/policy.hpp"
#include "cluster/peer_tls.hpp"

#include <array>
#include <memory>

namespace shunt::app {

/// Equal ones are of the same contents. Tells nothing of keys.
using file_digest = std::array<unsigned char, 32>;

struct start_facts {
  file_digest files{}; ///< Of all that was read beside the settings: what they name, and the machine's certificates.
  std::shared_ptr<const policy> rules;
  std::shared_ptr<const net::front_tls> status_tls;  ///< Null: the status ports are without TLS.
  std::shared_ptr<const net::front_tls> metrics_tls; ///< Null: so is the port of the metrics.
  std::shared_ptr<const cluster::peer_tls> cluster_tls; ///< Null: links to other nodes are without, or there are none.
};

/// Reads the machine's certificates, too: takes about a tenth of a second. Throws std::runtime_error
/// that names the key at fault.
start_facts read_start_facts(const config::settings& settings);

} // namespace shunt::app
