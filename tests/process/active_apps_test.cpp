// Which apps were used, as the router tells it on NATS.
#include "tests/process/harness/stage.hpp"

#include <zlib.h>

namespace shunt::test {
namespace {

using nlohmann::json;

json apps_in(const std::string& message) {
  std::string text(1 << 16, '\0');
  uLongf size = text.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(text.data()), &size, reinterpret_cast<const Bytef*>(message.data()),
                       message.size()),
            Z_OK);
  return json::parse(text.substr(0, size));
}

/// The next message that names one, after any number that name none.
json next_used(stage& here) {
  for (;;) {
    const auto message = here.bus.next();
    if (!message)
      return {};
    if (auto apps = apps_in(*message); !apps.empty())
      return apps;
  }
}

TEST(ActiveApps, ArePublishedOnceForEachTimeOfUse) {
  stage here{{{"publish_active_apps_interval", "50ms"}}};
  here.bus.listen("router.active_apps");
  const backend there;
  const auto used = here.mapped(there, {{"app", "guid-1"}});
  const auto also_used = here.mapped(there, {{"app", "guid-2"}});
  here.mapped(there, {{"app", "guid-3"}});
  const auto nobodys = here.mapped(there);
  EXPECT_EQ(apps_in(here.bus.next().value()), json::array()) << "none was used";
  EXPECT_EQ(here.get(nobodys).status, 200);
  EXPECT_EQ(here.get(used).status, 200);
  EXPECT_EQ(next_used(here), json{"guid-1"});
  EXPECT_EQ(apps_in(here.bus.next().value()), json::array()) << "that is told";
  EXPECT_EQ(here.get(also_used).status, 200);
  EXPECT_EQ(next_used(here), json{"guid-2"});
  EXPECT_EQ(here.get(used).status, 200);
  EXPECT_EQ(next_used(here), json{"guid-1"});
}

TEST(ActiveApps, AreNobodysBusinessUnlessTheOperatorWantsThem) {
  stage here;
  here.bus.listen("router.active_apps");
  const backend there;
  EXPECT_EQ(here.get(here.mapped(there, {{"app", "guid-1"}})).status, 200);
  EXPECT_FALSE(here.bus.next(200ms));
}

} // namespace
} // namespace shunt::test
