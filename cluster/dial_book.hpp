// Whom to connect to, and when: the addresses that were configured or found, with a delay that grows from
// failure to failure and differs from node to node. Pure; time is an argument.
//
// An address leads to one node. A name that was configured may stand for several: it is connected to now and then, one
// of its addresses after the other, wherever it led before. Or two halves of a cluster that both have it might never meet.
#pragma once

#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cluster {

struct dial_delays {
  routing::nanoseconds first = std::chrono::milliseconds{100}; ///< After a failure; then twice as long,
  routing::nanoseconds last = std::chrono::seconds{5};         ///< and so on, up to this.
  /// A name, after it led to this node or to one that is linked. Longer if there are many names.
  routing::nanoseconds look_again = std::chrono::seconds{20};
};

/// To be connected to now.
struct dial_target {
  std::string address;
  std::size_t turn = 0; ///< Which address of a name to try first (net/dial.hpp).
};

class dial_book {
public:
  dial_book(dial_delays delays, std::uint64_t seed) : delays_{delays}, random_{seed} {}

  /// Most addresses that are tried; others that are found are not.
  static constexpr std::size_t addresses_max = 2048;
  /// After so many failures in a row an address that was only found is forgotten.
  static constexpr std::uint32_t patience = 20;
  /// One that was configured is tried as long as this node lives.
  void add(std::string_view address, bool configured);
  /// The addresses to connect to now, once: until `failed` or `linked` they are not named again. Nor are those of
  /// nodes that are linked already, unless it is a name's time to be looked at again.
  std::vector<dial_target> due(routing::time_point now,
                               const std::function<bool(const std::string& node)>& is_linked);

  /// Connecting led to nothing. `node`: who answered, if anybody did.
  void failed(std::string_view address, std::string_view node, routing::time_point now);
  /// It is this node's own. A name may be that of others, too.
  void is_itself(std::string_view address, routing::time_point now);
  /// That node answers there, and is linked.
  void linked(std::string_view address, std::string_view node);
  /// That node is linked, by a connection of its own, and says that it listens there.
  void leads_to(std::string_view address, std::string_view node);
  /// The link to that node ended.
  void lost(std::string_view node, routing::time_point now);

private:
  struct target {
    std::string address{};
    std::string node{}; ///< Who answered there last.
    routing::nanoseconds delay{0};
    routing::time_point next{}; ///< Not before.
    routing::time_point next_look{}; ///< Nor before that, if it is a name and leads to a node that is linked.
    std::size_t turn = 0; ///< How often it was connected to.
    std::uint32_t failures = 0; ///< In a row.
    bool configured = false;
    bool is_name = false; ///< And was configured.
    bool under_way = false;
    bool itself = false;
  };
  target* find(std::string_view address);
  const target* find(std::string_view address) const;
  void wait(target& of, routing::time_point now);
  routing::time_point after(routing::nanoseconds delay, routing::time_point now);
  routing::nanoseconds look_again() const;

  dial_delays delays_;
  std::mt19937_64 random_;
  std::vector<target> targets_;
  std::size_t names_ = 0; ///< Of which there may be several nodes.
};

} // namespace shunt::cluster
