#include "app/route_listing.hpp"

#include "actors/route_json.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace shunt::app {

namespace {

constexpr auto answer_within = std::chrono::seconds{10};

struct listing_state {
  static constexpr const char* name = "route-listing";
  std::vector<route_shard_actor> shards;
  std::size_t shard = 0;
  std::vector<std::pair<std::string, std::string>> routes;
  std::function<void(std::optional<std::string>)> done;
};
using listing = caf::stateful_actor<listing_state>;

std::string to_json(std::vector<std::pair<std::string, std::string>>& routes) {
  std::sort(routes.begin(), routes.end());
  std::string json = "{";
  for (auto& [uri, endpoints] : routes) {
    if (json.size() > 1)
      json.push_back(',');
    append_html_safe_json(json, uri);
    json.append(":").append(endpoints);
    std::string{}.swap(endpoints); // The table may be large: do not hold it twice.
  }
  return json.append("}\n");
}

void ask(listing* self, std::uint64_t cursor) {
  auto& state = self->state;
  if (state.shard == state.shards.size()) {
    state.done(to_json(state.routes));
    self->quit();
    return;
  }
  self->request(state.shards[state.shard], answer_within, list_routes{cursor})
    .then(
      [self](route_list& piece) {
        auto& known = self->state.routes;
        std::move(piece.routes.begin(), piece.routes.end(), std::back_inserter(known));
        const bool last = piece.next == routing::slice::walk_end;
        self->state.shard += last ? 1 : 0;
        ask(self, last ? 0 : piece.next);
      },
      [self](const caf::error&) {
        self->state.done(std::nullopt);
        self->quit();
      });
}

} // namespace

void list_all_routes(caf::actor_system& system, std::vector<route_shard_actor> shards,
                     std::function<void(std::optional<std::string>)> done) {
  system.spawn([](listing* self, std::vector<route_shard_actor> all,
                  std::function<void(std::optional<std::string>)> then) {
    self->state.shards = std::move(all);
    self->state.done = std::move(then);
    ask(self, 0);
  }, std::move(shards), std::move(done));
}

} // namespace shunt::app
