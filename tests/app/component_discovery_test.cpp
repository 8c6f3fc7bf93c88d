// What is said on NATS of the document of /varz: to everybody once, and to whoever asks, within bounds.
#include "app/component_discovery.hpp"

#include "tests/net/log_capture.hpp"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class ComponentDiscovery : public testing::Test {
protected:
  static constexpr std::chrono::steady_clock::time_point start{1000s};

  std::vector<std::pair<std::string, std::string>> published;
  std::vector<std::function<void(const std::string&)>> awaited; ///< Who waits for the document.
  net::log_capture log;
  component_discovery discovery{
    [this](auto tell) { awaited.push_back(std::move(tell)); },
    [this](std::string_view subject, std::string_view payload) {
      published.emplace_back(subject, payload);
      return true;
    },
    *log.log};
};

TEST_F(ComponentDiscovery, AnnouncesTheDocumentOnceItIsMade) {
  discovery.announce();
  EXPECT_THAT(published, IsEmpty());
  awaited.at(0)("{}");
  EXPECT_THAT(published, ElementsAre(Pair("vcap.component.announce", "{}")));
}

TEST_F(ComponentDiscovery, AnswersWhereTheAnswerIsAwaited) {
  discovery.asked("inbox.1", start);
  discovery.asked("inbox.2", start);
  awaited.at(1)("second");
  awaited.at(0)("first");
  EXPECT_THAT(published, ElementsAre(Pair("inbox.2", "second"), Pair("inbox.1", "first")));
}

TEST_F(ComponentDiscovery, AnswersOnlyAFewInASecond) {
  for (int i = 0; i < 1000; ++i)
    discovery.asked("inbox", start + i * 2ms);
  EXPECT_EQ(awaited.size(), 2 * component_discovery::answers_per_second) << "and has the document made no oftener";
}

TEST_F(ComponentDiscovery, LogsWhoWantsNoAnswer) {
  discovery.asked("", start);
  EXPECT_THAT(awaited, IsEmpty());
  EXPECT_TRUE(log.await("Received message with empty reply on subject vcap.component.discover"));
}

} // namespace
} // namespace shunt::app
