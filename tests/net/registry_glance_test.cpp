#include "net/registry_glance.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::net {
namespace {

/// The hosts that are asked about, and the verdict if all are foreign.
std::pair<bool, std::vector<std::string>> glance(std::string_view payload) {
  std::vector<std::string> hosts;
  const bool foreign = is_all_foreign(payload, [&](std::string_view host) {
    hosts.emplace_back(host);
    return true;
  });
  return {foreign, hosts};
}

using hosts = std::vector<std::string>;

TEST(RegistryGlance, SeesTheHostsOfAllUris) {
  EXPECT_EQ(glance(R"({"host":"10.0.0.1","port":80,"uris":["a.com","b.com/path","c.com/"],"app":"x"})"),
            (std::pair{true, hosts{"a.com", "b.com", "c.com"}}));
  EXPECT_EQ(glance("{\"uris\" :\n [ \"a.com\" , \"b.com\" ]}"), (std::pair{true, hosts{"a.com", "b.com"}}));
}

TEST(RegistryGlance, IsNotForeignIfOneHostIsNot) {
  EXPECT_FALSE(is_all_foreign(R"({"uris":["a.com","b.com"]})",
                              [](std::string_view host) { return host != "b.com"; }));
}

TEST(RegistryGlance, LeavesDoubtsToTheParser) {
  for (const auto* payload :
       {"", "{}", R"({"uris":[]})", R"({"uris":"a.com"})", R"({"uris":["a.com")", R"({"uris":["a.com])",
        R"({"uris":["a\u002ecom"]})", R"({"uris":["a.com"],"tags":{"uris":["b.com"]}})", R"({"uris":})",
        R"({"uris")"})
    EXPECT_FALSE(glance(payload).first) << payload;
}

} // namespace
} // namespace shunt::net
