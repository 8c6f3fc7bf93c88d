// A route emitter: registers every instance with all its routes again and again, evenly over each
// heartbeat, everything at once when a router asks for it (`router.start`), and unregisters what
// was unmapped.
#pragma once

#include "chaos/history.hpp"
#include "tests/process/harness/nats_client.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace shunt::chaos {

/// The host by which clients ask for a route.
std::string host_of(int route);

struct emitter_options {
  std::string nats_url;
  std::vector<std::uint16_t> ports; ///< Of the instances.
  nanoseconds heartbeat{};
  int uris_per_message = 0; ///< 0: all that an instance has.
};

/// What was answered to a change that was sent as a request; says if nothing was.
struct confirmation {
  bool confirmed = false;
  bool drained = false;
  std::string answer;
  int asked = 0; ///< How often it was sent.
};

class emitter {
public:
  explicit emitter(emitter_options options);
  ~emitter();

  emitter(const emitter&) = delete;
  emitter& operator=(const emitter&) = delete;

  // Any thread. While NATS is away, what is said waits in the client.

  void map(const std::vector<int>& routes, int instance);
  void unmap(const std::vector<int>& routes, int instance);
  /// The same, but asks all nodes to route by it, and waits for the answer. Asks again until the
  /// change is confirmed (and drained, if that is wanted) or `within` is over; once if it is 0.
  confirmation map_confirmed(const std::vector<int>& routes, int instance, nanoseconds within);
  confirmation unmap_confirmed(const std::vector<int>& routes, int instance, nanoseconds within,
                               bool drained);
  /// Registers nothing by itself any more, whoever asks.
  void fall_silent();
  /// Registers everything at once, and goes on.
  void resume();
  /// Whether a router answers a greeting. The interval that it wishes for is not heeded: a scenario
  /// says its own.
  bool greet();

private:
  void beat();
  void publish_due(std::unique_lock<std::mutex>& lock);
  std::size_t publish_next();
  std::size_t count_all() const;
  void remember(const std::vector<int>& routes, int instance);
  void forget(const std::vector<int>& routes, int instance);
  std::string message_of(int instance, const std::vector<int>& routes) const;
  confirmation ask(const char* subject, const std::string& message, nanoseconds within,
                   bool drained);
  void publish(const char* subject, int instance, const std::vector<int>& routes);
  void hear_start();

  emitter_options options_;
  std::vector<std::set<int>> routes_of_; ///< By instance.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool silent_ = false;
  bool stopping_ = false;
  double due_ = 0;                ///< How many uris are to be registered now.
  std::size_t next_instance_ = 0; ///< Where to go on.
  int next_route_ = 0;
  test::nats_connection connection_;
  test::nats_subscription starts_;
  std::thread thread_;
};

} // namespace shunt::chaos
