// How frames go through a link that is open.
#include "cluster/peer_transport.core.hpp"

#include <sys/uio.h>

namespace shunt::cluster {

namespace {

constexpr std::size_t write_bytes = 256 * 1024; ///< At a time; heartbeats wait behind no more than that.
constexpr std::size_t write_frames_max = 64;
constexpr std::size_t frame_memory_bytes_least = 512; ///< Of an empty one that arrived, and of the messages about it.
/// Between two looks whether what arrived has been let go of.
constexpr std::chrono::milliseconds pause{16};

/// A frame's memory is let go of: there is room for others.
struct consumption {
  link_ptr handle;
  std::atomic<std::size_t>& unconsumed;
  std::size_t bytes;

  ~consumption() { unconsumed.fetch_sub(bytes, std::memory_order_relaxed); }
};

} // namespace

void transport_core::open(const link_owner& ready) {
  ready->limit.disarm();
  ready->open = true;
  ready->wires[0]->watch(nullptr, nullptr);
  metrics_.links_opened.add();
  metrics_.links_open.add();
  ready->listener->on_open();
  const auto number = ready->handle->number();
  for (const auto lane : {link_lane::main, link_lane::slices}) {
    run(read_frames(ready, lane), [this, number] { close_link(number, "out of memory"); });
    write_soon(ready, lane);
  }
}

// -- Sending.

void transport_core::forget_queued(link_handle& handle, link_lane lane, std::size_t bytes) {
  handle.queued_[static_cast<std::size_t>(lane)].fetch_sub(bytes);
  metrics_.queued_bytes.subtract(bytes);
}

void transport_core::enqueue(const link_ptr& handle, send_queue queue, std::string frame) {
  const auto to = find(handle);
  if (!to) {
    forget_queued(*handle, lane_of(queue), frame.size());
    return;
  }
  to->queues[static_cast<std::size_t>(queue)].push_back(std::move(frame));
  if (to->open)
    write_soon(to, lane_of(queue));
}

void transport_core::write_soon(const link_owner& to, link_lane lane) {
  if (std::exchange(to->writing[static_cast<std::size_t>(lane)], true))
    return;
  run(write_frames(to, lane),
      [this, number = to->handle->number()] { close_link(number, "out of memory"); });
}

net::task<void> transport_core::write_frames(link_owner to, link_lane lane) {
  const auto index = static_cast<std::size_t>(lane);
  const auto wire = to->wires[index];
  const auto next_queue = [&]() -> std::deque<std::string>* {
    for (const auto queue : {send_queue::heartbeats, send_queue::changes, send_queue::slices})
      if (auto& frames = to->queues[static_cast<std::size_t>(queue)]; lane_of(queue) == lane && !frames.empty())
        return &frames;
    return nullptr;
  };
  while (!to->closed) {
    std::vector<std::string> frames;
    std::vector<iovec> parts;
    std::size_t bytes = 0;
    frames.reserve(write_frames_max);
    for (auto* queue = next_queue();
         queue != nullptr && bytes < write_bytes && frames.size() < write_frames_max; queue = next_queue()) {
      auto& frame = frames.emplace_back(std::move(queue->front()));
      queue->pop_front();
      parts.push_back({frame.data(), frame.size()});
      bytes += frame.size();
    }
    if (frames.empty())
      break;
    const auto failed = co_await wire->send(std::span<iovec>{parts});
    forget_queued(*to->handle, lane, bytes);
    if (failed) {
      close_link(to->handle->number(), "sending failed: " + net::go_words(failed));
      break;
    }
    metrics_.frames_out.add(frames.size());
    metrics_.bytes_out.add(bytes);
  }
  to->writing[index] = false;
}

// -- Receiving.

net::task<void> transport_core::read_frames(link_owner from, link_lane lane) {
  using std::chrono::nanoseconds;
  const auto wire = from->wires[static_cast<std::size_t>(lane)];
  const auto silence = lane == link_lane::main ? options_.silence_limit : nanoseconds{0};
  auto& unconsumed = from->handle->unconsumed_[static_cast<std::size_t>(lane)];
  while (!from->closed) {
    wire->receive_within(silence);
    auto frame = co_await next_frame(wire, frame_bytes_max);
    if (from->closed)
      break;
    if (!frame.value) {
      close_link(from->handle->number(), std::move(frame.error));
      break;
    }
    metrics_.frames_in.add();
    metrics_.bytes_in.add(frame_length_bytes + frame.value->size());
    const auto memory = frame.value->size() + frame_memory_bytes_least;
    unconsumed.fetch_add(memory, std::memory_order_relaxed);
    arrived_frame arrived{std::move(*frame.value), lane,
                          std::make_shared<consumption>(from->handle, unconsumed, memory)};
    from->listener->on_frame(std::move(arrived));
    wire->receive_within(nanoseconds{0});
    while (!from->closed && unconsumed.load(std::memory_order_relaxed) > options_.unconsumed_bytes_max)
      co_await moment{loop_.deadlines(), pause};
  }
}

} // namespace shunt::cluster
