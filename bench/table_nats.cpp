// Both ends of NATS for bench/table: publishes full-size registrations, fast or at a fixed rate,
// and counts messages in a subscriber that does nothing else. What such a subscriber costs is NATS,
// not the router, and is subtracted.
//
// Route i is always the same message: its GUIDs, host and endpoint are functions of i. So a second
// pass over the same routes changes nothing, unless --change-every asks for some that do.

#include <nats/nats.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using steady = std::chrono::steady_clock;

/// What to publish, and how fast.
struct publish_options {
  std::uint64_t routes = 1'000'000;
  std::uint64_t rate = 50'000;     ///< Messages a second.
  double seconds = 0;              ///< Go round and round for so long; 0 = one pass.
  std::uint64_t live_every = 1000; ///< Every so many routes lead to a backend that answers.
  std::uint16_t backend_port = 0;  ///< That backend, on 127.0.0.2.
  std::uint64_t change_every = 0;  ///< Every so many messages name a new instance; 0 = none does.
};

void check(natsStatus status, const char* what) {
  if (status != NATS_OK)
    throw std::runtime_error(std::string{what} + ": " + natsStatus_GetText(status));
}

struct destroy_connection {
  void operator()(natsConnection* c) const { natsConnection_Destroy(c); }
};
using connection_ptr = std::unique_ptr<natsConnection, destroy_connection>;

struct destroy_subscription {
  void operator()(natsSubscription* s) const { natsSubscription_Destroy(s); }
};
using subscription_ptr = std::unique_ptr<natsSubscription, destroy_subscription>;

struct destroy_options {
  void operator()(natsOptions* o) const { natsOptions_Destroy(o); }
};

/// `name` is how the server's own reports call this connection.
connection_ptr connect(const std::string& url, const char* name) {
  natsOptions* raw = nullptr;
  check(natsOptions_Create(&raw), "options");
  const std::unique_ptr<natsOptions, destroy_options> options{raw};
  check(natsOptions_SetURL(raw, url.c_str()), "url");
  check(natsOptions_SetName(raw, name), "name");
  check(natsOptions_SetAllowReconnect(raw, false), "reconnect");
  natsConnection* connected = nullptr;
  check(natsConnection_Connect(&connected, raw), "connect");
  return connection_ptr{connected};
}

/// splitmix64: neighbouring numbers give unrelated GUIDs, as in a real table.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// 37 bytes: a version 4 GUID and its zero.
struct guid {
  char text[37];
};

guid make_guid(std::uint64_t kind, std::uint64_t number) {
  const auto high = mix(mix(kind) ^ number);
  const auto low = mix(high);
  guid result{};
  std::snprintf(result.text, sizeof result.text, "%08x-%04x-4%03x-a%03x-%012llx",
                static_cast<unsigned>(high >> 32U), static_cast<unsigned>(high >> 16U & 0xffffU),
                static_cast<unsigned>(high & 0xfffU), static_cast<unsigned>(low >> 48U & 0xfffU),
                static_cast<unsigned long long>(low & 0xffff'ffff'ffffU));
  return result;
}

/// Where the app of route `i` listens. Routes that are not live have an address of their own each:
/// 254 ports on each of many hosts, as cells have.
std::string endpoint_of(std::uint64_t i, const publish_options& o) {
  char text[64];
  if (i % o.live_every == 0 || i + 1 == o.routes) {
    std::snprintf(text, sizeof text, R"("host":"127.0.0.2","port":%u)", o.backend_port);
  } else {
    const auto cell = i / 254;
    std::snprintf(text, sizeof text, R"("host":"10.%u.%u.%u","port":%u)",
                  static_cast<unsigned>(cell >> 16U & 0xffU),
                  static_cast<unsigned>(cell >> 8U & 0xffU), static_cast<unsigned>(cell & 0xffU),
                  static_cast<unsigned>(61'000 + i % 254));
  }
  return text;
}

/// A registration as a route emitter writes it, with five tags. `generation` 0 is the first
/// instance.
std::string registration(std::uint64_t i, std::uint64_t generation, const publish_options& o) {
  const auto app = make_guid(1, i);
  const auto instance = make_guid(2 + generation, i);
  const auto organization = make_guid(~1ULL, i / 1000);
  const auto space = make_guid(~2ULL, i / 100);
  char text[1024];
  const auto size = std::snprintf(
    text, sizeof text,
    R"({%s,"tls_port":0,"uris":["route-%07llu.apps.europe-west.cloud.example.com"],"app":"%s",)"
    R"("private_instance_id":"%s","private_instance_index":"0","server_cert_domain_san":"%s",)"
    R"("protocol":"http1","isolation_segment":"","route_service_url":"","endpoint_updated_at_ns":0,)"
    R"("availability_zone":"europe-west-1b","options":{},"tags":{"component":"route-emitter",)"
    R"("app_id":"%s","process_instance_id":"%s","organization_id":"%s","space_id":"%s"}})",
    endpoint_of(i, o).c_str(), static_cast<unsigned long long>(i), app.text, instance.text,
    instance.text, app.text, instance.text, organization.text, space.text);
  return {text, static_cast<std::size_t>(size)};
}

/// Counts what was published, for the report.
struct tally {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

void publish_one(natsConnection* to, tally& done, const publish_options& o) {
  const bool changed = o.change_every != 0 && (done.messages + 1) % o.change_every == 0;
  const auto text = registration(done.messages % o.routes, changed ? done.messages + 1 : 0, o);
  check(natsConnection_Publish(to, "router.register", text.data(), static_cast<int>(text.size())),
        "publish");
  ++done.messages;
  done.bytes += text.size();
}

/// Sends what is due every millisecond. Returns when all is out and the server has confirmed it.
void publish(const std::string& url, const publish_options& o) {
  const auto connection = connect(url, "table-publisher");
  const auto total =
    o.seconds > 0 ? static_cast<std::uint64_t>(o.seconds * static_cast<double>(o.rate)) : o.routes;
  tally done;
  const auto start = steady::now();
  for (auto now = start; done.messages < total; now = steady::now()) {
    const std::chrono::duration<double> passed = now - start;
    const auto due =
      std::min(total, static_cast<std::uint64_t>(passed.count() * static_cast<double>(o.rate)) + 1);
    while (done.messages < due)
      publish_one(connection.get(), done, o);
    std::this_thread::sleep_until(now + std::chrono::milliseconds{1});
  }
  check(natsConnection_FlushTimeout(connection.get(), 60'000), "flush");
  const std::chrono::duration<double> took = steady::now() - start;
  std::printf("{\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.6f}\n",
              static_cast<unsigned long long>(done.messages),
              static_cast<unsigned long long>(done.bytes), took.count());
}

void count_one(natsConnection*, natsSubscription*, natsMsg* message, void* counter) {
  natsMsg_Destroy(message);
  static_cast<std::atomic<std::uint64_t>*>(counter)->fetch_add(1, std::memory_order_relaxed);
}

/// Subscribes like a router and does nothing with what comes, until SIGTERM.
void count(const std::string& url) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr); // Before cnats starts threads that would take it.
  std::atomic<std::uint64_t> counted{0};
  const auto connection = connect(url, "table-counter");
  natsSubscription* raw = nullptr;
  check(natsConnection_Subscribe(&raw, connection.get(), "router.*", count_one, &counted),
        "subscribe");
  subscription_ptr subscription{raw};
  check(natsSubscription_SetPendingLimits(raw, -1, -1),
        "limits"); // A dropped message costs nothing.
  check(natsConnection_Flush(connection.get()), "flush");
  std::puts("ready");
  std::fflush(stdout);
  int received = 0;
  sigwait(&stop, &received);
  natsSubscription_Unsubscribe(raw);
  std::printf("{\"messages\":%llu}\n", static_cast<unsigned long long>(counted.load()));
}

/// Prints one registration, so that its size and shape can be looked at.
void show(const publish_options& o) {
  std::puts(registration(1, 0, o).c_str());
}

void add_publish_options(CLI::App& to, publish_options& o) {
  to.add_option("--routes", o.routes, "Routes to go through")->check(CLI::Range(1, 10'000'000));
  to.add_option("--rate", o.rate, "Messages a second")->check(CLI::Range(1, 10'000'000));
  to.add_option("--seconds", o.seconds, "Repeat for so long; 0: one pass")
    ->check(CLI::Range(0, 3600));
  to.add_option("--live-every", o.live_every, "Every Nth route has a backend")
    ->check(CLI::Range(1, 10'000'000));
  to.add_option("--backend-port", o.backend_port, "Port of that backend on 127.0.0.2");
  to.add_option("--change-every", o.change_every, "Every Nth message is a new instance; 0: none");
}

} // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app{"Publishes and counts route registrations, for bench/table"};
    std::string url = "nats://127.0.0.2:4222";
    publish_options options;
    app.add_option("--url", url, "The NATS server");
    auto* publish_command = app.add_subcommand("publish", "Publish registrations");
    auto* count_command = app.add_subcommand("count", "Count messages until SIGTERM");
    auto* show_command = app.add_subcommand("show", "Print one registration");
    add_publish_options(*publish_command, options);
    app.require_subcommand(1);
    CLI11_PARSE(app, argc, argv);
    if (*publish_command)
      publish(url, options);
    else if (*count_command)
      count(url);
    else if (*show_command)
      show(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "table_nats: %s\n", e.what());
    return 1;
  }
}
