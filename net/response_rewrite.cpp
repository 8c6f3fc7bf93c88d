#include "net/response_rewrite.hpp"

#include "net/http_fields.hpp"

#include <algorithm>

namespace shunt::net {

namespace {

/// What decides where this response ends and whether another follows, and Date.
bool belongs_to_router(std::string_view name) noexcept {
  switch (identify(name)) {
    case field_id::connection:
    case field_id::proxy_connection:
    case field_id::keep_alive:
    case field_id::transfer_encoding:
    case field_id::content_length:
    case field_id::upgrade:
    case field_id::date: return true;
    default: return false;
  }
}

/// Cuts the first line off `rest`, its CRLF included.
std::string_view next_line(std::string_view& rest) noexcept {
  const auto end = rest.find("\r\n");
  const auto line = rest.substr(0, end == rest.npos ? end : end + 2);
  rest.remove_prefix(line.size());
  return line;
}

std::string_view name_in(std::string_view line) noexcept {
  return line.substr(0, line.find(':'));
}

bool has_field(std::string_view head, std::string_view name) noexcept {
  next_line(head);
  while (!head.empty())
    if (iequals(name_in(next_line(head)), name))
      return true;
  return false;
}

} // namespace

response_rewrite::response_rewrite(const config::http_rewrite_settings& settings) {
  for (const auto& each : settings.responses.remove_headers)
    if (!belongs_to_router(each.name))
      removed_.push_back(each.name);
  for (const auto& each : settings.responses.add_headers_if_not_present) {
    if (belongs_to_router(each.name))
      continue;
    auto at = std::find_if(added_.begin(), added_.end(), [&each](const added_fields& known) {
      return iequals(known.name, each.name);
    });
    if (at == added_.end())
      at = added_.insert(at, added_fields{each.name, {}});
    at->lines.append(each.name).append(": ").append(each.value).append("\r\n");
  }
}

bool response_rewrite::removes(std::string_view name) const noexcept {
  return std::any_of(removed_.begin(), removed_.end(),
                     [name](const std::string& each) { return iequals(each, name); });
}

void response_rewrite::append_missing(std::string& out, std::size_t head_begin) const {
  // Names differ, so that what one appends is no answer to whether another is missing.
  for (const auto& each : added_)
    if (!has_field(std::string_view{out}.substr(head_begin), each.name))
      out.append(each.lines);
}

void response_rewrite::apply(std::string& out, std::size_t head_begin) const {
  remove(out, head_begin);
  append_missing(out, head_begin);
}

void response_rewrite::remove(std::string& out, std::size_t head_begin) const {
  if (removed_.empty())
    return;
  std::string_view rest{out};
  rest.remove_prefix(head_begin);
  auto kept_end = head_begin + next_line(rest).size();
  while (!rest.empty()) { // Moves what is kept to the left, never over what is still to be read.
    const auto line = next_line(rest);
    if (removes(name_in(line)))
      continue;
    const auto line_begin = static_cast<std::size_t>(line.data() - out.data());
    if (kept_end != line_begin)
      std::copy(line.begin(), line.end(), out.begin() + static_cast<std::ptrdiff_t>(kept_end));
    kept_end += line.size();
  }
  out.resize(kept_end);
}

} // namespace shunt::net
