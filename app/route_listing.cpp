#include "app/route_listing.hpp"

#include "actors/route_json.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace shunt::app {

namespace {

constexpr auto answer_within = std::chrono::seconds{10};

using answer = std::function<void(std::optional<route_list>)>;

void ask(caf::actor_system& system, const route_shard_actor& shard, std::uint64_t cursor, answer then) {
  system.spawn(
    [](caf::event_based_actor* self, const route_shard_actor& asked, std::uint64_t from, answer done) {
      self->request(asked, answer_within, list_routes{from})
        .then([done](route_list& some) { done(std::move(some)); },
              [done](const caf::error&) { done(std::nullopt); });
    },
    shard, cursor, std::move(then));
}

/// Told by one piece after the other, so never by two threads at once.
class route_page final : public page, public std::enable_shared_from_this<route_page> {
public:
  route_page(caf::actor_system& system, std::vector<route_shard_actor> shards, std::size_t sorted_bytes)
    : system_{system}, shards_{std::move(shards)}, sorted_bytes_{sorted_bytes} {}

  void next(told tell) override { collect(std::move(tell)); }

private:
  void collect(told tell) {
    if (shard_ == shards_.size())
      return finish(tell);
    ask(system_, shards_[shard_], cursor_, [self = shared_from_this(), tell = std::move(tell)](std::optional<route_list> some) {
      if (some)
        self->take(*std::move(some), tell);
      else
        tell(std::nullopt);
    });
  }

  void take(route_list some, const told& tell) {
    for (auto& each : some.routes) {
      bytes_ += each.first.size() + each.second.size() + sizeof each;
      routes_.push_back(std::move(each));
    }
    const bool last = some.next == routing::slice::walk_end;
    shard_ += last ? 1 : 0;
    cursor_ = last ? 0 : some.next;
    if (shard_ == shards_.size())
      finish(tell);
    else if (began_ ? routes_.empty() : bytes_ <= sorted_bytes_)
      collect(tell);
    else if (began_)
      tell(piece{take_text(), false});
    else
      check(shard_, tell);
  }

  /// What has begun can only be broken off, so whoever cannot answer had better say so before.
  void check(std::size_t shard, told tell) {
    if (shard == shards_.size()) {
      began_ = true;
      return tell(piece{"{" + take_text(), false});
    }
    constexpr auto nothing = routing::slice::tell_end;
    ask(system_, shards_[shard], nothing, [self = shared_from_this(), shard, tell = std::move(tell)](const auto& some) {
      if (some)
        self->check(shard + 1, tell);
      else
        tell(std::nullopt);
    });
  }

  void finish(const told& tell) {
    if (!began_)
      std::sort(routes_.begin(), routes_.end());
    tell(piece{(began_ ? "" : "{") + take_text() + "}\n", true});
  }

  std::string take_text() {
    std::string text;
    for (auto& [uri, endpoints] : routes_) {
      if (std::exchange(any_, true))
        text.push_back(',');
      append_html_safe_json(text, uri);
      text.append(":").append(endpoints);
      std::string{}.swap(endpoints); // Do not hold it twice.
    }
    routes_.clear();
    return text;
  }

  caf::actor_system& system_;
  std::vector<route_shard_actor> shards_;
  const std::size_t sorted_bytes_;
  std::size_t shard_ = 0; ///< Whose turn it is.
  std::uint64_t cursor_ = 0;
  std::vector<std::pair<std::string, std::string>> routes_; ///< Not told yet.
  std::size_t bytes_ = 0; ///< All that there were.
  bool began_ = false; ///< Something was told, and not all.
  bool any_ = false;
};

} // namespace

std::shared_ptr<page> list_all_routes(caf::actor_system& system, std::vector<route_shard_actor> shards,
                                      std::size_t sorted_bytes) {
  return std::make_shared<route_page>(system, std::move(shards), sorted_bytes);
}

} // namespace shunt::app
