// What it costs to give a table to another node, and to take it over: CPU time per route of each step, on a thread of its
// own as the shards' are (the heap of such a thread grows otherwise than that of the first). `transfer_micro [ROUTES]`.
#include "bench/sample_routes.hpp"
#include "cluster/peer_frame.hpp"
#include "routing/slice.hpp"
#include "routing/uri.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <time.h>
#include <utility>
#include <vector>

namespace {

using namespace shunt;
using namespace shunt::bench;
using namespace shunt::routing;

constexpr std::size_t shards = 256, together = 64;
constexpr time_point now{std::chrono::seconds{1000}};
constexpr std::int64_t wall_ns = 1'700'000'000'000'000'000;

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/// Adds up what passes until its end.
class spent {
public:
  explicit spent(double& on) : on_{on}, began_{cpu_seconds()} {}
  spent(const spent&) = delete;
  spent& operator=(const spent&) = delete;
  ~spent() { on_ += cpu_seconds() - began_; }

private:
  double& on_;
  double began_;
};

std::vector<std::unique_ptr<slice>> empty_table() {
  std::vector<std::unique_ptr<slice>> all;
  for (std::size_t i = 0; i < shards; ++i) {
    all.push_back(std::make_unique<slice>(table_rules{}));
    all.back()->keep_history({});
  }
  return all;
}

void transfer(std::uint64_t routes) {
  const auto from = empty_table(), to = empty_table();
  for (std::uint64_t n = 0; n < routes; ++n)
    from[n % shards]->register_endpoint(registration::make(false, endpoint_of(n), host_of(n)), now, wall_ns);
  double tell = 0, write = 0, read = 0, merge = 0, let_go = 0;
  std::array<std::uint64_t, shards> cursors{};
  std::size_t left = shards, bytes = 0;
  cluster::message_packer packer;
  while (left > 0)
    for (std::size_t shard = 0; shard < shards; ++shard) {
      if (cursors[shard] == slice::tell_end)
        continue;
      std::string frame;
      auto said = std::make_unique<replica_message>();
      {
        const spent time{tell};
        transfer_piece piece{.cursor = cursors[shard]};
        piece.next = from[shard]->tell_piece(cursors[shard], together, now, piece.hosts);
        left -= piece.next == slice::tell_end;
        cursors[shard] = piece.next;
        *said = std::move(piece);
      }
      {
        const spent time{write};
        packer.add(shard, *said, now);
        frame = packer.take();
      }
      {
        const spent time{let_go};
        said.reset();
      }
      bytes += frame.size();
      auto heard = std::make_unique<cluster::decoded_frame>();
      {
        const spent time{read};
        *heard = cluster::decode(std::string_view{frame}.substr(cluster::frame_length_bytes), shards);
      }
      auto& messages = std::get<cluster::messages_frame>(*heard->frame).messages;
      {
        const spent time{merge};
        std::vector<endpoint_key> refused;
        for (const auto& each : std::get<transfer_piece>(messages.at(0).what).hosts)
          to[shard]->merge(each, now, true, refused);
      }
      {
        const spent time{let_go};
        heard.reset();
      }
    }
  std::size_t taken = 0;
  for (const auto& each : to)
    taken += each->route_count();
  if (taken != routes) {
    std::fprintf(stderr, "%zu routes came of %llu\n", taken, static_cast<unsigned long long>(routes));
    std::exit(EXIT_FAILURE);
  }
  const auto per_route = [routes](double seconds) { return seconds * 1e9 / static_cast<double>(routes); };
  std::printf("routes %llu, %.0f bytes each; CPU ns per route: tell %.0f, write %.0f, read %.0f, merge %.0f, let go %.0f, "
              "all %.0f\n",
              static_cast<unsigned long long>(routes), static_cast<double>(bytes) / static_cast<double>(routes),
              per_route(tell), per_route(write), per_route(read), per_route(merge), per_route(let_go),
              per_route(tell + write + read + merge + let_go));
}

} // namespace

int main(int argc, char** argv) {
  const auto routes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  std::thread{[routes] { transfer(routes); }}.join();
  return EXIT_SUCCESS;
}
