#include "actors/shard_lists.hpp"

#include "actors/route_json.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace shunt {

namespace {

constexpr std::size_t list_budget = 500; ///< Hosts a piece shows.
constexpr std::size_t parts_max = 1'024; ///< Of a piece of another node's; each is a message.

void show(const routing::slice::route_view& route, route_list& piece) {
  auto uri = std::string{route.host};
  if (!route.path.empty())
    uri.append("/").append(route.path);
  piece.routes.emplace_back(std::move(uri), route_json(route));
}

} // namespace

route_list list_some(const routing::slice& table, std::uint64_t cursor) {
  route_list piece;
  piece.next = table.for_each_route(
    cursor, list_budget, [&](const routing::slice::route_view& route) { show(route, piece); });
  return piece;
}

void foreign_lists::expect(routing::peer_id from, std::uint64_t cursor, promise answer) {
  open_.push_back({from, cursor, std::move(answer)});
}

/// It answers in the order in which it was asked.
void foreign_lists::collect(routing::peer_id from, const routing::slice_told& part) {
  const auto at = std::find_if(open_.begin(), open_.end(), [from](const auto& each) { return each.from == from; });
  if (at == open_.end() || part.last)
    return;
  at->parts.insert(at->parts.end(), part.hosts.begin(), part.hosts.end());
  if (++at->told > parts_max) {
    at->answer.deliver(caf::make_error(caf::sec::request_receiver_down));
    open_.erase(at);
  }
}

bool foreign_lists::show(routing::peer_id from, const routing::transfer_piece& told,
                         const routing::table_rules& rules, routing::time_point now) {
  const auto at = std::find_if(open_.begin(), open_.end(), [&](const auto& each) {
    return each.from == from && each.cursor == told.cursor;
  });
  if (at == open_.end())
    return false;
  if (!told.held) { // An empty list would pass for all that there is.
    at->answer.deliver(caf::make_error(caf::sec::request_receiver_down));
    open_.erase(at);
    return true;
  }
  routing::slice shown{rules};
  at->parts.insert(at->parts.end(), told.hosts.begin(), told.hosts.end());
  for (const auto& host : at->parts)
    shown.adopt(host, now);
  route_list piece;
  if (told.next != routing::slice::tell_end)
    piece.next = told.next;
  shown.for_each_route([&](const routing::slice::route_view& route) { shunt::show(route, piece); });
  at->answer.deliver(std::move(piece));
  open_.erase(at);
  return true;
}

void foreign_lists::lose(routing::peer_id from) {
  std::erase_if(open_, [from](open_list& list) {
    if (list.from != from)
      return false;
    list.answer.deliver(caf::make_error(caf::sec::request_receiver_down));
    return true;
  });
}

} // namespace shunt
