// Authorities: what is one, what its parts are, and when two are the same.
#include "net/host_authority.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::net {
namespace {

using namespace std::string_view_literals;

TEST(HostAuthority, HasAHostAndPerhapsAPort) {
  struct {
    std::string_view text, host;
    std::optional<std::uint16_t> port;
  } const cases[] = {
    {"a", "a", {}},
    {"App-1.my_org.Example", "App-1.my_org.Example", {}},
    {"a:80", "a", 80},
    {"a:", "a", {}},
    {"a:0", "a", 0},
    {"a:65535", "a", 65535},
    {"a:00080", "a", 80},
    {"127.0.0.1:8080", "127.0.0.1", 8080},
    {"x%20y%ff", "x%20y%ff", {}},
    {"~!$&'()*+;=", "~!$&'()*+;=", {}},
    {"a.", "a.", {}},
    {"[::1]", "[::1]", {}},
    {"[::]:1", "[::]", 1},
    {"[2001:DB8::1]:443", "[2001:DB8::1]", 443},
    {"[::ffff:1.2.3.4]:", "[::ffff:1.2.3.4]", {}},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_authority(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port) << c.text;
  }
}

TEST(HostAuthority, RefusesEverythingElse) {
  for (const auto text :
       {""sv,           ":"sv,
        ":80"sv,        " a"sv,
        "a "sv,         "a b"sv,
        "a,b"sv,        "a/"sv,
        "/a"sv,         "a@b"sv,
        "a?"sv,         "a#"sv,
        "a\\b"sv,       "a\0b"sv,
        "a\x7f"sv,      "a\x80"sv,
        "a|b"sv,        "a:65536"sv,
        "a:655350"sv,   "a:4294967376"sv,
        "a:8a"sv,       "a: 80"sv,
        "a:+80"sv,      "a:80:80"sv,
        "a%"sv,         "a%4"sv,
        "a%4g"sv,       "%"sv,
        "::1"sv,        "[]"sv,
        "["sv,          "]"sv,
        "[::1"sv,       "[:::1]"sv,
        "[1:2]"sv,      "[::1]80"sv,
        "[::1%eth0]"sv, "[::1%25eth0]"sv,
        "[::1 ]"sv,     "[127.0.0.1]"sv,
        "[v1.x]"sv,     "[1:2:3:4:5:6:7:8:9]"sv,
        "[::\0]"sv,     "[0000:0000:0000:0000:0000:ffff:255.255.255.2550000000]"sv})
    EXPECT_FALSE(parse_authority(text)) << text;
}

TEST(HostAuthority, IsTheSameWhateverTheCaseWithDefaultPorts) {
  const auto same = [](std::string_view a, std::string_view b, std::uint16_t default_port) {
    return same_authority(*parse_authority(a), *parse_authority(b), default_port);
  };
  EXPECT_TRUE(same("App.Example", "aPP.eXAMPLE", 80));
  EXPECT_TRUE(same("a", "a:80", 80));
  EXPECT_TRUE(same("a:", "a:443", 443));
  EXPECT_TRUE(same("a:8080", "A:08080", 80));
  EXPECT_FALSE(same("a", "a:443", 80));
  EXPECT_FALSE(same("a:81", "a:80", 80));
  EXPECT_FALSE(same("a", "b", 80));
  EXPECT_FALSE(same("a", "a.", 80));
}

TEST(RequestTarget, GivesTheAuthorityOfTheAbsoluteForm) {
  const auto target = parse_target("GET", "HTTPS://a:8443/p?q");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, target_form::absolute);
  EXPECT_EQ(target->authority_text, "a:8443");
  EXPECT_EQ(target->authority->port, 8443);
  EXPECT_EQ(target->default_port, 443);
  EXPECT_EQ(target->path_and_query, "/p?q");
}

TEST(RequestTarget, RefusesSpacesControlBytesAndFragments) {
  for (int c = 0; c < 256; ++c) {
    const auto target = std::string{"/aaaaaaaaaaaaaaaaaaaa"} + static_cast<char>(c) + "41";
    const bool fine = c > 0x20 && c != 0x7f && c != '#';
    EXPECT_EQ(parse_target("GET", target).has_value(), fine) << c;
  }
}

} // namespace
} // namespace shunt::net
