// A route emitter: registers every instance with all its routes again and again, at once when a
// router asks for it (`router.start`), and unregisters what was unmapped.
#pragma once

#include "chaos/history.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

struct __natsConnection;
struct __natsSubscription;

namespace shunt::chaos {

/// The host by which clients ask for a route.
std::string host_of(int route);

class emitter {
public:
  /// `ports` are those of the instances.
  emitter(const std::string& nats_url, std::vector<std::uint16_t> ports, nanoseconds heartbeat);
  ~emitter();

  emitter(const emitter&) = delete;
  emitter& operator=(const emitter&) = delete;

  // Any thread. While NATS is away, what is said waits in the client.

  void map(const std::vector<int>& routes, int instance);
  void unmap(const std::vector<int>& routes, int instance);
  /// The same, but waits until all nodes route by it. What was answered; says if nothing was.
  struct confirmation {
    bool confirmed = false;
    std::string answer;
  };
  confirmation map_confirmed(const std::vector<int>& routes, int instance);
  confirmation unmap_confirmed(const std::vector<int>& routes, int instance);
  /// Asks the routers how often they want to hear registrations, and heeds it. False: none
  /// answered.
  bool greet();

private:
  struct closer {
    void operator()(__natsConnection* connection) const;
    void operator()(__natsSubscription* subscription) const;
  };

  void beat();
  void remember(const std::vector<int>& routes, int instance);
  void forget(const std::vector<int>& routes, int instance);
  std::string message_of(int instance, const std::vector<int>& routes) const;
  confirmation ask(const char* subject, const std::string& message);
  void publish(const char* subject, int instance, const std::vector<int>& routes);
  void register_all();
  void hear_start();

  std::vector<std::uint16_t> ports_;
  std::vector<std::set<int>> routes_of_; ///< By instance.
  nanoseconds heartbeat_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool stopping_ = false;
  std::unique_ptr<__natsConnection, closer> connection_;
  std::unique_ptr<__natsSubscription, closer> starts_;
  std::thread thread_;
};

} // namespace shunt::chaos
