// What a shard of a cluster knows from before the restart: at once what somebody asks for, the rest by and by.
#include "tests/actors/support/route_shard_fixture.hpp"

#include <gmock/gmock.h>

#include <iterator>

namespace shunt {
namespace {

using namespace std::literals;
using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

/// Counts what it gives away.
class kept_hosts : public slice_source {
public:
  explicit kept_hosts(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      routing::endpoint_spec spec;
      spec.host = "10.0.0.1";
      spec.port = 80;
      routing::told_host host{.host = std::to_string(i) + ".example"};
      host.paths.emplace_back().members.push_back({routing::endpoint::make(spec), {}, 5s, false});
      left.emplace(host.host, std::move(host));
    }
  }
  std::vector<routing::told_host> find(std::string_view host) noexcept override {
    std::vector<routing::told_host> found;
    if (const auto at = left.find(std::string{host}); at != left.end()) {
      found.push_back(std::move(at->second));
      left.erase(at);
    }
    return found;
  }
  std::vector<routing::told_host> read(std::size_t most) noexcept override {
    std::vector<routing::told_host> some;
    while (!left.empty() && some.size() < most) {
      some.push_back(std::move(left.begin()->second));
      left.erase(left.begin());
    }
    return some;
  }

  std::map<std::string, routing::told_host> left;
};

class RouteShardRestored : public route_shard_fixture {
protected:
  explicit RouteShardRestored(std::chrono::nanoseconds register_interval = 60s) {
    options.in_sync = false;
    options.register_interval = register_interval;
    options.cluster = own(system.spawn(deaf_cluster));
    start();
    tell(shard, restore_slice{kept, 0.5});
  }

  std::shared_ptr<kept_hosts> kept = std::make_shared<kept_hosts>(600);
};

class RouteShardSoonCertain : public RouteShardRestored {
protected:
  RouteShardSoonCertain() : RouteShardRestored{500ms} {}
};

TEST_F(RouteShardRestored, KnowsAtOnceWhatSomebodyAsksFor) {
  lease("7.example");
  ASSERT_EQ(record.grants.size(), 1u);
  EXPECT_THAT(addresses_of(record.grants[0]), ElementsAre("10.0.0.1:80"));
  EXPECT_FALSE(record.grants[0].in_sync);
  EXPECT_EQ(kept->left.size(), 599u);
  lease("unknown.example");
  EXPECT_THAT(record.grants[1].grant->paths, IsEmpty());
}

TEST_F(RouteShardRestored, ReadsTheRestInPiecesWhenItsTimeHasCome) {
  advance(15s - 1ms);
  EXPECT_EQ(kept->left.size(), 600u);
  advance(1ms);
  EXPECT_EQ(kept->left.size(), 600u - 256u);
  advance(10ms);
  advance(10ms);
  advance(10ms);
  EXPECT_TRUE(kept->left.empty());
  lease("599.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("10.0.0.1:80"));
}

TEST_F(RouteShardSoonCertain, ReadsAllOfItBeforeItDeniesAnything) {
  EXPECT_EQ(kept->left.size(), 600u);
  advance(500ms);
  EXPECT_TRUE(kept->left.empty());
  lease("unknown.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

/// Loops ask as soon as they are there, which may be before the file has been opened.
class RouteShardAskedEarly : public route_shard_fixture {
protected:
  RouteShardAskedEarly() {
    options.in_sync = false;
    options.register_interval = 60s;
    options.cluster = own(system.spawn(deaf_cluster));
    start();
  }
};

TEST_F(RouteShardAskedEarly, TellsAtOnceWhatItsFileSaysOfWhatIsLeasedAlready) {
  lease("7.example");
  ASSERT_EQ(record.grants.size(), 1u);
  EXPECT_THAT(record.grants[0].grant->paths, IsEmpty());
  const auto kept = std::make_shared<kept_hosts>(600);
  tell(shard, restore_slice{kept, 0.5});
  advance(100ms);
  ASSERT_EQ(record.pushes.size(), 1u);
  ASSERT_EQ(record.pushes[0].changes->size(), 1u);
  EXPECT_EQ(record.pushes[0].changes->front().host, "7.example");
  EXPECT_EQ(kept->left.size(), 599u) << "the rest can wait";
}

/// A shard may learn late that there is something.
class RouteShardLateRestored : public route_shard_fixture {
protected:
  RouteShardLateRestored() {
    options.in_sync = false;
    options.register_interval = 500ms;
    options.cluster = own(system.spawn(deaf_cluster));
    start();
    advance(400ms);
    tell(shard, restore_slice{kept, 0.5});
  }

  std::shared_ptr<kept_hosts> kept = std::make_shared<kept_hosts>(600);
};

TEST_F(RouteShardLateRestored, ReadsAllOfItBeforeItDeniesAnything) {
  advance(100ms);
  EXPECT_TRUE(kept->left.empty());
  lease("599.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("10.0.0.1:80"));
  EXPECT_TRUE(record.grants.back().in_sync);
}

TEST_F(RouteShardRestored, ShowsAllOfItWhenItIsListed) {
  EXPECT_EQ(list_all().size(), 600u);
  EXPECT_TRUE(kept->left.empty());
}

TEST_F(RouteShardRestored, ReadsWhatAPeerAsksForBeforeItAnswers) {
  const auto ask = [&](routing::replica_message what) {
    tell(shard, from_peer{2, 0, std::make_shared<const routing::replica_message>(std::move(what))});
  };
  ask(routing::slice_digest{7});
  EXPECT_EQ(kept->left.size(), 600u);
  ask(routing::lease_start{.hosts = {"1.example", "2.example"}, .lease = 1});
  EXPECT_EQ(kept->left.size(), 598u);
  ask(routing::lease_more{"7.example"});
  EXPECT_EQ(kept->left.size(), 597u);
  ask(routing::slice_pull{{1}}); // By a hash, of whatever name.
  EXPECT_TRUE(kept->left.empty());
}

TEST_F(RouteShardRestored, TakesWhatItHearsForNewer) {
  tell(shard, batch_of({routing::registration::make(
                true, kept->left.at("7.example").paths.at(0).members.at(0).target, "7.example")}));
  lease("7.example");
  EXPECT_THAT(addresses_of(record.grants.back()), IsEmpty());
}

} // namespace
} // namespace shunt
