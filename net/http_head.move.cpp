// A head's views, moved out of the read buffer that they point into.
#include "net/http_head.hpp"

#include <string>

namespace shunt::net {

namespace {

/// Calls `visit` with each view of `head`.
template <class Visit>
void for_each_view(request_head& head, Visit&& visit) {
  visit(head.method);
  visit(head.target);
  visit(head.path_and_query);
  visit(head.host);
  visit(head.upgrade_protocol);
  for (auto& each : head.fields) {
    visit(each.name);
    visit(each.value);
  }
}

} // namespace

void move_views(request_head& head, std::string& text) {
  std::size_t bytes = 0;
  for_each_view(head, [&](std::string_view view) { bytes += view.size(); });
  text.clear();
  text.reserve(bytes); // So that nothing moves while it is filled.
  for_each_view(head, [&](std::string_view& view) {
    const auto at = text.size();
    text.append(view);
    view = std::string_view{text}.substr(at);
  });
}

} // namespace shunt::net
