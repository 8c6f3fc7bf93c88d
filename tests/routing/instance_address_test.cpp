// Requests for certain instances: what the two headers may look like, which one counts, and what
// the client is told.
#include "routing/instance_address.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::routing {
namespace {

using namespace testing;
using enum instance_demand;

const std::string guid = "01234567-89ab-cdef-0123-456789abcdef";
const std::string other_guid = "fedcba98-7654-3210-fedc-ba9876543210";

TEST(InstanceAddress, LeavesARequestWithoutHeadersAlone) {
  const auto found = parse_instance_address({});
  EXPECT_EQ(found.demand, any);
  EXPECT_TRUE(found.only.accepts(*make_endpoint(1)));
}

TEST(InstanceAddress, TakesTheHeadersApart) {
  struct row {
    std::string app, process;
    instance_filter only;
  };
  const row rows[] = {
    {guid + ":0", "", {.app = guid, .process = {}, .index = "0"}},
    {guid + ":12", "", {.app = guid, .process = {}, .index = "12"}},
    {guid + ":007", "", {.app = guid, .process = {}, .index = "007"}},
    {"", guid + ":3", {.app = {}, .process = guid, .index = "3"}},
    {"", guid, {.app = {}, .process = guid, .index = {}}},
    // The app header alone decides.
    {guid + ":1", other_guid + ":2", {.app = guid, .process = {}, .index = "1"}},
    {guid + ":1", "nonsense", {.app = guid, .process = {}, .index = "1"}},
  };
  for (const auto& each : rows) {
    const auto found = parse_instance_address({each.app, each.process});
    EXPECT_EQ(found.demand, certain) << each.app << each.process;
    EXPECT_EQ(found.only.app, each.only.app);
    EXPECT_EQ(found.only.process, each.only.process);
    EXPECT_EQ(found.only.index, each.only.index);
  }
}

/// What is neither a GUID nor one with an index.
const std::string malformed[] = {
  "0",
  ":0",
  ":",
  guid + ":",
  guid + ":x",
  guid + ":1x",
  guid + ":-1",
  guid + ":+1",
  guid + ": 1",
  guid + ":1 ",
  guid + ":1:2",
  guid + ":1,2",
  guid + "0",
  guid + "0:1",
  guid + "-1",
  guid + " :1",
  " " + guid + ":1",
  guid + ":\xd9\xa1", // A digit, but no ASCII one.
  guid.substr(1) + ":1",
  guid.substr(0, 35) + ":1",
  "01234567-89AB-cdef-0123-456789abcdef:1",
  "g1234567-89ab-cdef-0123-456789abcdef:1",
  "0123456-789ab-cdef-0123-456789abcdef:1",
  "01234567-89abcdef-0123-4567-89abcdef:1",
  "01234567_89ab_cdef_0123_456789abcdef:1",
  "0123456789abcdef0123456789abcdef:1",
  "-1234567-89ab-cdef-0123-456789abcdef:1",
  "{01234567-89ab-cdef-0123-456789abcdef}:1",
  std::string("01234567-89ab-cdef-0123-456789abcde\0:1", 38),
};

TEST(InstanceAddress, RefusesAnAppHeaderThatIsNoGuidAndIndex) {
  for (const auto& value : malformed) {
    EXPECT_EQ(parse_instance_address({value, {}}).demand, bad_app) << value;
    EXPECT_EQ(parse_instance_address({value, guid}).demand, bad_app) << value;
  }
  EXPECT_EQ(parse_instance_address({guid, {}}).demand, bad_app);
}

TEST(InstanceAddress, RefusesAProcessHeaderThatIsNoGuidWithOrWithoutIndex) {
  for (const auto& value : malformed)
    EXPECT_EQ(parse_instance_address({{}, value}).demand, bad_process) << value;
}

TEST(InstanceAddress, TakesAnIndexOfAnyLength) {
  const std::string digits(100'000, '9');
  const auto app = guid + ":" + digits;
  const auto found = parse_instance_address({app, {}});
  EXPECT_EQ(found.demand, certain);
  EXPECT_EQ(found.only.index, digits);
}

TEST(InstanceAddress, FiltersTheEndpointsThatItNames) {
  const endpoint_spec::tag_view tags[] = {{"process_id", other_guid}};
  const auto e = make_endpoint(1, [&](endpoint_spec& spec) {
    spec.app = guid;
    spec.instance_index = "1";
    spec.tags = tags;
  });
  struct row {
    std::string app, process;
    bool accepts;
  };
  const row rows[] = {
    {guid + ":1", "", true},          {guid + ":01", "", false}, // Compared as text.
    {guid + ":2", "", false},         {other_guid + ":1", "", false}, {"", other_guid, true},
    {"", other_guid + ":1", true},    {"", other_guid + ":2", false}, {"", guid, false},
    {guid + ":1", guid + ":2", true},
  };
  for (const auto& each : rows)
    EXPECT_EQ(parse_instance_address({each.app, each.process}).only.accepts(*e), each.accepts)
      << each.app << "|" << each.process;
}

TEST(InstanceAddress, TellsWhichInstanceDoesNotExist) {
  struct row {
    std::string app, process, message;
  };
  const row rows[] = {
    {guid + ":1", "",
     "Requested instance ('1') with guid ('" + guid
       + "') does not exist for route ('App.example:80')"},
    {"", guid + ":2",
     "Requested instance ('2') with process guid ('" + guid
       + "') does not exist for route ('App.example:80')"},
    {"", guid,
     "Requested instance with process guid ('" + guid
       + "') does not exist for route ('App.example:80')"},
    // The app header decided, and still the text is about the process.
    {guid + ":1", other_guid + ":2",
     "Requested instance ('2') with process guid ('" + other_guid
       + "') does not exist for route ('App.example:80')"},
    {guid + ":1", other_guid,
     "Requested instance with process guid ('" + other_guid
       + "') does not exist for route ('App.example:80')"},
    {guid + ":1", "a:b:c",
     "Requested instance ('b') with process guid ('a') does not exist for route "
     "('App.example:80')"},
    {guid + ":1", "a:",
     "Requested instance with process guid ('a') does not exist for route ('App.example:80')"},
  };
  for (const auto& each : rows)
    EXPECT_EQ(unknown_instance_message({each.app, each.process}, "App.example:80"), each.message);
}

} // namespace
} // namespace shunt::routing
