// The access log's writer: an actor with a thread of its own that turns the loops' records into
// lines and hands them to the sinks, and the queue by which the loops reach it. The queue is
// bounded: when the writer cannot keep up, records are dropped and counted, because a request that
// waits for its log line is worse than a line that is missing.
#pragma once

#include "net/log_sink.hpp"
#include "routing/access_line.hpp"
#include "routing/access_record.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace shunt {

// -- The access log's writer. All of its messages stay inside the process.

/// Writes the records of `batch` and gives it back to the queue. Sent by access_log_queue alone,
/// which counts what waits. Lost only if the writer is gone, and then so are its records.
struct access_records {
  std::shared_ptr<routing::access_batch> batch;
  std::shared_ptr<const routing::access_format> format; ///< Of all of them.
};

/// What was submitted before goes to the sinks that there were, what comes after to these.
struct use_access_sinks {
  std::vector<std::shared_ptr<net::log_sink>> sinks; ///< The writer's alone from now on. None: nothing is written.
};

/// Goes on in a new file (log rotation, SIGHUP). If lost, the old file is written until the next.
struct reopen_access_log {};

/// Writes out all that was submitted before. Answers whether everything reached its destination.
struct flush_access_log {};

/// INTERNAL: what a sink could not write is due for another try. Rescheduled while any waits.
struct tend_access_log {};

/// INTERNAL: asked to exit, and everything submitted before has been seen.
struct end_access_log {};

using access_log_writer_actor = caf::typed_actor<caf::reacts_to<access_records>,    //
                                                 caf::reacts_to<use_access_sinks>,  //
                                                 caf::reacts_to<reopen_access_log>, //
                                                 caf::replies_to<flush_access_log>::with<bool>,
                                                 caf::reacts_to<tend_access_log>, //
                                                 caf::reacts_to<end_access_log>>;

/// What may wait for the writer. Records are counted because operators think in them, bytes because
/// clients choose how long a record is.
struct access_log_limits {
  std::size_t records_max = 65'536;
  std::size_t bytes_max = 256 * 1024 * 1024;
};

/// The loops' side of the access log. Safe from any thread.
class access_log_queue {
public:
  /// A loop submits its batch when it has that many bytes, or a fraction of a second after its
  /// first record.
  static constexpr std::size_t batch_bytes = 64 * 1024;

  /// `trouble` is told `access-log-dropped` once per episode, on the thread that dropped.
  access_log_queue(access_log_limits limits, net::log_trouble trouble);

  /// An empty batch, used before if there is one.
  std::shared_ptr<routing::access_batch> take();

  /// Sends `batch`, to be written in that format, to the writer and replaces it by an empty one. False, with the
  /// records dropped and counted, if that is more than may wait, or if there is no writer (any more).
  bool try_submit(std::shared_ptr<routing::access_batch>& batch,
                  const std::shared_ptr<const routing::access_format>& format);
  /// `access_log.queue_records`
  void set_records_max(std::size_t most) noexcept { records_max_.store(most, std::memory_order_relaxed); }

  std::size_t waiting_records() const noexcept;
  std::size_t waiting_bytes() const noexcept;
  std::uint64_t dropped_records() const noexcept;

  // -- The writer's side.

  /// Names the writer. Before that nothing can be submitted.
  void open(access_log_writer_actor writer);
  /// The writer is done with a batch that was submitted; it is cleared for the next to take it.
  void finished(std::shared_ptr<routing::access_batch> batch);
  /// The writer ends.
  void close() noexcept;
  /// On the writer's thread.
  void tell_of_lost(std::string_view what) const;

private:
  static constexpr std::size_t spare_batches_max = 64;

  bool admit(std::size_t records, std::size_t bytes) noexcept;
  void release(std::size_t records, std::size_t bytes) noexcept;
  void drop(routing::access_batch& batch);

  std::atomic<std::size_t> records_max_;
  const std::size_t bytes_max_;
  const net::log_trouble trouble_;
  access_log_writer_actor writer_;
  std::atomic<bool> is_open_{false};
  std::atomic<bool> dropping_{false}; ///< An episode is on: reported, and not over yet.
  std::atomic<std::size_t> waiting_records_{0};
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<std::uint64_t> dropped_records_{0};
  std::mutex spare_mutex_; ///< Taken once a batch, never by a request.
  std::vector<std::shared_ptr<routing::access_batch>> spare_;
};

struct access_log_writer_options {
  std::vector<std::shared_ptr<net::log_sink>> sinks; ///< The writer's alone from now on.
  std::chrono::milliseconds tend_every{200};         ///< Between tries to write what waits.
  std::chrono::milliseconds flush_patience{2000};    ///< For each sink, when flushing or ending.
};

/// Starts the writer on a thread of its own and opens `queue` to the loops. To end it, send it an
/// exit message: it first writes all that was submitted before. Whoever spawns it does so once, at
/// start-up; without it requests go on and records are counted as dropped.
access_log_writer_actor spawn_access_log_writer(caf::actor_system& system,
                                                std::shared_ptr<access_log_queue> queue,
                                                access_log_writer_options options);

/// The request headers to log, lower case and in order: those configured, then those of the tracing
/// that is enabled. The values in access_record::extra_headers follow this list.
std::vector<std::string> access_log_headers(const config::settings& settings);

/// The settings of the line.
routing::access_format access_format_of(const config::settings& settings);

/// How much may wait (`access_log.queue_records`).
access_log_limits access_log_limits_of(const config::settings& settings);

} // namespace shunt

