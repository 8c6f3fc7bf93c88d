// Which apps are told to have been used, and when they are told again.
#include "app/active_apps_publisher.hpp"

#include <gmock/gmock.h>
#include <zlib.h>

#include <atomic>
#include <future>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::string decompressed(std::string_view message) {
  std::string text(1 << 20, '\0');
  uLongf size = text.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(text.data()), &size, reinterpret_cast<const Bytef*>(message.data()),
                       message.size()),
            Z_OK);
  text.resize(size);
  return text;
}

TEST(ActiveApps, AreThoseWithRequestsSinceTheyWereTold) {
  active_apps apps;
  EXPECT_THAT(apps.used({}), IsEmpty());
  EXPECT_THAT(apps.used({{"a", 1}, {"b", 2}, {"idle", 0}}), ElementsAre("a", "b"));
  apps.told({{"a", 1}, {"b", 2}, {"idle", 0}});
  EXPECT_THAT(apps.used({{"a", 1}, {"b", 2}, {"idle", 0}}), IsEmpty());
  EXPECT_THAT(apps.used({{"a", 1}, {"b", 3}, {"idle", 0}, {"new", 1}}), ElementsAre("b", "new"));
}

TEST(ActiveApps, AreFoundAgainUntilSomebodyIsTold) {
  active_apps apps;
  EXPECT_THAT(apps.used({{"a", 1}}), ElementsAre("a"));
  EXPECT_THAT(apps.used({{"a", 1}, {"b", 1}}), ElementsAre("a", "b"));
}

TEST(ActiveApps, AreNotThoseThatAreNotToldApart) {
  EXPECT_THAT(active_apps{}.used({{"_other", 7}, {"a", 1}}), ElementsAre("a"));
}

TEST(ActiveApps, AreSaidAsACompressedArray) {
  EXPECT_EQ(decompressed(active_apps_message({"guid-1", "q\"uote"})), R"(["guid-1","q\"uote"])");
  EXPECT_EQ(decompressed(active_apps_message({})), "[]") << "and not null";
  EXPECT_EQ(decompressed(active_apps_message({"\xff"})), "[\"\xef\xbf\xbd\"]");
  EXPECT_EQ(active_apps_message({}).front(), '\x78') << "zlib's header, not gzip's";
}

TEST(ActiveApps, AreSmallOnTheWire) {
  std::vector<std::string> apps;
  for (int i = 10'000; i < 20'000; ++i)
    apps.push_back("5a0b1e0c-1111-4222-8333-0000000" + std::to_string(i));
  const auto message = active_apps_message(apps);
  EXPECT_LT(message.size(), 100'000u);
  EXPECT_EQ(decompressed(message).size(), apps.size() * 39 + 1);
}

TEST(ActiveAppsPublisher, SaysAgainWhatCouldNotBePublished) {
  std::atomic<std::uint64_t> requests{1};
  std::vector<std::string> said;
  std::promise<void> enough;
  {
    const active_apps_publisher publisher{
      [&] { return active_apps::counts{{"a", requests.load()}}; },
      [&](std::string_view subject, std::string_view message) {
        EXPECT_EQ(subject, "router.active_apps");
        said.push_back(decompressed(message));
        if (said.size() == 3)
          requests = 2;
        if (said.size() == 5)
          enough.set_value();
        return said.size() > 1; // At first there is no connection.
      },
      1ms};
    enough.get_future().wait();
  }
  said.resize(5);
  EXPECT_THAT(said, ElementsAre("[\"a\"]", "[\"a\"]", "[]", "[\"a\"]", "[]"));
}

TEST(ActiveAppsPublisher, EndsWithoutWaitingForItsTime) {
  const active_apps_publisher publisher{[] { return active_apps::counts{}; },
                                        [](std::string_view, std::string_view) { return true; }, 24h};
}

} // namespace
} // namespace shunt::app
