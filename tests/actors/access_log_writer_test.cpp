// The access log's writer from end to end: loops' batches in, lines out, nothing lost unless it is
// counted.
#include "actors/access_log_writer.hpp"
#include "actors/protocol.hpp"

#include "config/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace shunt {
namespace {

using namespace std::literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

routing::access_record record_of(std::string_view host) {
  routing::access_record record;
  record.host = host;
  return record;
}

/// Keeps the hosts of the lines it was given. May be made to hold up the writer.
class fake_sink final : public net::log_sink {
public:
  fake_sink() : log_sink{"fake", nullptr} {}

  void write(std::string_view written) override {
    if (!has_entered_) {
      has_entered_ = true;
      entered.set_value();
      gate.wait();
    }
    for (auto text = std::string{written}; !text.empty(); text.erase(0, text.find('\n') + 1)) {
      hosts.push_back(text.substr(0, text.find(" - ")));
      lines.push_back(text.substr(0, text.find('\n')));
    }
  }
  bool takes_lines() const override { return wants_lines; }
  void take(const routing::access_record& record, const routing::access_format&, std::string_view line) override {
    taken.push_back(std::string{record.host} + ": " + std::string{line.substr(0, line.find(' '))}
                    + (line.find('\n') == line.npos ? "" : " and more"));
  }
  void reopen() override { hosts.push_back("(reopened)"); }
  bool tend() override {
    if (tends_left > 0 && --tends_left == 0)
      tended.set_value();
    return tends_left > 0;
  }
  bool flush(std::chrono::milliseconds) override { return flushes; }

  std::vector<std::string> hosts; ///< To be read when the writer ended, or answered a flush.
  std::vector<std::string> lines; ///< So with these, which are whole.
  std::vector<std::string> taken; ///< And with these: hosts, each with the beginning of its line.
  bool wants_lines = true;
  std::promise<void> entered;     ///< Kept when the first lines arrive.
  std::shared_future<void> gate = std::async(std::launch::deferred, [] {}).share();
  int tends_left = 0;
  std::promise<void> tended; ///< Kept when none are left.
  bool flushes = true;

private:
  bool has_entered_ = false;
};

class AccessLogWriter : public testing::Test {
protected:
  net::log_trouble trouble() {
    return [this](std::string_view message, std::string_view) { troubles.emplace_back(message); };
  }
  void start(access_log_limits limits = {}) {
    queue = std::make_shared<access_log_queue>(limits, trouble());
    access_log_writer_options options;
    options.sinks = {sink};
    options.tend_every = 1ms;
    writer = spawn_access_log_writer(system, queue, options);
  }
  void end(caf::exit_reason reason = caf::exit_reason::user_shutdown) {
    self->send_exit(writer, reason);
    self->wait_for(writer);
  }
  bool submit(std::initializer_list<std::string_view> hosts) {
    auto batch = queue->take();
    for (const auto host : hosts)
      batch->append(record_of(host));
    return queue->try_submit(batch, format);
  }
  bool flush() {
    bool answer = false;
    self->request(writer, caf::infinite, flush_access_log{})
      .receive([&](bool is_all_out) { answer = is_all_out; },
               [](const caf::error&) { ADD_FAILURE() << "no answer"; });
    return answer;
  }
  /// The writer stays in the sink until `open_gate` is kept.
  void hold_up() { sink->gate = open_gate.get_future().share(); }

  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  const std::shared_ptr<const routing::access_format> format = std::make_shared<const routing::access_format>();
  std::shared_ptr<fake_sink> sink = std::make_shared<fake_sink>();
  std::promise<void> open_gate;
  std::vector<std::string> troubles;
  std::shared_ptr<access_log_queue> queue;
  access_log_writer_actor writer;
};

TEST_F(AccessLogWriter, WritesWhatLoopsSubmitInTheOrderOfEach) {
  start();
  EXPECT_TRUE(submit({"a", "b"}));
  EXPECT_TRUE(submit({"c"}));
  EXPECT_TRUE(flush());
  EXPECT_THAT(sink->hosts, ElementsAre("a", "b", "c"));
  EXPECT_EQ(queue->waiting_records(), 0u);
  EXPECT_EQ(queue->waiting_bytes(), 0u);
  EXPECT_EQ(queue->dropped_records(), 0u);
  end();
}

TEST_F(AccessLogWriter, GivesSinksTheRecordsWithTheirLines) {
  start();
  auto batch = queue->take();
  batch->append(record_of("a"));
  auto attempt = record_of("b");
  attempt.kind = routing::record_kind::attempt;
  batch->append(attempt);
  batch->append(record_of("c"));
  EXPECT_TRUE(queue->try_submit(batch, format));
  EXPECT_TRUE(flush());
  EXPECT_THAT(sink->taken, ElementsAre("a: a", "b: ", "c: c"));
  EXPECT_THAT(sink->hosts, ElementsAre("a", "c")) << "an attempt is no line";
  end();
}

TEST_F(AccessLogWriter, WritesNoLinesForNobody) {
  sink->wants_lines = false;
  start();
  EXPECT_TRUE(submit({"a"}));
  EXPECT_TRUE(flush());
  EXPECT_THAT(sink->taken, ElementsAre("a: "));
  EXPECT_THAT(sink->hosts, IsEmpty());
  end();
}

TEST_F(AccessLogWriter, WritesAllThatWasSubmittedBeforeItEnds) {
  hold_up();
  start();
  submit({"first"});
  sink->entered.get_future().wait();
  for (int i = 0; i < 10; ++i)
    submit({"later"});
  self->send_exit(writer, caf::exit_reason::user_shutdown); // Overtakes them all.
  self->send_exit(writer, caf::exit_reason::user_shutdown);
  open_gate.set_value();
  self->wait_for(writer);
  EXPECT_THAT(sink->hosts, SizeIs(11));
  EXPECT_EQ(queue->waiting_records(), 0u);
}

TEST_F(AccessLogWriter, RefusesRecordsOnceItEnded) {
  start();
  end();
  EXPECT_FALSE(submit({"late"}));
  EXPECT_EQ(queue->dropped_records(), 1u);
  EXPECT_THAT(sink->hosts, IsEmpty());
}

TEST_F(AccessLogWriter, RefusesRecordsAfterItWasKilled) {
  start();
  end(caf::exit_reason::kill);
  EXPECT_FALSE(submit({"late"}));
}

TEST_F(AccessLogWriter, RefusesRecordsBeforeItStarts) {
  queue = std::make_shared<access_log_queue>(access_log_limits{}, trouble());
  EXPECT_FALSE(submit({"early", "too"}));
  EXPECT_EQ(queue->dropped_records(), 2u);
  EXPECT_THAT(troubles, ElementsAre("access-log-dropped"));
}

TEST_F(AccessLogWriter, DropsAndReportsOncePerEpisodeWhatIsOverTheBound) {
  hold_up();
  start({.records_max = 4});
  EXPECT_TRUE(submit({"1", "2"}));
  sink->entered.get_future().wait();
  EXPECT_TRUE(submit({"3", "4"}));
  EXPECT_FALSE(submit({"5", "6", "7"}));
  EXPECT_FALSE(submit({"8"}));
  EXPECT_EQ(queue->waiting_records(), 4u);
  EXPECT_EQ(queue->dropped_records(), 4u);
  EXPECT_THAT(troubles, SizeIs(1));

  open_gate.set_value();
  EXPECT_TRUE(flush());
  EXPECT_THAT(sink->hosts, ElementsAre("1", "2", "3", "4"));
  EXPECT_TRUE(submit({"9"}));
  EXPECT_TRUE(flush());
  EXPECT_THAT(troubles, SizeIs(1));
  end();
  EXPECT_FALSE(submit({"10"}));
  EXPECT_THAT(troubles, ElementsAre("access-log-dropped", "access-log-dropped"));
}

TEST_F(AccessLogWriter, BoundsBytesToo) {
  hold_up();
  start({.bytes_max = 10'000});
  EXPECT_TRUE(submit({"1"}));
  sink->entered.get_future().wait();
  EXPECT_FALSE(submit({std::string(10'000, 'x')}));
  EXPECT_TRUE(submit({"2"}));
  open_gate.set_value();
  end();
  EXPECT_THAT(sink->hosts, ElementsAre("1", "2"));
}

TEST_F(AccessLogWriter, LetsABatchOverTheBoundInIfNothingWaits) {
  start({.records_max = 1});
  EXPECT_TRUE(submit({"1", "2", "3"}));
  end();
  EXPECT_THAT(sink->hosts, ElementsAre("1", "2", "3"));
}

TEST_F(AccessLogWriter, GivesBatchesBackEmpty) {
  hold_up(); // Or the batch might be back before its successor is taken.
  start();
  auto batch = queue->take();
  const auto* first = batch.get();
  batch->append(record_of("a"));
  EXPECT_TRUE(queue->try_submit(batch, format));
  EXPECT_NE(batch.get(), first);
  EXPECT_TRUE(batch->empty());
  open_gate.set_value();
  EXPECT_TRUE(flush());
  const auto again = queue->take();
  EXPECT_EQ(again.get(), first);
  EXPECT_TRUE(again->empty());
  end();
}

TEST_F(AccessLogWriter, SendsNoEmptyBatch) {
  start();
  auto batch = queue->take();
  const auto* before = batch.get();
  EXPECT_TRUE(queue->try_submit(batch, format));
  EXPECT_EQ(batch.get(), before);
  end();
}

TEST_F(AccessLogWriter, ReopensBetweenTheBatchesAroundTheRequest) {
  start();
  submit({"before"});
  self->send(writer, reopen_access_log{});
  submit({"after"});
  end();
  EXPECT_THAT(sink->hosts, ElementsAre("before", "(reopened)", "after"));
}

TEST_F(AccessLogWriter, WritesToOtherSinksWhatComesAfterTheyWereNamed) {
  start();
  submit({"before"});
  const auto other = std::make_shared<fake_sink>();
  self->send(writer, use_access_sinks{{other}});
  submit({"after"});
  EXPECT_TRUE(flush());
  self->send(writer, use_access_sinks{});
  submit({"for nobody"});
  end();
  EXPECT_THAT(sink->hosts, ElementsAre("before"));
  EXPECT_THAT(other->hosts, ElementsAre("after"));
  EXPECT_THAT(troubles, IsEmpty());
}

TEST_F(AccessLogWriter, WritesEveryBatchInItsOwnFormat) {
  start();
  auto batch = queue->take();
  auto record = record_of("a");
  const std::vector<std::string_view> values{"value"};
  record.extra_headers = values;
  batch->append(record);
  auto other = std::make_shared<routing::access_format>();
  other->extra_headers = {routing::access_header_label("x-new")};
  EXPECT_TRUE(queue->try_submit(batch, other));
  submit({"b"});
  end();
  ASSERT_THAT(sink->lines, SizeIs(2));
  EXPECT_THAT(sink->lines[0], testing::HasSubstr("x_new:\"value\""));
  EXPECT_THAT(sink->lines[1], testing::Not(testing::HasSubstr("x_new")));
}

TEST_F(AccessLogWriter, TendsASinkUntilItHasNothingLeft) {
  sink->tends_left = 3;
  start();
  submit({"a"});
  EXPECT_EQ(sink->tended.get_future().wait_for(10s), std::future_status::ready);
  end();
}

TEST_F(AccessLogWriter, SaysIfNotEverythingCouldBeFlushed) {
  sink->flushes = false;
  start();
  EXPECT_FALSE(flush());
  end();
}

TEST_F(AccessLogWriter, WritesLargeBatchesInPiecesWithoutLosingAny) {
  start();
  auto batch = queue->take();
  for (int i = 0; i < 5000; ++i)
    batch->append(record_of("host-" + std::to_string(i)));
  EXPECT_TRUE(queue->try_submit(batch, format));
  end();
  ASSERT_THAT(sink->hosts, SizeIs(5000));
  for (int i = 0; i < 5000; ++i)
    EXPECT_EQ(sink->hosts[static_cast<std::size_t>(i)], "host-" + std::to_string(i));
}

TEST_F(AccessLogWriter, WritesAFileFromSeveralLoops) {
  std::string directory = testing::TempDir() + "access_log_XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const auto path = directory + "/access.log";
  queue = std::make_shared<access_log_queue>(access_log_limits{}, trouble());
  writer = spawn_access_log_writer(system, queue, {.sinks = {net::open_file_sink({path}, trouble())}});
  std::vector<std::jthread> loops;
  for (int loop = 0; loop < 4; ++loop)
    loops.emplace_back([this] {
      auto batch = queue->take();
      for (int i = 0; i < 1000; ++i) {
        batch->append(record_of("a.example"));
        if (i % 10 == 9)
          queue->try_submit(batch, format);
      }
    });
  loops.clear();
  end();
  std::ifstream file{path};
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines)
    ASSERT_TRUE(line.starts_with("a.example - [") && line.ends_with("x_cf_routererror:\"-\""));
  EXPECT_EQ(lines, 4000);
  EXPECT_EQ(queue->dropped_records(), 0u);
  EXPECT_THAT(troubles, IsEmpty());
  std::filesystem::remove_all(directory);
}

// -- The settings

TEST(AccessLogSettings, NameTheHeadersToLogOnce) {
  config::settings settings;
  EXPECT_THAT(access_log_headers(settings), IsEmpty());
  settings.extra_headers_to_log = {"X-One", "B3", "x-one"};
  settings.tracing.enable_zipkin = true;
  settings.tracing.enable_w3c = true;
  EXPECT_THAT(access_log_headers(settings),
              ElementsAre("x-one", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid",
                          "traceparent", "tracestate"));
}

TEST(AccessLogSettings, ShapeTheLine) {
  config::settings settings;
  settings.logging.disable_log_forwarded_for = true;
  settings.logging.redact_query_params = config::redact_query_params::hash;
  settings.logging.extra_access_log_fields = {"tls_time", "unknown", "failed_attempts"};
  settings.extra_headers_to_log = {"X-One"};
  const auto format = access_format_of(settings);
  EXPECT_TRUE(format.disable_log_forwarded_for);
  EXPECT_FALSE(format.disable_log_source_ip);
  EXPECT_EQ(format.redaction, routing::query_redaction::hash);
  EXPECT_THAT(format.extra_fields,
              ElementsAre(routing::access_field::tls_time, routing::access_field::failed_attempts));
  EXPECT_THAT(format.extra_headers, ElementsAre("x_one"));

  settings.logging.disable_log_forwarded_for = false;
  settings.logging.disable_log_source_ip = true;
  settings.logging.redact_query_params = config::redact_query_params::all;
  const auto other = access_format_of(settings);
  EXPECT_FALSE(other.disable_log_forwarded_for);
  EXPECT_TRUE(other.disable_log_source_ip);
  EXPECT_EQ(other.redaction, routing::query_redaction::all);

  const config::settings defaults;
  EXPECT_EQ(access_format_of(defaults).redaction, routing::query_redaction::none);
}

TEST(AccessLogSettings, BoundTheQueue) {
  config::settings settings;
  settings.access_log.queue_records = 7;
  EXPECT_EQ(access_log_limits_of(settings).records_max, 7u);
}

} // namespace
} // namespace shunt
