// What a slice that hears registrations itself makes of what its copies on other nodes tell, and of what waited while its
// process stood still: in what order things happened.
#include "routing/slice.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

/// Events on two nodes that are not further apart than this have no order.
constexpr auto tie = std::chrono::seconds{1};
/// What is told arrives younger than it was, by so much at most.
constexpr auto way = std::chrono::milliseconds{250};
/// By how much an endpoint may seem to be heard later than it was.
constexpr auto heard_grain = std::chrono::milliseconds{100};
/// Told times that are longer ago than this count as so long ago.
constexpr nanoseconds longest = std::chrono::hours{24};

/// How a registration and an end stand to each other that were heard on two nodes.
enum class sequence {
  before,  ///< The end ended it.
  unclear, ///< A copy that has no such endpoint takes none, and one that has it lets it go when it hears so again.
           ///< Without this, two copies that judge each by the other's word might exchange what they know for ever.
  tied,    ///< It counts as registered after the end, until nobody hears it for long.
  after,
};

sequence order_of(time_point registered, const tombstone& end) {
  const bool known = end.heard != tombstone::unknown;
  if (registered + tie < end.at
      || (known && registered <= end.at && registered + 2 * way <= end.heard + tie))
    return sequence::before;
  if (registered + tie - 2 * way < end.at
      || (known && registered <= end.at + 2 * way && registered <= end.heard + tie))
    return sequence::unclear;
  return registered > end.at + tie ? sequence::after : sequence::tied;
}

} // namespace

// -- What waited for this process

time_point slice::heard_since(time_point then) {
  return then - tie - 2 * way;
}

/// Another copy told of it, who heard it while this process stood still.
bool slice::is_told_since(const slice_member& m, std::optional<time_point> waited_since) {
  return waited_since && m.heard() > *waited_since + heard_grain;
}

// -- Merging

void slice::merge(const told_host& told, time_point now, bool hears, std::vector<endpoint_key>& refused) {
  if (!is_acceptable(told.host, {}))
    return;
  slice_host& h = make_host(told.host, host_hash(told.host));
  const pin stays{*this, h};
  for (const auto& path : told.paths)
    if (is_acceptable(told.host, path.path))
      merge(h, path, now, hears, refused);
}

void slice::merge(slice_host& h, const told_path& told, time_point now, bool hears,
                  std::vector<endpoint_key>& refused) {
  for (const auto& each : told.ended)
    merge_end(h, told, each, now);
  for (const auto& each : told.members)
    if (is_refused(h, told, each, now, hears))
      refused.push_back({std::string{h.text()}, told.path, std::string{each.target->address()}});
    else
      merge_member(h, told, each, now);
  if (told.known && told.members.empty()) {
    slice_route* r = h.find(told.path);
    const bool fits = !rules_.legacy && told.empty_for < rules_.keep
                      && ages_.empty_count() < rules_.keep_routes_max;
    if (r == nullptr && fits)
      adopt_empty(make_route(h, told.path), told, now);
  }
}

void slice::merge_end(slice_host& h, const told_path& of, const told_end& end, time_point now) {
  if (end.age > history_->rules().tombstone_life)
    return;
  tombstone ended{now - end.age};
  if (end.heard_before)
    ended.heard = ended.at - std::min(*end.heard_before, longest);
  slice_route* r = h.find(of.path);
  auto* m = r == nullptr ? nullptr
                         : r->members.find(end.address, endpoint::hash_address(end.address));
  if (m == nullptr) {
    history_->bury(h.text(), of.path, end.address, ended);
    return;
  }
  const auto order = order_of(m->heard(), ended);
  if (order == sequence::after)
    return;
  if (order == sequence::tied || (order == sequence::unclear && !m->provisional())) {
    m->set_provisional();
    schedule(*r, *m);
    return;
  }
  remove_member(*r, m);
  history_->bury(h.text(), of.path, end.address, ended);
  if (r->members.empty())
    settle_empty(*r, now, false);
}

/// Copies that do not hear all take what is old, because it is not for them to judge. Two of them would give it to each
/// other for ever, if they did not know what has been judged.
bool slice::is_refused(slice_host& h, const told_path& of, const told_member& told, time_point now, bool hears) const {
  const auto address = told.target->address();
  const slice_route* r = h.find(of.path);
  if (r != nullptr && r->members.find(address, told.target->address_hash()) != nullptr)
    return false;
  if (hears && is_too_old(told))
    return true;
  if (told.target->tls() && !told.provisional) // The other one heard it itself, and keeps it.
    return false;
  const auto judged = history_->pruned(h.text(), of.path, address);
  return judged && now - told.age <= *judged + tie;
}

/// Nobody heard it for so long that it would be pruned at once.
bool slice::is_too_old(const told_member& told) const {
  const bool spared = told.target->tls() && !told.provisional;
  return !spared && told.age > stale_threshold(*told.target);
}

void slice::merge_member(slice_host& h, const told_path& of, const told_member& told,
                         time_point now) {
  const auto at = now - told.age;
  slice_route* r = h.find(of.path);
  auto* m = r == nullptr ? nullptr
                         : r->members.find(told.target->address(), told.target->address_hash());
  if (m == nullptr) {
    const auto ended = history_->ended(h.text(), of.path, told.target->address());
    if (!ended || order_of(at, *ended) >= sequence::tied)
      add(make_route(h, of.path), slice_member{told.target, at, false, true}, told.spelling);
    return;
  }
  if (m->target->content_hash() == told.target->content_hash()) {
    if (at > m->heard())
      m->touch(at, m->stamp_ns() != 0, m->provisional());
    return;
  }
  const bool later = at > m->heard() + tie
                     || (at + tie >= m->heard()
                         && told.target->content_hash() > m->target->content_hash());
  if (!later)
    return;
  m->touch(std::max(at, m->heard()), false, true);
  replace(*r, *m, told.target, told.spelling);
}

void slice::doubt_all() {
  hosts_.for_each([this](slice_host* h) {
    h->for_each_route([this](slice_route& r) {
      r.members.for_each([&](slice_member& m) {
        m.set_provisional();
        schedule(r, m);
      });
    });
  });
}

void slice::drop_provisional(const std::unordered_set<std::uint64_t>& keys, time_point now) {
  std::vector<endpoint_key> gone;
  hosts_.for_each([&](slice_host* h) {
    h->for_each_route([&](const slice_route& r) {
      r.members.for_each([&](const slice_member& m) {
        if (m.provisional()
            && keys.contains(slice_history::digest_of_key(h->text(), r.path(), m.target->address())))
          gone.push_back({std::string{h->text()}, std::string{r.path()}, std::string{m.target->address()}});
      });
    });
  });
  for (const auto& each : gone) {
    const auto [r, m] = find(each.host, each.path, each.address);
    remove_member(*r, m);
    if (r->members.empty())
      settle_empty(*r, now, false);
  }
}

} // namespace shunt::routing
