#include "chaos/load.hpp"

#include "chaos/emitter.hpp"
#include "tests/process/harness/client.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

namespace shunt::chaos {
namespace {

constexpr std::string_view body_prefix = "instance-";
constexpr std::size_t asked_anew_max = 100; ///< So many connections a node that stands still has room for.

} // namespace

std::string body_of(int instance) {
  return std::string{body_prefix} + std::to_string(instance);
}

int instance_of(const std::string& body) {
  if (!body.starts_with(body_prefix) || body.size() > body_prefix.size() + 6)
    return -1;
  const auto digits = body.substr(body_prefix.size());
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos)
    return -1;
  return std::stoi(digits);
}

struct load::client {
  client(int to, std::uint64_t seed, nanoseconds begin) : node{to}, chance{seed}, phase{begin} {}

  int node;
  std::mt19937_64 chance;
  nanoseconds phase; ///< So that not all of them ask at once.
  std::optional<test::client> connection;
  std::vector<request> asked;
};

load::load(load_options options) : options_{std::move(options)} {
  const auto nodes = options_.ports.size();
  for (std::size_t node = 0; node < nodes; ++node)
    left_.emplace_back(false);
  const auto interval = nanoseconds{std::chrono::seconds{1}} / options_.rate;
  for (int each = 0; each < options_.connections; ++each)
    for (std::size_t node = 0; node < nodes; ++node)
      clients_.push_back(std::make_unique<client>(
        static_cast<int>(node), options_.seed + clients_.size(), interval * each));
  for (auto& each : clients_)
    threads_.emplace_back([this, &self = *each] { run(self); });
}

load::~load() {
  stop();
}

void load::run(client& self) {
  const auto interval = nanoseconds{std::chrono::seconds{1}} * options_.connections / options_.rate;
  std::uniform_int_distribution<std::size_t> routes{0, options_.routes.size() - 1};
  std::uniform_int_distribution<int> dice{1, 20};
  for (auto next = self.phase; !stopping_; next = std::max(next + interval, now() - interval)) {
    std::this_thread::sleep_until(begin_ + next);
    // Drawn in any case, so that what one node does changes nothing for the clients of others.
    const bool unmapped = dice(self.chance) == 1;
    const int route = unmapped ? options_.unmapped : options_.routes[routes(self.chance)];
    if (left_[static_cast<std::size_t>(self.node)]) {
      self.connection.reset();
      continue;
    }
    note(self, ask(self, route));
  }
}

void load::note(client& self, request made) {
  ++asked_;
  if (made.status == 0)
    ++unanswered_;
  self.asked.push_back(std::move(made));
}

void load::ask_anew(int node) {
  std::vector<std::pair<client*, request>> waiting;
  const auto count = std::min(options_.routes.size(), asked_anew_max);
  for (const int route : std::span{options_.routes}.last(count)) { // Spare ones come last.
    auto& self = *clients_.emplace_back(std::make_unique<client>(node, 0, nanoseconds{}));
    auto& made = waiting.emplace_back(&self, begin(node, route)).second;
    try {
      send(self, made);
    } catch (const std::exception& error) {
      made.error = error.what();
    }
  }
  threads_.emplace_back([this, waiting = std::move(waiting)]() mutable {
    for (auto& [self, made] : waiting) {
      if (made.error.empty())
        await_answer(*self, made);
      made.end = now();
      note(*self, std::move(made));
    }
  });
}

request load::begin(int node, int route) const {
  request made;
  made.node = node;
  made.route = route;
  made.start = now();
  return made;
}

void load::send(client& self, const request& made) const {
  if (!self.connection)
    self.connection.emplace(options_.ports[static_cast<std::size_t>(self.node)]);
  self.connection->reader().patience = std::chrono::duration_cast<std::chrono::milliseconds>(options_.patience);
  self.connection->send(test::get_request(host_of(made.route)));
}

void load::await_answer(client& self, request& made) const try {
  const auto answer = self.connection->response();
  made.status = answer.status;
  made.instance = instance_of(answer.body);
  if (answer.lists("Connection", "close"))
    self.connection.reset();
} catch (const std::exception& error) {
  made.error = error.what();
  self.connection.reset();
}

request load::ask(client& self, int route) {
  auto made = begin(self.node, route);
  try {
    send(self, made);
    await_answer(self, made);
  } catch (const std::exception& error) {
    made.error = error.what();
    self.connection.reset();
  }
  made.end = now();
  return made;
}

std::vector<request> load::stop() {
  stopping_ = true;
  for (auto& each : threads_)
    each.join();
  threads_.clear();
  std::vector<request> all;
  for (auto& each : clients_)
    std::move(each->asked.begin(), each->asked.end(), std::back_inserter(all));
  clients_.clear();
  std::stable_sort(all.begin(), all.end(), [](const request& left, const request& right) {
    return left.start < right.start;
  });
  return all;
}

} // namespace shunt::chaos
