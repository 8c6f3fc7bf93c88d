// The writer turns a batch into lines and passes them on in pieces, so that memory stays bounded
// however large the batch is. Exit messages overtake others in CAF; therefore the writer, when
// asked to exit, sends itself a message that waits its turn behind the records submitted before.
#include "actors/access_log_writer.hpp"

#include "actors/protocol.hpp"
#include "config/settings.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace shunt {

// -- The queue

access_log_queue::access_log_queue(access_log_limits limits, net::log_trouble trouble)
  : records_max_{limits.records_max}, bytes_max_{limits.bytes_max}, trouble_{std::move(trouble)} {
  spare_.reserve(spare_batches_max); // So that finished() never allocates.
}

std::shared_ptr<routing::access_batch> access_log_queue::take() {
  {
    const std::lock_guard lock{spare_mutex_};
    if (!spare_.empty()) {
      auto batch = std::move(spare_.back());
      spare_.pop_back();
      return batch;
    }
  }
  return std::make_shared<routing::access_batch>();
}

bool access_log_queue::try_submit(std::shared_ptr<routing::access_batch>& batch,
                                  const std::shared_ptr<const routing::access_format>& format) {
  if (batch->empty())
    return true;
  if (!is_open_.load(std::memory_order_acquire) || !admit(batch->records(), batch->bytes())) {
    drop(*batch);
    return false;
  }
  caf::anon_send(writer_, access_records{std::move(batch), format});
  batch = take();
  return true;
}

bool access_log_queue::admit(std::size_t records, std::size_t bytes) noexcept {
  constexpr auto relaxed = std::memory_order_relaxed;
  const auto records_before = waiting_records_.fetch_add(records, relaxed);
  const auto bytes_before = waiting_bytes_.fetch_add(bytes, relaxed);
  const bool fits = records_before + records <= records_max_.load(relaxed) && bytes_before + bytes <= bytes_max_;
  // A batch larger than the bound would otherwise never be let in.
  if (fits || records_before == 0)
    return true;
  waiting_records_.fetch_sub(records, relaxed);
  waiting_bytes_.fetch_sub(bytes, relaxed);
  return false;
}

void access_log_queue::drop(routing::access_batch& batch) {
  dropped_records_.fetch_add(batch.records(), std::memory_order_relaxed);
  batch.clear();
  if (dropping_.exchange(true, std::memory_order_relaxed) || !trouble_)
    return;
  trouble_("access-log-dropped", is_open_.load(std::memory_order_relaxed)
                                   ? "the access log's writer does not keep up"
                                   : "the access log has no writer");
}

void access_log_queue::tell_of_lost(std::string_view what) const {
  if (trouble_)
    trouble_("access-log-dropped", what);
}

void access_log_queue::release(std::size_t records, std::size_t bytes) noexcept {
  const auto records_left =
    waiting_records_.fetch_sub(records, std::memory_order_relaxed) - records;
  const auto bytes_left = waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed) - bytes;
  // Half empty, and not a record less: a queue about its bound is one episode, not hundreds.
  if (records_left <= records_max_.load(std::memory_order_relaxed) / 2 && bytes_left <= bytes_max_ / 2)
    dropping_.store(false, std::memory_order_relaxed);
}

std::size_t access_log_queue::waiting_records() const noexcept {
  return waiting_records_.load(std::memory_order_relaxed);
}

std::size_t access_log_queue::waiting_bytes() const noexcept {
  return waiting_bytes_.load(std::memory_order_relaxed);
}

std::uint64_t access_log_queue::dropped_records() const noexcept {
  return dropped_records_.load(std::memory_order_relaxed);
}

void access_log_queue::open(access_log_writer_actor writer) {
  writer_ = std::move(writer);
  is_open_.store(true, std::memory_order_release);
}

void access_log_queue::finished(std::shared_ptr<routing::access_batch> batch) {
  release(batch->records(), batch->bytes());
  batch->clear();
  const std::lock_guard lock{spare_mutex_};
  if (spare_.size() < spare_batches_max)
    spare_.push_back(std::move(batch));
}

void access_log_queue::close() noexcept {
  is_open_.store(false, std::memory_order_release);
}

// -- The writer

namespace {

/// What the writer owns. Dies when the actor ends, and the sinks with it.
struct access_log_writer_state {
  static constexpr const char* name = "access-log-writer"; ///< As logs show it.
  static constexpr std::size_t piece_bytes = 256 * 1024;

  std::shared_ptr<access_log_queue> queue;
  access_log_writer_options options;
  std::string lines;        ///< Not written yet; its memory is used again.
  bool tend_is_due = false; ///< A tend_access_log is on its way.
  bool is_ending = false;   ///< An end_access_log is.
  caf::error exit_reason;   ///< Why.

  access_log_writer_state() = default;
  access_log_writer_state(const access_log_writer_state&) = delete;
  access_log_writer_state& operator=(const access_log_writer_state&) = delete;
  /// However the actor ends, nobody submits to it any more.
  ~access_log_writer_state() {
    if (queue)
      queue->close();
  }

  void write(const routing::access_batch& batch, const routing::access_format& format) {
    batch.for_each([&](const routing::access_record& record) {
      write(record, format);
      if (lines.size() >= piece_bytes)
        write_lines();
    });
    write_lines();
  }

  /// True if a sink could not write all it has.
  bool tend() {
    return std::ranges::count_if(options.sinks, [](const auto& sink) { return sink->tend(); }) > 0;
  }

  bool flush() {
    return std::ranges::count_if(
             options.sinks,
             [this](const auto& sink) { return !sink->flush(options.flush_patience); })
           == 0;
  }

private:
  void write(const routing::access_record& record, const routing::access_format& format) {
    const auto before = lines.size();
    if (record.kind == routing::record_kind::request && takes_lines())
      routing::append_line(lines, record, format);
    auto line = std::string_view{lines}.substr(before);
    line.remove_suffix(line.empty() ? 0 : 1);
    for (const auto& sink : options.sinks)
      sink->take(record, format, line);
  }

  bool takes_lines() const {
    return std::ranges::any_of(options.sinks, [](const auto& sink) { return sink->takes_lines(); });
  }

  void write_lines() {
    if (lines.empty())
      return;
    for (const auto& sink : options.sinks)
      sink->write(lines);
    lines.clear();
  }
};

using writer_pointer = access_log_writer_actor::stateful_pointer<access_log_writer_state>;

void tend_sinks(writer_pointer self) {
  if (!self->state.tend() || std::exchange(self->state.tend_is_due, true))
    return;
  self->delayed_send(self, self->state.options.tend_every, tend_access_log{});
}

void end_after_what_waits(writer_pointer self, const caf::error& reason) {
  if (std::exchange(self->state.is_ending, true))
    return;
  self->state.exit_reason = reason;
  self->send(self, end_access_log{});
}

access_log_writer_actor::behavior_type access_log_writer(writer_pointer self,
                                                         std::shared_ptr<access_log_queue> queue,
                                                         const access_log_writer_options& options) {
  self->state.queue = std::move(queue);
  self->state.options = options;
  self->set_exit_handler([self](const caf::exit_msg& m) { end_after_what_waits(self, m.reason); });
  return {
    [self](const access_records& m) {
      self->state.write(*m.batch, *m.format);
      self->state.queue->finished(m.batch);
      tend_sinks(self);
    },
    [self](const use_access_sinks& m) {
      if (!self->state.flush())
        self->state.queue->tell_of_lost("what waited for a file or a server that is not used any more");
      self->state.options.sinks = m.sinks;
    },
    [self](const reopen_access_log&) {
      for (const auto& sink : self->state.options.sinks)
        sink->reopen();
      tend_sinks(self);
    },
    [self](const flush_access_log&) {
      const bool is_all_out = self->state.flush();
      tend_sinks(self);
      return is_all_out;
    },
    [self](const tend_access_log&) {
      self->state.tend_is_due = false;
      tend_sinks(self);
    },
    [self](const end_access_log&) {
      self->state.queue->close();
      self->state.flush();
      self->quit(self->state.exit_reason);
    },
  };
}

/// Lower case, and not if it is there already.
void add_header(std::vector<std::string>& headers, std::string_view name) {
  std::string lower{name};
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (std::ranges::find(headers, lower) == headers.end())
    headers.push_back(std::move(lower));
}

routing::query_redaction redaction_of(config::redact_query_params setting) {
  switch (setting) {
    case config::redact_query_params::none: return routing::query_redaction::none;
    case config::redact_query_params::all: return routing::query_redaction::all;
    case config::redact_query_params::hash: break;
  }
  return routing::query_redaction::hash;
}

} // namespace

access_log_writer_actor spawn_access_log_writer(caf::actor_system& system,
                                                std::shared_ptr<access_log_queue> queue,
                                                access_log_writer_options options) {
  auto writer = system.spawn<caf::detached>(access_log_writer, queue, std::move(options));
  queue->open(writer);
  return writer;
}

std::vector<std::string> access_log_headers(const config::settings& settings) {
  std::vector<std::string> headers;
  for (const auto& name : settings.extra_headers_to_log)
    add_header(headers, name);
  if (settings.tracing.enable_zipkin)
    for (const auto name : {"x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "b3"})
      add_header(headers, name);
  if (settings.tracing.enable_w3c)
    for (const auto name : {"traceparent", "tracestate"})
      add_header(headers, name);
  return headers;
}

routing::access_format access_format_of(const config::settings& settings) {
  const auto& logging = settings.logging;
  routing::access_format format;
  format.disable_log_forwarded_for = logging.disable_log_forwarded_for;
  format.disable_log_source_ip = logging.disable_log_source_ip;
  format.redaction = redaction_of(logging.redact_query_params);
  for (const auto& name : logging.extra_access_log_fields)
    if (const auto field = routing::access_field_named(name))
      format.extra_fields.push_back(*field);
  for (const auto& name : access_log_headers(settings))
    format.extra_headers.push_back(routing::access_header_label(name));
  return format;
}

access_log_limits access_log_limits_of(const config::settings& settings) {
  access_log_limits limits;
  limits.records_max =
    static_cast<std::size_t>(std::max<std::int64_t>(settings.access_log.queue_records, 1));
  return limits;
}

} // namespace shunt
