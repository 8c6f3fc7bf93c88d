// See balance.hpp.
#include "routing/balance.hpp"

#include "routing/health_check.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

/// Who may be chosen in one pass over the pool.
struct choice {
  const attempt_state& state;
  const balance_rules& rules;
  time_point now;
  bool local_only = false;
  bool marked_too = false;

  bool allows(const leased_endpoint& e) const {
    return (marked_too || !e.is_avoided(now))
           && (state.only == nullptr || state.only->accepts(e.about()))
           && (!local_only || e.about().availability_zone() == rules.zone)
           && !is_overloaded(e, rules);
  }
};

leased_endpoint* next_in_turn(const leased_pool& pool, std::size_t& position, const choice& who) {
  const auto slots = pool.slot_count();
  for (std::size_t step = 0; step < slots; ++step) {
    const auto at = position + step < slots ? position + step : position + step - slots;
    leased_endpoint* e = pool.at(at);
    if (e != nullptr && who.allows(*e)) {
      position = at + 1 == slots ? 0 : at + 1;
      return e;
    }
  }
  return nullptr;
}

std::uint32_t load_of(const leased_endpoint& e) {
  return e.stats().in_flight.load(std::memory_order_relaxed);
}

/// Ties are broken evenly: the n-th candidate as good as the best replaces it with chance 1/n.
leased_endpoint* least_loaded(const leased_pool& pool, const choice& who, rng& random) {
  leased_endpoint* best = nullptr;
  std::uint32_t least = 0;
  std::uint64_t ties = 0;
  pool.for_each([&](leased_endpoint& e) {
    if (!who.allows(e))
      return;
    const auto load = load_of(e);
    if (best == nullptr || load < least) {
      best = &e;
      least = load;
      ties = 1;
    } else if (load == least && random.below(++ties) == 0) {
      best = &e;
    }
  });
  return best;
}

/// One pass by the pool's algorithm.
class chooser {
public:
  chooser(leased_pool& pool, attempt_state& state, const balance_rules& rules, rng& random)
    : pool_{pool}, state_{state}, rules_{rules}, random_{random} {}

  leased_endpoint* choose(const choice& who) {
    if (by_hash())
      return hashed(who);
    return wants_least() ? least_loaded(pool_, who, random_) : in_turn(who);
  }

  bool by_hash() const {
    return pool_.traits().algorithm == algorithm::hash && !state_.hash_value.empty();
  }

private:
  leased_endpoint* hashed(const choice& who) {
    const auto& table = pool_.hash_table();
    std::uint64_t total = 0;
    if (pool_.traits().hash_balance > 0)
      pool_.for_each([&](const leased_endpoint& e) { total += load_of(e); });
    const auto most = in_flight_most(total, pool_.size(), pool_.traits().hash_balance);
    const auto usable = [&](std::size_t position) {
      const auto* e = pool_.at(position);
      return e != nullptr && who.allows(*e) && load_of(*e) <= most;
    };
    const auto slot = state_.hash_slot == maglev::nowhere
                        ? table.find(maglev::slot_of(state_.hash_value), usable)
                        : table.find_other(state_.hash_slot, usable);
    if (slot == maglev::nowhere)
      return nullptr;
    state_.hash_slot = slot;
    return pool_.at(table.at(slot));
  }

  bool wants_least() const {
    const auto wish = pool_.traits().algorithm;
    const bool silent = wish == algorithm::router_default || wish == algorithm::hash;
    return (silent ? rules_.algorithm : wish) == algorithm::least_connection;
  }

  /// The first attempt of a request moves the cursor that all requests share; the others only their
  /// own position, so that a request that fails over does not disturb the turns of the rest.
  leased_endpoint* in_turn(const choice& who) {
    const bool first = state_.attempts == 0;
    std::size_t& position = first ? pool_.cursor : state_.position;
    if (first && position == leased_pool::not_started)
      position = random_.below(pool_.slot_count());
    if (position >= pool_.slot_count())
      position = 0;
    leased_endpoint* e = next_in_turn(pool_, position, who);
    state_.position = position;
    return e;
  }

  leased_pool& pool_;
  attempt_state& state_;
  const balance_rules& rules_;
  rng& random_;
};

void note(attempt_state& state, const leased_endpoint& e) {
  if (state.attempts++ > 0)
    state.tried.push_back(state.last);
  state.last = e.about().address_hash();
}

} // namespace

bool instance_filter::accepts(const endpoint& e) const {
  return (app.empty() || e.app() == app) && (index.empty() || e.instance_index() == index)
         && (process.empty() || e.tag("process_id") == process);
}

leased_endpoint* pick(leased_pool& pool, attempt_state& state, const balance_rules& rules,
                      time_point now, rng& random) {
  if (pool.empty())
    return nullptr;
  chooser by{pool, state, rules, random};
  leased_endpoint* e = nullptr;
  if (rules.prefer_zone && state.attempts == 0 && !by.by_hash())
    e = by.choose({.state = state, .rules = rules, .now = now, .local_only = true});
  if (e == nullptr)
    e = by.choose({.state = state, .rules = rules, .now = now});
  if (e == nullptr) {
    // Whoever could take it is marked: a doubtful endpoint is better than none. A request for
    // certain instances says nothing about the others, so it clears no marks.
    e = by.choose({.state = state, .rules = rules, .now = now, .marked_too = true});
    if (e != nullptr && state.only == nullptr)
      pool.for_each([](leased_endpoint& marked) {
        if (marked.failed_until != unhealthy_until) // A verdict ends when the checks say so.
          marked.failed_until = {};
      });
  }
  if (e != nullptr)
    note(state, *e);
  return e;
}

bool pick_pinned(leased_endpoint& wanted, attempt_state& state, const balance_rules& rules) {
  if (is_overloaded(wanted, rules))
    return false;
  note(state, wanted);
  return true;
}

bool is_overloaded(const leased_endpoint& e, const balance_rules& rules) {
  if (rules.max_conns == 0)
    return false;
  const auto& counter = rules.max_conns_counts == conns_counter::in_flight
                          ? e.stats().in_flight
                          : e.stats().awaiting_headers;
  return counter.load(std::memory_order_relaxed) >= rules.max_conns;
}

bool all_overloaded(const leased_pool& pool, const balance_rules& rules) {
  if (rules.max_conns == 0)
    return false;
  const auto slots = pool.slot_count();
  for (std::size_t i = 0; i < slots; ++i)
    if (const auto* e = pool.at(i); e != nullptr && !is_overloaded(*e, rules))
      return false;
  return !pool.empty();
}

bool may_try(const attempt_state& state, std::size_t pool_size) {
  return state.attempts <= pool_size
         || std::find(state.tried.begin(), state.tried.end(), state.last) == state.tried.end();
}

bool may_try_again(const attempt_state& state, std::uint32_t attempts_max) {
  return state.attempts < std::max<std::uint32_t>(attempts_max, 1);
}

} // namespace shunt::routing
