// Keys: that registrations and requests meet under the same one.
#include "routing/registration.hpp"
#include "routing/uri.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::routing {
namespace {

TEST(Uri, IsNormalisedByTheTable) {
  const struct {
    const char *uri, *host, *path;
  } rows[] = {
    {"example.com", "example.com", ""},
    {"Example.COM", "example.com", ""},
    {"example.com/", "example.com", ""},
    {"/example.com", "example.com", ""},
    {"example.com/A/b", "example.com", "a/b"},
    {"example.com/a/b/", "example.com", "a/b"},
    {"example.com/a//b", "example.com", "a//b"},
    {"example.com/a//", "example.com", "a/"},
    {"example.com/a?x=/Y", "example.com", "a"},
    {"example.com?q", "example.com", ""},
    {"example.com/a/?q", "example.com", "a"},
    {"example.com/%2F/./..", "example.com", "%2f/./.."},
    {"*.Example.com/X", "*.example.com", "x"},
    {"", "", ""},
    {"/", "", ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(normalise(row.uri), (uri_key{row.host, row.path})) << row.uri;
    const auto r = registration::make(false, testing::make_endpoint(1), row.uri);
    EXPECT_EQ(r.host(), row.host) << row.uri;
    EXPECT_EQ(r.path(), row.path) << row.uri;
    EXPECT_EQ(r.hash(), host_hash(row.host)) << row.uri;
  }
}

TEST(Uri, RemembersASpellingOnlyIfItHasCapitals) {
  const auto spelling = [](const char* uri) {
    return std::string{registration::make(false, testing::make_endpoint(1), uri).spelling()};
  };
  EXPECT_EQ(spelling("example.com/a"), "");
  EXPECT_EQ(spelling("/example.com/a/?q"), "");
  EXPECT_EQ(spelling("Example.com/A/?Q"), "Example.com/A");
}

TEST(Uri, OfARequestIsNormalisedByTheTable) {
  const struct {
    const char *header, *target, *host, *path;
  } rows[] = {
    {"Example.com", "/", "example.com", ""},
    {"example.com:8080", "/A/B/?x=C", "example.com", "a/b"},
    {"example.com", "/a/%2F/C", "example.com", "a/%2f/c"},
    {"example.com", "/a?b=http://x/", "example.com", "a"},
    {"[::1]:80", "/x", "[::1]", "x"},
    {"[::1]", "/x", "[::1]", "x"},
    {"[::1", "/x", "[", "x"},
    {"", "/", "", ""},
    {"other", "http://User@Example.com:80/P?q", "example.com", "p"},
    {"other", "HTTP://example.com", "example.com", ""},
    {"other", "http://example.com?q", "example.com", ""},
    {"example.com", "/a/http://x", "example.com", "a/http://x"},
    {"example.com", "*", "example.com", "*"},
  };
  request_key key;
  for (const auto& row : rows) {
    normalise_request(row.header, row.target, key);
    EXPECT_EQ(key.host, row.host) << row.header << ' ' << row.target;
    EXPECT_EQ(key.path, row.path) << row.header << ' ' << row.target;
  }
}

TEST(Uri, KnowsWildcards) {
  EXPECT_TRUE(is_wildcard("*.example.com"));
  for (const char* plain : {"*", "a.*.com", "example.com", "*example.com", ""})
    EXPECT_FALSE(is_wildcard(plain)) << plain;
}

TEST(Uri, IsBounded) {
  EXPECT_TRUE(is_acceptable("h", ""));
  EXPECT_FALSE(is_acceptable("", "a"));
  EXPECT_TRUE(is_acceptable(std::string(host_bytes_max, 'h'), ""));
  EXPECT_FALSE(is_acceptable(std::string(host_bytes_max + 1, 'h'), ""));
  EXPECT_TRUE(is_acceptable("h", std::string(uri_bytes_max - 2, 'p')));
  EXPECT_FALSE(is_acceptable("h", std::string(uri_bytes_max - 1, 'p')));
  std::string deep = "a";
  for (std::size_t i = 1; i < path_segments_max; ++i)
    deep += "/a";
  EXPECT_TRUE(is_acceptable("h", deep));
  EXPECT_FALSE(is_acceptable("h", deep + "/a"));
}

TEST(Uri, HashesHostsTheSameForever) {
  // Nodes of different versions must agree on who owns a host: these values may never change.
  EXPECT_EQ(host_hash(""), 0xefd01f60ba992926u);
  EXPECT_EQ(host_hash("a.example.com"), 0x38a4c73472ef92b9u);
  EXPECT_EQ(host_hash("*.example.com"), 0xad7c2bebfdd9cb3du);
}

TEST(Uri, SpreadsHostsOverShards) {
  std::vector<int> counts(256);
  for (int i = 0; i < 25'600; ++i)
    ++counts[shard_of("app-" + std::to_string(i) + ".example.com", counts.size())];
  for (const int count : counts) {
    EXPECT_GT(count, 50);
    EXPECT_LT(count, 160);
  }
}

} // namespace
} // namespace shunt::routing
