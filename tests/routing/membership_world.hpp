// The world of the tests of membership.
#pragma once

#include "tests/routing/membership_fixture.hpp"

#include <gtest/gtest.h>

namespace shunt::routing::test {

class Membership : public ::testing::Test {
protected:
  void start(std::initializer_list<const char*> names) {
    for (const auto* name : names)
      world.start(name);
    world.link_all();
    world.pass(1s);
  }
  /// Whether it would answer for all, of one shard at least.
  bool speaks(const std::string& name) {
    world[name].set_hears_nats(true);
    for (std::size_t shard = 0; shard < world.rules.shards; ++shard)
      if (world[name].view_of(shard).first)
        return true;
    return false;
  }
  std::string refusal(const node_hello& theirs) {
    return world["a"].connected(theirs, world.now).refusal;
  }
  node_hello like(const std::string& name) {
    auto hello = world["a"].self();
    hello.node = name;
    return hello;
  }

  member_cluster world;
};

} // namespace shunt::routing::test
