#include "chaos/emitter.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;
using std::chrono::duration_cast;
using test::milliseconds;

constexpr nanoseconds pace = 20ms;
/// Longer than `cluster.confirm_timeout`.
constexpr milliseconds patience = 8s;
/// Messages between two looks at what else is to be said.
constexpr int messages_at_once = 200;

} // namespace

std::string host_of(int route) {
  return "r" + std::to_string(route) + ".chaos.test";
}

emitter::emitter(emitter_options options)
  : options_{std::move(options)},
    routes_of_(options_.ports.size()),
    connection_{test::connect_to_nats(options_.nats_url, 50ms)} {
  natsSubscription* starts = nullptr;
  const auto hear = [](natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    natsMsg_Destroy(message);
    static_cast<emitter*>(self)->hear_start();
  };
  test::check_nats(natsConnection_Subscribe(&starts, connection_.get(), "router.start", hear, this),
                   "subscribe");
  starts_.reset(starts);
  thread_ = std::thread{[this] { beat(); }};
}

emitter::~emitter() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
  connection_.reset(); // No callback comes after it is closed.
}

void emitter::hear_start() {
  const std::lock_guard lock{mutex_};
  asked_ = true;
  changed_.notify_all();
}

void emitter::fall_silent() {
  const std::lock_guard lock{mutex_};
  silent_ = true;
}

void emitter::resume() {
  const std::lock_guard lock{mutex_};
  silent_ = false;
  asked_ = true;
  changed_.notify_all();
}

void emitter::remember(const std::vector<int>& routes, int instance) {
  routes_of_.at(instance).insert(routes.begin(), routes.end());
}

void emitter::forget(const std::vector<int>& routes, int instance) {
  for (const int route : routes)
    routes_of_.at(instance).erase(route);
}

void emitter::map(const std::vector<int>& routes, int instance) {
  const std::lock_guard lock{mutex_};
  remember(routes, instance);
  const auto size = options_.uris_per_message > 0
                      ? static_cast<std::size_t>(options_.uris_per_message)
                      : routes.size();
  for (std::size_t i = 0; i < routes.size(); i += size)
    publish("router.register", instance,
            {routes.begin() + static_cast<std::ptrdiff_t>(i),
             routes.begin() + static_cast<std::ptrdiff_t>(std::min(i + size, routes.size()))});
}

void emitter::unmap(const std::vector<int>& routes, int instance) {
  const std::lock_guard lock{mutex_};
  forget(routes, instance);
  publish("router.unregister", instance, routes);
}

confirmation emitter::map_confirmed(const std::vector<int>& routes, int instance,
                                    nanoseconds within) {
  {
    const std::lock_guard lock{mutex_};
    remember(routes, instance);
  }
  return ask("router.register", message_of(instance, routes), within, false);
}

/// What beats from now on does not name the routes any more, and what beat before is in NATS before
/// this.
confirmation emitter::unmap_confirmed(const std::vector<int>& routes, int instance,
                                      nanoseconds within, bool drained) {
  {
    const std::lock_guard lock{mutex_};
    forget(routes, instance);
  }
  return ask("router.unregister", message_of(instance, routes), within, drained);
}

confirmation emitter::ask(const char* subject, const std::string& message, nanoseconds within,
                          bool drained) {
  const auto end = test::clock::now() + within;
  confirmation said;
  do {
    const auto left = duration_cast<milliseconds>(end - test::clock::now());
    const auto answer =
      test::ask_nats(*connection_, subject, message,
                     within.count() > 0 ? std::clamp(left, 1ms, patience) : patience);
    const auto read = nlohmann::json::parse(answer.value_or("{}"), nullptr, false);
    said.answer = answer.value_or("no answer");
    said.confirmed = read.is_object() && read.value("confirmed", false);
    said.drained = read.is_object() && read.value("drained", false);
    ++said.asked;
  } while (!(said.confirmed && (said.drained || !drained)) && test::clock::now() < end);
  return said;
}

bool emitter::greet() {
  return test::ask_nats(*connection_, "router.greet", "{}", 1s).has_value();
}

void emitter::beat() {
  std::unique_lock lock{mutex_};
  auto last = test::clock::now();
  while (!stopping_) {
    const auto now = test::clock::now();
    const auto all = static_cast<double>(count_all());
    due_ += all * static_cast<double>((now - last).count())
            / static_cast<double>(options_.heartbeat.count());
    if (std::exchange(asked_, false))
      due_ = all;
    if (silent_)
      due_ = 0;
    due_ = std::min(due_, all);
    last = now;
    publish_due(lock);
    changed_.wait_for(lock, pace, [this] { return (asked_ && !silent_) || stopping_; });
  }
}

/// Lets others speak in between.
void emitter::publish_due(std::unique_lock<std::mutex>& lock) {
  for (int said = 1; due_ >= 1 && !silent_ && !stopping_; ++said) {
    const auto uris = publish_next();
    if (uris == 0)
      return;
    due_ -= static_cast<double>(uris);
    if (said % messages_at_once == 0) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
  }
}

std::size_t emitter::count_all() const {
  std::size_t count = 0;
  for (const auto& routes : routes_of_)
    count += routes.size();
  return count;
}

/// The message after the one before, from the first again after the last. How many uris it has.
std::size_t emitter::publish_next() {
  const auto limit = options_.uris_per_message > 0
                       ? static_cast<std::size_t>(options_.uris_per_message)
                       : std::numeric_limits<std::size_t>::max();
  for (std::size_t looked = 0; looked <= routes_of_.size(); ++looked) {
    const auto& all = routes_of_[next_instance_];
    std::vector<int> routes;
    for (auto each = all.lower_bound(next_route_); each != all.end() && routes.size() < limit;
         ++each)
      routes.push_back(*each);
    if (!routes.empty()) {
      publish("router.register", static_cast<int>(next_instance_), routes);
      next_route_ = routes.back() + 1;
      return routes.size();
    }
    next_instance_ = (next_instance_ + 1) % routes_of_.size();
    next_route_ = 0;
  }
  return 0;
}

std::string emitter::message_of(int instance, const std::vector<int>& routes) const {
  auto uris = nlohmann::json::array();
  for (const int route : routes)
    uris.push_back(host_of(route));
  const auto name = "instance-" + std::to_string(instance);
  return nlohmann::json{{"host", "127.0.0.1"},
                        {"port", options_.ports.at(instance)},
                        {"uris", std::move(uris)},
                        {"app", "chaos"},
                        {"private_instance_id", name}}
    .dump();
}

void emitter::publish(const char* subject, int instance, const std::vector<int>& routes) {
  // Full while NATS is away: what is lost is said again by the next heartbeat.
  [[maybe_unused]] const auto published =
    natsConnection_PublishString(connection_.get(), subject, message_of(instance, routes).c_str());
}

} // namespace shunt::chaos
