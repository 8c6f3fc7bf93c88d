// See uri.hpp. Everything here looks at bytes once and knows nothing of what a route is.
#include "routing/uri.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

void assign_lower(std::string& out, std::string_view text) {
  out.resize(text.size());
  std::transform(text.begin(), text.end(), out.begin(), lower);
}

std::string_view without_port(std::string_view authority) {
  // An address literal is full of colons; without its end it is no literal.
  if (authority.starts_with('['))
    if (const auto end = authority.find(']'); end != authority.npos)
      return authority.substr(0, end + 1);
  return authority.substr(0, authority.find(':'));
}

/// Splits "http://user@host:80/path" into authority and the rest; false if it is not of that form.
bool split_absolute(std::string_view target, std::string_view& authority, std::string_view& rest) {
  const auto colon = target.find("://");
  if (colon == target.npos || colon == 0 || target.front() == '/'
      || target.substr(0, colon).find_first_of("/?") != target.npos)
    return false;
  target.remove_prefix(colon + 3);
  const auto end = std::min(target.find_first_of("/?"), target.size());
  authority = target.substr(0, end);
  rest = target.substr(end);
  if (const auto at = authority.rfind('@'); at != authority.npos)
    authority.remove_prefix(at + 1);
  return true;
}

} // namespace

std::string_view spelling_of(std::string_view uri) {
  uri = uri.substr(0, uri.find('?'));
  if (uri.ends_with('/'))
    uri.remove_suffix(1);
  if (uri.starts_with('/'))
    uri.remove_prefix(1);
  return uri;
}

uri_key normalise(std::string_view uri) {
  const auto text = spelling_of(uri);
  const auto slash = std::min(text.find('/'), text.size());
  uri_key key;
  assign_lower(key.host, text.substr(0, slash));
  assign_lower(key.path, text.substr(std::min(slash + 1, text.size())));
  return key;
}

bool is_normal(std::string_view text) {
  return spelling_of(text).size() == text.size()
         && std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_acceptable(std::string_view host, std::string_view path) {
  return !host.empty() && host.size() <= host_bytes_max && host.size() + path.size() < uri_bytes_max
         && (path.empty()
             || static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'))
                  < path_segments_max);
}

void normalise_request(std::string_view host_header, std::string_view target, request_key& out) {
  std::string_view authority = host_header;
  if (std::string_view rest; split_absolute(target, authority, rest))
    target = rest;
  target = target.substr(0, target.find('?'));
  if (target.ends_with('/'))
    target.remove_suffix(1);
  if (target.starts_with('/'))
    target.remove_prefix(1);
  assign_lower(out.host, without_port(authority));
  assign_lower(out.path, target);
}

bool is_wildcard(std::string_view host) {
  return host.starts_with("*.");
}

std::uint64_t host_hash(std::string_view host) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : host)
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  // FNV leaves the high bits of short texts poor; indexes and shards take those.
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 33);
}

std::size_t shard_of(std::string_view host, std::size_t shard_count) {
  return static_cast<std::size_t>(host_hash(host) % shard_count);
}

} // namespace shunt::routing
