// Which reservations there are, within bounds, and what of them the store does not know yet. Pure:
// its keeper brings the time and carries out what it says.
#pragma once

#include "cluster/durable_store.hpp"
#include "cluster/reservation_document.hpp"
#include "routing/reservation.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace shunt::cluster {

struct reservation_bounds {
  std::size_t reservations_max = 100'000;
  std::size_t bytes_max = std::size_t{256} << 20; ///< Of all their texts, roughly.
};

class reservation_book {
public:
  explicit reservation_book(reservation_bounds bounds) : bounds_{bounds} {}

  /// For what is put from now on; what there is stays.
  void set_bounds(reservation_bounds bounds) noexcept { bounds_ = bounds; }

  enum class outcome : std::uint8_t {
    added,
    changed, ///< There was one that said something else.
    renewed, ///< There was one that said the same; only its time is new.
    full,    ///< Nothing was done.
  };
  /// Takes `made` unless the book is full. One of the same route is replaced.
  outcome put(routing::reservation&& made);
  /// One that the store has already. False if the book is full, or knows better.
  bool put_stored(routing::reservation&& made);
  /// Whether there was one.
  bool remove(std::string_view host, std::string_view path);
  /// Forgets those whose time is over; the store forgets them by itself.
  template <class Each>
  std::size_t forget_expired(routing::time_point now, Each&& each) {
    return std::erase_if(kept_, [&](const auto& entry) {
      if (entry.second.until > now)
        return false;
      bytes_ -= bytes_of(entry.second);
      each(entry.second);
      return true;
    });
  }

  /// Null if there is none.
  const routing::reservation* find(const std::string& key) const;
  std::size_t size() const noexcept { return kept_.size(); }
  /// Roughly what the texts of all of them take.
  std::size_t bytes() const noexcept { return bytes_; }
  template <class Each>
  void for_each(Each&& each) const {
    for (const auto& [key, made] : kept_)
      each(made);
  }

  // -- What the store does not know.

  bool all_written() const noexcept { return !rewrite_ && unwritten_.empty(); }
  std::size_t unwritten() const noexcept { return rewrite_ ? kept_.size() : unwritten_.size(); }
  /// What would bring the store up to date.
  document_changes changes(clock_times now) const;
  /// These changes were carried out, and nothing has changed since.
  void written();
  /// The store lost what it knew.
  void rewrite();

private:
  static std::size_t bytes_of(const routing::reservation& made);
  void note(std::string key);

  reservation_bounds bounds_;
  std::unordered_map<std::string, routing::reservation> kept_; ///< By `reservation_key`.
  std::size_t bytes_ = 0;
  std::unordered_set<std::string> unwritten_; ///< Keys of what was made, changed or removed.
  std::size_t unwritten_bytes_ = 0;
  bool rewrite_ = false; ///< Instead: everything.
};

} // namespace shunt::cluster
