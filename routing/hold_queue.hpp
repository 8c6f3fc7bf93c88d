// Who waits for the first endpoint of a route, in order of arrival: how many may, and who goes when
// endpoints come. The routes of one shard; all shards of a node share the room.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

struct hold_limits {
  std::size_t requests_per_route = 1'000;
  std::size_t bytes_per_route = 64 * 1024 * 1024;
  std::size_t requests = 10'000; ///< Of the node.
  std::size_t bytes = 512 * 1024 * 1024;
};

/// What waits on a node, of all shards. Any thread.
struct hold_room {
  std::atomic<std::size_t> requests{0};
  std::atomic<std::size_t> bytes{0};
};

/// One who waits. Numbers are unique for a holder.
struct hold_ticket {
  std::uint16_t holder = 0;
  std::uint64_t id = 0;

  bool operator==(const hold_ticket&) const = default;
};

class hold_queue {
public:
  /// `per_endpoint`: requests that an endpoint may take at once; 0 = any number.
  hold_queue(hold_limits limits, std::size_t per_endpoint, hold_room& shared)
    : limits_{limits}, per_endpoint_{per_endpoint}, shared_{&shared} {}
  hold_queue(const hold_queue&) = delete;
  hold_queue& operator=(const hold_queue&) = delete;
  ~hold_queue();

  /// For those who come from now on; who waits keeps the place.
  void set_limits(hold_limits limits, std::size_t per_endpoint) {
    limits_ = limits;
    per_endpoint_ = per_endpoint;
  }

  bool empty() const { return routes_.empty(); }
  std::size_t waiting(std::string_view route) const;

  /// Joins those who wait for `route` ("host/path") with what its request occupies. False if there is no room.
  bool join(std::string_view route, hold_ticket who, std::size_t bytes);
  /// One who went met endpoints that others had filled, and waits again, before all others.
  void rejoin(std::string_view route, hold_ticket who, std::size_t bytes);
  /// `who` waits no longer, or has gone and is through. Unknown ones are ignored.
  void leave(std::string_view route, hold_ticket who);
  /// Those who may go now that the route has so many endpoints: as many as these take beside the ones who
  /// went and are not through. Each counts as gone until it leaves.
  std::vector<hold_ticket> let_go(std::string_view route, std::size_t endpoints);
  /// All who wait: the route is not what they wait for any more.
  std::vector<hold_ticket> dismiss(std::string_view route);
  /// The routes below `route` for which somebody waits, itself not among them.
  std::vector<std::string> below(std::string_view route) const;

  /// `visit(route, waiting)` for each route for which somebody waits.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [route, all] : routes_)
      if (!all.waiting.empty())
        visit(std::string_view{route}, all.waiting.size());
  }

private:
  struct place {
    hold_ticket who;
    std::size_t bytes = 0;
  };
  struct line {
    std::deque<place> waiting;
    std::vector<hold_ticket> gone; ///< And not through.
    std::size_t bytes = 0;
  };
  using lines = std::map<std::string, line, std::less<>>;

  bool take_room(std::size_t bytes);
  void give_room(line& of, const place& left);
  void settle(lines::iterator at);

  hold_limits limits_;
  std::size_t per_endpoint_;
  hold_room* shared_;
  lines routes_;
};

} // namespace shunt::routing
