#include "cluster/reservation_keeper.hpp"

#include "actors/policy.hpp"
#include "cluster/embedded_store.hpp"
#include "cluster/memory_store.hpp"
#include "cluster/reservation_document.hpp"
#include "net/log_limiter.hpp"
#include "net/reservation_message.hpp"
#include "routing/uri.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>

namespace shunt {

namespace {

using cluster::reservation_book;
using cluster::store_errc;
using std::chrono::seconds;

constexpr std::string_view source = ".reservations";
constexpr std::string_view reserve_subject = "router.reserve";
constexpr std::string_view bucket = "reservations";
constexpr std::size_t shown_bytes_max = 1024;  ///< Of a payload in the log.
constexpr std::size_t told_together_max = 500; ///< So that no message holds a shard for long.
constexpr seconds look_every{30};              ///< For reservations that are over.
constexpr seconds retry_first{1}; ///< After a failure of the store; then twice as long,
constexpr seconds retry_last{60}; ///< and so on.

using routes = std::vector<std::pair<std::string, std::string>>;

struct keeper_state {
  static constexpr const char* name = "reservation-keeper";
  std::vector<route_shard_actor> shards;
  std::optional<reservation_book> book;
  std::shared_ptr<cluster::durable_store> store; ///< Null: could not be opened, or is broken.
  bool loaded = false;                           ///< The store's content is in the book.
  std::string problem;                           ///< Why the router must not start.
  bool retrying = false; ///< The store failed; it is left alone until the retry.
  seconds retry_after{0};
  net::reservation_reader reader;
  bool told_not_durable = false;
  net::log_limiter lines{64};
  net::log_limiter refusals{10};
};

using keeper_self = reservation_keeper_actor::stateful_pointer<keeper_state>;

std::int64_t system_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string uri_of(std::string_view host, std::string_view path) {
  auto uri = std::string{host};
  if (!path.empty())
    uri.append("/").append(path);
  return uri;
}

void set_bounds(reservation_keeper_options& options, const config::settings& settings) {
  options.bounds.reservations_max = static_cast<std::size_t>(settings.reservations.max);
  // Where nothing is kept, gorouter's rules apply to routes that nobody reserved.
  const auto keep = std::chrono::ceil<seconds>(settings.empty_pool.keep);
  options.ttl = keep.count() > 0 ? keep : reservation_keeper_options{}.ttl;
}

class keeper {
public:
  keeper(keeper_self self, reservation_keeper_options options, net::component_log& log,
         reservation_counters& counters)
    : self_{self}, options_{std::move(options)}, log_{&log}, counters_{&counters} {
    if (!options_.wall_clock_ms)
      options_.wall_clock_ms = system_clock_ms;
  }

  void start(std::vector<route_shard_actor> shards) const {
    state().shards = std::move(shards);
    state().book.emplace(options_.bounds);
    open_store();
    look_again();
  }

  // -- What is heard.

  void take(const reservation_messages& messages) const {
    std::unordered_set<std::string> touched;
    for (const auto& each : messages.batch->messages)
      if (each.subject() == reserve_subject)
        reserve(each.payload(), touched);
      else
        unreserve(each.payload(), touched);
    write();
    tell_shards(touched);
    count();
  }

  void replace(const shard_replaced& m) const {
    state().shards[m.shard] = m.successor;
    tell_all([&m](std::size_t shard) { return shard == m.shard; });
  }

  void follow(const config::settings& settings) {
    set_bounds(options_, settings);
    book().set_bounds(options_.bounds);
  }

  reservations_loaded loaded() const { return {state().book->size(), state().problem}; }

  // -- What time brings.

  /// The shards end theirs by themselves.
  void end_those_that_are_over() const {
    look_again();
    book().forget_expired(now().steady, [this](const routing::reservation& over) {
      line("reservation-over", over.host, over.path);
    });
    count();
    with_store([this](cluster::durable_store& store) { store.remove_expired(now().wall_ms); });
  }

  void try_again() const {
    auto& s = state();
    s.retrying = false;
    if (s.store == nullptr)
      open_store();
    with_store([this](cluster::durable_store& store) { store.remove_expired(now().wall_ms); });
    write();
    if (!s.retrying && std::exchange(s.retry_after, seconds{0}).count() > 0)
      log_->info(source, "reservations-stored-again", {{"reservations", book().size()}});
  }

  /// The process ends. What cannot be written now is gone with it.
  void write_at_last() const {
    state().retrying = false;
    write();
  }

private:
  keeper_state& state() const { return self_->state; }
  reservation_book& book() const { return *state().book; }
  cluster::clock_times now() const { return {self_->clock().now(), options_.wall_clock_ms()}; }
  void count() const { counters_->held.store(book().size(), std::memory_order_relaxed); }
  void look_again() const { self_->delayed_send(self_, look_every, end_reservations{}); }

  // -- Messages.

  void reserve(std::string_view payload, std::unordered_set<std::string>& touched) const {
    auto read = state().reader.read_reserve(payload);
    if (!read)
      return reject(reserve_subject, payload, read.reason());
    warn_once();
    const auto until = self_->clock().now() + (read->ttl.count() > 0 ? read->ttl : options_.ttl);
    for (auto& made : read->made) {
      made.until = until;
      keep(std::move(made), touched);
    }
  }

  void keep(routing::reservation made, std::unordered_set<std::string>& touched) const {
    auto key = cluster::reservation_key(made.host, made.path);
    const auto outcome = book().put(std::move(made));
    if (outcome == reservation_book::outcome::full)
      return refuse(made);
    const auto& kept = *book().find(key);
    if (outcome != reservation_book::outcome::renewed || log_->enabled(net::log_level::debug))
      reserved(kept, outcome);
    touched.insert(std::move(key));
  }

  void unreserve(std::string_view payload, std::unordered_set<std::string>& touched) const {
    const auto read = state().reader.read_unreserve(payload);
    if (!read)
      return reject("router.unreserve", payload, read.reason());
    for (const auto& [host, path] : read->routes) {
      if (book().remove(host, path))
        line("route-unreserved", host, path);
      touched.insert(cluster::reservation_key(host, path));
    }
  }

  // -- The store.

  void open_store() const {
    auto& s = state();
    try {
      s.store = options_.open_store();
      if (!std::exchange(s.loaded, true))
        load();
    } catch (const cluster::store_error& error) {
      if (error.code() == store_errc::not_ours)
        s.problem = error.what();
      failed(error);
      s.store = nullptr;
    }
  }

  void load() const {
    auto& s = state();
    std::size_t taken = 0;
    std::size_t left = 0;
    try {
      s.store->load([&](const cluster::document& stored) {
        auto made = cluster::from_document(stored, now(), s.reader);
        const bool kept = made && book().put_stored(std::move(*made));
        ++(kept ? taken : left);
      });
    } catch (const cluster::store_error&) {
      s.loaded = false; // What came before the failure stays.
      throw;
    }
    if (options_.durable)
      log_->info(source, "reservations-loaded", {{"reservations", taken}, {"left_out", left}});
    count();
    tell_all([](std::size_t) { return true; });
  }

  void write() const {
    if (!book().all_written())
      with_store([this](cluster::durable_store& store) {
        store.apply(book().changes(now()));
        book().written();
      });
  }

  /// Nothing happens while the store is left alone.
  template <class Work>
  void with_store(Work work) const {
    if (state().store == nullptr || state().retrying)
      return;
    try {
      work(*state().store);
    } catch (const cluster::store_error& error) {
      failed(error);
    }
  }

  /// Leaves the store alone for a while, longer each time.
  void failed(const cluster::store_error& error) const {
    auto& s = state();
    counters_->write_failures.fetch_add(1, std::memory_order_relaxed);
    s.retry_after = std::clamp(2 * s.retry_after, retry_first, retry_last);
    if (!std::exchange(s.retrying, true))
      self_->delayed_send(self_, s.retry_after, write_reservations{});
    if (error.code() == store_errc::corrupt) {
      book().rewrite();
      s.store = nullptr; // Opening it anew moves it aside.
    }
    log_->error(
      source, "reservations-not-stored",
      {{"error", error.what()},
       {"unwritten", book().unwritten()},
       {"retry_seconds", s.retry_after.count()},
       {"advice", "reservations take effect, but a restart would lose those that are "
                  "unwritten; see that the disk of store.path has room and can be written"}});
  }

  // -- The shards.

  void tell_shards(const std::unordered_set<std::string>& touched) const {
    const auto shards = state().shards.size();
    std::vector<std::vector<routing::reservation>> made(shards);
    std::vector<routes> gone(shards);
    for (const auto& key : touched) {
      const auto slash = key.find('/');
      const std::string_view host{key.data(), slash};
      const auto shard = routing::shard_of(host, shards);
      if (const auto* kept = book().find(key))
        made[shard].push_back(*kept);
      else
        gone[shard].emplace_back(host, key.substr(slash + 1));
    }
    for (std::size_t shard = 0; shard < shards; ++shard) {
      if (!gone[shard].empty())
        self_->send(state().shards[shard],
                    unreserve_routes{std::make_shared<const routes>(std::move(gone[shard]))});
      tell_made(shard, std::move(made[shard]));
    }
  }

  template <class Wanted>
  void tell_all(Wanted wanted) const {
    const auto shards = state().shards.size();
    std::vector<std::vector<routing::reservation>> made(shards);
    book().for_each([&](const routing::reservation& each) {
      if (const auto shard = routing::shard_of(each.host, shards); wanted(shard))
        made[shard].push_back(each);
    });
    for (std::size_t shard = 0; shard < shards; ++shard)
      tell_made(shard, std::move(made[shard]));
  }

  void tell_made(std::size_t shard, std::vector<routing::reservation> made) const {
    for (std::size_t at = 0; at < made.size(); at += told_together_max) {
      const auto first = std::make_move_iterator(made.begin()) + static_cast<std::ptrdiff_t>(at);
      const auto some = std::min(told_together_max, made.size() - at);
      self_->send(state().shards[shard],
                  reserve_routes{std::make_shared<const std::vector<routing::reservation>>(
                    first, first + static_cast<std::ptrdiff_t>(some))});
    }
  }

  // -- What the log says.

  void reserved(const routing::reservation& made, reservation_book::outcome outcome) const {
    const auto level =
      outcome == reservation_book::outcome::renewed ? net::log_level::debug : net::log_level::info;
    if (!log_->enabled(level))
      return;
    const auto suppressed = state().lines.admit();
    if (!suppressed)
      return;
    const auto left = std::chrono::round<seconds>(made.until - self_->clock().now());
    log_->write(level, source, "route-reserved",
                {{"uri", uri_of(made.host, made.path)},
                 {"route_service_url", made.route_service_url},
                 {"application_id", made.app},
                 {"seconds", left.count()},
                 {"renewed", outcome == reservation_book::outcome::renewed},
                 {"suppressed", *suppressed}});
  }

  void line(std::string_view message, std::string_view host, std::string_view path) const {
    if (!log_->enabled(net::log_level::info))
      return;
    if (const auto suppressed = state().lines.admit())
      log_->info(source, message, {{"uri", uri_of(host, path)}, {"suppressed", *suppressed}});
  }

  void refuse(const routing::reservation& made) const {
    counters_->refused.fetch_add(1, std::memory_order_relaxed);
    if (const auto suppressed = state().refusals.admit())
      log_->error(
        source, "reservation-refused",
        {{"uri", uri_of(made.host, made.path)},
         {"reservations", book().size()},
         {"bytes", book().bytes()},
         {"advice", "there are as many as reservations.max allows, or their texts take too "
                    "much memory; raise it, or find out who reserves so much"},
         {"suppressed", *suppressed}});
  }

  void reject(std::string_view subject, std::string_view payload, std::string_view error) const {
    counters_->refused.fetch_add(1, std::memory_order_relaxed);
    if (const auto suppressed = state().refusals.admit())
      log_->error(source, "validation-error",
                  {{"error", error},
                   {"payload", payload.substr(0, shown_bytes_max)},
                   {"subject", subject},
                   {"suppressed", *suppressed}});
  }

  void warn_once() const {
    if (!options_.durable && !std::exchange(state().told_not_durable, true))
      log_->warn(source, "reservations-not-durable",
                 {{"advice", "reservations are kept in memory only, and end with this process; set "
                             "store.path to keep them in a file"}});
  }

  keeper_self self_;
  reservation_keeper_options options_;
  net::component_log* log_;
  reservation_counters* counters_;
};

reservation_keeper_actor::behavior_type
reservation_keeper_behavior(keeper_self self, std::vector<route_shard_actor> shards, reservation_keeper_options options,
       net::component_log* log, reservation_counters* counters) {
  const auto it = std::make_shared<keeper>(self, std::move(options), *log, *counters);
  it->start(std::move(shards));
  self->set_exit_handler([self, it](const caf::exit_msg& m) {
    it->write_at_last();
    self->quit(m.reason);
  });
  return {
    [it](const reservation_messages& m) { it->take(m); },
    [it](const shard_replaced& m) { it->replace(m); },
    [it](const use_policy& m) { it->follow(m.rules->settings); },
    [it](const await_reservations&) { return it->loaded(); },
    [it](end_reservations) { it->end_those_that_are_over(); },
    [it](write_reservations) { it->try_again(); },
  };
}

} // namespace

reservation_keeper_options reservation_keeper_options_of(const config::settings& settings,
                                                         net::component_log& log) {
  reservation_keeper_options options;
  set_bounds(options, settings);
  options.durable = !settings.store.path.empty();
  if (options.durable)
    options.open_store = [path = settings.store.path, &log] {
      return std::make_shared<cluster::embedded_store>(path, std::string{bucket}, log);
    };
  else
    options.open_store = [kept = std::make_shared<cluster::memory_store>()] { return kept; };
  return options;
}

reservation_keeper_actor spawn_reservation_keeper(caf::actor_system& system,
                                                  std::vector<route_shard_actor> shards,
                                                  reservation_keeper_options options,
                                                  net::component_log& log,
                                                  reservation_counters& counters) {
  if (options.own_thread)
    return system.spawn<caf::detached>(reservation_keeper_behavior, std::move(shards), std::move(options), &log,
                                       &counters);
  return system.spawn(reservation_keeper_behavior, std::move(shards), std::move(options), &log, &counters);
}

} // namespace shunt
