// The component log's lines, levels and limits, read from the other end of a pipe.
#include "net/component_log.hpp"

#include "log_capture.hpp"
#include "net/log_limiter.hpp"

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/wait.h>

#include <limits>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

/// A pipe whose content is looked at when the log is done with it.
class log_pipe {
public:
  log_pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~log_pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  log_pipe(const log_pipe&) = delete;
  log_pipe& operator=(const log_pipe&) = delete;

  log_output output() const {
    log_output to;
    to.fd = ends_[1];
    to.clock = [] { return std::chrono::system_clock::time_point{1735787045123456700ns}; };
    return to;
  }
  /// What is in the pipe now.
  std::string content() const {
    std::string all;
    char buffer[4096];
    for (pollfd readable{ends_[0], POLLIN, 0}; ::poll(&readable, 1, 0) == 1;) {
      const auto size = ::read(ends_[0], buffer, sizeof buffer);
      if (size <= 0)
        break;
      all.append(buffer, static_cast<std::size_t>(size));
    }
    return all;
  }
  int reader() const { return ends_[0]; }

private:
  int ends_[2] = {-1, -1};
};

/// What one line looks like.
std::string written(log_options options, std::string_view source, std::string_view message,
                    log_fields data = {}) {
  log_pipe pipe;
  component_log log{std::move(options), pipe.output()};
  log.info(source, message, data);
  EXPECT_TRUE(log.flush(10s));
  return pipe.content();
}

log_options with_source() {
  log_options options;
  options.source = "vcap.gorouter";
  return options;
}

TEST(ComponentLog, WritesTheLineThatGorouterWrites) {
  EXPECT_EQ(written(with_source(), ".registry", "endpoint-registered", {{"uri", "a.example"}}),
            R"({"log_level":1,"timestamp":1735787045.1234567,"message":"endpoint-registered",)"
            R"("source":"vcap.gorouter.registry","data":{"uri":"a.example"}})"
            "\n");
}

TEST(ComponentLog, LeavesOutDataWhenThereIsNone) {
  EXPECT_EQ(written(with_source(), "", "starting"),
            R"({"log_level":1,"timestamp":1735787045.1234567,"message":"starting",)"
            R"("source":"vcap.gorouter"})"
            "\n");
}

TEST(ComponentLog, HasNoSourceBeforeItIsConfigured) {
  EXPECT_EQ(written({}, ".nats", "early"),
            R"({"log_level":1,"timestamp":1735787045.1234567,"message":"early"})"
            "\n");
}

TEST(ComponentLog, WritesRfc3339WithNanoseconds) {
  auto options = with_source();
  options.timestamp = log_timestamp::rfc3339;
  EXPECT_EQ(written(options, "", "x"),
            R"({"log_level":1,"timestamp":"2025-01-02T03:04:05.123456700Z","message":"x",)"
            R"("source":"vcap.gorouter"})"
            "\n");
}

TEST(ComponentLog, KnowsTheTypesOfFields) {
  const std::vector<std::string> list{"a", "b\"c"};
  const std::string text = "owned";
  const char* plain = "plain";
  const auto line = written({}, "", "x",
                            {{"view", std::string_view{"v"}},
                             {"text", text},
                             {"plain", plain},
                             {"int", -3},
                             {"big", std::numeric_limits<std::uint64_t>::max()},
                             {"port", std::uint16_t{8080}},
                             {"real", 0.25},
                             {"nan", std::numeric_limits<double>::quiet_NaN()},
                             {"yes", true},
                             {"list", list},
                             {"empty", std::vector<std::string>{}},
                             {"raw", raw_json{"{\"a\":\n[1]}"}},
                             {"none", raw_json{""}}});
  const auto data = line.substr(line.find("\"data\":") + 7);
  EXPECT_EQ(data, R"({"view":"v","text":"owned","plain":"plain","int":-3,)"
                  R"("big":18446744073709551615,"port":8080,"real":0.25,"nan":null,"yes":true,)"
                  R"("list":["a","b\"c"],"empty":[],"raw":{"a": [1]},"none":null}})"
                  "\n");
}

TEST(ComponentLog, WritesValidJsonWhateverTheBytes) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte)
    every += static_cast<char>(byte);
  const auto line = written({}, "", "x", {{"every", every}, {every, "name"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line";
  const auto read = nlohmann::json::parse(line); // Throws on bad UTF-8 as well.
  const std::string back = read["data"]["every"];
  EXPECT_EQ(back.substr(0, 128), every.substr(0, 128));
}

TEST(ComponentLog, KeepsValidUtf8AndReplacesTheRest) {
  const auto json = [](std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
  };
  EXPECT_EQ(json("h\u00e9\u20ac\U0001f600"), "\"h\u00e9\u20ac\U0001f600\"");
  EXPECT_EQ(json("\xc3"), R"("\ufffd")") << "cut short";
  EXPECT_EQ(json("\xc0\xaf"), R"("\ufffd\ufffd")") << "overlong";
  EXPECT_EQ(json("\xe0\x80\x80"), R"("\ufffd\ufffd\ufffd")") << "overlong";
  EXPECT_EQ(json("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")") << "a surrogate";
  EXPECT_EQ(json("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")") << "beyond Unicode";
  EXPECT_EQ(json("\xe2\x82z"), R"("\ufffd\ufffdz")");
  EXPECT_EQ(json("\n\r\t\"\\\x01\x7f"), "\"\\n\\r\\t\\\"\\\\\\u0001\x7f\"");
  std::string raw;
  append_json_value(raw, raw_json{"\"\xff\""});
  EXPECT_EQ(raw, "\"\xef\xbf\xbd\"");
}

TEST(ComponentLog, WritesNothingBelowItsLevelAndChangesItWhileRunning) {
  log_pipe pipe;
  component_log log{{}, pipe.output()};
  log.debug("", "hidden");
  log.set_level(log_level::debug);
  log.debug("", "shown");
  log.set_level(log_level::error);
  log.warn("", "hidden");
  log.error("", "shown");
  ASSERT_TRUE(log.flush(10s));
  const auto content = pipe.content();
  EXPECT_EQ(content.find("hidden"), std::string::npos);
  EXPECT_NE(content.find(R"({"log_level":0,)"), std::string::npos);
  EXPECT_NE(content.find(R"({"log_level":3,)"), std::string::npos);
}

TEST(ComponentLog, TakesItsNewConfigurationWithTheNextLine) {
  log_pipe pipe;
  component_log log{{}, pipe.output()};
  log.info("", "before");
  auto options = with_source();
  options.level = log_level::debug;
  log.configure(options);
  log.debug(".router", "after");
  ASSERT_TRUE(log.flush(10s));
  const auto content = pipe.content();
  EXPECT_NE(content.find("\"before\"}"), std::string::npos);
  EXPECT_NE(content.find(R"("after","source":"vcap.gorouter.router"})"), std::string::npos);
}

TEST(ComponentLog, DropsAndReportsWhatNobodyReads) {
  log_pipe pipe;
  ASSERT_GT(::fcntl(pipe.reader(), F_SETPIPE_SZ, 4096), 0); // Less than may wait.
  auto output = pipe.output();
  output.waiting_bytes_max = 10'000;
  component_log log{{}, output};
  const int lines = 5'000;
  for (int i = 0; i < lines; ++i)
    log.info("", "line", {{"n", i}});
  const auto lost = log.dropped();
  ASSERT_GT(lost, 0u);
  EXPECT_FALSE(log.flush(0ms));
  std::string all;
  while (!log.flush(1ms))
    all += pipe.content();
  all += pipe.content();
  std::size_t seen = 0;
  std::size_t reported = 0;
  std::istringstream in{all};
  for (std::string line; std::getline(in, line);) {
    const auto read = nlohmann::json::parse(line);
    seen += read["message"] == "line";
    if (read["message"] == "log-lines-dropped")
      reported += std::size_t{read["data"]["lines"]};
  }
  EXPECT_EQ(reported, lost);
  EXPECT_EQ(seen + lost, static_cast<std::size_t>(lines));
}

TEST(ComponentLog, EndsInTimeEvenIfNobodyReads) {
  log_pipe pipe;
  auto output = pipe.output();
  output.farewell = 100ms;
  const auto before = std::chrono::steady_clock::now();
  {
    component_log log{{}, output};
    for (int i = 0; i < 5'000; ++i)
      log.info("", "line");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

TEST(ComponentLog, WritesWhatIsWaitingWhenItEnds) {
  log_pipe pipe;
  {
    component_log log{{}, pipe.output()};
    for (int i = 0; i < 100; ++i)
      log.info("", "line");
  }
  const auto content = pipe.content();
  EXPECT_EQ(std::ranges::count(content, '\n'), 100);
}

TEST(ComponentLog, TakesLinesFromManyThreads) {
  log_capture capture;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i)
          capture.log->info(".x", "many", {{"i", i}});
      });
  }
  EXPECT_EQ(capture.lines("many").size(), 2000u);
}

TEST(ComponentLog, WritesItsLastLinesWhenTheProcessAborts) {
  log_pipe pipe;
  const auto child = ::fork();
  if (child == 0) {
    component_log log{{}, pipe.output()};
    log.flush_on_abort();
    for (int i = 0; i < 1'000; ++i)
      log.info("", "last");
    std::abort();
  }
  std::string all;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    pollfd readable{pipe.reader(), POLLIN, 0};
    ::poll(&readable, 1, 10);
    all += pipe.content();
  }
  all += pipe.content();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  EXPECT_EQ(std::ranges::count(all, '\n'), 1'000);
}

TEST(LogLimiter, AdmitsSoManyASecondAndSaysHowManyItDidNot) {
  log_limiter limiter{2};
  const log_limiter::clock::time_point now{100s};
  EXPECT_EQ(limiter.admit(now), 0u);
  EXPECT_EQ(limiter.admit(now + 10ms), 0u);
  EXPECT_FALSE(limiter.admit(now + 20ms));
  EXPECT_FALSE(limiter.admit(now + 999ms));
  EXPECT_EQ(limiter.admit(now + 1s), 2u);
  EXPECT_EQ(limiter.admit(now + 1s), 0u);
  EXPECT_FALSE(limiter.admit(now + 1s));
}

TEST(LogLimiter, AdmitsNoMoreWhenManyThreadsAsk) {
  log_limiter limiter{10};
  const log_limiter::clock::time_point now{100s};
  std::atomic<int> admitted{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i)
          admitted += limiter.admit(now).has_value();
      });
  }
  EXPECT_EQ(admitted, 10);
}

} // namespace
} // namespace shunt::net
