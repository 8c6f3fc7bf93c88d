#include "actors/route_json.hpp"

#include "net/log_field.hpp"

namespace shunt {

namespace {

void member(std::string& out, std::string_view name, std::string_view value) {
  out.append(",\"").append(name).append("\":");
  append_html_safe_json(out, value);
}

void member_if(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty())
    member(out, name, value);
}

void append_tags(std::string& out, const routing::endpoint& endpoint) {
  if (endpoint.tag_count() == 0) {
    out.append("null");
    return;
  }
  for (std::size_t i = 0; i < endpoint.tag_count(); ++i) {
    const auto [key, value] = endpoint.tag(i);
    out.push_back(i == 0 ? '{' : ',');
    append_html_safe_json(out, key);
    out.push_back(':');
    append_html_safe_json(out, value);
  }
  out.push_back('}');
}

/// As a list, as gorouter has it.
void append_policies(std::string& out, std::string_view sources) {
  out.append(",\"route_policies\":[");
  for (bool more = true, first = true; more; first = false) {
    const auto comma = sources.find(',');
    if (!first)
      out.push_back(',');
    append_html_safe_json(out, sources.substr(0, comma));
    more = comma != sources.npos;
    if (more)
      sources.remove_prefix(comma + 1);
  }
  out.push_back(']');
}

void append_endpoint(std::string& out, const routing::endpoint& endpoint,
                     std::chrono::seconds ttl, bool http2) {
  out.append("{\"address\":");
  append_html_safe_json(out, endpoint.address());
  member(out, "availability_zone", endpoint.availability_zone());
  member(out, "protocol", protocol_with(endpoint, http2));
  out.append(",\"tls\":").append(endpoint.tls() ? "true" : "false");
  out.append(",\"ttl\":").append(std::to_string(ttl.count()));
  member_if(out, "route_service_url", endpoint.route_service_url());
  out.append(",\"tags\":");
  append_tags(out, endpoint);
  member_if(out, "isolation_segment", endpoint.isolation_segment());
  member_if(out, "private_instance_id", endpoint.instance_id());
  member_if(out, "server_cert_domain_san", endpoint.server_cert_domain_san());
  member_if(out, "load_balancing_algorithm", endpoint.loadbalancing());
  member_if(out, "route_policy_scope", endpoint.policy_scope());
  if (!endpoint.policy_sources().empty())
    append_policies(out, endpoint.policy_sources());
  out.push_back('}');
}

} // namespace

void append_html_safe_json(std::string& out, std::string_view text) {
  const auto begin = out.size();
  net::append_json_string(out, text);
  for (auto at = out.find_first_of("<>&", begin); at != std::string::npos;
       at = out.find_first_of("<>&", at + 6))
    out.replace(at, 1, out[at] == '<' ? "\\u003c" : out[at] == '>' ? "\\u003e" : "\\u0026");
}

std::string_view protocol_with(const routing::endpoint& endpoint, bool http2) {
  const auto said = endpoint.protocol();
  return !http2 && said == "http2" ? "http1" : said;
}

std::string endpoint_summary_json(const routing::endpoint& endpoint) {
  std::string out = "{\"ApplicationId\":";
  append_html_safe_json(out, endpoint.app());
  member(out, "Addr", endpoint.address());
  out.append(",\"Tags\":");
  append_tags(out, endpoint);
  member(out, "RouteServiceUrl", endpoint.route_service_url());
  member(out, "AZ", endpoint.availability_zone());
  out.push_back('}');
  return out;
}

std::string route_json(const routing::slice::route_view& route) {
  std::string out = "[";
  route.for_each_endpoint([&](const routing::endpoint& endpoint, std::chrono::seconds ttl) {
    if (out.size() > 1)
      out.push_back(',');
    append_endpoint(out, endpoint, ttl, route.owner.rules().http2);
  });
  out.push_back(']');
  return out;
}

} // namespace shunt
