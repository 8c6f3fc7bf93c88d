// The router's ear on the Routing API: fetches all routes, follows the stream of changes, and
// fetches all of them again now and then and whenever the stream was lost. Hands over what the
// registrar makes of NATS messages: registrations, in batches and in order. When the API is away
// nothing is taken back: routes leave by their own ages.
#pragma once

#include "net/event_stream.hpp"
#include "net/http_fetch.hpp"
#include "net/log_limiter.hpp"
#include "net/nats_batch.hpp"
#include "net/routing_api_handler.hpp"
#include "net/routing_api_options.hpp"
#include "net/routing_api_route.hpp"
#include "net/routing_api_token.hpp"
#include "routing/listed_routes.hpp"
#include "routing/random.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace shunt::net {

class component_log;

/// The API or the UAA could not be used, or the options cannot work. Says why, for a person.
class routing_api_error : public std::runtime_error {
public:
  using runtime_error::runtime_error;
};

/// Read by any thread at any time.
struct routing_api_counters {
  std::atomic<std::uint64_t> token_fetch_errors{0};
  std::atomic<std::uint64_t> subscribe_events_errors{0}; ///< Streams that failed or broke.
  std::atomic<std::uint64_t> lists{0};                   ///< Applied as a whole.
  std::atomic<std::uint64_t> events{0};                  ///< Upserts and deletes.
  std::atomic<std::uint64_t> rejected{0};                ///< Routes that could not be read.
};

class routing_api_client {
public:
  /// Does nothing yet. `handler` and `log` outlive the client. Throws as http_transfers does.
  routing_api_client(routing_api_options options, routing_api_handler& handler, component_log& log);
  /// Stops.
  ~routing_api_client();
  routing_api_client(const routing_api_client&) = delete;
  routing_api_client& operator=(const routing_api_client&) = delete;

  /// Gets a token and tries whether routes can be fetched; hands nothing over. Throws
  /// routing_api_error; the caller logs `routing-api-connection-failed` and exits 1. May take as
  /// long as all retries and time-outs together.
  void connect();

  /// Once, after connect(): begins to hand over.
  void start();

  /// Hands nothing over from here on. Within a moment, server or not; harmless when repeated.
  /// Neither from a handler nor from two threads at once.
  void stop() noexcept;

  /// Connections that are made from now on go by these options. The list is fetched by them at once, the stream of
  /// changes goes on as long as it lasts, or ends if it is another API that is asked. What is known stays. Any
  /// thread, between start() and stop().
  void use(routing_api_options options);

  /// Has all routes handed over again, soon. Any thread, between start() and stop().
  void refresh() noexcept;

  const routing_api_counters& counters() const noexcept { return counters_; }

private:
  using clock = std::chrono::steady_clock;
  class event_reader;
  class list_reader;

  void run() noexcept;
  void take_wish();
  clock::time_point next_due() const;
  void step(clock::time_point until);
  void pause(std::chrono::milliseconds time);
  http_outcome fetch(const http_request& request, const http_tls& tls, http_reader& reader);
  http_request request_for(std::string_view path, const std::string& token) const;

  std::optional<std::string> token(std::string& problem);
  std::string fetch_token(routing_api_token& into);

  std::string fetch_list();
  std::string finish_list(const list_reader& reader, const http_outcome& outcome);
  void refresh_routes();

  void tend_events(clock::time_point now);
  void subscribe();
  void subscribed();
  void stream_ended(const http_outcome& outcome);
  void subscribe_later(bool had_lasted);

  void take(const server_event& event);
  std::optional<routing::registration> read(std::string_view json, bool unregister);
  void reject(std::string_view json, std::string_view reason);
  void add(routing::registration registration);
  void hand_over();
  void set_certain(bool certain);

  static constexpr std::string_view log_source = ".route-fetcher";

  routing_api_options options_; ///< Of the one thread below.
  routing_api_handler& handler_;
  component_log& log_;
  routing_api_counters counters_;
  std::shared_ptr<nats_credit> credit_;

  // One thread at a time: that which calls connect(), later the client's own.
  http_transfers transfers_;
  token_cache token_;
  routing_api_reader reader_;
  routing::listed_routes routes_;
  routing::rng dice_;
  std::vector<routing::registration> batch_;
  std::unique_ptr<event_reader> events_; ///< The stream, while there is one or it is being sought.
  clock::time_point subscribe_at_{};
  clock::time_point list_at_{};
  std::chrono::milliseconds backoff_;
  bool following_ = false; ///< The stream is there.
  bool list_follows_subscription_ = false;
  bool running_ = false; ///< The client's own thread is there, and hands over.
  bool certain_ = false; ///< The handler believes to know everything.
  log_limiter rejections_{10};
  log_limiter event_lines_{10};

  std::mutex wish_mutex_;
  std::optional<routing_api_options> wished_; ///< Not seen by that thread yet.
  std::atomic<bool> refresh_asked_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace shunt::net
