// A steady load: for each node some clients with a connection each, which ask for routes by chance
// at a bounded rate and remember every answer. One request in twenty is for a route that nobody
// ever maps.
#pragma once

#include "chaos/history.hpp"
#include "tests/process/harness/patience.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace shunt::chaos {

struct load_options {
  std::vector<std::uint16_t> ports; ///< Of the nodes.
  std::vector<int> routes;          ///< Those that are asked for.
  int unmapped = 0;                 ///< The one that nobody ever maps.
  int rate = 0;                     ///< Requests per second and node.
  int connections = 0;              ///< Per node.
  std::uint64_t seed = 0;
  nanoseconds patience = std::chrono::seconds{5}; ///< Then a client gives up.
};

class load {
public:
  /// Begins at once; that is when its time begins.
  explicit load(load_options options);
  ~load();

  load(const load&) = delete;
  load& operator=(const load&) = delete;

  nanoseconds now() const { return test::clock::now() - begin_; }
  test::clock::time_point begin() const { return begin_; }

  /// Clients leave the node after their request, as a load balancer's do that noticed something.
  void leave(int node) { left_[static_cast<std::size_t>(node)] = true; }
  void come_back(int node) { left_[static_cast<std::size_t>(node)] = false; }

  /// Asks the node, which stands still, for the last hundred routes on a connection each. Returns when all of it is sent; the
  /// answers are waited for meanwhile.
  void ask_anew(int node);

  std::size_t asked() const { return asked_; }
  std::size_t unanswered() const { return unanswered_; }

  /// When all clients have ended. Everything they asked, in order of time.
  std::vector<request> stop();

private:
  struct client;

  void run(client& self);
  request ask(client& self, int route);
  request begin(int node, int route) const;
  void send(client& self, const request& made) const;
  void await_answer(client& self, request& made) const;
  void note(client& self, request made);

  load_options options_;
  const test::clock::time_point begin_ = test::clock::now();
  std::deque<std::atomic<bool>> left_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> asked_{0};
  std::atomic<std::size_t> unanswered_{0};
  std::vector<std::unique_ptr<client>> clients_;
  std::vector<std::thread> threads_;
};

/// The number of the route that is never mapped, where `routes` are.
inline int never_mapped(int routes) {
  return routes;
}

/// What an instance answers, and who it was that answered so; -1: none of ours.
std::string body_of(int instance);
int instance_of(const std::string& body);

} // namespace shunt::chaos
