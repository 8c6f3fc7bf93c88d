// Keeps apart what is gone and what merely was not heard yet, for a source of routes that can be
// asked for all of them and besides reports each change. A list takes a while to come; changes that
// are reported meanwhile may be newer than what it says. Pure: no I/O, no clock.
#pragma once

#include "routing/modification_tag.hpp"
#include "routing/registration.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace shunt::routing {

class listed_routes {
public:
  // -- Changes, as they are reported

  void upserted(const registration& r);
  void deleted(const registration& r);

  // -- A list, from the moment it is asked for

  void begin_list();
  /// One route of the list. False: it was deleted after the list may have been made, so that it
  /// must not be registered.
  bool list(const registration& r);
  /// One of which no more can be read than its uri and, if `address_known`, its address: it is not missing. Without the
  /// address, nothing of that uri is.
  void list_unreadable(const registration& r, bool address_known);
  /// One that may be any: nothing is missing.
  void list_nameless() { nameless_ = true; }
  /// The list is complete. What is missing in it and was not reported since it was asked for: an
  /// unregistration each.
  std::vector<registration> end_list();

  std::size_t size() const { return known_.size(); }

private:
  struct known_route {
    endpoint_ptr target;        ///< With the latest tag.
    std::uint64_t heard_in = 0; ///< The list during which it was listed or reported last.
  };
  void put(std::string key, const registration& r);

  /// By key of the uri and address: what a pool takes for the same endpoint is the same here.
  std::unordered_map<std::string, known_route> known_;
  /// Deleted since the list at hand was asked for.
  std::unordered_map<std::string, endpoint_ptr> deleted_;
  /// Keys, or uris of keys, that the list at hand has and that could not be read.
  std::unordered_set<std::string> unreadable_;
  bool nameless_ = false; ///< It has one of those.
  std::uint64_t list_ = 0;
};

} // namespace shunt::routing
