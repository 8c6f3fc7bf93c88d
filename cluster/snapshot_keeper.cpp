#include "cluster/snapshot_keeper.hpp"

#include "cluster/snapshot_file.hpp"

#include <caf/all.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace shunt {

namespace {

constexpr auto piece_within = std::chrono::seconds{10};
constexpr int put_off_max = 6; ///< Times, then it is written whoever waits.

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// A file that can be used, and how old it is.
struct usable_file {
  std::shared_ptr<cluster::snapshot_file> file; ///< Null: there is none.
  std::chrono::milliseconds age{0};
  bool is_from_future = false; ///< The clock was set back since: what ended would seem to have ended just now, after
                               ///< what was registered since. So that is not told.
};

/// One shard's part of the file. One that is damaged counts as empty.
class section_source : public slice_source {
public:
  section_source(const usable_file& from, std::size_t shard, net::component_log* log, snapshot_counters* counters)
    : file_{from.file}, shard_{shard}, written_{clock::now() - from.age}, ends_count_{!from.is_from_future}, log_{log},
      counters_{counters} {}

  std::vector<routing::told_host> find(std::string_view host) noexcept override {
    return guarded([host](cluster::snapshot_section& in) {
      auto hosts = in.wildcards();
      if (auto found = in.find(host))
        hosts.push_back(std::move(*found));
      return hosts;
    });
  }

  std::vector<routing::told_host> read(std::size_t most) noexcept override {
    return guarded([most](cluster::snapshot_section& in) { return in.read(most); });
  }

private:
  using clock = std::chrono::steady_clock;

  template <class Read>
  std::vector<routing::told_host> guarded(Read read) noexcept {
    if (!file_)
      return {};
    try {
      if (!section_)
        section_.emplace(file_->section_of(shard_));
      auto hosts = read(*section_);
      const auto age = clock::now() - written_; // It is read long after it was opened, perhaps, and what ended then would
      for (auto& host : hosts) {                // seem to have ended after what was heard since.
        grow_older(host, age);
        for (auto& path : host.paths)
          if (!ends_count_)
            path.ended.clear();
      }
      return hosts;
    } catch (const std::exception& broken) {
      const auto kept = file_->keep_aside(); // For who wants to know why. The rest of it is whole, so it stays, too.
      section_.reset();
      file_.reset();
      counters_->failures.fetch_add(1, std::memory_order_relaxed);
      log_->warn(".snapshot", "snapshot-damaged", {{"shard", shard_}, {"error", broken.what()}, {"kept", kept}});
      return {};
    }
  }

  std::shared_ptr<cluster::snapshot_file> file_; ///< Null: it was damaged.
  std::optional<cluster::snapshot_section> section_;
  std::size_t shard_;
  clock::time_point written_;
  bool ends_count_;
  net::component_log* log_;
  snapshot_counters* counters_;
};

usable_file open_usable(const std::string& path, const snapshot_options& options, std::size_t shards,
                        net::component_log& log, snapshot_counters& counters) {
  try {
    auto file = cluster::snapshot_file::open(path, {options.cluster, shards});
    if (!file)
      return {};
    const std::chrono::milliseconds age{unix_ms() - file->unix_ms()};
    if (age <= options.age_max)
      return {std::move(file), std::max(age, std::chrono::milliseconds{0}), age.count() < 0};
    log.warn(".snapshot", "snapshot-too-old", {{"file", path}, {"seconds", age.count() / 1000}});
  } catch (const cluster::snapshot_error& broken) {
    counters.failures.fetch_add(1, std::memory_order_relaxed);
    const auto aside = path + ".set-aside";
    std::error_code none;
    const bool is_both = std::filesystem::equivalent(path, aside, none); // A shard's part was damaged: it stayed in use.
    const bool moved = is_both ? std::remove(path.c_str()) == 0 : std::rename(path.c_str(), aside.c_str()) == 0;
    log.warn(".snapshot", "snapshot-set-aside", {{"error", broken.what()}, {"now", moved ? aside : path}});
  }
  return {};
}

/// The newest: of the last one the machine may have lost some when it failed.
usable_file open_usable(const snapshot_options& options, std::size_t shards, net::component_log& log,
                        snapshot_counters& counters) {
  auto last = open_usable(options.path, options, shards, log, counters);
  return last.file ? last : open_usable(cluster::previous_of(options.path), options, shards, log, counters);
}

/// `turn`: in which the shard reads what nobody waits for, from 0 to 1.
void hand_out(const usable_file& from, std::size_t shard, const route_shard_actor& to, double turn,
              net::component_log& log, snapshot_counters& counters) {
  if (from.file && from.file->has(shard))
    caf::anon_send(to, restore_slice{std::make_shared<section_source>(from, shard, &log, &counters), turn});
}

struct keeper_state {
  static constexpr const char* name = "snapshot-keeper";
  std::vector<route_shard_actor> shards;
  std::unique_ptr<cluster::snapshot_writer> writing; ///< Null: not at the moment.
  std::uint64_t attempt = 0; ///< The number of that one.
  std::int64_t began_unix_ms = 0;
  std::size_t shard = 0;     ///< That is being written.
  int put_off = 0;           ///< So often, since the last one.
  std::vector<caf::typed_response_promise<snapshot_written>> awaiting;
};
using keeper_self = snapshot_keeper_actor::stateful_pointer<keeper_state>;

class keeper {
public:
  keeper(keeper_self self, snapshot_options options, net::component_log* log, snapshot_counters* counters)
    : self_{self}, options_{std::move(options)}, log_{log}, counters_{counters} {}

  void begin() const {
    auto& s = self_->state;
    ++s.attempt;
    s.began_unix_ms = unix_ms();
    s.writing.reset(); // Before the next one takes its name.
    try {
      s.writing = std::make_unique<cluster::snapshot_writer>(
        options_.path, cluster::snapshot_identity{options_.cluster, s.shards.size()}, !s.awaiting.empty());
      s.shard = 0;
      s.writing->begin_shard(0);
      ask(0, 0);
    } catch (const std::exception& failed) {
      fail(failed.what());
    }
  }

  void begin_if_idle() const {
    if (!self_->state.writing)
      begin();
  }

  /// Whatever is being written: some of that is older.
  caf::typed_response_promise<snapshot_written> write_now() const {
    auto promise = self_->make_response_promise<snapshot_written>();
    self_->state.awaiting.push_back(promise);
    begin();
    return promise;
  }

  /// What its predecessor knew when the file was written. Peers that are in sync know better, and what it has from them
  /// stays; without any it is all there is, until everybody has registered again.
  void replace(const shard_replaced& m) const {
    auto& shards = self_->state.shards;
    if (m.shard >= shards.size())
      return;
    shards[m.shard] = m.successor;
    hand_out(open_usable(options_, shards.size(), *log_, *counters_), m.shard, m.successor, 0, *log_, *counters_);
  }

private:
  void ask(std::size_t shard, std::uint64_t cursor) const {
    const keeper here = *this;
    const auto attempt = self_->state.attempt;
    const auto is_over = [here, attempt] { return here.self_->state.attempt != attempt || !here.self_->state.writing; };
    self_->request(self_->state.shards[shard], piece_within, tell_slice{cursor})
      .then(
        [here, is_over](const slice_piece& piece) {
          if (!is_over())
            here.take(piece);
        },
        [here, is_over](const caf::error&) {
          if (!is_over())
            here.fail("a shard did not answer");
        });
  }

  /// While it is written the next one is told.
  void take(const slice_piece& piece) const {
    auto& s = self_->state;
    if (piece.in_demand && s.awaiting.empty() && s.put_off < put_off_max) {
      ++s.put_off;
      s.writing.reset();
      self_->delayed_send(self_, options_.put_off_for, write_snapshot{});
      return;
    }
    try {
      const bool is_last = piece.next == routing::slice::tell_end;
      if (!is_last)
        ask(s.shard, piece.next);
      else if (s.shard + 1 < s.shards.size())
        ask(s.shard + 1, 0);
      s.writing->add(*piece.hosts);
      if (!is_last)
        return;
      s.writing->end_shard();
      if (++s.shard < s.shards.size()) {
        s.writing->begin_shard(s.shard);
        return;
      }
      // Of what was told later, ages come out too long: better than something that ended meanwhile looking new.
      s.writing->finish(s.began_unix_ms);
      log_->info(".snapshot", "snapshot-written",
                 {{"file", options_.path}, {"hosts", s.writing->hosts()}, {"took_ms", unix_ms() - s.began_unix_ms}});
      counters_->hosts.store(s.writing->hosts(), std::memory_order_relaxed);
      counters_->written.fetch_add(1, std::memory_order_relaxed);
      end({true});
    } catch (const std::exception& failed) {
      fail(failed.what());
    }
  }

  void fail(const std::string& why) const {
    counters_->failures.fetch_add(1, std::memory_order_relaxed);
    log_->error(".snapshot", "snapshot-not-written", {{"error", why}});
    end({false});
  }

  void end(snapshot_written how) const {
    auto& s = self_->state;
    s.writing.reset();
    s.put_off = 0;
    for (auto& each : std::exchange(s.awaiting, {}))
      each.deliver(how);
    self_->delayed_send(self_, options_.every, write_snapshot{});
  }

  keeper_self self_;
  snapshot_options options_;
  net::component_log* log_;
  snapshot_counters* counters_;
};

snapshot_keeper_actor::behavior_type snapshot_keeper_behavior(keeper_self self, std::vector<route_shard_actor> shards,
                                            snapshot_options options, net::component_log* log,
                                            snapshot_counters* counters) {
  self->state.shards = std::move(shards);
  self->delayed_send(self, options.every, write_snapshot{});
  const keeper it{self, std::move(options), log, counters};
  return {
    [it](write_snapshot) { it.begin_if_idle(); },
    [it](await_snapshot) { return it.write_now(); },
    [it](const shard_replaced& m) { it.replace(m); },
  };
}

} // namespace

snapshot_keeper_actor spawn_snapshot_keeper(caf::actor_system& system,
                                            std::vector<route_shard_actor> shards,
                                            snapshot_options options, net::component_log& log,
                                            snapshot_counters& counters) {
  const auto kept = open_usable(options, shards.size(), log, counters);
  if (kept.file)
    log.info(".snapshot", "snapshot-found", {{"file", kept.file->path()}, {"seconds", kept.age.count() / 1000}});
  for (std::size_t i = 0; i < shards.size(); ++i)
    hand_out(kept, i, shards[i], static_cast<double>(i) / static_cast<double>(shards.size()), log, counters);
  return system.spawn<caf::detached>(snapshot_keeper_behavior, std::move(shards), std::move(options), &log, &counters);
}

} // namespace shunt
