// Rules between keys of the cluster: who this node is, whom it looks for, and that nobody else is
// let in.
#include "config/check.hpp"

#include "config/cat.hpp"
#include "config/duration.hpp"
#include "config/pem.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::config {

namespace {

constexpr std::size_t cluster_name_bytes_max = 64, dns_name_bytes_max = 253,
                      dns_label_bytes_max = 63;
constexpr std::size_t zone_bytes_max = 64;
constexpr std::size_t peers_max = 1024;

bool all_of(std::string_view text, auto&& allowed) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool is_printable(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max
         && all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= dns_label_bytes_max && label.front() != '-'
         && label.back() != '-'
         && all_of(label, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

/// A DNS name (RFC 1123, section 2.1) in lower case. Not one that could be taken for an address.
bool is_node_name(std::string_view name) {
  if (name.size() > dns_name_bytes_max
      || all_of(name, [](char c) { return is_digit(c) || c == '.'; }))
    return false;
  for (;;) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot)))
      return false;
    if (dot == std::string_view::npos)
      return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return all_of(host.substr(1, host.size() - 2), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    });
  return !host.empty() && host.size() <= dns_name_bytes_max && all_of(host, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.'
           || c == '_';
  });
}

/// The host of "host:port", if it is that.
std::optional<std::string_view> host_of(std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || !is_host(address.substr(0, colon)))
    return std::nullopt;
  std::uint16_t port = 0;
  const auto* const end = address.data() + address.size();
  const auto result = std::from_chars(address.data() + colon + 1, end, port);
  if (result.ec != std::errc{} || result.ptr != end || port == 0)
    return std::nullopt;
  return address.substr(0, colon);
}

/// By its text alone: what a name resolves to may change.
bool is_loopback(std::string_view host) {
  const bool is_ipv4 = std::count(host.begin(), host.end(), '.') == 3
                       && all_of(host, [](char c) { return is_digit(c) || c == '.'; });
  return host == "localhost" || host == "[::1]" || (is_ipv4 && host.starts_with("127."));
}

void check_names(const cluster_settings& c, const found_keys& keys, report& out) {
  if (!is_printable(c.name, cluster_name_bytes_max))
    out.error(keys.line("cluster.name"), "cluster.name",
              cat("found \"", shown(c.name),
                  "\", expected 1 to 64 printable characters, the same on all nodes"));
  if (!is_node_name(c.node.name))
    out.error(keys.line("cluster.node.name"), "cluster.node.name",
              cat("found \"", shown(c.node.name),
                  "\", expected a DNS name in lower case, another one on each node"));
  if (!is_host(c.node.host))
    out.error(
      keys.line("cluster.node.host"), "cluster.node.host",
      cat("found \"", shown(c.node.host),
          "\", expected the name or address where other nodes reach this one, IPv6 in brackets"));
  if (!c.zone.empty() && !is_printable(c.zone, zone_bytes_max))
    out.error(keys.line("cluster.zone", "zone"), "cluster.zone",
              cat("found \"", shown(c.zone), "\", expected at most 64 printable characters"));
}

void check_peers(const cluster_settings& c, const found_keys& keys, report& out) {
  const auto line = keys.line("cluster.peers");
  if (c.peers.size() > peers_max)
    out.error(line, "cluster.peers",
              cat("found ", std::to_string(c.peers.size()), " nodes, allowed are 1024"));
  for (std::size_t i = 0; i < std::min(c.peers.size(), peers_max); ++i)
    if (!host_of(c.peers[i]))
      out.error(line, element("cluster.peers", i),
                cat("found \"", shown(c.peers[i]), "\", expected host:port, IPv6 in brackets"));
  if (c.peers.empty() && c.discovery == cluster_discovery::none)
    out.warn(line, "cluster.peers",
             "no other node is looked for: name some here");
}

void check_times(const cluster_settings& c, const found_keys& keys, report& out) {
  if (c.remove_after <= c.suspect_after)
    out.error(keys.line("cluster.remove_after", "cluster.suspect_after"), "cluster.remove_after",
              cat("found ", to_text(c.remove_after), ", expected more than cluster.suspect_after, ",
                  to_text(c.suspect_after)));
  if (c.rebalance_after < c.remove_after)
    out.error(keys.line("cluster.rebalance_after", "cluster.remove_after"),
              "cluster.rebalance_after",
              cat("found ", to_text(c.rebalance_after),
                  ", expected at least cluster.remove_after, ", to_text(c.remove_after)));
}

/// Whoever may connect can change every route.
void check_without_tls(const cluster_settings& c, const found_keys& keys, report& out) {
  constexpr std::string_view reason =
    " is not a loopback address: give cluster.tls, or anybody could join";
  if (is_host(c.node.host) && !is_loopback(c.node.host))
    out.error(keys.line("cluster.node.host"), "cluster.node.host", cat(shown(c.node.host), reason));
  for (std::size_t i = 0; i < std::min(c.peers.size(), peers_max); ++i)
    if (const auto host = host_of(c.peers[i]); host && !is_loopback(*host))
      out.error(keys.line("cluster.peers"), element("cluster.peers", i),
                cat(shown(c.peers[i]), reason));
}

void check_cluster_tls(const cluster_settings& c, const found_keys& keys, report& out) {
  const auto must_be_there = [&](const std::string& value, std::string_view key) {
    if (value.empty())
      out.error(keys.line(key), key, "must be given, as the other keys of cluster.tls are");
    return !value.empty();
  };
  const bool has_chain = must_be_there(c.tls.cert_chain, "cluster.tls.cert_chain");
  const bool has_key = must_be_there(c.tls.private_key, "cluster.tls.private_key");
  if (must_be_there(c.tls.ca_certs, "cluster.tls.ca_certs") && !has_certificate(c.tls.ca_certs))
    out.error(keys.line("cluster.tls.ca_certs"), "cluster.tls.ca_certs",
              "found no certificate that can be read, expected PEM text");
  if (!has_chain || !has_key)
    return;
  const auto line = keys.line("cluster.tls.cert_chain");
  if (const auto problem = key_pair_problem(c.tls.cert_chain, c.tls.private_key); !problem.empty())
    out.error(line, "cluster.tls.cert_chain", cat("Error loading key pair: ", problem));
  else if (is_node_name(c.node.name) && !certificate_names(c.tls.cert_chain, c.node.name))
    out.error(line, "cluster.tls.cert_chain",
              cat("no alternative name of the certificate is cluster.node.name, ", c.node.name));
}

} // namespace

void check_cluster(const settings& s, const found_keys& keys, report& out) {
  if (keys.line("cluster") == 0) // The section is not there.
    return;
  check_names(s.cluster, keys, out);
  check_peers(s.cluster, keys, out);
  check_times(s.cluster, keys, out);
  if (s.cluster.tls.active())
    check_cluster_tls(s.cluster, keys, out);
  else
    check_without_tls(s.cluster, keys, out);
}

} // namespace shunt::config
