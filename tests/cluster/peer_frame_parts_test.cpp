// Messages that are too large for a frame, and the parts they are told in.
#include "cluster/peer_frame.hpp"

#include "cluster/replica_codec.hpp"
#include "cluster/told_codec.hpp"
#include "tests/cluster/frame_values.hpp"

#include <gmock/gmock.h>

#include <set>

namespace shunt::cluster {
namespace {

using namespace test_values;

routing::told_host large_host(std::size_t paths, std::size_t members) {
  routing::told_host host{"large.example", true, {}};
  for (std::size_t i = 0; i < paths; ++i) {
    routing::told_path path;
    path.path = "p" + std::to_string(i);
    for (std::size_t m = 0; m < members; ++m)
      path.members.push_back({usual_endpoint(), {}, routing::nanoseconds{static_cast<std::int64_t>(m)}, m % 2 == 0});
    path.ended.push_back({"10.0.0.9:80", routing::nanoseconds{5}});
    host.paths.push_back(std::move(path));
  }
  return host;
}

/// As whoever reads them applies them.
std::vector<routing::told_host> joined(std::vector<std::vector<routing::told_host>> pieces) {
  std::vector<routing::told_host> hosts;
  for (auto& piece : pieces)
    for (auto& host : piece) {
      if (host.whole || hosts.empty()) {
        hosts.push_back(std::move(host));
        continue;
      }
      EXPECT_EQ(hosts.back().host, host.host);
      for (auto& path : host.paths) {
        if (path.whole) {
          hosts.back().paths.push_back(std::move(path));
          continue;
        }
        auto& known = hosts.back().paths.back();
        EXPECT_EQ(known.path, path.path);
        std::ranges::move(path.members, std::back_inserter(known.members));
        std::ranges::move(path.ended, std::back_inserter(known.ended));
      }
    }
  return hosts;
}

TEST(PeerFrame, CutsHostsIntoPiecesThatFit) {
  constexpr std::array<std::pair<std::size_t, std::size_t>, 4> sizes{{{3000, 1}, {2, 2000}, {1, 1}, {40, 40}}};
  for (const auto& [paths, members] : sizes) {
    const std::vector hosts{large_host(1, 1), large_host(paths, members), large_host(1, 1)};
    const auto pieces = in_pieces(hosts, 64 * 1024);
    for (const auto& piece : pieces) {
      std::size_t bytes = 0;
      for (const auto& host : piece)
        bytes += encoded_bytes(host);
      EXPECT_LE(bytes, 64 * 1024);
      EXPECT_GT(bytes, 0);
    }
    EXPECT_TRUE(same(joined(pieces), hosts)) << paths << " paths";
  }
}

TEST(PeerFrame, LeavesSmallMessagesWhole) {
  value_source source{13};
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const auto message = source.message(kind);
    const auto parts = in_parts(message);
    ASSERT_THAT(parts, SizeIs(1)) << kind;
    EXPECT_TRUE(same(parts[0], message));
  }
}

TEST(PeerFrame, EndsAGrantThatIsToldInPartsOnlyWithTheLast) {
  const auto parts = in_parts(routing::lease_granted{7, true, true, {large_host(3000, 1)}, 5});
  ASSERT_GT(parts.size(), 3);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = std::get<routing::lease_granted>(parts[i]);
    const bool last = i + 1 == parts.size();
    EXPECT_EQ(part.complete, last);
    EXPECT_EQ(part.sequence, last ? 7 : 6);
    EXPECT_EQ(part.lease, 5);
    EXPECT_TRUE(part.in_sync);
    EXPECT_EQ(part.hosts[0].whole, i == 0);
    message_packer packer;
    EXPECT_TRUE(packer.add(0, parts[i], {}));
    EXPECT_LE(packer.bytes(), piece_bytes_max + 64);
  }
}

TEST(PeerFrame, TellsAChangeInPartsOfWhichOnlyTheLastCounts) {
  const auto parts = in_parts(routing::lease_changed{7, true, {large_host(3000, 1)}, {1, 2}, 5});
  ASSERT_GT(parts.size(), 3);
  for (const auto& each : parts) {
    const auto& part = std::get<routing::lease_changed>(each);
    const bool last = &each == &parts.back();
    EXPECT_EQ(part.sequence, last ? 7 : 6);
    EXPECT_EQ(part.lease, 5);
    EXPECT_THAT(part.appeared, SizeIs(last ? 2 : 0));
  }
}

TEST(PeerFrame, TellsOfManyHostsThatAppearedInParts) {
  routing::lease_changed change{7, true, {}, {}, 5};
  for (std::uint64_t i = 0; i < 200'000; ++i) // Too many for one frame.
    change.appeared.push_back(~i);
  const auto parts = in_parts(change);
  std::set<std::uint64_t> told;
  for (const auto& each : parts) {
    const auto& part = std::get<routing::lease_changed>(each);
    EXPECT_EQ(part.sequence, &each == &parts.back() ? 7 : 6);
    told.insert(part.appeared.begin(), part.appeared.end());
    message_packer packer;
    EXPECT_TRUE(packer.add(0, each, {}));
    EXPECT_LE(packer.bytes(), piece_bytes_max + 64);
  }
  EXPECT_EQ(told.size(), change.appeared.size());
}

TEST(PeerFrame, EndsASliceThatIsToldInPartsOnlyWithTheLast) {
  const auto parts = in_parts(routing::slice_told{{large_host(3000, 1)}, true});
  for (const auto& each : parts)
    EXPECT_EQ(std::get<routing::slice_told>(each).last, &each == &parts.back());
}

TEST(PeerFrame, TellsWhatDoesNotFitIntoAPieceOfATransferBeforeIt) {
  const auto parts = in_parts(routing::transfer_piece{3, 4, true, {large_host(3000, 1)}});
  ASSERT_GT(parts.size(), 3);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    EXPECT_FALSE(std::get<routing::slice_told>(parts[i]).last);
  const auto& last = std::get<routing::transfer_piece>(parts.back());
  EXPECT_EQ(last.cursor, 3);
  EXPECT_EQ(last.next, 4);
  EXPECT_FALSE(last.hosts.empty());
}

TEST(PeerFrame, LeasesManyHostsInParts) {
  routing::lease_start start;
  for (int i = 0; i < 20'000; ++i)
    start.hosts.push_back("host-" + std::to_string(i) + ".example");
  const auto parts = in_parts(start);
  ASSERT_GT(parts.size(), 1);
  auto hosts = std::get<routing::lease_start>(parts[0]).hosts;
  for (std::size_t i = 1; i < parts.size(); ++i)
    hosts.push_back(std::get<routing::lease_more>(parts[i]).host);
  EXPECT_EQ(hosts, start.hosts);
}

TEST(PeerFrame, PrunesManyEndpointsInParts) {
  routing::endpoints_pruned pruned;
  for (int i = 0; i < 20'000; ++i)
    pruned.which.push_back({"host.example", "p" + std::to_string(i), "10.0.0.1:80"});
  std::vector<routing::endpoint_key> which;
  for (const auto& part : in_parts(pruned))
    std::ranges::copy(std::get<routing::endpoints_pruned>(part).which, std::back_inserter(which));
  EXPECT_EQ(which, pruned.which);
}

} // namespace
} // namespace shunt::cluster
