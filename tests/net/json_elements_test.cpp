// Where the objects of an array end, wherever its bytes are cut.
#include "net/json_elements.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct result {
  std::vector<std::string> elements;
  bool complete = false;
  std::string error;

  bool operator==(const result&) const = default;
};

result read(const std::vector<std::string_view>& pieces, std::size_t bytes_max) {
  json_elements array{bytes_max};
  result found;
  for (auto piece : pieces)
    while (const auto element = array.next(piece))
      found.elements.emplace_back(*element);
  found.complete = array.complete();
  found.error = array.error();
  return found;
}

/// The same whole and cut in two anywhere.
result read(std::string_view text, std::size_t bytes_max = 1024) {
  const auto expected = read(std::vector{text}, bytes_max);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(read({text.substr(0, cut), text.substr(cut)}, bytes_max), expected) << cut;
  std::vector<std::string_view> bytes;
  for (std::size_t at = 0; at < text.size(); ++at)
    bytes.push_back(text.substr(at, 1));
  EXPECT_EQ(read(bytes, bytes_max), expected);
  return expected;
}

TEST(JsonElements, CutsAnArrayIntoItsObjects) {
  const auto found = read(" [ {\"a\":1} ,\r\n\t{} ,{\"b\":[{},[2]]}]\n");
  EXPECT_THAT(found.elements, ElementsAre("{\"a\":1}", "{}", "{\"b\":[{},[2]]}"));
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(found.error, "");
}

TEST(JsonElements, IsNotMisledByStrings) {
  const auto found = read(R"([{"}":"]\"}\\"},{"\\\"{":"\\"}])");
  EXPECT_THAT(found.elements, ElementsAre(R"({"}":"]\"}\\"})", R"({"\\\"{":"\\"})"));
  EXPECT_TRUE(found.complete);
}

TEST(JsonElements, TakesNullForAnEmptyArray) {
  for (const auto* text : {"[]", " [ ] ", "null", " null\n"}) {
    const auto found = read(text);
    EXPECT_THAT(found.elements, IsEmpty());
    EXPECT_TRUE(found.complete) << text;
  }
}

TEST(JsonElements, IsIncompleteUntilTheEnd) {
  for (const auto* text : {"", " ", "[", "[{}", "[{},", "[{\"a\":", "nul", "[{\"a\":\"}]"}) {
    const auto found = read(text);
    EXPECT_FALSE(found.complete) << text;
    EXPECT_EQ(found.error, "") << text;
  }
}

TEST(JsonElements, RefusesWhatIsNoArrayOfObjects) {
  for (const auto* text : {"{}", "x", "[1]", "[\"a\"]", "[[]]", "[null]", "[,]", "[{},]", "[{}{}]",
                           "[{} {}]", "n ull", "nulx", "]", "<html>"}) {
    const auto found = read(text);
    EXPECT_FALSE(found.complete) << text;
    EXPECT_EQ(found.error, "expected an array of objects") << text;
  }
  EXPECT_EQ(read("[] x").error, "more text behind the array");
  EXPECT_EQ(read("[{}][").error, "more text behind the array");
}

TEST(JsonElements, BoundsAnObject) {
  EXPECT_THAT(read("[{\"a\":1},{\"b\":2}]", 7).elements, ElementsAre("{\"a\":1}", "{\"b\":2}"));
  const auto found = read("[{},{\"a\":10}]", 7);
  EXPECT_THAT(found.elements, ElementsAre("{}"));
  EXPECT_EQ(found.error, "an object in it is too large");
}

} // namespace
} // namespace shunt::net
