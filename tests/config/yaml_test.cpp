// The YAML layer: what counts as a file, duplicates, nulls, aliases, and the bounds.
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string repeated(std::string_view part, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i)
    result += part;
  return result;
}

TEST(Yaml, AnEmptyFileGivesTheDefaults) {
  for (const std::string_view yaml : {"", "\n", "# nothing\n", "---\n", "---\n...\n", "~", "null",
                                      "{}", "\xef\xbb\xbf", "---\n# only a comment\n"}) {
    EXPECT_EQ(loaded(yaml).port, 8081) << yaml;
    EXPECT_THAT(warnings_of(yaml), IsEmpty()) << yaml;
  }
}

TEST(Yaml, WhatIsNoMapOfKeysIsRefused) {
  EXPECT_THAT(errors_of("- port\n"), HasSubstr("f.yml:1: found a value, expected keys"));
  EXPECT_THAT(errors_of("\nport"), HasSubstr("f.yml:2: found a value, expected keys"));
  EXPECT_THAT(errors_of("nats: 5"), HasSubstr("f.yml:1: nats: found a value, expected keys below"));
  EXPECT_THAT(errors_of("status: {routes: []}"), HasSubstr("status.routes: found a value"));
}

TEST(Yaml, SyntaxErrorsNameTheirLine) {
  EXPECT_THAT(errors_of("port: 1\nnats: [1\n"), HasSubstr("f.yml:3: not valid YAML: "));
  EXPECT_THAT(errors_of("port: 1\n a: : b\n"), HasSubstr("f.yml:2: not valid YAML: "));
  EXPECT_THAT(errors_of("port: \"80"), HasSubstr("f.yml:1: not valid YAML: "));
  EXPECT_THAT(errors_of("port: *no"), HasSubstr("f.yml:1: not valid YAML: "));
}

TEST(Yaml, ASecondDocumentIsRefused) {
  EXPECT_THAT(errors_of("port: 1\n---\nport: 2\n"), HasSubstr("f.yml:3: the file holds a second"));
}

TEST(Yaml, ADuplicateKeyIsRefusedAtEveryLevel) {
  const std::vector<refusal> table{
    {"port: 1\nindex: 1\nport: 1\n", "f.yml:3: port: the key was already set in line 1"},
    {"nats:\n  user: a\n  user: b\n", "f.yml:3: nats.user: the key was already set in line 2"},
    {"nats:\n  user: a\nindex: 1\nnats: {}\n", "f.yml:4: nats: the key was already set in line 1"},
    {"status:\n  routes:\n    port: 1\n    \"port\": 2\n", "f.yml:4: status.routes.port: the key"},
    {"nats:\n  hosts:\n  - hostname: a\n    port: 1\n  - port: 1\n    port: 2\n",
     "f.yml:6: nats.hosts[1].port: the key was already set in line 5"},
    {"nowhere: {a: 1, a: 2}\n", "f.yml:1: nowhere.a: the key was already set in line 1"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(errors_of(yaml), HasSubstr(message)) << yaml;
}

TEST(Yaml, NullKeepsADefaultAndEmptiesAList) {
  const auto s = loaded("port: null\nzone: ~\nendpoint_timeout:\nlogging:\nnats: {user: null}\n"
                        "balancing_algorithm: null\nsticky_session_cookie_names: null\n"
                        "empty_pool_response_code_503: null\ndrain_timeout: ~\n");
  EXPECT_EQ(s.port, 8081);
  EXPECT_EQ(s.endpoint_timeout, 60s);
  EXPECT_EQ(s.drain_timeout, 60s);
  EXPECT_EQ(s.nats.hosts.size(), 1u);
  EXPECT_THAT(s.sticky_session_cookie_names, IsEmpty());
  EXPECT_EQ(s.empty_pool_response_code_503, std::nullopt);
  EXPECT_THAT(errors_of("nats: {hosts: null}"), HasSubstr("nats.hosts: found no server"));
}

TEST(Yaml, AnAliasStandsForItsAnchor) {
  const auto s = loaded("zone: &name z1\ntrace_key: *name\n"
                        "nats: {hosts: [&host {hostname: a, port: 1}, *host]}\n");
  EXPECT_EQ(s.trace_key, "z1");
  ASSERT_EQ(s.nats.hosts.size(), 2u);
  EXPECT_EQ(s.nats.hosts[1], s.nats.hosts[0]);
}

TEST(Yaml, AliasesThatExpandWithoutEndAreRefused) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i)
    bomb += std::string{"a"} + std::to_string(i) + ": &a" + std::to_string(i) + " ["
            + repeated(std::string{"*a"} + std::to_string(i - 1) + ",", 10) + "]\n";
  EXPECT_THAT(errors_of(bomb), HasSubstr("the aliases of this file expand to more than 32 MiB"));
  EXPECT_THAT(
    errors_of("zone: &z " + repeated("a", 1 << 20) + "\nca_certs: [" + repeated("*z,", 40) + "]\n"),
    HasSubstr("expand to more than 32 MiB"));
  EXPECT_THAT(errors_of("a: &a [*a]\n"), HasSubstr("an alias stands inside the value"));
}

TEST(Yaml, DepthIsBoundedAlsoThroughAliases) {
  EXPECT_THAT(errors_of(repeated("[", 40)), HasSubstr("nested more than 32 deep"));
  EXPECT_THAT(errors_of(repeated("{a: ", 40)), HasSubstr("nested more than 32 deep"));
  EXPECT_THAT(errors_of(repeated("- ", 40)), HasSubstr("nested more than 32 deep"));
  std::string chain = "- &a0 [x]\n";
  for (int i = 1; i < 40; ++i)
    chain += std::string{"- &a"} + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  EXPECT_THAT(errors_of(chain), HasSubstr("nested more than 32 deep"));
}

TEST(Yaml, SizesAreBounded) {
  EXPECT_THAT(errors_of(repeated(" ", file_bytes_max + 1)), HasSubstr("larger than 16 MiB"));
  EXPECT_THAT(errors_of(repeated("- a\n", 200'001)), HasSubstr("more than 200000 values"));
  EXPECT_THAT(errors_of(repeated("[", 500'001)), HasSubstr("more than 500000 brackets"));
}

TEST(Yaml, OnlyPlainTextIsAFile) {
  const std::string nul{"port: 1\n\0", 9};
  for (const std::string& yaml :
       {nul, std::string{"port: 1\n\x04 index: 2"}, std::string{"port: 1\n\xff"},
        std::string{"port: 1\n\xc0\xaf"}, std::string{"port: 1\n\xed\xa0\x80"},
        std::string{"port: 1\n\xf4\x90\x80\x80"}, std::string{"port: 1\n\xe2\x82"},
        std::string{"port: 1\n\x7f"}})
    EXPECT_THAT(errors_of(yaml), HasSubstr("f.yml:2: found a byte that is no text"));
  EXPECT_EQ(loaded("zone: \u00e9\u20ac\U0001f600").zone, "\u00e9\u20ac\U0001f600");
}

TEST(Yaml, WhatCannotBeAKeyIsRefused) {
  EXPECT_THAT(errors_of("[a]: 1"), HasSubstr("a key must be plain text"));
  EXPECT_THAT(errors_of("~: 1"), HasSubstr("a key must be plain text"));
  EXPECT_THAT(errors_of("a: &a {b: 1}\nnats: {<<: *a}\n"), HasSubstr("merge keys"));
  EXPECT_THAT(errors_of("zone: !!binary aGVsbG8="), HasSubstr("tags other than"));
  EXPECT_EQ(loaded("trace_key: !!str 22").trace_key, "22");
}

TEST(Yaml, AllErrorsAreToldAtOnceInTheOrderOfTheFile) {
  const auto text = errors_of("index: -1\nport: x\nport: 3\ndrain_wait: 5\n");
  EXPECT_EQ(text, "f.yml:1: index: found -1, allowed is 0 to 9223372036854775807\n"
                  "f.yml:2: port: found x, expected a whole number without quotes, allowed is 0 to "
                  "65535\n"
                  "f.yml:3: port: the key was already set in line 2\n"
                  "f.yml:4: drain_wait: found 5, expected a duration with a unit, write 5s");
}

TEST(Yaml, AThousandMistakesGiveAHundredLines) {
  std::string hosts = "nats:\n  hosts:\n";
  for (int i = 0; i < 1000; ++i)
    hosts += "  - {hostname: a, port: x}\n";
  try {
    load(hosts, "f.yml");
    FAIL() << "loaded";
  } catch (const config_error& e) {
    EXPECT_EQ(e.problems().size(), 101u);
    EXPECT_THAT(e.problems().back(), HasSubstr("more"));
  }
}

TEST(Yaml, WhatIsFoundIsShownShortAndHarmless) {
  const auto text = errors_of("port: \"" + repeated("a", 5000) + "\"\nindex: \"\\e[31m\\n\"\n");
  EXPECT_LT(text.size(), 600u);
  EXPECT_THAT(text, HasSubstr("index: found \"\\x1b[31m\\x0a\", expected"));
}

} // namespace
} // namespace shunt::config::test
